//! The statistics in shared memory.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::in_flight::{InFlight, Running};
use super::invitations::InvitationUses;
use super::scope::{MAX_SCOPES, ScopeId, ScopePlace};
use super::top_clients::TopClients;
use super::totals::{ScopeTotals, Totals};
use super::worker::Worker;
use crate::shared::atomics::AtomicU64;
use crate::shared::process;
use crate::shared::table::{Key, Table};

/// The statistics in shared memory. All zero means that nothing has been counted.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Default)]
#[repr(C)]
pub struct Stats {
    pub(super) scopes: Table<ScopePlace, MAX_SCOPES>,
    /// Shared by all scopes that have no place in the table.
    pub(super) others: ScopePlace,
    pub(super) totals: Totals,
    pub(super) in_flight: InFlight,
    pub(super) refused: TopClients,
    pub(super) invitations: InvitationUses,
    /// When counting began, in milliseconds since 1970.
    pub(super) begun: AtomicU64,
    /// How often the configuration has been read.
    pub(super) generation: AtomicU64,
    /// Not 0 once a request has been refused. Until then nothing reads the table of refused clients,
    /// which would take memory for zeros.
    pub(super) has_refused: AtomicU64,
}

impl Stats {
    /// Assigns numbers to these scopes. The parent calls this before it forks. A scope keeps its
    /// counts over restarts. Scopes for which there is no place share a number.
    pub fn claim(&self, keys: &[Key], now: Timestamp) -> Vec<ScopeId> {
        let now = u64::try_from(now.as_millisecond()).unwrap_or(0);
        let _ = self.begun.compare_exchange(0, now, Ordering::AcqRel, Ordering::Acquire);
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.refused.begin();
        // The table is large enough for these keys, so it cannot be full.
        let known = keys.get(..MAX_SCOPES).unwrap_or(keys);
        let fresh = self.scopes.used().len();
        let numbers = self.scopes.claim_numbers(known).unwrap_or_default();
        for number in numbers.iter().copied() {
            let Some(place) = self.scopes.places().get(number) else { continue };
            // Those of a place that nobody has had are zero, and take no memory until they count.
            if place.is_new() && number < fresh {
                self.totals.clear(ScopeId::new(number));
            }
        }
        let mut ids: Vec<_> = numbers.into_iter().map(ScopeId::new).collect();
        ids.resize(keys.len(), ScopeId::OTHERS);
        ids
    }

    /// When counting began: at the start of the server.
    pub fn begun(&self) -> Option<Timestamp> {
        let millis = i64::try_from(self.begun.load(Ordering::Acquire)).ok()?;
        Timestamp::from_millisecond(millis).ok()
    }

    /// The current generation of the configuration: how often it has been read, modulo 256.
    pub fn generation(&self) -> u8 {
        self.generation.load(Ordering::Acquire) as u8
    }

    /// The totals of a scope.
    pub fn totals(&self, scope: ScopeId) -> ScopeTotals {
        self.totals.of(scope, self.place(scope).statuses())
    }

    /// The admitted requests that have not ended.
    pub fn running(&self) -> Vec<Running> {
        self.running_in_lines().into_iter().map(|(_, running)| running).collect()
    }

    /// The same, each with a number that [`Stats::line_of`] returns for its worker. Other workers may
    /// have the same number.
    pub fn running_in_lines(&self) -> Vec<(usize, Running)> {
        self.in_flight.running(&mut process::Living::default())
    }

    /// See [`Stats::running_in_lines`].
    pub fn line_of(worker: Worker) -> usize {
        InFlight::line_of(worker)
    }

    /// The number of running requests that are not tracked for lack of room.
    pub fn untracked(&self) -> u64 {
        self.in_flight.untracked()
    }

    /// The clients that are refused most often.
    pub fn refused(&self) -> &TopClients {
        &self.refused
    }

    /// The uses of invitations.
    pub fn invitations(&self) -> &InvitationUses {
        &self.invitations
    }

    /// Counts a refusal with this status.
    pub fn refuse(&self, worker: Worker, scope: ScopeId, status: u16) {
        if !self.has_refused() {
            self.has_refused.store(1, Ordering::Relaxed);
        }
        let column = self.place(scope).column(status);
        self.totals.row(worker, scope).refused(column).fetch_add(1, Ordering::Relaxed);
    }

    /// Removes the data left behind by a process that is no longer running.
    pub fn forget(&self, process: i32) {
        self.in_flight.free_where(|other| other == process);
        self.release_where(|other| other == process);
    }

    /// Removes the data left behind by dead processes, which would fill the tables.
    pub fn tidy(&self) {
        let mut living = process::Living::default();
        self.in_flight.free_where(|process| !living.has(process));
        self.release_where(|process| !living.has(process));
    }

    fn release_where(&self, is_gone: impl FnMut(i32) -> bool) {
        if self.has_refused() {
            self.refused.release_where(is_gone);
        }
    }

    fn has_refused(&self) -> bool {
        self.has_refused.load(Ordering::Relaxed) != 0
    }

    pub(super) fn place(&self, scope: ScopeId) -> &ScopePlace {
        self.scopes.places().get(scope.index()).unwrap_or(&self.others)
    }
}

#[cfg(test)]
crate::shared::words::words!(Stats {
    scopes,
    others,
    totals,
    in_flight,
    refused,
    invitations,
    begun,
    generation,
    has_refused
});
