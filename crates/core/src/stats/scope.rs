//! The scopes that requests are counted in: servers, virtual hosts, and locations in them.

use std::sync::atomic::Ordering;

use crate::shared::atomics::{self, AtomicU64};
use crate::shared::table::Keyed;

/// How many scopes have counters of their own.
pub(super) const MAX_SCOPES: usize = atomics::size(131_071, 1);

/// How many different statuses of a scope have counters of their own.
pub(super) const MAX_STATUSES: usize = atomics::size(6, 2);

/// The number of a scope, the same in all processes and over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScopeId(u32);

impl ScopeId {
    /// Shared by all scopes that have no number of their own.
    pub const OTHERS: Self = Self(MAX_SCOPES as u32);

    pub(super) fn new(index: usize) -> Self {
        u32::try_from(index).map_or(Self::OTHERS, |index| Self(index.min(Self::OTHERS.0)))
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What the counters of one scope mean.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct ScopePlace {
    key: AtomicU64,
    /// The statuses that the scope's refusals have had so far; 0 is room for another one.
    statuses: [AtomicU64; MAX_STATUSES],
    is_new: AtomicU64,
}

impl Keyed for ScopePlace {
    fn key(&self) -> &AtomicU64 {
        &self.key
    }

    fn clear(&self) {
        for status in &self.statuses {
            status.store(0, Ordering::Release);
        }
        self.is_new.store(1, Ordering::Release);
    }
}

impl ScopePlace {
    /// Has the place been given to a scope since the last call?
    pub(super) fn is_new(&self) -> bool {
        self.is_new.swap(0, Ordering::AcqRel) != 0
    }

    /// The column of a status; one behind the last if there is none left.
    pub(super) fn column(&self, status: u16) -> usize {
        let status = u64::from(status);
        let is_mine = |place: &AtomicU64| match place.load(Ordering::Acquire) {
            0 => {
                let set = place.compare_exchange(0, status, Ordering::AcqRel, Ordering::Acquire);
                set.is_ok() || set == Err(status)
            }
            other => other == status,
        };
        self.statuses.iter().position(is_mine).unwrap_or(MAX_STATUSES)
    }

    /// The statuses by their columns.
    pub(super) fn statuses(&self) -> [Option<u16>; MAX_STATUSES] {
        let status = |place: &AtomicU64| u16::try_from(place.load(Ordering::Acquire)).ok();
        self.statuses.each_ref().map(|place| status(place).filter(|status| *status != 0))
    }
}

#[cfg(test)]
crate::shared::words::words!(ScopePlace { key, statuses, is_new });
