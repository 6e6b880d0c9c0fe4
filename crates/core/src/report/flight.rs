//! The admitted requests that have not ended, in the report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::stats::in_flight::{ClosingFlags, Running};
use crate::stats::{Lasting, ScopeId, Stats};

/// Admitted requests that have not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct InFlightView {
    pub(super) requests: u64,
    /// The number of these requests that were admitted before their scope was closed, and would be
    /// refused now.
    pub(super) from_before_closing: u64,
    /// The number of the latter that may write.
    pub(super) writing_from_before_closing: u64,
    /// The number of `requests` whose connection has switched to another protocol.
    pub(super) upgraded: u64,
    /// The number of `requests` that are event streams.
    pub(super) streams: u64,
    /// Those of `upgraded` that are from before the closing.
    pub(super) upgraded_from_before_closing: u64,
    /// Those of `streams` that are from before the closing.
    pub(super) streams_from_before_closing: u64,
    /// The age of the oldest request, in seconds.
    pub(super) oldest: Option<u64>,
    /// The age of the oldest request from before the closing, in seconds.
    pub(super) oldest_from_before_closing: Option<u64>,
    /// The number of running requests that could not be tracked for lack of room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) untracked: Option<u64>,
}

/// The running requests, and the data that tells which of them are from before a closing.
pub(super) struct Flight {
    /// The flags that close now.
    closing: ClosingFlags,
    /// The current generation of the configuration.
    generation: u8,
    /// The requests, each with the number of its line (see [`Stats::running_in_lines`]).
    pub(super) running: Vec<(usize, Running)>,
    now: Timestamp,
}

impl Flight {
    /// Reads which requests are running. The flags must have been read before: see
    /// `stats::in_flight`.
    pub(super) fn new(stats: &Stats, closing: ClosingFlags, now: Timestamp) -> Self {
        let (generation, running) = (stats.generation(), stats.running_in_lines());
        Self { closing, generation, running, now }
    }

    pub(super) fn is_from_before(&self, running: &Running) -> bool {
        running.is_from_before(self.closing, self.generation)
    }

    /// The age of a request, in seconds.
    pub(super) fn age(&self, running: &Running) -> u64 {
        u64::try_from(self.now.as_second() - running.began.as_second()).unwrap_or(0)
    }

    /// The running requests of all scopes together, including scopes that a restart has removed.
    pub(super) fn of_all(&self) -> InFlightView {
        let mut all = InFlightView::default();
        self.running.iter().for_each(|(_, running)| all.count(running, self));
        all
    }

    /// The running requests by their scopes.
    pub(super) fn by_scope(&self) -> BTreeMap<ScopeId, InFlightView> {
        let mut scopes = BTreeMap::<_, InFlightView>::new();
        for (_, running) in &self.running {
            scopes.entry(running.scope).or_default().count(running, self);
        }
        scopes
    }
}

impl InFlightView {
    fn count(&mut self, running: &Running, flight: &Flight) {
        let (age, is_before) = (flight.age(running), flight.is_from_before(running));
        let lasting = |kind| u64::from(running.lasting == Some(kind));
        let (upgraded, streams) = (lasting(Lasting::Upgraded), lasting(Lasting::Stream));
        self.requests += 1;
        self.upgraded += upgraded;
        self.streams += streams;
        self.oldest = self.oldest.max(Some(age));
        if is_before {
            self.from_before_closing += 1;
            self.writing_from_before_closing += u64::from(!running.admitted.is_safe);
            self.upgraded_from_before_closing += upgraded;
            self.streams_from_before_closing += streams;
            self.oldest_from_before_closing = self.oldest_from_before_closing.max(Some(age));
        }
    }

    /// Adds the requests of another scope.
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.from_before_closing += other.from_before_closing;
        self.writing_from_before_closing += other.writing_from_before_closing;
        self.upgraded += other.upgraded;
        self.streams += other.streams;
        self.upgraded_from_before_closing += other.upgraded_from_before_closing;
        self.streams_from_before_closing += other.streams_from_before_closing;
        self.oldest = self.oldest.max(other.oldest);
        self.oldest_from_before_closing =
            self.oldest_from_before_closing.max(other.oldest_from_before_closing);
    }
}
