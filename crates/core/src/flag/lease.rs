//! The poll lease: which process may look at a flag if not every request looks.
//!
//! A look can hang with the flag's file system. Therefore only one thread of all processes looks at
//! a time, and the others use the last known state. A word in shared memory names the holder of the
//! lease.

use std::sync::atomic::Ordering;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::shared::atomics;
use crate::shared::process::is_alive;
use crate::shared::slot::FlagSlot;

/// A look that takes longer than this hangs, and nothing waits for it any longer.
const HANGING: Duration = atomics::patience(Duration::from_millis(100));

/// How often a thread that waits for a look checks whether it is over.
const PAUSE: Duration = Duration::from_millis(1);

/// A lease expires after this time. Its process may have died, and another process with the same
/// number and group may have taken its place.
const GIVEN_UP: Duration = Duration::from_secs(600);

/// The lease of one flag.
pub(super) struct PollLease<'b> {
    slot: &'b FlagSlot,
    interval: Duration,
}

/// The right to look now. Dropping it ends the lease.
pub(super) struct Lease<'b> {
    /// The slot and the word stored there, if only one thread may look at a time.
    claim: Option<(&'b FlagSlot, PackedLease)>,
}

/// The last look: when it began, in milliseconds of the monotonic clock, and the process that is
/// still looking. Zero if there has been no look.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PackedLease(u64);

impl PackedLease {
    /// The width of a process number on Linux (PID_MAX_LIMIT).
    const PID_BITS: u32 = 22;

    fn new(began: u64, holder: i32) -> Self {
        let holder = u64::try_from(holder).unwrap_or(0);
        Self(began << Self::PID_BITS | holder)
    }

    /// The time since the last look began. `now` must be taken after the word was read, so that it
    /// is not older than the look. Infinite if there has been no look, since the clock itself
    /// begins near 0.
    fn elapsed(self, now: u64) -> Duration {
        let began = self.0 >> Self::PID_BITS;
        let elapsed = now.checked_sub(began).filter(|_| began != 0); // nor in the future
        elapsed.map_or(Duration::MAX, Duration::from_millis)
    }

    fn holder(self) -> i32 {
        i32::try_from(self.0 & ((1 << Self::PID_BITS) - 1)).unwrap_or(0)
    }

    fn is_running(self, now: u64) -> bool {
        self.holder() != 0 && self.elapsed(now) < GIVEN_UP && is_alive(self.holder())
    }

    fn ended(self) -> Self {
        Self(self.0 >> Self::PID_BITS << Self::PID_BITS)
    }
}

impl<'b> PollLease<'b> {
    pub(super) fn new(slot: &'b FlagSlot, interval: Duration) -> Self {
        Self { slot, interval }
    }

    /// Whether there is no interval. Then every request looks, even if many come at once.
    pub(super) fn has_no_interval(&self) -> bool {
        self.interval.is_zero()
    }

    /// Whether the last look is too old.
    pub(super) fn is_due(&self) -> bool {
        let last = self.last();
        last.elapsed(milliseconds()) >= self.interval
    }

    /// Takes the lease if a look is due, or if `is_wanted` returns true because this process must
    /// see something new. None if the last look is recent enough, or if a look hangs.
    pub(super) fn take(&self, is_wanted: impl Fn() -> bool) -> Option<Lease<'b>> {
        if self.has_no_interval() {
            return Some(Lease::unclaimed());
        }
        let mut waits_since = None;
        loop {
            let last = self.last();
            let now = milliseconds();
            // Evaluated each time, because another thread may have looked in the meantime.
            let is_wanted = is_wanted();
            if last.is_running(now) {
                let start = *waits_since.get_or_insert(now);
                let has_waited = now.saturating_sub(start) >= millis(HANGING);
                if !is_wanted || has_waited || last.elapsed(now) >= HANGING {
                    return None;
                }
                atomics::sleep(PAUSE);
                continue;
            }
            if last.elapsed(now) < self.interval && !is_wanted {
                return None;
            }
            let claim = PackedLease::new(now, i32::try_from(std::process::id()).unwrap_or(0));
            if self.replace(last, claim) {
                return Some(Lease { claim: Some((self.slot, claim)) });
            }
        }
    }

    fn last(&self) -> PackedLease {
        PackedLease(self.slot.lease.load(Ordering::Acquire))
    }

    fn replace(&self, before: PackedLease, after: PackedLease) -> bool {
        let word = &self.slot.lease;
        word.compare_exchange(before.0, after.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Lease<'_> {
    /// A look that does not keep others from looking.
    pub(super) fn unclaimed() -> Self {
        Self { claim: None }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some((slot, claim)) = self.claim {
            // If the lease has expired, the word may belong to another process.
            let (before, after) = (claim.0, claim.ended().0);
            let _ = slot.lease.compare_exchange(before, after, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// The time of a clock that cannot be set and is the same for all processes. Never 0, which means
/// that there has been no look.
fn milliseconds() -> u64 {
    let since_boot = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from);
    since_boot.map_or(0, millis).max(1)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::slot::new_state_table;
    use crate::shared::table::Key;

    const INTERVAL: Duration = Duration::from_secs(3600);

    #[test]
    fn one_at_a_time_and_once_per_interval() {
        let table = new_state_table();
        let slot = table.claim(&[Key::of("flag")]).expect("a slot")[0];
        let slot = &slot.flag;
        let poll_lease = PollLease::new(slot, INTERVAL);
        let lease = poll_lease.take(|| false).expect("never looked");
        assert!(poll_lease.take(|| false).is_none(), "somebody looks");
        assert!(poll_lease.take(|| true).is_none(), "and does not come to an end");
        drop(lease);
        assert!(poll_lease.take(|| false).is_none(), "not due");
        assert!(poll_lease.take(|| true).is_some(), "wanted");
        let short = PollLease::new(slot, Duration::from_millis(20));
        std::thread::sleep(Duration::from_millis(40));
        assert!(short.take(|| false).is_some(), "due");
        assert!(short.take(|| false).is_none());
        let always = PollLease::new(slot, Duration::ZERO);
        let (_one, _other) =
            (always.take(|| false).expect("zero"), always.take(|| false).expect("zero"));
    }

    #[test]
    fn the_dead_do_not_look() {
        let table = new_state_table();
        let slot = table.claim(&[Key::of("flag")]).expect("a slot")[0];
        let slot = &slot.flag;
        let poll_lease = PollLease::new(slot, INTERVAL);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let holder = i32::try_from(child.id()).expect("a number");
        let now = milliseconds();
        let set = |began: u64, holder| {
            slot.lease.store(PackedLease::new(began, holder).0, Ordering::SeqCst)
        };
        set(now.saturating_sub(1000), holder);
        assert!(poll_lease.take(|| true).is_none(), "a child of ours looks");
        child.kill().expect("killed");
        child.wait().expect("dead");
        assert!(poll_lease.take(|| true).is_some(), "it is dead");
        set(now.saturating_sub(1000), 1);
        assert!(poll_lease.take(|| true).is_some(), "a process that is none of ours");
    }

    /// A machine's monotonic clock begins near 0. A flag that was never looked at must be due then,
    /// too.
    #[test]
    fn what_was_never_looked_at_is_due() {
        for now in [1, 30_000, 3_600_000, 1 << 40] {
            let never = PackedLease(0);
            assert!(never.elapsed(now) >= INTERVAL && never.elapsed(now) >= GIVEN_UP, "{now}");
            let looked = PackedLease::new(now, 0);
            assert!(looked != never && looked.elapsed(now) == Duration::ZERO, "{now}");
            assert_eq!(looked.elapsed(now + 50), Duration::from_millis(50), "{now}");
        }
        // A look in the future is corrupt data and must not block all looks.
        assert!(PackedLease::new(31_000, 0).elapsed(30_000) >= INTERVAL);
    }

    #[test]
    fn a_look_that_hangs_is_given_up() {
        let own = i32::try_from(std::process::id()).expect("a number");
        let patience = millis(GIVEN_UP);
        for began in [1, 30_000] {
            let look = PackedLease::new(began, own);
            let is_running = [began, began + patience - 1, began + patience];
            assert_eq!(is_running.map(|now| look.is_running(now)), [true, true, false], "{began}");
        }
    }
}
