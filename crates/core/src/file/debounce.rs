//! Debounce: a version of a file takes effect once it has been unchanged for 0.3 s, since the writer
//! has probably finished then.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::file::Version;
use crate::shared::atomics;
use crate::shared::hash;
use crate::shared::slot::Sightings;

/// A version takes effect once it has been unchanged for so long.
const QUIET_PERIOD: Duration = Duration::from_millis(300);

/// A file that has been changing for so long takes effect although it still does.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// About when this process looked at a file last, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct LastLook(AtomicI64);

impl LastLook {
    /// For how long this process has not looked; it looks now. Written now and then only: all threads
    /// share it.
    pub(crate) fn unseen(&self, now: Timestamp) -> Duration {
        let now = now.as_millisecond();
        let unseen = now.saturating_sub(self.0.load(Ordering::Relaxed));
        if !(0..50).contains(&unseen) {
            self.0.store(now, Ordering::Relaxed);
        }
        Duration::from_millis(u64::try_from(unseen).unwrap_or(0))
    }
}

/// What was seen of a file: of a flag by all processes together, of a watched file by each process for
/// itself. It holds the file's version, in a hash, and since when that has been
/// there. It is one word, which one process replaces at a time. So a process that has looked before the
/// others, and goes on after them, does not put back an older version, for which all would have to wait
/// once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastSeen(u64);

impl LastSeen {
    /// For the hash; the rest is for the time, and lasts until 2109.
    const VERSION_BITS: u32 = 26;
    const UNIT: Duration = Duration::from_millis(16);

    /// To be read before the file is looked at.
    pub(crate) fn of(slot: &Sightings) -> Self {
        Self(slot.seen.load(Ordering::Acquire))
    }

    fn new(version: Version, since: u64) -> Self {
        let hash = hash::of(version) >> (u64::BITS - Self::VERSION_BITS);
        Self(since << Self::VERSION_BITS | hash)
    }

    fn since(self) -> u64 {
        self.0 >> Self::VERSION_BITS
    }

    fn units(time: Duration) -> u64 {
        u64::try_from(time.as_millis() / Self::UNIT.as_millis()).unwrap_or(u64::MAX)
    }

    fn now() -> u64 {
        atomics::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, Self::units)
    }

    fn is_quiet_at(self, now: u64) -> bool {
        // Both ends are rounded down.
        now.saturating_sub(self.since()) > Self::units(QUIET_PERIOD) + 1
    }

    /// Has the version been unchanged for long enough? Else it takes effect, if at all, since the file
    /// keeps changing.
    pub(crate) fn is_quiet(self) -> bool {
        self.is_quiet_at(Self::now())
    }

    /// Does this version, which was looked at after `self` was read, take effect? What one process has
    /// seen counts for the others, or each of many would wait for itself. `unseen` is for how long this
    /// process has not looked: a version that is new cannot have been there before. None where the look
    /// may be older than that of another process.
    pub(crate) fn is_stable(
        self,
        slot: &Sightings,
        version: Version,
        unseen: Duration,
    ) -> Option<bool> {
        let now = Self::now();
        let is_clock_back = self.since() > now;
        let mut seen = Self::new(version, self.since());
        if seen != self || is_clock_back {
            if is_clock_back || self.is_quiet_at(now) {
                // Before the version: who finds that must not find the time of an older unrest.
                slot.restless.store(now, Ordering::Release);
            }
            let known_age = version.age().map_or(Duration::ZERO, |age| age.min(unseen));
            seen = Self::new(version, now.saturating_sub(Self::units(known_age)));
            let (before, after) = (self.0, seen.0);
            let replaced =
                slot.seen.compare_exchange(before, after, Ordering::AcqRel, Ordering::Acquire);
            if let Err(found) = replaced {
                let is_same = Self(found) == Self::new(version, Self(found).since());
                seen = is_same.then_some(Self(found))?;
            }
        }
        let restless = slot.restless.load(Ordering::Acquire);
        let is_restless = now.saturating_sub(restless) >= Self::units(LONGEST_WAIT);
        Some(seen.is_quiet_at(now) || is_restless)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A clock that was set back by an hour does not have a file that keeps changing wait for an hour.
    #[test]
    fn the_clock_was_set_back() {
        let version = Version::of(Path::new("/")).expect("a folder");
        let now = LastSeen::now;
        let hour = LastSeen::units(Duration::from_secs(3600));
        let minute = LastSeen::units(Duration::from_secs(60));
        for (since, restless) in [(now() + hour, now() + hour), (now() - minute, now() + hour)] {
            let slot = Sightings::default();
            slot.restless.store(restless, Ordering::SeqCst);
            slot.seen.store(LastSeen::new(Version::MISSING, since).0, Ordering::SeqCst);
            let seen = LastSeen::of(&slot).is_stable(&slot, version, Duration::ZERO);
            assert_eq!(seen, Some(false), "it has just come");
            let restless = slot.restless.load(Ordering::SeqCst);
            assert!(restless <= now(), "{restless}");
        }
    }
}

#[cfg(all(test, loom))]
mod models;
