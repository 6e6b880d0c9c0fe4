//! `announce`: writes a flag that closes later.

use clap::Args;
use maintenance_core::flag::spec::Phase;

use crate::content::{ContentOptions, summary, time_of};
use crate::edit::Edit;
use crate::exit::{Failure, Outcome};
use crate::hook::{Action, Change, HookOptions};
use crate::session::{FlagOptions, Found, Session, warn_of_folder};
use crate::settings::Settings;

/// Announce a closing: the site closes by itself at the start
///
/// Writes the flag. If you have announced something already, its texts stay, and the options change
/// them. While the site is closed, there is nothing to announce: the announcement would open it.
///
/// To withdraw an announcement, run maintenancectl open.
#[derive(Debug, Args)]
pub(crate) struct Announce {
    /// When the site closes: 22:00, "tomorrow 22:00", "Sat 22:00", +2h, "2026-11-28 22:00"
    #[arg(long, value_name = "TIME")]
    start: String,
    /// The planned end: the next such time after the start; +2h means after the start
    #[arg(long, alias = "until", value_name = "TIME")]
    end: String,
    #[command(flatten)]
    content: ContentOptions,
    #[command(flatten)]
    hooks: HookOptions,
    #[command(flatten)]
    flag: FlagOptions,
}

impl Announce {
    /// # Errors
    /// The flag cannot be written.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let session = Session::new(settings, self.flag.clone(), "announce")?;
        let found = session.find()?;
        let content = self.content_of(&session, &found)?;
        let spec = session.write(&found, &content)?;
        session.path().iter().for_each(|path| warn_of_folder(path));
        say!("{}  to withdraw it: maintenancectl open", summary(&session, "announced", &spec));
        let before = found.present();
        let change = Change { action: Action::Announce, before, after: Some(&spec) };
        Ok(self.hooks.run(settings, &session, &change))
    }

    fn content_of(&self, session: &Session, found: &Found) -> Result<String, Failure> {
        let start = time_of(session, "--start", &self.start, session.now)?;
        let end = time_of(session, "--end", &self.end, start)?;
        if end <= start {
            return Err(Failure::unusable(format!(
                "--end: the end ({}) is not later than the start ({}); write a later end",
                session.said(end),
                session.said(start)
            )));
        }
        let mut edit = Edit::default();
        if let Found::Present(present) = found {
            let is_mine = session.expects(present)?;
            let phase = present.phase(session.now);
            if !matches!(phase, Phase::Announced | Phase::Inactive | Phase::Reopened) {
                session.unless_replace(format!(
                    "the site is closed by {} ({}), and an announcement would open it; open it \
                     first, or add --replace",
                    session.shown(),
                    session.author(present)
                ))?;
            } else if is_mine && phase != Phase::Reopened {
                edit = Edit::of(&present.text(), &session.zone).map_err(Failure::unusable)?;
                edit.remove("closed");
                let from = present.spec.as_ref().ok().and_then(|spec| spec.announce_from());
                if from.is_some_and(|from| from.at() >= start) {
                    edit.remove("announce_from");
                }
            }
        }
        edit.set_time("start", session.moment(start));
        edit.set_time("end", session.moment(end));
        self.content.apply(&mut edit, session)?;
        Ok(edit.text())
    }
}
