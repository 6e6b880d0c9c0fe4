//! Debounce: a new version of a file takes effect once it has been unchanged for 0.3 s, because the
//! writer has probably finished by then.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::file::Version;
use crate::shared::atomics;
use crate::shared::hash;
use crate::shared::slot::Sightings;

/// How long a version must be unchanged to take effect.
const QUIET_PERIOD: Duration = Duration::from_millis(300);

/// A file that keeps changing takes effect after this time anyway.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The approximate time of this process's last look at a file, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct LastLook(AtomicI64);

impl LastLook {
    /// How long ago this process last looked at the file; this call counts as a look. The time is
    /// updated only now and then, because all threads share it.
    pub(crate) fn unseen(&self, now: Timestamp) -> Duration {
        let now = now.as_millisecond();
        let unseen = now.saturating_sub(self.0.load(Ordering::Relaxed));
        if !(0..50).contains(&unseen) {
            self.0.store(now, Ordering::Relaxed);
        }
        Duration::from_millis(u64::try_from(unseen).unwrap_or(0))
    }
}

/// What has been seen of a file: a hash of its version, and since when that version has been there.
/// For a flag all processes share this record; for a watched file each process has its own. It is a
/// single word, which processes replace atomically. Therefore a process that looked earlier but
/// continues later cannot restore an older version, which would make all of them wait again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastSeen(u64);

impl LastSeen {
    /// Bits of the hash. The rest holds the time, which lasts until 2109.
    const VERSION_BITS: u32 = 26;
    const UNIT: Duration = Duration::from_millis(16);

    /// Must be read before the look at the file.
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

    /// Whether the version has been unchanged for long enough. If not and it takes effect all the
    /// same, the file keeps changing.
    pub(crate) fn is_quiet(self) -> bool {
        self.is_quiet_at(Self::now())
    }

    /// Whether this version, which was looked up after `self` was read, takes effect. Processes
    /// rely on what the others have seen; otherwise each of them would have to wait for itself.
    /// `unseen` is the time since this process's previous look: a new version cannot be older than
    /// that. None if this look may be older than that of another process.
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
                // Stored before the version: a process that finds the version must not find the
                // time of an earlier period of changes.
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

    /// If the clock is set back by an hour, a file that keeps changing does not wait for an hour.
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
