//! Times in the report.

use std::time::SystemTime;

use jiff::Timestamp;

/// The time as `2026-11-22T22:00:00Z` (RFC 3339), to the second.
pub(super) fn time(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

pub(super) fn file_time(at: SystemTime) -> Option<String> {
    Timestamp::try_from(at).ok().map(time)
}
