//! Has a file that may still be written to come to rest?

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crate::file::Version;
use crate::shared::atomics;
use crate::shared::hash;
use crate::shared::slot::Sightings;

/// A version is taken when it is so old: whoever writes it has probably finished.
const SETTLED: Duration = Duration::from_millis(300);

/// A file that has been changing for so long is taken although it still does.
const RESTLESS: Duration = Duration::from_secs(5);

/// Follows the versions of one file, in one process.
#[derive(Debug, Default)]
pub struct Debounce {
    young: Option<Young>,
    /// The version that was looked at last has been there for long enough.
    is_stable_now: bool,
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

impl Debounce {
    /// Has this version, which is the file's now, been there for long enough? By what was seen
    /// before, and, for a file that nobody has looked at for a while, by the file's own times.
    pub fn is_stable(&mut self, version: Version) -> bool {
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
        self.is_stable_now = since.elapsed() >= SETTLED
            || version.age().is_some_and(|age| age.min(unseen) >= SETTLED);
        self.is_stable_now || restless.elapsed() >= RESTLESS
    }

    /// Was the version last asked for at rest, or is it only taken since the file never is?
    pub fn is_stable_now(&self) -> bool {
        self.is_stable_now
    }

    /// The file's version is one that was taken before: it has come to rest.
    pub fn rest(&mut self) {
        *self = Self { young: None, is_stable_now: true, looked: Some(Instant::now()) };
    }
}

/// What all processes together have seen of a flag's file: its version, in a hash, and since when
/// that has been there. One word, which one of them replaces at a time: who has looked before the
/// others, and goes on after them, does not put an older version there, which would have all wait
/// once more for the newer one to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastSeen(u64);

impl LastSeen {
    /// For the hash; the rest is for the time, and lasts until 2109.
    const VERSION_BITS: u32 = 26;
    const UNIT: Duration = Duration::from_millis(16);

    /// To be read before the file is looked at.
    pub fn of(slot: &Sightings) -> Self {
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

    /// Has this version of the flag, which was looked at after `self` was read, been there for long
    /// enough? What one process has seen counts for the others, or each of many would wait for
    /// itself. `unseen` is for how long this process has not looked. None where the look may be
    /// older than that of another process.
    pub fn is_stable(self, slot: &Sightings, version: Version, unseen: Duration) -> Option<bool> {
        let now = atomics::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, Self::units);
        // Both ends are rounded down.
        let is_rested = |since: u64| now.saturating_sub(since) > Self::units(SETTLED) + 1;
        let is_clock_back = self.since() > now;
        let mut seen = Self::new(version, self.since());
        if seen != self || is_clock_back {
            if is_clock_back || is_rested(self.since()) {
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
        let is_restless = now.saturating_sub(restless) >= Self::units(RESTLESS);
        Some(is_rested(seen.since()) || is_restless)
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
        let now = || {
            LastSeen::units(atomics::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time"))
        };
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
