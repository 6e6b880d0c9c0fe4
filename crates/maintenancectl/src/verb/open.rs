//! `open`: removes the flag, or lets it admit more and more clients.

use clap::Args;
use maintenance_core::flag::spec::Phase;

use crate::content::{over, summary};
use crate::edit::Edit;
use crate::exit::{Exit, Failure, Outcome};
use crate::hook::{Action, Change, HookOptions};
use crate::session::{FlagOptions, Found, Present, Session};
use crate::settings::Settings;

/// Open the site, for all or for a share of the clients first
///
/// Removes the flag, also if it only announces a closing. With --over, the share of the clients that
/// pass rises to all of them, and then the site is open; with --percent, it stays at this share, also
/// if it was rising.
#[derive(Debug, Args)]
pub(crate) struct Open {
    /// Reopen gradually within this time: 15m, 1h
    #[arg(long, value_name = "DURATION", value_parser = over, conflicts_with = "percent")]
    over: Option<String>,
    /// Admit this share of the clients, 0 to 100
    #[arg(long, value_name = "NUMBER", value_parser = percent)]
    percent: Option<u8>,
    #[command(flatten)]
    hooks: HookOptions,
    #[command(flatten)]
    flag: FlagOptions,
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let percent = number.parse().ok().filter(|percent| *percent <= 100);
    percent.ok_or_else(|| "this is not a whole number from 0 to 100; write 10".to_owned())
}

impl Open {
    /// # Errors
    /// The flag cannot be removed or written.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let session = Session::new(settings, self.flag.clone(), "open")?;
        let found = session.find()?;
        let Found::Present(present) = &found else {
            say!("already open: there is no {}", session.shown());
            return Ok(Exit::Done);
        };
        let phase = present.phase(session.now);
        if phase == Phase::Inactive {
            say!("already open: {} says closed = false", session.shown());
            return Ok(Exit::Done);
        }
        session.expects(present)?;
        if self.over.is_none() && self.percent.is_none() {
            session.remove(&found)?;
            let (shown, author) = (session.shown(), session.author(present));
            match phase {
                Phase::Announced => say!("withdrawn: {shown}, announced by {author}"),
                _ => say!("open: removed {shown}, written by {author}"),
            }
            let change = Change { action: Action::Open, before: Some(present), after: None };
            return Ok(self.hooks.run(settings, &session, &change));
        }
        if matches!(phase, Phase::Announced | Phase::Reopened) {
            let message = format!(
                "{} does not close the site now; remove it with maintenancectl open",
                session.shown()
            );
            return Err(Failure { exit: Exit::No, message });
        }
        let spec = session.write(&found, &self.shared(&session, present)?)?;
        say!("{}", summary(&session, "reopening", &spec).trim_end());
        let change = Change { action: Action::Open, before: Some(present), after: Some(&spec) };
        Ok(self.hooks.run(settings, &session, &change))
    }

    /// The content with a share.
    fn shared(&self, session: &Session, present: &Present) -> Result<String, Failure> {
        let spec = present.spec.as_ref().map_err(|cause| {
            let shown = session.shown();
            Failure::unusable(format!("the content of {shown} cannot be used: {cause}; correct it"))
        })?;
        let mut edit = Edit::of(&present.text(), &session.zone).map_err(Failure::unusable)?;
        if let Some(percent) = self.percent {
            // A gradual reopening that has begun would go on.
            let has_begun = spec.end().is_some_and(|end| end.at() <= session.now);
            if has_begun && spec.over().is_some() {
                ["end", "reopen", "over"].iter().for_each(|key| edit.remove(key));
            }
            edit.set("admit_percent", i64::from(percent));
        }
        if let Some(over) = &self.over {
            let now = session.moment(session.now);
            if spec.start().is_some_and(|start| start.at() >= now.at()) {
                edit.remove("start");
            }
            edit.set_time("end", now);
            edit.set("reopen", "gradual");
            edit.set("over", over.as_str());
        }
        Ok(edit.text())
    }
}
