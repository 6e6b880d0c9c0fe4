//! The report, which all formats show.

use std::collections::{BTreeMap, BTreeSet};
use std::ptr;

use jiff::Timestamp;

use super::facts::{BusyWorker, Facts, ScopeFacts};
use super::filter::{Condition, Filter};
use super::flags::{FlagFacts, Flags};
use super::flight::{Flight, InFlightView};
use super::judged::{Judge, Scope, facts_of};
use super::running::{self, RunningView};
use super::scopes::LISTED;
use super::state::ScopeState;
use super::totals::TotalsView;
use crate::stats::in_flight::ClosingFlags;
use crate::stats::{ScopeId, Stats};

/// The version of the JSON format.
pub const SCHEMA: u32 = 1;

/// The report. It knows the state of each scope and of each flag; the rest is found out for those
/// that are shown.
pub struct Report<'a> {
    /// httpd's version string.
    pub(super) server: String,
    /// The name of the machine.
    pub(super) machine: Option<String>,
    pub(super) now: Timestamp,
    /// In seconds; 0 means at every request.
    pub(super) check_interval: f64,
    pub(super) flags: Flags<'a>,
    pub(super) scopes: Vec<Scope<'a>>,
    /// The scopes that the report is about, in the order of the configuration.
    asked: Vec<usize>,
    pub(super) filter: Filter,
    pub(super) in_flight: InFlightView,
    pub(super) flight: Flight,
    workers: Vec<BusyWorker>,
    pub(super) stats: &'a Stats,
}

impl<'a> Report<'a> {
    /// Makes the report of the scopes that are asked for. Apart from the folders of absent flags, it
    /// accesses no file.
    pub fn new(facts: Facts<'a>, filter: Filter) -> Self {
        let Facts { server, machine, now, check_interval, scopes, flags, workers, stats } = facts;
        let flags = Flags::new(flags);
        let closing = flags.iter().fold(ClosingFlags::default(), |closing, facts| {
            closing.with(facts.flag.bit(), &facts.report, now)
        });
        let flight = Flight::new(stats, closing, now);
        let mut by_scope = flight.by_scope();
        let mut judge = Judge::new(&flags, now);
        let mut has_others = false;
        let scope = |mut facts: ScopeFacts<'a>| {
            // Scopes without a number of their own share a number, which is counted once.
            let is_other = facts.number == Some(ScopeId::OTHERS);
            facts.number = facts.number.filter(|_| !is_other || !has_others);
            has_others |= is_other;
            let (state, has_error) = judge.judge(&facts.gates);
            let in_flight = facts.number.and_then(|number| by_scope.remove(&number));
            Scope { facts, state, has_error, in_flight: in_flight.unwrap_or_default() }
        };
        let scopes: Vec<_> = scopes.into_iter().map(scope).collect();
        let is_asked = filter.names();
        let numbered = scopes.iter().enumerate();
        let asked = numbered
            .filter(|(_, scope)| is_asked(&scope.facts.server, scope.facts.location.as_deref()));
        let asked: Vec<_> = asked.map(|(number, _)| number).collect();
        let mut in_flight = match &filter.scope {
            None => flight.of_all(),
            Some(_) => {
                let mut sum = InFlightView::default();
                let of_asked = asked.iter().filter_map(|number| scopes.get(*number));
                of_asked.for_each(|scope| sum.add(&scope.in_flight));
                sum
            }
        };
        in_flight.untracked = Some(stats.untracked());
        Self {
            server,
            machine: Some(machine).filter(|name| !name.is_empty()),
            now,
            check_interval: check_interval.as_secs_f64(),
            flags,
            scopes,
            asked,
            filter,
            in_flight,
            flight,
            workers,
            stats,
        }
    }

    /// Whether a part of a name was asked for that no scope has.
    pub fn is_about_nothing(&self) -> bool {
        self.asked.is_empty()
    }

    /// The scopes that the report is about.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Scope<'a>> {
        self.asked.iter().filter_map(|number| self.scopes.get(*number))
    }

    /// Those of them that a request can reach.
    pub(super) fn reachable(&self) -> impl Iterator<Item = &Scope<'a>> {
        self.asked().filter(|scope| scope.facts.reachable)
    }

    /// The numbers of the scopes that are to be listed, in the order of the configuration.
    pub(super) fn listed(&self) -> impl Iterator<Item = usize> {
        let state = self.filter.state;
        let numbers = self.asked.iter().copied();
        numbers.filter(move |number| match (state, self.scopes.get(*number)) {
            (Some(condition), Some(scope)) => scope.is(condition),
            (None, scope) => scope.is_some(),
            (Some(_), None) => false,
        })
    }

    /// The flags that are to be listed, in the order of their paths: those of the listed scopes.
    pub(super) fn listed_flags(&self) -> Vec<&FlagFacts<'a>> {
        if self.filter.is_empty() {
            return self.flags.iter().collect();
        }
        let scopes = self.listed().filter_map(|number| self.scopes.get(number));
        let flags = scopes.flat_map(|scope| facts_of(scope, &self.flags));
        let wanted: BTreeSet<_> = flags.map(|facts| ptr::from_ref(facts).addr()).collect();
        self.flags.iter().filter(|facts| wanted.contains(&ptr::from_ref(*facts).addr())).collect()
    }

    /// The most restrictive state of any scope that a request can reach.
    pub(super) fn state(&self) -> ScopeState {
        self.reachable().map(|scope| scope.state).max().unwrap_or(ScopeState::Off)
    }

    /// How many of the scopes that a request can reach are in this condition.
    pub(super) fn count(&self, condition: Condition) -> usize {
        self.reachable().filter(|scope| scope.is(condition)).count()
    }

    /// How many of the scopes that a request can reach are closed.
    pub(super) fn closed_scopes(&self) -> usize {
        self.reachable().filter(|scope| scope.state.is_closed()).count()
    }

    /// The oldest running requests.
    pub(super) fn running(&self) -> Vec<RunningView> {
        let is_about_all = self.filter.scope.is_none();
        let wanted: BTreeSet<_> = match is_about_all {
            true => BTreeSet::new(),
            false => self.asked().filter_map(|scope| scope.facts.number).collect(),
        };
        let is_wanted = |scope: ScopeId| is_about_all || wanted.contains(&scope);
        running::oldest(&self.flight, is_wanted, &self.workers, &self.scopes)
    }

    /// The requests that have ended, of all scopes that the report is about.
    pub(super) fn totals(&self) -> TotalsView {
        let mut sum = TotalsView::default();
        self.asked().for_each(|scope| sum.add(&scope.totals(self.stats)));
        sum
    }

    /// How often each invitation of the scopes' allowlists was used, by its name. Allowlists share
    /// files, so each invitation counts once.
    pub(super) fn invitations(&self) -> BTreeMap<String, u64> {
        let gates = self.asked().filter_map(|scope| scope.facts.gates.first());
        let lists = gates.map(|gate| gate.allowlist()).filter(|list| list.has_invitations());
        let (mut lists_seen, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut uses = BTreeMap::new();
        for list in lists.filter(|list| lists_seen.insert(ptr::from_ref(*list).addr())) {
            for invitation in list.first_invitations(LISTED) {
                if seen.insert(invitation.id) {
                    let count = uses.entry(invitation.name.clone()).or_insert(0u64);
                    let more = self.stats.invitations().of(invitation.id).count;
                    *count = count.saturating_add(more);
                }
            }
        }
        uses
    }
}
