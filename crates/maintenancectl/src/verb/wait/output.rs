//! What is shown while `wait` waits: a bar on a terminal, a line at each change elsewhere, lines of
//! JSON, or nothing.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use maintenance_core::text::zone;

use super::plan::Plan;
use super::progress::Progress;
use crate::exit::{Exit, Failure};
use crate::servers::site::Site;
use crate::spoken::distance;
use crate::terminal::{self, Screen};

/// The columns before the message of a bar.
const BEFORE: usize = 34;

/// Where the progress is shown.
pub(super) enum Output {
    Quiet,
    /// A line of JSON at each change, which the last one is compared with.
    Json {
        last: String,
    },
    /// A line at each change.
    Lines {
        last: String,
        screen: Screen,
    },
    /// A bar, with the largest number of requests so far.
    Bar {
        bar: ProgressBar,
        most: u64,
        screen: Screen,
    },
}

impl Output {
    pub(super) fn new(is_quiet: bool, is_json: bool) -> Self {
        let screen = Screen::new();
        let can_move = std::env::var("TERM").is_ok_and(|term| !term.is_empty() && term != "dumb");
        match () {
            () if is_quiet => Self::Quiet,
            () if is_json => Self::Json { last: String::new() },
            () if io::stderr().is_terminal() && can_move => {
                let size = terminal_size::terminal_size_of(io::stderr());
                let screen = Screen { width: size.map(|(width, _)| width.0.into()), ..screen };
                Self::Bar { bar: bar(screen.is_utf8), most: 0, screen }
            }
            () => Self::Lines { last: String::new(), screen },
        }
    }

    /// Shows the progress, if it has changed.
    pub(super) fn show(&mut self, progress: &Progress) {
        match self {
            Self::Quiet => {}
            Self::Json { last } => {
                let now = format!("{} {}", progress.phase(), progress.text(false));
                if now != *last && !progress.is_done() {
                    print(&progress.json(progress.phase()));
                }
                *last = now;
            }
            Self::Lines { last, screen } => {
                let now = progress.text(false);
                if now != *last && !progress.is_done() {
                    let zone = zone::of_server();
                    let time = Timestamp::now().to_zoned(zone).strftime("%H:%M:%S").to_string();
                    let line = format!("{time} {}", progress.text(true));
                    let _ = writeln!(io::stderr(), "{}", screen.fit(&line));
                }
                *last = now;
            }
            Self::Bar { bar, most, screen } => {
                let (all, done) = progress.servers();
                let running = progress.running();
                *most = running.max(*most);
                match progress.is_closed() {
                    false => {
                        bar.set_length(all);
                        bar.set_position(done);
                    }
                    true => {
                        bar.set_length((*most).max(1));
                        bar.set_position(most.saturating_sub(running));
                    }
                }
                bar.set_message(screen.fit(&screen.cut(&progress.text(true), BEFORE)).into_owned());
            }
        }
    }

    /// Says that there is nothing more to wait for.
    pub(super) fn done(&self, progress: &Progress) {
        self.clear();
        match self {
            Self::Quiet => {}
            Self::Json { .. } => print(&progress.json("done")),
            Self::Lines { .. } | Self::Bar { .. } => print(&progress.done()),
        }
    }

    /// Says that the time is over, and why it was not enough.
    pub(super) fn time_over(
        &self,
        site: &Site,
        progress: &Progress,
        plan: &Plan<'_>,
        timeout: Duration,
    ) -> Failure {
        self.clear();
        let exit = progress.exit();
        let text = format!(
            "the time is over ({}): {}; {}",
            distance(timeout),
            progress.text(true),
            plan.afterwards()
        );
        match self {
            Self::Quiet => Failure { exit, message: String::new() },
            Self::Json { .. } => {
                print(&progress.json("timeout"));
                Failure { exit, message: text }
            }
            Self::Lines { .. } | Self::Bar { .. } => {
                for (name, fault) in site.faults() {
                    terminal::warn(&format!("{name} {fault}"));
                }
                Failure { exit, message: text }
            }
        }
    }

    /// Says what Ctrl-C means.
    pub(super) fn interrupted(&self, plan: &Plan<'_>) -> Failure {
        self.clear();
        let text = match self {
            Self::Quiet => String::new(),
            _ => format!("interrupted: no longer waiting; {}", plan.afterwards()),
        };
        Failure { exit: Exit::Interrupted, message: text }
    }

    fn clear(&self) {
        if let Self::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

fn bar(is_utf8: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // Not {wide_msg}, which fills the line, so that the ^C of the terminal begins another one.
    let template = "{spinner} {elapsed} [{bar:20}] {msg}";
    let (ticks, chars) = match is_utf8 {
        true => ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ", "━╸ "),
        false => ("|/-\\ ", "=> "),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.tick_chars(ticks).progress_chars(chars));
    }
    bar.set_message("asking the servers");
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// Writes a line. Nobody may be reading any more.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
