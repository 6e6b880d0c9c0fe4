//! Why a scope is in its state, in a line for each flag that has something to say.

use jiff::Timestamp;
use serde::Serialize;

use super::times::Clock;
use crate::report::flags::{FlagFacts, FlagState, FlagView};
use crate::report::state::ScopeState;

/// The maximum number of lines.
const LINES: usize = 3;

/// One line: text, the path of a flag, and text.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Why {
    before: String,
    path: Option<String>,
    after: String,
    is_error: bool,
}

impl Why {
    fn plain(before: impl Into<String>) -> Self {
        Self { before: before.into(), path: None, after: String::new(), is_error: false }
    }
}

/// The lines for a scope with these flags.
pub(super) fn why(
    state: ScopeState,
    flags: &[&FlagFacts<'_>],
    now: Timestamp,
    clock: &Clock,
) -> Vec<Why> {
    let mut speaking: Vec<_> = flags.iter().filter(|facts| facts.is_speaking()).collect();
    // The flags that close come first.
    speaking.sort_by_key(|facts| !facts.report.closes);
    let mut lines: Vec<_> =
        speaking.iter().take(LINES).map(|facts| line(facts, now, clock)).collect();
    if speaking.len() > LINES {
        lines.push(Why::plain(format!("and {} more flags", speaking.len() - LINES)));
    }
    if lines.is_empty() {
        lines.push(match (state, flags) {
            (ScopeState::Off, _) => Why::plain("MaintenanceEngine Off"),
            (_, []) => Why::plain("No flag is configured"),
            // The flag of the innermost scope is the one that one would create.
            (_, [others @ .., facts]) => Why {
                path: Some(facts.flag.path().display().to_string()),
                after: match others.len() {
                    0 => " is absent".to_owned(),
                    1 => " and 1 other flag are absent".to_owned(),
                    number => format!(" and {number} other flags are absent"),
                },
                ..Why::plain("")
            },
        });
    }
    lines
}

fn line(facts: &FlagFacts<'_>, now: Timestamp, clock: &Clock) -> Why {
    let view = FlagView::new(facts, now);
    let at = |time: &Option<String>| time.as_ref().map(|time| clock.relative(time));
    let (before, mut after) = match facts.state {
        FlagState::Absent => ("", " is absent".to_owned()),
        FlagState::Inactive => ("", " says closed = false".to_owned()),
        FlagState::Unknown => ("", " cannot be seen, so the scope is closed".to_owned()),
        FlagState::Reopened => ("", format!(" has passed its end{}", spaced(at(&view.end)))),
        FlagState::Announced => ("", format!(" closes{}", spaced(at(&view.start)))),
        FlagState::Reopening => {
            ("", format!(" admits {} % of the clients", view.share.unwrap_or_default()))
        }
        FlagState::Closed | FlagState::Overdue => {
            let before = match (view.refuse, view.share) {
                ("writes", _) => "Read-only by ",
                (_, Some(share)) if share > 0.0 => "Closed for a part of the clients by ",
                _ => "Closed by ",
            };
            let end = at(&view.end).map(|end| match (facts.state, view.reopens) {
                (FlagState::Overdue, _) => format!("; its end was {end}"),
                (_, true) => format!("; reopens {end}"),
                (_, false) => format!("; ends {end}"),
            });
            let written = at(&view.modified).map(|at| format!(", written {at}"));
            (before, written.unwrap_or_default() + &end.unwrap_or_default())
        }
    };
    if facts.report.phase.is_some() {
        let said = [&view.by, &view.ticket, &view.reason].map(Option::as_deref);
        let said: Vec<_> = said.into_iter().flatten().collect();
        if !said.is_empty() {
            after.push_str(&format!(" ({})", said.join(", ")));
        }
    }
    if facts.error.is_some() {
        after.push_str("; in error");
    }
    let path = Some(facts.flag.path().display().to_string());
    Why { before: before.into(), path, after, is_error: facts.error.is_some() }
}

fn spaced(text: Option<String>) -> String {
    text.map(|text| format!(" {text}")).unwrap_or_default()
}
