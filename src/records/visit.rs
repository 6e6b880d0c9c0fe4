//! One request of a client that is let in, from its first verdict to its end.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::in_flight::{Entry, Running};
use super::{Kind, Records, ScopeId};

/// Where a request is served.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The number of the process.
    pub process: i32,
    /// The number of the connection; those of connections at the same time mostly differ.
    pub connection: u64,
}

impl Place {
    /// A number below `count`, a power of two; for neighbouring connections a different one each.
    pub(super) fn spread(self, count: usize) -> usize {
        // Multiplied by a large odd number, they lie far apart (Knuth, Art of Computer
        // Programming, 6.4).
        let spread = self.connection.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread >> (u64::BITS - count.trailing_zeros())) as usize
    }
}

/// A request that was let in. It counts as let in when it ends, which is when this is dropped if
/// nobody said so before; and as in flight until then.
pub struct Visit<'r> {
    records: &'r Records,
    place: Place,
    scope: Cell<ScopeId>,
    /// None once it was refused, or has ended.
    kind: Cell<Option<Kind>>,
    entry: Cell<Option<Entry<'r>>>,
}

impl<'r> Visit<'r> {
    /// A request that came at the moment `now` is let in.
    pub fn new(
        records: &'r Records,
        place: Place,
        scope: ScopeId,
        kind: Kind,
        now: Timestamp,
    ) -> Self {
        let was_open = kind == Kind::Open;
        let running = Running { process: place.process, scope, was_open, began: now };
        let entry = records.in_flight.enter(place, running);
        Self { records, place, scope: scope.into(), kind: Some(kind).into(), entry: entry.into() }
    }

    /// It has come into another scope, and is let in there, too.
    pub fn move_to(&self, scope: ScopeId, kind: Kind) {
        self.scope.set(scope);
        self.kind.set(Some(kind));
        let mut entry = self.entry.take();
        if let Some(entry) = &mut entry {
            entry.move_to(scope, kind == Kind::Open);
        }
        self.entry.set(entry);
    }

    /// It is refused after all.
    pub fn refuse(&self) {
        self.kind.set(None);
        self.leave_flight();
    }

    /// It is not in flight any more: a look at what is in flight is not to see itself.
    pub fn leave_flight(&self) {
        self.entry.take().into_iter().for_each(Entry::leave);
    }

    /// It ends.
    pub fn end(&self) {
        self.leave_flight();
        if let Some(kind) = self.kind.take() {
            let row = self.records.totals.row(self.place, self.scope.get());
            row.let_in(kind).fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
