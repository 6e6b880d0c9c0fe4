//! How long somebody is admitted.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::exit::Failure;
use crate::spoken::{Clock, duration, time};

/// The end of an admission.
#[derive(Clone, Debug, Args)]
pub(crate) struct Limit {
    /// How long: 2h, 90m, 3d
    #[arg(long = "for", value_name = "DURATION", conflicts_with = "until")]
    duration: Option<String>,
    /// Until when: 22:00, "tomorrow 01:30", "2026-11-28 22:00"
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Limit {
    /// The end, in whole seconds.
    ///
    /// # Errors
    /// What to write instead.
    pub(crate) fn at(&self, now: Timestamp, zone: &TimeZone) -> Result<Option<Timestamp>, Failure> {
        let at = match (&self.duration, &self.until) {
            (None, None) => return Ok(None),
            (Some(text), _) => duration(text)
                .and_then(|long| now.checked_add(long).map_err(|_| "too far away".to_owned()))
                .map_err(|error| Failure::unusable(format!("--for: {error}")))?,
            (None, Some(text)) => {
                let understood = time(text, &Clock::new(now, zone))
                    .map_err(|error| Failure::unusable(format!("--until: {error}")))?;
                if let Some(note) = understood.note {
                    note!("maintenancectl: note: --until: {note}");
                }
                understood.at
            }
        };
        Ok(Some(Timestamp::from_second(at.as_second()).unwrap_or(at)))
    }
}
