//! A client request, from before its first decision to its end.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::in_flight::{Arrival, Held};
use super::lasting::Lasting;
use super::scope::ScopeId;
use super::store::Stats;
use super::totals::Reason;
use super::worker::Worker;

/// A scope and the flags that close it.
#[derive(Clone, Copy, Debug)]
pub struct ScopeRef {
    /// The innermost scope, in which the request is counted.
    pub scope: ScopeId,
    /// The flags that close the scope, one bit each ([`Flag::bit`](crate::flag::Flag::bit)).
    pub flags: u64,
}

/// A client request. It ends at [`TrackedRequest::end`] or when this value is dropped. Until then
/// an admitted request is in flight; at its end it is counted as admitted.
pub struct TrackedRequest<'r> {
    stats: &'r Stats,
    worker: Worker,
    stage: Cell<Stage>,
    held: Held<'r>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Not decided yet.
    Undecided,
    LetIn(ScopeId, Reason),
    /// The request has ended, or was refused, which is counted elsewhere.
    Over,
}

impl<'r> TrackedRequest<'r> {
    /// A request that is about to be decided. Must be called before the flags are checked for the
    /// request.
    #[inline(always)]
    pub fn new(stats: &'r Stats, scope: ScopeRef, arrival: Arrival) -> Self {
        let held = stats.in_flight.enter(scope.scope, scope.flags, arrival);
        Self { stats, worker: arrival.worker, stage: Stage::Undecided.into(), held }
    }

    /// Marks the request as admitted, or as admitted in another scope that it has entered.
    pub fn let_in(&self, scope: ScopeRef, reason: Reason) {
        if matches!(self.stage.get(), Stage::Over) {
            return; // already counted
        }
        self.stage.set(Stage::LetIn(scope.scope, reason));
        self.held.let_in(scope.scope, scope.flags, reason.among());
    }

    /// Marks the request as one that may never end by itself.
    pub fn mark(&self, lasting: Lasting) {
        self.held.mark(lasting);
    }

    /// Stops counting the request, because it is refused after all or continues as another one.
    pub fn forget(&self) {
        self.stage.set(Stage::Over);
        self.leave_flight();
    }

    /// Removes the request from those in flight, so that a report on requests in flight does not
    /// list itself.
    pub fn leave_flight(&self) {
        self.held.leave();
    }

    /// Ends the request.
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
