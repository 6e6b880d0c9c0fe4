//! `status`: what the servers do, on one screen, as JSON or for a monitoring system.

mod json;
mod nagios;
mod screen;

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use maintenance_core::text::zone;

use super::of_servers::OfServers;
use crate::exit::{Exit, Failure, Outcome};
use crate::servers::site::Site;
use crate::settings::Settings;
use crate::spoken;
use crate::terminal::Screen;

/// Show what is closed, what still runs, and who is refused
///
/// Exit code: 0 if the servers do the same, 2 if they differ, 3 if one of them gives no report.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    of: OfServers,
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// Show it again and again, every 2 s or as often as is said
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true,
          default_missing_value = "2s", value_parser = spoken::duration)]
    watch: Option<Duration>,
    /// Write one line for a monitoring system; exit code: 0 OK, 1 warning, 2 critical, 3 unknown
    #[arg(long, conflicts_with_all = ["json", "watch"])]
    nagios: bool,
}

impl Status {
    /// # Errors
    /// The settings cannot be used, or the output cannot be written.
    pub(crate) fn run(&self, settings: &Settings) -> Outcome {
        let fleet = match self.of.servers.source(settings) {
            Ok(fleet) => fleet,
            Err(failure) if self.nagios => {
                let exit = Exit::Unknown;
                let line = nagios::line(&failure.message);
                write(&Screen::new(), &format!("MAINTENANCE UNKNOWN - {line}\n"))?;
                return Ok(exit);
            }
            Err(failure) => return Err(failure),
        };
        let (zone, screen) = (zone::of_server(), Screen::new());
        let flag = self.of.flag(settings);
        loop {
            let start = Instant::now();
            let readings = fleet.ask(&|| false).unwrap_or_default();
            let site = Site::new(readings, flag.as_deref());
            let now = Timestamp::now();
            if self.nagios {
                let (exit, line) = nagios::check(&site, now);
                write(&screen, &line)?;
                return Ok(exit);
            }
            let text = match self.json {
                true => json::document(&site, now, self.watch.is_none()),
                false => screen::text(&site, now, &zone, &screen),
            };
            let Some(pause) = self.watch else {
                write(&screen, &text)?;
                return Ok(exit(&site));
            };
            let text = match screen.is_terminal && !self.json {
                // From the top; what is left of the last screen goes.
                true => format!("\x1b[H\x1b[2J{text}"),
                false if self.json => text,
                false => format!("{text}\n"),
            };
            if !write(&screen, &text)? {
                return Ok(exit(&site));
            }
            thread::sleep(pause.saturating_sub(start.elapsed()));
        }
    }
}

/// Writes a text. Returns whether somebody may still be reading.
fn write(screen: &Screen, text: &str) -> Result<bool, Failure> {
    match screen.write(text) {
        Ok(()) => Ok(true),
        // Such as `| head`.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::unusable(format!("cannot write: {error}"))),
    }
}

fn exit(site: &Site) -> Exit {
    match () {
        () if site.faults().next().is_some() => Exit::Unknown,
        () if site.nodes().any(|(_, node)| node.behind().is_some()) => Exit::Unusable,
        () if site.states().len() == 1 => Exit::Done,
        () => Exit::Unusable,
    }
}
