//! What flags and files do to the scopes, found out once for all formats.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr;

use jiff::Timestamp;

use super::facts::{ScopeFacts, ScopeKind};
use super::filter::Condition;
use super::flags::{FlagFacts, Flags};
use super::flight::InFlightView;
use super::state::ScopeState;
use super::totals::TotalsView;
use crate::engine::gate::Gate;
use crate::flag::spec::Phase;
use crate::flag::{Flag, FlagReport};
use crate::page::Page;
use crate::stats::Stats;

/// A scope. What is not needed for each scope of a large server is found out when it is shown.
pub(super) struct Scope<'a> {
    pub(super) facts: ScopeFacts<'a>,
    pub(super) state: ScopeState,
    /// A flag, a page or a file of the allowlist cannot be used.
    pub(super) has_error: bool,
    pub(super) in_flight: InFlightView,
}

impl<'a> Scope<'a> {
    pub(super) fn is(&self, condition: Condition) -> bool {
        match condition {
            Condition::Is(state) => self.state == state,
            Condition::Error => self.has_error,
        }
    }

    pub(super) fn is_location(&self) -> bool {
        self.facts.kind == ScopeKind::Location
    }

    /// The flags that close the scope, each once, those of the innermost scope last.
    pub(super) fn flags(&self) -> Vec<&'a Flag<'static>> {
        let gates = self.facts.gates.iter().copied();
        let mut flags: Vec<_> = gates.flat_map(Gate::flags).map(|flag| &**flag).collect();
        if self.facts.gates.len() > 1 {
            flags.reverse(); // so that the innermost of duplicates is kept
            let mut seen = BTreeSet::new();
            flags.retain(|flag| seen.insert(flag.path()));
            flags.reverse();
        }
        flags
    }

    /// The statuses that the scope's refusals can have.
    pub(super) fn statuses(&self) -> Vec<u16> {
        let gate = self.facts.gates.first();
        gate.map(|gate| gate.refusal().statuses().collect()).unwrap_or_default()
    }

    /// Expired entries of the allowlist.
    pub(super) fn expired(&self, now: Timestamp) -> usize {
        self.facts.gates.first().map_or(0, |gate| gate.allowlist().expired(now))
    }

    pub(super) fn totals(&self, stats: &Stats) -> TotalsView {
        self.facts.number.map(|id| TotalsView::new(stats.totals(id))).unwrap_or_default()
    }
}

/// Judges gates. What several scopes share is judged once.
pub(super) struct Judge<'j, 'a> {
    flags: &'j Flags<'a>,
    now: Timestamp,
    /// By the address of the gate.
    gates: BTreeMap<usize, (ScopeState, bool)>,
    /// Whether a page cannot be used, by the address of the refusal.
    refusals: BTreeMap<usize, bool>,
}

impl<'j, 'a> Judge<'j, 'a> {
    pub(super) fn new(flags: &'j Flags<'a>, now: Timestamp) -> Self {
        Self { flags, now, gates: BTreeMap::new(), refusals: BTreeMap::new() }
    }

    /// The most restrictive state of these gates, and whether a flag or a file of theirs cannot be
    /// used.
    pub(super) fn judge(&mut self, gates: &[&Gate]) -> (ScopeState, bool) {
        let off = (ScopeState::Off, false);
        gates
            .iter()
            .map(|gate| self.gate(gate))
            .fold(off, |(state, has_error), gate| (state.max(gate.0), has_error || gate.1))
    }

    fn gate(&mut self, gate: &Gate) -> (ScopeState, bool) {
        let address = ptr::from_ref(gate).addr();
        if let Some(judged) = self.gates.get(&address) {
            return *judged;
        }
        let flags: Vec<_> =
            gate.flags().iter().filter_map(|flag| self.flags.facts_of(flag)).collect();
        let states = flags.iter().map(|facts| state(&facts.report, self.now));
        let state = states.max().unwrap_or(ScopeState::Open);
        let refusal = ptr::from_ref(gate.refusal()).addr();
        let is_unusable = |page: &Page| page.has_problem();
        let of_pages = || gate.refusal().pages().all().any(is_unusable);
        let has_error = *self.refusals.entry(refusal).or_insert_with(of_pages)
            || gate.allowlist().has_problem()
            || flags.iter().any(|facts| facts.error.is_some());
        self.gates.insert(address, (state, has_error));
        (state, has_error)
    }
}

fn state(report: &FlagReport, now: Timestamp) -> ScopeState {
    match report.phase {
        _ if report.closes && report.is_read_only() => ScopeState::ReadOnly,
        Some(Phase::Reopening) => ScopeState::Reopening,
        _ if report.admits_share(now) => ScopeState::Reopening,
        Some(Phase::Overdue) => ScopeState::Overdue,
        _ if report.closes => ScopeState::Closed,
        Some(Phase::Announced) => ScopeState::Announced,
        _ => ScopeState::Open,
    }
}

/// The place of a scope in a list of those with something to say first.
pub(super) fn urgency(scope: &Scope<'_>) -> (u8, bool) {
    let rank = match scope.state {
        ScopeState::Overdue => 0,
        ScopeState::Closed => 1,
        ScopeState::Reopening => 2,
        ScopeState::ReadOnly => 3,
        ScopeState::Announced => 4,
        ScopeState::Open | ScopeState::Off => 5,
    };
    (rank, !scope.has_error)
}

/// The facts of the flags that close a scope.
pub(super) fn facts_of<'r, 'a>(
    scope: &Scope<'a>,
    flags: &'r Flags<'a>,
) -> impl Iterator<Item = &'r FlagFacts<'a>> {
    scope.flags().into_iter().filter_map(|flag| flags.facts_of(flag))
}
