//! Has a file that may still be written to come to rest?

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crate::board::Slot;
use crate::file::Version;
use crate::hash;
use crate::sync;

/// A version is taken when it is so old: whoever writes it has probably finished.
const SETTLED: Duration = Duration::from_millis(300);

/// A file that has been changing for so long is taken although it still does.
const RESTLESS: Duration = Duration::from_secs(5);

/// Follows the versions of one file, in one process.
#[derive(Debug, Default)]
pub struct Settling {
    young: Option<Young>,
    /// When the file was looked at last.
    looked: Option<Instant>,
}

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
    /// Has this version, which is the file's now, been there for long enough? By what was seen
    /// before, and, for a file that nobody has looked at for a while, by the file's own times.
    pub fn is_settled(&mut self, version: Version) -> bool {
        let now = Instant::now();
        let restless = self.young.as_ref().map_or(now, |young| young.restless);
        let since = match &self.young {
            Some(young) if young.version == version => young.since,
            _ => now,
        };
        let is_new = self.young.as_ref().is_none_or(|young| young.version != version);
        // It cannot have been there when the file was looked at last, whatever the clock of its
        // file system says.
        let unseen = self.looked.filter(|_| is_new).map_or(Duration::MAX, |last| last.elapsed());
        self.young = Some(Young { version, since, restless });
        self.looked = Some(now);
        since.elapsed() >= SETTLED
            || version.age().is_some_and(|age| age.min(unseen) >= SETTLED)
            || restless.elapsed() >= RESTLESS
    }

    /// The file's version is one that was taken before: it has come to rest.
    pub fn rest(&mut self) {
        *self = Self { young: None, looked: Some(Instant::now()) };
    }
}

/// Has this version of a flag been there for long enough, as all processes together have seen
/// it? What one has seen counts for the others, or each of many would wait for itself. `unseen`
/// is for how long this process has not looked.
pub fn is_settled_for_all(slot: &Slot, version: Version, unseen: Duration) -> bool {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let now = sync::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, millis);
    let age = |since: u64| Duration::from_millis(now.saturating_sub(since));
    let hash = hash::of(version);
    let since = slot.since.load(Ordering::Acquire);
    let is_clock_back = since > now;
    if slot.version.load(Ordering::Acquire) != hash || is_clock_back {
        if is_clock_back || age(since) >= SETTLED {
            slot.restless.store(now, Ordering::Release);
        }
        let known_age = version.age().map_or(Duration::ZERO, |age| age.min(unseen));
        slot.since.store(now.saturating_sub(millis(known_age)), Ordering::Release);
        slot.version.store(hash, Ordering::Release);
    }
    age(slot.since.load(Ordering::Acquire)) >= SETTLED
        || age(slot.restless.load(Ordering::Acquire)) >= RESTLESS
}

#[cfg(all(test, loom))]
mod models;
