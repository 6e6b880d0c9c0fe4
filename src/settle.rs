//! Has a file that may still be written to come to rest?

use std::time::{Duration, Instant};

use crate::file::Version;

/// A version is taken when it is so old: whoever writes it has probably finished.
const SETTLED: Duration = Duration::from_millis(300);

/// A file that has been changing for so long is taken although it still does.
const RESTLESS: Duration = Duration::from_secs(5);

/// Follows the versions of one file.
#[derive(Debug, Default)]
pub struct Settling(Option<Young>);

/// A version that may still be written to.
#[derive(Debug)]
struct Young {
    version: Version,
    /// Since when it has been there.
    since: Instant,
    /// Since when the file has been changing.
    restless: Instant,
}

impl Settling {
    /// Has this version, which is the file's now, been there for long enough? By the file's own
    /// times, or, where its clock is not ours, by what was seen before.
    pub fn is_settled(&mut self, version: Version) -> bool {
        let now = Instant::now();
        let restless = self.0.as_ref().map_or(now, |young| young.restless);
        let since = match &self.0 {
            Some(young) if young.version == version => young.since,
            _ => now,
        };
        self.0 = Some(Young { version, since, restless });
        since.elapsed() >= SETTLED
            || version.age().is_some_and(|age| age >= SETTLED)
            || restless.elapsed() >= RESTLESS
    }

    /// The file's version is one that was taken before: it has come to rest.
    pub fn rest(&mut self) {
        self.0 = None;
    }
}
