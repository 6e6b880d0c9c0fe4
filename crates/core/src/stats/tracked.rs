//! One request of a client, from before its first decision to its end.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::in_flight::Held;
use super::scope::ScopeId;
use super::store::Stats;
use super::totals::Reason;
use super::worker::Worker;

/// A scope, and what closes it.
#[derive(Clone, Copy, Debug)]
pub struct ScopeRef {
    /// The innermost scope, which the request counts in.
    pub scope: ScopeId,
    /// The flags that close it, a bit for each ([`Flag::bit`](crate::flag::Flag::bit)).
    pub flags: u64,
}

/// A request of a client. It ends at [`TrackedRequest::end`], or when this is dropped. A request that
/// was let in is in flight until then, and is counted as let in then.
pub struct TrackedRequest<'r> {
    stats: &'r Stats,
    worker: Worker,
    stage: Cell<Stage>,
    held: Held<'r>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Not decided yet.
    Judged,
    LetIn(ScopeId, Reason),
    /// The request has ended, or was refused, which is counted elsewhere.
    Over,
}

impl<'r> TrackedRequest<'r> {
    /// A request that came at this moment, in microseconds since 1970, and is about to be decided. To
    /// be called before the flags are looked at for it.
    pub fn new(stats: &'r Stats, worker: Worker, place: ScopeRef, came: i64) -> Self {
        let held = stats.in_flight.enter(worker, place.scope, place.flags, came);
        Self { stats, worker, stage: Stage::Judged.into(), held }
    }

    /// The request is let in, or has come into another scope and is let in there, too.
    pub fn let_in(&self, place: ScopeRef, reason: Reason) {
        if matches!(self.stage.get(), Stage::Over) {
            return; // it has been counted
        }
        self.stage.set(Stage::LetIn(place.scope, reason));
        self.held.let_in(place.scope, place.flags, reason == Reason::Open);
    }

    /// The request is not counted: it is refused after all, or goes on as another one.
    pub fn forget(&self) {
        self.stage.set(Stage::Over);
        self.leave_flight();
    }

    /// The request is no longer in flight, so that a report on requests in flight leaves itself out.
    pub fn leave_flight(&self) {
        self.held.leave();
    }

    /// The request ends.
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
        if !matches!(self.stage.get(), Stage::Over) {
            self.end();
        }
    }
}
