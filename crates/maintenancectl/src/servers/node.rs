//! What the report of a server means.

use std::path::Path;
use std::time::Duration;

use maintenance_core::report::ScopeState;

use super::report::{Flag, Report, Scope, State};
use super::told::Told;
use crate::spoken::distance;

/// What a server is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Refuse every request.
    Closed,
    /// Refuse at least those that can write.
    ReadOnly,
    /// Refuse none.
    Open,
}

impl Goal {
    fn is_met_by(self, state: State) -> bool {
        match self {
            Self::Closed => state.is_closed(),
            Self::ReadOnly => state.is_closed() || state == State::Known(ScopeState::ReadOnly),
            Self::Open => state.is_open(),
        }
    }
}

/// Whether a server does what it is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// Some of its scopes do.
    Partly,
    Unknown,
}

/// What runs in the application, and should not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// Requests from before the closing that end by themselves.
    pub(crate) draining: u64,
    /// Those that last as long as their client wants: WebSockets and event streams.
    pub(crate) lasting: u64,
    /// Requests about which nothing is known.
    pub(crate) untracked: u64,
    /// The age of the oldest, in seconds.
    pub(crate) oldest: Option<u64>,
}

impl Before {
    /// The number of requests to wait for.
    pub(crate) const fn waiting_for(&self, ignores_lasting: bool) -> u64 {
        let lasting = if ignores_lasting { 0 } else { self.lasting };
        self.draining.saturating_add(lasting).saturating_add(self.untracked)
    }

    /// What runs, for people: `3 requests from before the closing still run, the oldest for 41 s`.
    pub(crate) fn text(&self) -> String {
        let number = |count: u64, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let mut parts = vec![];
        if self.draining > 0 {
            let one = "request from before the closing still runs";
            parts.push(number(self.draining, one, "requests from before the closing still run"));
        }
        if self.lasting > 0 {
            let one = "WebSocket or event stream from before the closing is still open";
            let many = "WebSockets or event streams from before the closing are still open";
            parts.push(number(self.lasting, one, many));
        }
        if let Some(age) = self.oldest {
            parts.push(format!("the oldest for {}", distance(Duration::from_secs(age))));
        }
        if self.untracked > 0 {
            let one = "request is not tracked, for lack of room";
            parts.push(number(self.untracked, one, "requests are not tracked, for lack of room"));
        }
        parts.join(", ")
    }
}

/// The report of a server, and the scopes that the flag in question closes.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) report: Report,
    /// The path of the flag, if it is in question and the server has it.
    flag: Option<String>,
    /// The flag in question is not one of the server's.
    pub(crate) is_flag_unknown: bool,
    /// If the report comes from the store of a fleet.
    pub(crate) told: Option<Told>,
}

impl Node {
    /// With a flag, only the scopes that it closes are judged.
    pub(crate) fn new(report: Report, flag: Option<&Path>) -> Self {
        let wanted = flag.map(|flag| flag.display().to_string());
        let found = wanted.filter(|path| report.flags.iter().any(|flag| flag.path == *path));
        let is_flag_unknown = flag.is_some() && found.is_none();
        Self { report, flag: found, is_flag_unknown, told: None }
    }

    /// Which revision of the flag in the store the server has not applied yet. Until then, what the
    /// server does says nothing.
    pub(crate) fn behind(&self) -> Option<i64> {
        self.told.as_ref().and_then(|told| told.is_behind)
    }

    /// The scopes that are judged. A scope that is off, or that no request can reach, says nothing,
    /// unless all are.
    pub(crate) fn scopes(&self) -> Vec<&Scope> {
        let is_own = |scope: &&Scope| match &self.flag {
            Some(flag) => scope.flags.contains(flag),
            None => true,
        };
        let own: Vec<_> = self.report.scopes.iter().filter(is_own).collect();
        let speaks = |scope: &&Scope| {
            scope.state != State::Known(ScopeState::Off) && scope.reachable != Some(false)
        };
        let speaking: Vec<_> = own.iter().copied().filter(speaks).collect();
        if speaking.is_empty() { own } else { speaking }
    }

    /// Whether the server does what it is asked to do.
    pub(crate) fn answer(&self, goal: Goal) -> Answer {
        let scopes = self.scopes();
        match scopes.iter().filter(|scope| goal.is_met_by(scope.state)).count() {
            _ if scopes.is_empty() || self.behind().is_some() => Answer::Unknown,
            met if met == scopes.len() => Answer::Yes,
            0 => Answer::No,
            _ => Answer::Partly,
        }
    }

    /// The most restrictive state of a scope that is judged.
    pub(crate) fn state(&self) -> State {
        self.scopes().iter().map(|scope| scope.state).max().unwrap_or(State::Other)
    }

    /// The state for people: `closed`, or `closed in 2 of 3 scopes`.
    pub(crate) fn state_text(&self) -> String {
        let (state, scopes) = (self.state(), self.scopes());
        // An overdue scope is closed as well.
        let is_same = |scope: &&&Scope| {
            scope.state == state || (state.is_closed() && scope.state.is_closed())
        };
        match scopes.iter().filter(is_same).count() {
            same if same == scopes.len() => state.label().to_owned(),
            same => format!("{} in {same} of {} scopes", state.label(), scopes.len()),
        }
    }

    /// The names of the scopes that do not do what the server is asked to do.
    pub(crate) fn exceptions(&self, goal: Goal) -> Vec<(String, State)> {
        let scopes = self.scopes().into_iter().filter(|scope| !goal.is_met_by(scope.state));
        scopes.map(|scope| (scope.name(), scope.state)).collect()
    }

    /// The requests from before the closing that still run.
    pub(crate) fn before(&self) -> Before {
        let all = &self.report.in_flight;
        let scopes = self.scopes();
        let flights: Vec<_> = match self.flag {
            // Other scopes may be closed by other flags.
            Some(_) if scopes.len() < self.report.scopes.len() => {
                scopes.iter().map(|scope| &scope.in_flight).collect()
            }
            // With the requests of scopes that a restart has removed.
            _ => vec![&all.tracked],
        };
        let sum = |count: fn(&super::report::InFlight) -> u64| {
            flights.iter().fold(0, |sum: u64, flight| sum.saturating_add(count(flight)))
        };
        let (before, lasting) =
            (sum(|flight| flight.from_before_closing), sum(|flight| flight.lasting()));
        Before {
            draining: before.saturating_sub(lasting),
            lasting: lasting.min(before),
            untracked: all.untracked,
            oldest: flights.iter().filter_map(|flight| flight.oldest_from_before_closing).max(),
        }
    }

    /// The flags that close scopes that are judged, or announce that they will.
    pub(crate) fn flags(&self) -> Vec<&Flag> {
        let scopes = self.scopes();
        let is_own = |flag: &&Flag| scopes.iter().any(|scope| scope.flags.contains(&flag.path));
        let flags = self.report.flags.iter().filter(is_own);
        flags.filter(|flag| flag.closes || flag.state == "announced").collect()
    }

    /// The number of refused requests since counting began.
    pub(crate) fn refused(&self) -> u64 {
        let scopes = self.scopes();
        scopes.iter().fold(0, |sum, scope| sum.saturating_add(scope.totals.refused))
    }

    /// What is wrong with the files of the server.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = vec![];
        for flag in &self.report.flags {
            let wrong = flag.error.iter().chain(&flag.warnings);
            problems.extend(wrong.map(|problem| format!("{}: {problem}", flag.path)));
        }
        for scope in &self.report.scopes {
            let of_tokens = scope.allow.iter().filter_map(|token| token.file.as_ref());
            let files = of_tokens.chain(scope.pages.iter().filter_map(|page| page.file.as_ref()));
            for file in files {
                let wrong = file.problem.iter();
                problems.extend(wrong.map(|problem| format!("{}: {problem}", file.path)));
            }
        }
        problems.sort_unstable();
        problems.dedup();
        problems
    }
}
