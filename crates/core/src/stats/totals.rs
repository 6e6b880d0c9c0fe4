//! The numbers of admitted and refused requests. Each scope has several copies of its counters, so
//! that threads seldom write to the same one; a total is the sum of the copies. If there are
//! thousands of scopes, threads seldom write to the same scope, so scopes after the first thousand
//! have one copy.

use std::array::from_fn;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::in_flight::Among;
use super::scope::{MAX_SCOPES, MAX_STATUSES, ScopeId};
use super::worker::Worker;
use crate::allow::AllowKind;
use crate::shared::atomics::{self, AtomicU64};

/// The number of copies for each of the first scopes.
const COPIES: usize = atomics::size(16, 2);

/// The number of scopes with several copies.
const FIRST: usize = atomics::size(1024, 2);

/// The room for kinds of admission. A further [`AllowKind`] takes up some of it, and changes neither
/// the layout nor the size of the shared memory.
const MAX_KINDS: usize = atomics::size(16, AllowKind::ALL.len());

const _: () = assert!(AllowKind::ALL.len() <= MAX_KINDS, "a row has no room for another AllowKind");

/// Why a request was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No flag closed the scope.
    Open,
    /// No flag closed the scope, but one announced that it would. Counts as open.
    Announced,
    /// The scope was closed, and the request was on the allowlist.
    Allowed(AllowKind),
}

impl Reason {
    /// The clients that pass for this reason.
    pub(super) fn among(self) -> Among {
        match self {
            Self::Open | Self::Announced => Among::All,
            Self::Allowed(kind) if kind.is_of_everybody() => Among::Some,
            Self::Allowed(_) => Among::Chosen,
        }
    }
}

/// One copy of a scope's counters: a cache line for those of most requests, and two for requests
/// that the allowlist has admitted. The next row in memory belongs to another scope. Where a scope
/// has copies, the same threads write to both rows, so they need no more distance.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Row {
    open: AtomicU64,
    /// Refusals by the columns of the scope's statuses.
    refused: [AtomicU64; MAX_STATUSES],
    /// Refusals with a status that has no column.
    refused_otherwise: AtomicU64,
    /// By [`AllowKind`] as a number.
    allowed: [AtomicU64; MAX_KINDS],
}

// There are some 150,000 rows: docs/status.md says how much memory the segments take.
#[cfg(not(all(test, loom)))]
const _: () = assert!(size_of::<Row>() == 192, "the size of the shared memory has changed");

impl Row {
    pub(super) fn let_in(&self, reason: Reason) -> &AtomicU64 {
        match reason {
            Reason::Open | Reason::Announced => &self.open,
            Reason::Allowed(kind) => self.allowed.get(kind as usize).unwrap_or(&self.open),
        }
    }

    pub(super) fn refused(&self, column: usize) -> &AtomicU64 {
        self.refused.get(column).unwrap_or(&self.refused_otherwise)
    }

    fn counters(&self) -> impl Iterator<Item = &AtomicU64> {
        let first = [&self.open, &self.refused_otherwise];
        first.into_iter().chain(&self.refused).chain(&self.allowed)
    }
}

/// The counters of all scopes.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[repr(C)]
pub(super) struct Totals {
    copies: [[Row; FIRST]; COPIES],
    /// The counters of the other scopes.
    rest: [Row; MAX_SCOPES + 1 - FIRST],
    /// Used instead of a row that does not exist.
    none: Row,
}

impl Default for Totals {
    fn default() -> Self {
        let row = |_| Row::default();
        Self { copies: from_fn(|_| from_fn(row)), rest: from_fn(row), none: Row::default() }
    }
}

/// The totals of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeTotals {
    /// Requests that were admitted while the scope was open and have ended.
    pub open: u64,
    /// Requests that were admitted while the scope was closed and have ended.
    pub allowed: BTreeMap<AllowKind, u64>,
    /// Refusals, by the status of the answer.
    pub refused: BTreeMap<u16, u64>,
    /// Refusals with a status that has no counter.
    pub refused_otherwise: u64,
}

impl Totals {
    /// The counters that a connection's requests in a scope write to.
    pub(super) fn row(&self, worker: Worker, scope: ScopeId) -> &Row {
        let number = scope.index();
        let row = match number.checked_sub(FIRST) {
            None => self.copies.get(worker.spread(COPIES)).and_then(|copy| copy.get(number)),
            Some(number) => self.rest.get(number),
        };
        row.unwrap_or(&self.none)
    }

    fn rows(&self, scope: ScopeId) -> impl Iterator<Item = &Row> {
        let number = scope.index();
        let rest = number.checked_sub(FIRST).and_then(|number| self.rest.get(number));
        self.copies.iter().filter_map(move |copy| copy.get(number)).chain(rest)
    }

    pub(super) fn clear(&self, scope: ScopeId) {
        for counter in self.rows(scope).flat_map(Row::counters) {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn of(&self, scope: ScopeId, statuses: [Option<u16>; MAX_STATUSES]) -> ScopeTotals {
        let sum = |counter: &dyn Fn(&Row) -> &AtomicU64| {
            let counts = self.rows(scope).map(|row| counter(row).load(Ordering::Relaxed));
            counts.fold(0, u64::wrapping_add)
        };
        let let_in = |reason| sum(&|row: &Row| row.let_in(reason));
        let statuses = statuses.into_iter().enumerate();
        ScopeTotals {
            open: let_in(Reason::Open),
            allowed: AllowKind::ALL.map(|kind| (kind, let_in(Reason::Allowed(kind)))).into(),
            refused: statuses
                .filter_map(|(column, status)| {
                    Some((status?, sum(&|row: &Row| row.refused(column))))
                })
                .collect(),
            refused_otherwise: sum(&|row: &Row| &row.refused_otherwise),
        }
    }
}

#[cfg(test)]
crate::shared::words::words!(Row { open, refused, refused_otherwise, allowed });

#[cfg(test)]
crate::shared::words::words!(Totals { copies, rest, none });
