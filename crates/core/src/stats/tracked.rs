//! One request of a client, from before its first verdict to its end.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::in_flight::Held;
use super::{Reason, ScopeId, Stats};

/// Who serves a request.
#[derive(Clone, Copy, Debug)]
pub struct Worker {
    /// The number of the process.
    pub process: i32,
    /// The number of the connection; those of connections at the same time mostly differ.
    pub connection: u64,
    /// Which reading of the configuration it has.
    pub generation: u8,
}

impl Worker {
    /// A number below `count`, a power of two; for neighbouring connections a different one each.
    pub(super) fn spread(self, count: usize) -> usize {
        // Multiplied by a large odd number, they lie far apart (Knuth, Art of Computer
        // Programming, 6.4).
        let spread = self.connection.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread >> (u64::BITS - count.trailing_zeros())) as usize
    }
}

/// A scope, and what closes it.
#[derive(Clone, Copy, Debug)]
pub struct ScopeRef {
    /// The innermost scope, which the request counts in.
    pub scope: ScopeId,
    /// The flags that close it, a bit for each ([`Flag::bit`](crate::flag::Flag::bit)).
    pub flags: u64,
}

/// A request of a client. It ends when this is dropped, if nobody said so before. If it was let in it
/// counts as such then, and as in flight until then.
pub struct TrackedRequest<'r> {
    stats: &'r Stats,
    worker: Worker,
    stage: Cell<Stage>,
    held: Held<'r>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Nobody knows yet what becomes of it.
    Judged,
    LetIn(ScopeId, Reason),
    /// It has ended, or was refused, which counts by itself.
    Over,
}

impl<'r> TrackedRequest<'r> {
    /// A request that came at this moment, in microseconds since 1970, is about to be judged: before
    /// the flags are looked at for it.
    pub fn new(stats: &'r Stats, worker: Worker, place: ScopeRef, came: i64) -> Self {
        let held = stats.in_flight.enter(worker, place.scope, place.flags, came);
        Self { stats, worker, stage: Stage::Judged.into(), held }
    }

    /// It is let in, or has come somewhere else and is let in there, too.
    pub fn let_in(&self, place: ScopeRef, reason: Reason) {
        if matches!(self.stage.get(), Stage::Over) {
            return; // it has been counted
        }
        self.stage.set(Stage::LetIn(place.scope, reason));
        self.held.let_in(place.scope, place.flags, reason == Reason::Open);
    }

    /// It counts no more: it is refused after all, or goes on as another one.
    pub fn forget(&self) {
        self.stage.set(Stage::Over);
        self.leave_flight();
    }

    /// It is not in flight any more: a look at what is in flight is not to see itself.
    pub fn leave_flight(&self) {
        self.held.leave();
    }

    /// It ends.
    pub fn end(&self) {
        self.leave_flight();
        if let Stage::LetIn(scope, reason) = self.stage.replace(Stage::Over) {
            let row = self.stats.totals.row(self.worker, scope);
            row.let_in(reason).fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for TrackedRequest<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
