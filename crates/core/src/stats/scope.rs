//! The scopes in which requests are counted: servers, virtual hosts, and their locations.

use std::sync::atomic::Ordering;

use crate::shared::atomics::{self, AtomicU64};
use crate::shared::table::Keyed;

/// The number of scopes with counters of their own.
pub(super) const MAX_SCOPES: usize = atomics::size(131_071, 1);

/// The number of different statuses per scope with counters of their own.
pub(super) const MAX_STATUSES: usize = atomics::size(6, 2);

/// The number of a scope, the same in all processes and over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScopeId(u32);

impl ScopeId {
    /// The number shared by all scopes that have no number of their own.
    pub const OTHERS: Self = Self(MAX_SCOPES as u32);

    pub(super) fn new(index: usize) -> Self {
        u32::try_from(index).map_or(Self::OTHERS, |index| Self(index.min(Self::OTHERS.0)))
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The meaning of one scope's counters.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct ScopePlace {
    key: AtomicU64,
    /// The statuses that the scope's refusals have had so far; 0 is a free column.
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
    /// Whether the place has been assigned to a scope since the last call.
    pub(super) fn is_new(&self) -> bool {
        self.is_new.swap(0, Ordering::AcqRel) != 0
    }

    /// The column of a status, or the number of columns if none is free.
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

    /// The status of each column.
    pub(super) fn statuses(&self) -> [Option<u16>; MAX_STATUSES] {
        let status = |place: &AtomicU64| u16::try_from(place.load(Ordering::Acquire)).ok();
        self.statuses.each_ref().map(|place| status(place).filter(|status| *status != 0))
    }
}

#[cfg(test)]
crate::shared::words::words!(ScopePlace { key, statuses, is_new });
