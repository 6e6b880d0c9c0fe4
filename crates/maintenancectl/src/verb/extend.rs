//! `extend`: moves the end.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use maintenance_core::flag::spec::FlagSpec;

use maintenance_core::flag::spec::Phase;

use crate::content::{summary, time_of};
use crate::edit::with_end;
use crate::exit::{Exit, Failure, Outcome};
use crate::hook::{Action, Change, HookOptions};
use crate::session::{FlagOptions, Found, Session};
use crate::settings::Settings;
use crate::spoken::{distance, duration, written};

/// Move the planned end
///
/// Changes the end of the flag and leaves every other byte as it is. --by counts from the planned
/// end, --end +1h from now.
#[derive(Debug, Args)]
pub(crate) struct Extend {
    /// The new end: 02:30, +1h (from now, or from a start to come), "tomorrow 02:30", "2026-11-29 02:30"
    #[arg(long, alias = "until", value_name = "TIME", required_unless_present = "by")]
    end: Option<String>,
    /// How much later than planned: 30m, 1h
    #[arg(long, value_name = "DURATION", value_parser = by, conflicts_with = "end")]
    by: Option<Duration>,
    #[command(flatten)]
    hooks: HookOptions,
    #[command(flatten)]
    flag: FlagOptions,
}

fn by(text: &str) -> Result<Duration, String> {
    duration(text.strip_prefix('+').unwrap_or(text))
}

impl Extend {
    /// # Errors
    /// The flag is missing, or it cannot be written.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let session = Session::new(settings, self.flag.clone(), "extend")?;
        let found = session.find()?;
        let Found::Present(present) = &found else {
            let message = format!(
                "there is no {}, so nothing ends; use maintenancectl close or announce",
                session.shown()
            );
            return Err(Failure { exit: Exit::No, message });
        };
        session.expects(present)?;
        let spec = present.spec.as_ref().map_err(|cause| {
            let shown = session.shown();
            Failure::unusable(format!("the content of {shown} cannot be used: {cause}; correct it"))
        })?;
        let end = match (self.by, &self.end) {
            (Some(by), _) => later(&session, spec, by)?,
            (None, Some(end)) => {
                let start = spec.start().map_or(session.now, |start| start.at());
                time_of(&session, "--end", end, start)?
            }
            (None, None) => return Err(Failure::unusable("write --end TIME or --by DURATION")),
        };
        let end = session.moment(end);
        let (old, phase) = (spec.end(), present.phase(session.now));
        let spec = session.write(&found, &with_end(&present.text(), end))?;
        let is_earlier = old.is_some_and(|old| end.at() < old.at());
        let what = if is_earlier { "shortened" } else { "extended" };
        say!("{}", summary(&session, what, &spec).trim_end());
        if let Some(old) = old {
            let apart = distance(end.at().duration_since(old.at()).unsigned_abs());
            let which = if is_earlier { "earlier" } else { "later" };
            say!("  that is {apart} {which} than before");
        }
        match phase {
            Phase::Reopened => say!("  the site was open, and is closed again"),
            Phase::Reopening => say!("  the site was reopening, and is closed again"),
            _ => {}
        }
        let before = found.present();
        let change = Change { action: Action::Extend, before, after: Some(&spec) };
        Ok(self.hooks.run(settings, &session, &change))
    }
}

/// The planned end, moved by a duration. The result has to be in the future.
fn later(session: &Session, spec: &FlagSpec, by: Duration) -> Result<Timestamp, Failure> {
    let from_now = format!("for an end from now on, write --end +{}", written(by));
    let Some(old) = spec.end() else {
        let message = format!("{} has no end that --by can move; {from_now}", session.shown());
        return Err(Failure::unusable(message));
    };
    let end = old.at().checked_add(by).map_err(|_| Failure::unusable("--by: too far away"))?;
    if end <= session.now {
        return Err(Failure::unusable(format!(
            "--by: the new end would be {}, which has passed; {from_now}",
            session.said(end)
        )));
    }
    Ok(end)
}
