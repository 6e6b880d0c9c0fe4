//! `close`: writes a flag that closes at once.

use clap::Args;
use maintenance_core::flag::spec::{FlagSpec, Phase};

use crate::content::{ContentOptions, summary, time_of};
use crate::edit::Edit;
use crate::exit::{Exit, Failure, Outcome};
use crate::hook::{Action, Change, HookOptions, both};
use crate::session::{FlagOptions, Found, Session, warn_of_folder};
use crate::settings::Settings;
use crate::verb::wait::WaitOptions;

/// Close the site now
///
/// Writes the flag. If you have announced the closing, its texts and its end stay, and the options
/// change them. An empty flag, as touch makes it, gets the content. A flag that somebody else wrote
/// stays as it is, unless you add --replace, which writes a new one.
///
/// A flag is yours if its key "by" has your name, or if it has no such key and its file belongs to
/// you or to root.
#[derive(Debug, Args)]
pub(crate) struct Close {
    /// The planned end: 01:30, "tomorrow 01:30", "Sun 01:30", +2h, "2026-11-29 01:30"
    #[arg(long, alias = "until", value_name = "TIME")]
    end: Option<String>,
    #[command(flatten)]
    content: ContentOptions,
    #[command(flatten)]
    hooks: HookOptions,
    #[command(flatten)]
    flag: FlagOptions,
    #[command(flatten)]
    wait: WaitOptions,
}

impl Close {
    /// # Errors
    /// The flag cannot be written.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let session = Session::new(settings, self.flag.clone(), "close")?;
        let source = self.wait.source(settings)?;
        let found = session.find()?;
        let content = self.content_of(&session, &found)?;
        let what = |spec: &FlagSpec| if spec.is_read_only() { "read-only" } else { "closed" };
        let (is_read_only, told) = if let Found::Present(present) = &found
            && present.text() == content
            && let Ok(spec) = &present.spec
        {
            self.print(&summary(&session, &format!("already {}", what(spec)), spec));
            (spec.is_read_only(), Exit::Done)
        } else {
            let spec = session.write(&found, &content)?;
            session.path().iter().for_each(|path| warn_of_folder(path));
            self.print(&summary(&session, what(&spec), &spec));
            let before = found.present();
            let change = Change { action: Action::Close, before, after: Some(&spec) };
            (spec.is_read_only(), self.hooks.run(settings, &session, &change))
        };
        match source {
            Some(source) if told != Exit::Interrupted => {
                Ok(both(self.wait.wait(&source, session.path(), is_read_only)?, told))
            }
            _ => Ok(told),
        }
    }

    fn print(&self, summary: &str) {
        if !self.wait.quiet && !self.wait.json {
            say!("{}", summary.trim_end());
        }
    }

    fn content_of(&self, session: &Session, found: &Found) -> Result<String, Failure> {
        let mut edit = Edit::default();
        if let Found::Present(present) = found
            && session.expects(present)?
            && let Ok(spec) = &present.spec
            && present.phase(session.now) != Phase::Reopened
        {
            edit = Edit::of(&present.text(), &session.zone).map_err(Failure::unusable)?;
            let is_past = |time: Option<maintenance_core::text::time::Moment>| {
                time.is_some_and(|time| time.at() <= session.now)
            };
            if !is_past(spec.start()) {
                ["start", "announce_from"].iter().for_each(|key| edit.remove(key));
            }
            if is_past(spec.end()) {
                ["end", "reopen", "over"].iter().for_each(|key| edit.remove(key));
            }
            ["closed", "admit_percent", "refuse"].iter().for_each(|key| edit.remove(key));
        }
        if let Some(end) = &self.end {
            let end = time_of(session, "--end", end, session.now)?;
            edit.set_time("end", session.moment(end));
        }
        self.content.apply(&mut edit, session)?;
        Ok(edit.text())
    }
}
