//! The answers to an operator's first questions: is everything closed, and can the application be
//! stopped?

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::report::data::Report;
use crate::report::facts::ScopeFacts;
use crate::report::filter::Condition;
use crate::report::flags::{FlagFacts, FlagState};
use crate::report::judged::{Scope, facts_of};
use crate::report::state::ScopeState;

/// The maximum number of scopes named in the answer, and of times.
const NAMED: usize = 8;

/// The answers, for the template.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Answers {
    state: ScopeState,
    /// For example `2 of 5 scopes are closed` or `Closed`.
    headline: String,
    /// The headline as a sentence, if all scopes are closed or none is.
    sentence: Option<String>,
    is_closed: bool,
    is_everything_closed: bool,
    /// No scope is closed, and some are read-only.
    is_read_only: bool,
    /// How many scopes are in each condition that there is.
    counts: Vec<Count>,
    /// The scopes that are closed, or those that are not, whichever are fewer.
    named: Vec<Named>,
    are_named_closed: bool,
    /// The number of such scopes that are not named.
    more_named: usize,
    /// When a closing begins or ends.
    times: Vec<TimeLine>,
    more_times: usize,
    /// The number of running requests in closed scopes that the allowlist has admitted.
    admitted: u64,
    /// The number of running requests in other scopes if a scope is closed, except those from
    /// before a restart.
    elsewhere: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Count {
    name: &'static str,
    label: &'static str,
    count: usize,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Named {
    server: String,
    location: Option<String>,
    state: ScopeState,
}

/// A time, and the flags with that time.
#[derive(Debug, PartialEq, Serialize)]
struct TimeLine {
    state: FlagState,
    /// None for a reopening.
    time: Option<String>,
    reopens: bool,
    /// The share of the clients that passes, in per cent.
    share: Option<f64>,
    path: String,
    /// The number of other flags.
    others: usize,
}

impl Answers {
    pub(super) fn new(report: &Report<'_>) -> Self {
        let (closed, others): (Vec<&Scope<'_>>, Vec<_>) =
            report.reachable().partition(|scope| scope.state.is_closed());
        let count = |state| report.count(Condition::Is(state));
        let running = |scopes: &[&Scope<'_>]| -> u64 {
            scopes.iter().map(|scope| scope.in_flight.requests).sum()
        };
        let from_before = |scopes: &[&Scope<'_>]| -> u64 {
            scopes.iter().map(|scope| scope.in_flight.from_before_closing).sum()
        };
        let (of_all, state) = (closed.len() + others.len(), report.state());
        let (overdue, off) = (count(ScopeState::Overdue), count(ScopeState::Off));
        let is_closed = !closed.is_empty();
        let [read_only, reopening] = [ScopeState::ReadOnly, ScopeState::Reopening].map(count);
        let label = || capitalized(state.label());
        let (headline, sentence) = match (closed.len(), others.len()) {
            (0, 0) => ("No scope".into(), Some("No scope has this in its name.".into())),
            (0, _) if read_only > 0 && reopening == 0 => {
                (label(), Some(partly(of_all, read_only, "read-only")))
            }
            (0, _) if reopening > 0 => (label(), Some(partly(of_all, reopening, "reopening"))),
            (0, _) => (label(), Some(none_closed(of_all, off))),
            (_, 0) => (label(), Some(all_closed(of_all, overdue))),
            (1, _) => (format!("1 of {of_all} scopes is closed{}", past_end(overdue)), None),
            (some, _) => {
                (format!("{some} of {of_all} scopes are closed{}", past_end(overdue)), None)
            }
        };
        let are_named_closed = closed.len() < others.len();
        let of_named = match () {
            () if closed.is_empty() || others.is_empty() => &[][..],
            () if are_named_closed => &closed,
            () => &others,
        };
        let named = of_named.iter().take(NAMED).map(|scope| Named::new(&scope.facts, scope.state));
        let (times, more_times) = times(report);
        Self {
            state,
            headline,
            sentence,
            is_closed,
            is_everything_closed: is_closed && others.is_empty(),
            is_read_only: !is_closed && read_only > 0,
            counts: counts(report),
            named: named.collect(),
            are_named_closed,
            more_named: of_named.len().saturating_sub(NAMED),
            times,
            more_times,
            admitted: running(&closed).saturating_sub(from_before(&closed)),
            elsewhere: match is_closed {
                true => running(&others).saturating_sub(from_before(&others)),
                false => 0,
            },
        }
    }
}

impl Named {
    fn new(facts: &ScopeFacts<'_>, state: ScopeState) -> Self {
        Self { server: facts.server.clone(), location: facts.location.clone(), state }
    }
}

/// The conditions that scopes are in; empty if all scopes are in the same.
fn counts(report: &Report<'_>) -> Vec<Count> {
    let count = |condition: Condition| Count {
        name: condition.name(),
        label: condition.label(),
        count: report.count(condition),
    };
    let mut counts: Vec<_> = Condition::ALL.map(count).into();
    counts.retain(|count| count.count > 0);
    if counts.len() == 1 { vec![] } else { counts }
}

/// What the flags of the scopes say about times, each time once, the earliest first; and how many
/// times there are beyond these.
fn times(report: &Report<'_>) -> (Vec<TimeLine>, usize) {
    let mut lines = BTreeMap::<_, TimeLine>::new();
    let mut seen = BTreeSet::new();
    for facts in report.asked().flat_map(|scope| facts_of(scope, &report.flags)) {
        let is_new = seen.insert(report.flags.place_of(facts.flag));
        let line = is_new.then(|| TimeLine::of(facts, report)).flatten();
        if let Some(line) = line {
            let share = line.share.map(|share| (share * 100.0) as u64);
            let key = (line.time.clone(), line.state.name(), line.reopens, share);
            lines.entry(key).and_modify(|known| known.others += 1).or_insert(line);
        }
    }
    let more = lines.len().saturating_sub(NAMED);
    (lines.into_values().take(NAMED).collect(), more)
}

impl TimeLine {
    fn of(facts: &FlagFacts<'_>, report: &Report<'_>) -> Option<Self> {
        let spec = facts.report.content.as_ref()?.spec();
        let (start, end) = (spec.start(), spec.end());
        let time = match facts.state {
            FlagState::Announced => Some(start?),
            FlagState::Closed | FlagState::Overdue => Some(end?),
            FlagState::Reopening => None,
            _ => return None,
        };
        let is_reopening = facts.state == FlagState::Reopening;
        Some(Self {
            state: facts.state,
            time: time.map(|time| time.rfc3339()),
            reopens: spec.reopens(),
            share: facts.share(report.now).filter(|_| is_reopening),
            path: facts.flag.path().display().to_string(),
            others: 0,
        })
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
    use crate::report::{Facts, Filter, ScopeKind};
    use crate::stats::tests::new_stats;

    /// A report with scopes in these states. Three requests are running in each scope; in a closed
    /// scope one of them is from before the closing.
    fn report(states: &[ScopeState]) -> Report<'static> {
        let scope = |number: usize| ScopeFacts {
            kind: ScopeKind::Server,
            server: format!("host{number}"),
            location: None,
            reachable: true,
            addresses: vec![],
            defined: None,
            gates: vec![],
            number: None,
        };
        let facts = Facts {
            server: String::new(),
            machine: String::new(),
            now: jiff::Timestamp::UNIX_EPOCH,
            check_interval: Default::default(),
            scopes: (0..states.len()).map(scope).collect(),
            flags: vec![],
            workers: vec![],
            stats: new_stats(),
        };
        let mut report = Report::new(facts, Filter::default());
        for (scope, state) in report.scopes.iter_mut().zip(states) {
            scope.state = *state;
            scope.in_flight.requests = 3;
            scope.in_flight.from_before_closing = u64::from(state.is_closed());
        }
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
            assert_eq!(answers.is_everything_closed, states.iter().all(|state| state.is_closed()));
            let expected = (headline, sentence);
            assert_eq!((answers.headline.as_str(), answers.sentence.as_deref()), expected);
        }
    }

    #[test]
    fn what_runs_where() {
        use ScopeState::{Closed, Off, Open, Overdue};
        let cases: [(&[ScopeState], _); _] = [
            (&[Open, Off], (false, 0, 0)),
            (&[Closed, Overdue], (true, 4, 0)),
            (&[Closed, Open, Off], (true, 2, 6)),
        ];
        for (states, expected) in cases {
            let answers = Answers::new(&report(states));
            let found = (answers.is_closed, answers.admitted, answers.elsewhere);
            assert_eq!(found, expected, "{states:?}");
        }
    }

    /// The fewer ones are named, whether they are closed or not, and how many more there are.
    #[test]
    fn which_are_closed() {
        use ScopeState::{Closed, Off, Open, Overdue};
        let cases: [(Vec<ScopeState>, _, &[usize], _); _] = [
            (vec![Open, Off], false, &[], 0),
            (vec![Closed, Overdue], false, &[], 0),
            (vec![Closed, Open, Off], true, &[0], 0),
            (vec![Closed, Open, Overdue], false, &[1], 0),
            (vec![Closed, Open], false, &[1], 0),
            ([[Open; 12], [Closed; 12]].concat(), false, &[0, 1, 2, 3, 4, 5, 6, 7], 4),
        ];
        for (states, are_closed, names, more) in cases {
            let answers = Answers::new(&report(&states));
            let found: Vec<_> = answers.named.iter().map(|scope| scope.server.as_str()).collect();
            let names: Vec<_> = names.iter().map(|number| format!("host{number}")).collect();
            assert_eq!(
                (found, answers.more_named),
                (names.iter().map(String::as_str).collect(), more)
            );
            assert!(answers.named.is_empty() || answers.are_named_closed == are_closed);
        }
    }

    #[test]
    fn numbers_of_each_state() {
        use ScopeState::{Announced, Closed, Open, Overdue};
        for (states, expected) in [
            (&[Open, Open][..], &[][..]),
            (&[Open, Closed, Open], &[("closed", 1), ("open", 2)]),
            (
                &[Announced, Open, Overdue, Closed],
                &[("overdue", 1), ("closed", 1), ("announced", 1), ("open", 1)],
            ),
        ] {
            let answers = Answers::new(&report(states));
            let found: Vec<_> =
                answers.counts.iter().map(|count| (count.name, count.count)).collect();
            assert_eq!(found, expected, "{states:?}");
        }
    }
}
