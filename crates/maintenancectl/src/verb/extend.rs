//! `extend`: moves the end.

use clap::Args;

use maintenance_core::flag::spec::Phase;

use crate::content::{summary, time_of};
use crate::edit::with_end;
use crate::exit::{Exit, Failure, Outcome};
use crate::session::{FlagOptions, Found, Session};
use crate::settings::Settings;
use crate::spoken::distance;

/// Move the planned end
///
/// Changes the end of the flag and leaves every other byte as it is.
#[derive(Debug, Args)]
pub(crate) struct Extend {
    /// The new end: 02:30, +1h (from now, or from a start to come), "tomorrow 02:30", "2026-11-29 02:30"
    #[arg(long, alias = "until", value_name = "TIME")]
    end: String,
    #[command(flatten)]
    flag: FlagOptions,
}

impl Extend {
    /// # Errors
    /// The flag is missing, or it cannot be written.
    pub(crate) fn run(self, settings: &Settings) -> Outcome {
        let session = Session::new(settings, self.flag, "extend")?;
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
        let start = spec.start().map_or(session.now, |start| start.at());
        let end = session.moment(time_of(&session, "--end", &self.end, start)?);
        let (old, phase) = (spec.end(), present.phase(session.now));
        let spec = session.write(&found, &with_end(&present.text(), end))?;
        say!("{}", summary(&session, "extended", &spec).trim_end());
        if let Some(old) = old {
            let apart = distance(end.at().duration_since(old.at()).unsigned_abs());
            let which = if end.at() < old.at() { "earlier" } else { "later" };
            say!("  that is {apart} {which} than before");
        }
        match phase {
            Phase::Reopened => say!("  the site was open, and is closed again"),
            Phase::Reopening => say!("  the site was reopening, and is closed again"),
            _ => {}
        }
        Ok(Exit::Done)
    }
}
