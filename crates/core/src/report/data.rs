//! The report, which all formats show.

use std::collections::BTreeMap;

use serde::Serialize;

use super::facts::Facts;
use super::flags::FlagView;
use super::refused::RefusedView;
use super::running::{self, RunningView};
use super::scopes::{Flight, InFlightView, ScopeView, invitations};
use super::state::ScopeState;
use super::time::time;
use crate::stats::ScopeId;
use crate::stats::in_flight::ClosingFlags;

/// The version of the JSON format.
pub const SCHEMA: u32 = 1;

/// The report.
#[derive(Debug, Serialize)]
pub struct Report {
    pub(super) schema: u32,
    /// The module's version.
    pub(super) version: &'static str,
    /// httpd's version string.
    pub(super) server: String,
    /// The name of the machine.
    pub(super) machine: Option<String>,
    pub(super) time: String,
    /// The most restrictive state of any scope that a request can reach.
    pub(super) state: ScopeState,
    /// How many of the reachable scopes are closed.
    pub(super) closed_scopes: usize,
    pub(super) reachable_scopes: usize,
    /// In seconds; 0 means at every request.
    pub(super) check_interval: f64,
    pub(super) counting_since: Option<String>,
    pub(super) in_flight: InFlightView,
    /// The oldest running requests.
    pub(super) running: Vec<RunningView>,
    pub(super) flags: Vec<FlagView>,
    pub(super) scopes: Vec<ScopeView>,
    pub(super) refused: RefusedView,
    /// The uses of invitations by their names, for the metrics.
    #[serde(skip)]
    pub(super) invitations: BTreeMap<String, u64>,
}

impl Report {
    /// Makes the report from the facts, without accessing any file. Without `details` it has no
    /// pages and allowlists.
    pub fn new(facts: Facts<'_>, details: bool) -> Self {
        let Facts { server, machine, now, check_interval, scopes, flags, workers, stats } = facts;
        let closing = flags.iter().fold(ClosingFlags::default(), |closing, flag| {
            closing.with(flag.bit(), &flag.report(), now)
        });
        // Read after the flags: see `stats::in_flight`.
        let (lines, running): (Vec<_>, Vec<_>) = stats.running_in_lines().into_iter().unzip();
        let flight = Flight { closing, generation: stats.generation(), running, now };
        let gates = scopes.iter().filter_map(|scope| scope.gates.first());
        let invitations = invitations(gates.map(|gate| gate.allowlist()), stats);
        let mut has_others = false;
        let (numbers, scopes): (Vec<_>, Vec<_>) = scopes
            .into_iter()
            .map(|mut scope| {
                // Scopes without a number of their own share a number, which is counted once.
                let is_other = scope.number == Some(ScopeId::OTHERS);
                scope.number = scope.number.filter(|_| !is_other || !has_others);
                has_others |= is_other;
                (scope.number, ScopeView::new(&scope, stats, &flight, details))
            })
            .unzip();
        let numbered: Vec<_> = numbers.into_iter().zip(&scopes).collect();
        let reachable = || scopes.iter().filter(|scope| scope.reachable);
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            server,
            machine: Some(machine).filter(|name| !name.is_empty()),
            time: time(now),
            state: reachable().map(|scope| scope.state).max().unwrap_or(ScopeState::Off),
            closed_scopes: reachable().filter(|scope| scope.state.is_closed()).count(),
            reachable_scopes: reachable().count(),
            check_interval: check_interval.as_secs_f64(),
            counting_since: stats.begun().map(time),
            running: running::oldest(&flight, &lines, &workers, &numbered),
            in_flight: InFlightView::of_all(&flight, stats.untracked()),
            flags: flags.into_iter().map(|flag| FlagView::new(flag, now)).collect(),
            scopes,
            refused: RefusedView::new(stats.refused()),
            invitations,
        }
    }
}
