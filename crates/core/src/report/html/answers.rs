//! The answers to an operator's first questions: is everything closed, and can the application be
//! stopped?

use serde::Serialize;

use crate::report::data::Report;
use crate::report::scopes::ScopeView;
use crate::report::state::ScopeState;

/// The answers, for the template.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Answers {
    /// For example `2 of 5 scopes are closed` or `Closed`.
    headline: String,
    /// The headline as a sentence, if all scopes are closed or none is.
    sentence: Option<String>,
    is_closed: bool,
    /// No scope is closed, and some are read-only.
    is_read_only: bool,
    /// The scopes that are not closed, if other scopes are.
    not_closed: Vec<NotClosed>,
    /// The number of running requests in closed scopes that the allowlist has admitted.
    admitted: u64,
    /// The number of running requests in other scopes if a scope is closed, except those from
    /// before a restart.
    elsewhere: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct NotClosed {
    server: String,
    location: Option<String>,
    state: ScopeState,
}

impl Answers {
    pub(super) fn new(report: &Report) -> Self {
        let reachable = || report.scopes.iter().filter(|scope| scope.reachable);
        let (closed, others): (Vec<_>, Vec<_>) =
            reachable().partition(|scope| scope.state.is_closed());
        let count = |state| reachable().filter(|scope| scope.state == state).count();
        let running = |scopes: &[&ScopeView]| -> u64 {
            scopes.iter().map(|scope| scope.in_flight.requests).sum()
        };
        let from_before = |scopes: &[&ScopeView]| -> u64 {
            scopes.iter().map(|scope| scope.in_flight.from_before_closing).sum()
        };
        let (of_all, overdue, off) =
            (reachable().count(), count(ScopeState::Overdue), count(ScopeState::Off));
        let is_closed = !closed.is_empty();
        let [read_only, reopening] = [ScopeState::ReadOnly, ScopeState::Reopening].map(count);
        let (headline, sentence) = match (closed.len(), others.len()) {
            (0, _) if read_only > 0 && reopening == 0 => {
                (capitalized(report.state.label()), Some(partly(of_all, read_only, "read-only")))
            }
            (0, _) if reopening > 0 => {
                (capitalized(report.state.label()), Some(partly(of_all, reopening, "reopening")))
            }
            (0, _) => (capitalized(report.state.label()), Some(none_closed(of_all, off))),
            (_, 0) => (capitalized(report.state.label()), Some(all_closed(of_all, overdue))),
            (1, _) => (format!("1 of {of_all} scopes is closed{}", past_end(overdue)), None),
            (some, _) => {
                (format!("{some} of {of_all} scopes are closed{}", past_end(overdue)), None)
            }
        };
        let not_closed = others.iter().filter(|_| is_closed).map(|scope| NotClosed::new(scope));
        Self {
            headline,
            sentence,
            is_closed,
            is_read_only: !is_closed && read_only > 0,
            not_closed: not_closed.collect(),
            admitted: running(&closed) - from_before(&closed),
            elsewhere: if is_closed { running(&others) - from_before(&others) } else { 0 },
        }
    }
}

impl NotClosed {
    fn new(scope: &ScopeView) -> Self {
        let (server, location) = (scope.server.clone(), scope.location.clone());
        Self { server, location, state: scope.state }
    }
}

fn none_closed(of_all: usize, off: usize) -> String {
    match (of_all, off) {
        (1, 1) => "MaintenanceEngine is Off in the only scope.".into(),
        (1, _) => "The only scope is open.".into(),
        (_, 0) => format!("All {of_all} scopes are open."),
        _ if of_all == off => format!("MaintenanceEngine is Off in all {of_all} scopes."),
        _ => format!("All {of_all} scopes are open, {off} with MaintenanceEngine Off."),
    }
}

fn partly(of_all: usize, some: usize, what: &str) -> String {
    match (of_all, some) {
        (1, _) => format!("The only scope is {what}."),
        (_, 1) => format!("1 of {of_all} scopes is {what}."),
        _ if of_all == some => format!("All {of_all} scopes are {what}."),
        _ => format!("{some} of {of_all} scopes are {what}."),
    }
}

fn all_closed(of_all: usize, overdue: usize) -> String {
    match of_all {
        1 => {
            format!("The only scope is closed{}.", if overdue == 1 { ", past the end" } else { "" })
        }
        _ => format!("All {of_all} scopes are closed{}.", past_end(overdue)),
    }
}

fn past_end(overdue: usize) -> String {
    match overdue {
        0 => String::new(),
        _ => format!(", {overdue} past the end"),
    }
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Facts, ScopeFacts, ScopeKind};
    use crate::stats::tests::new_stats;

    /// A report with scopes in these states. Three requests are running in each scope; in a closed
    /// scope one of them is from before the closing.
    fn report(states: &[ScopeState]) -> Report {
        let facts = Facts {
            server: String::new(),
            machine: String::new(),
            now: jiff::Timestamp::UNIX_EPOCH,
            check_interval: Default::default(),
            scopes: states
                .iter()
                .map(|_| ScopeFacts {
                    kind: ScopeKind::Server,
                    server: "a".into(),
                    location: None,
                    reachable: true,
                    addresses: vec![],
                    defined: None,
                    gates: vec![],
                    number: None,
                })
                .collect(),
            flags: vec![],
            workers: vec![],
            stats: new_stats(),
        };
        let mut report = Report::new(facts, true);
        for (scope, state) in report.scopes.iter_mut().zip(states) {
            scope.state = *state;
            scope.in_flight.requests = 3;
            scope.in_flight.from_before_closing = u64::from(state.is_closed());
        }
        report.in_flight.from_before_closing =
            report.scopes.iter().map(|scope| scope.in_flight.from_before_closing).sum();
        report.state = states.iter().copied().max().expect("a state");
        report
    }

    #[test]
    fn headlines() {
        use ScopeState::{Announced, Closed, Off, Open, Overdue, ReadOnly, Reopening};
        let cases: [(&[ScopeState], _, _); _] = [
            (&[ReadOnly], "Read-only", Some("The only scope is read-only.")),
            (&[Open, ReadOnly], "Read-only", Some("1 of 2 scopes is read-only.")),
            (&[ReadOnly, ReadOnly], "Read-only", Some("All 2 scopes are read-only.")),
            (&[Open, Reopening], "Reopening", Some("1 of 2 scopes is reopening.")),
            (&[ReadOnly, Reopening], "Reopening", Some("1 of 2 scopes is reopening.")),
            (&[Reopening, Closed], "1 of 2 scopes is closed", None),
            (&[ReadOnly, Closed], "1 of 2 scopes is closed", None),
            (&[Open], "Open", Some("The only scope is open.")),
            (&[Closed], "Closed", Some("The only scope is closed.")),
            (&[Off], "Off", Some("MaintenanceEngine is Off in the only scope.")),
            (&[Off, Off], "Off", Some("MaintenanceEngine is Off in all 2 scopes.")),
            (&[Open, Open], "Open", Some("All 2 scopes are open.")),
            (&[Open, Off], "Open", Some("All 2 scopes are open, 1 with MaintenanceEngine Off.")),
            (&[Open, Announced], "Announced", Some("All 2 scopes are open.")),
            (&[Closed, Closed], "Closed", Some("All 2 scopes are closed.")),
            (&[Closed, Overdue], "Overdue", Some("All 2 scopes are closed, 1 past the end.")),
            (&[Overdue], "Overdue", Some("The only scope is closed, past the end.")),
            (&[Open, Closed], "1 of 2 scopes is closed", None),
            (&[Closed, Closed, Off], "2 of 3 scopes are closed", None),
            (&[Closed, Overdue, Open], "2 of 3 scopes are closed, 1 past the end", None),
        ];
        for (states, headline, sentence) in cases {
            let answers = Answers::new(&report(states));
            let expected = (headline, sentence);
            assert_eq!((answers.headline.as_str(), answers.sentence.as_deref()), expected);
        }
    }

    #[test]
    fn what_runs_where() {
        use ScopeState::{Closed, Off, Open, Overdue};
        let cases: [(&[ScopeState], _, &[ScopeState]); _] = [
            (&[Open, Off], (false, 0, 0), &[]),
            (&[Closed, Overdue], (true, 4, 0), &[]),
            (&[Closed, Open, Off], (true, 2, 6), &[Open, Off]),
        ];
        for (states, expected, not_closed) in cases {
            let answers = Answers::new(&report(states));
            let found = (answers.is_closed, answers.admitted, answers.elsewhere);
            assert_eq!(found, expected, "{states:?}");
            let states: Vec<_> = answers.not_closed.iter().map(|scope| scope.state).collect();
            assert_eq!(states, not_closed);
        }
    }
}
