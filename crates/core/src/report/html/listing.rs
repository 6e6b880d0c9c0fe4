//! The scopes and flags on one page: those with something to say first, and of the others no more
//! than one can read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::times::Clock;
use super::why::{Why, why};
use crate::report::data::Report;
use crate::report::flags::{FlagFacts, FlagState, FlagView};
use crate::report::judged::{Scope, facts_of, urgency};
use crate::report::scopes::ScopeView;
use crate::report::time::time;

/// The number of scopes on a page, and the maximum number of flags.
pub(super) const ROWS: usize = 50;

/// The maximum number of folders of absent flags.
const FOLDERS: usize = 20;

/// The maximum number of absent flags by their names, in each folder and in all.
const NAMES: (usize, usize) = (50, 100);

/// Up to so many absent flags are shown without a click.
const FEW: usize = 5;

/// The lists of one page.
#[derive(Serialize)]
pub(super) struct Listing {
    rows: Vec<Row>,
    paging: Paging,
    flags: Vec<FlagRow>,
    /// The number of present flags that are not shown.
    more_flags: usize,
    absent: Vec<Folder>,
    /// Folders with absent flags that are not shown.
    more_folders: usize,
    is_any_flag: bool,
    are_few_absent: bool,
    /// Scopes that no request can reach.
    unreachable: Vec<Unreachable>,
}

/// The part of the list of scopes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Paging {
    number: usize,
    last: usize,
    /// The numbers of the first and the last scope, from 1 on.
    from: usize,
    to: usize,
    of: usize,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    scope: ScopeView,
    /// The row follows another one of the same server.
    is_inner: bool,
    why: Vec<Why>,
    flag_states: Vec<FlagState>,
}

#[derive(Serialize)]
struct FlagRow {
    #[serde(flatten)]
    flag: FlagView,
    /// How many scopes the flag closes.
    scopes: usize,
}

/// The absent flags of a folder.
#[derive(Serialize)]
struct Folder {
    path: String,
    count: usize,
    flags: Vec<AbsentFlag>,
}

#[derive(Serialize)]
struct AbsentFlag {
    name: String,
    scopes: usize,
    changed: Option<String>,
}

#[derive(Serialize)]
struct Unreachable {
    server: String,
    location: Option<String>,
    state: &'static str,
}

impl Listing {
    pub(super) fn new(report: &Report<'_>, page: Option<u32>, clock: &Clock) -> Self {
        let is_reachable =
            |number: &usize| report.scopes.get(*number).is_some_and(|it| it.facts.reachable);
        let (mut reachable, unreachable): (Vec<_>, Vec<_>) =
            report.listed().partition(is_reachable);
        reachable.sort_by_key(|number| report.scopes.get(*number).map(urgency));
        let (paging, shown) = Paging::of(&reachable, page);
        let counts = scopes_by_flag(report);
        let count = |facts: &FlagFacts<'_>| {
            let place = report.flags.place_of(facts.flag);
            place.and_then(|place| counts.get(place)).copied().unwrap_or(0)
        };
        let scopes = shown.iter().filter_map(|number| report.scopes.get(*number));
        let mut places = BTreeSet::new();
        for facts in scopes.flat_map(|scope| facts_of(scope, &report.flags)) {
            places.extend(report.flags.place_of(facts.flag));
        }
        let all = report.listed_flags();
        let is_here = |facts: &FlagFacts<'_>| {
            let place = report.flags.place_of(facts.flag);
            place.is_some_and(|place| places.contains(&place))
                || paging.number == 1 && count(facts) == 0
        };
        let (speaking, absent): (Vec<&FlagFacts<'_>>, Vec<_>) =
            all.iter().copied().partition(|facts| facts.is_speaking());
        let number = speaking.len();
        let mut here: Vec<_> = speaking.into_iter().filter(|facts| is_here(facts)).collect();
        here.sort_by_key(|facts| flag_urgency(facts));
        here.truncate(ROWS);
        let view = |facts: &&FlagFacts<'_>| FlagRow {
            flag: FlagView::new(facts, report.now),
            scopes: count(facts),
        };
        let (absent_number, folders) = (absent.len(), folders(&absent));
        Self {
            rows: rows(report, shown, clock),
            flags: here.iter().map(view).collect(),
            more_flags: number - here.len(),
            more_folders: folders.len().saturating_sub(FOLDERS),
            absent: folders_shown(folders, count),
            is_any_flag: !all.is_empty(),
            are_few_absent: absent_number <= FEW,
            unreachable: unreachable
                .iter()
                .filter_map(|number| report.scopes.get(*number))
                .take(ROWS)
                .map(|scope| Unreachable {
                    server: scope.facts.server.clone(),
                    location: scope.facts.location.clone(),
                    state: scope.state.label(),
                })
                .collect(),
            paging,
        }
    }
}

impl Paging {
    /// The part of a list on this page, or on the last one if there are not so many.
    fn of(all: &[usize], page: Option<u32>) -> (Self, &[usize]) {
        let last = all.len().div_ceil(ROWS).max(1);
        let wanted = page.and_then(|page| usize::try_from(page).ok()).unwrap_or(1);
        let number = wanted.clamp(1, last);
        let shown = all.chunks(ROWS).nth(number - 1).unwrap_or_default();
        let before = (number - 1) * ROWS;
        let from = if shown.is_empty() { 0 } else { before + 1 };
        (Self { number, last, from, to: before + shown.len(), of: all.len() }, shown)
    }
}

/// How many of the scopes that a request can reach each flag closes, by the place of the flag.
fn scopes_by_flag(report: &Report<'_>) -> Vec<usize> {
    let mut counts = vec![0; report.flags.iter().count()];
    for scope in report.reachable() {
        for flag in scope.flags() {
            let place = report.flags.place_of(flag);
            if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
                *count += 1;
            }
        }
    }
    counts
}

fn rows(report: &Report<'_>, shown: &[usize], clock: &Clock) -> Vec<Row> {
    let mut last_server = None;
    let row = |number: &usize| {
        let scope = report.scopes.get(*number)?;
        let server = server_of(&report.scopes, *number);
        let is_inner = scope.is_location() && last_server == Some(server);
        last_server = Some(server);
        let flags: Vec<_> = facts_of(scope, &report.flags).collect();
        Some(Row {
            scope: ScopeView::new(scope, report.stats, report.now),
            is_inner,
            why: why(scope.state, &flags, report.now, clock),
            flag_states: flags.iter().map(|facts| facts.state).collect(),
        })
    };
    shown.iter().filter_map(row).collect()
}

/// The number of the server of a scope: its locations follow it.
fn server_of(scopes: &[Scope<'_>], number: usize) -> usize {
    let before = scopes.get(..=number).unwrap_or_default();
    before.iter().rposition(|scope| !scope.is_location()).unwrap_or(0)
}

fn flag_urgency(facts: &FlagFacts<'_>) -> (u8, bool) {
    let rank = match facts.state {
        FlagState::Overdue | FlagState::Unknown => 0,
        FlagState::Closed => 1,
        FlagState::Reopening => 2,
        FlagState::Announced => 3,
        FlagState::Reopened | FlagState::Inactive => 4,
        FlagState::Absent => 5,
    };
    (rank, facts.error.is_none())
}

/// The flags by their folders.
fn folders<'f, 'a>(flags: &[&'f FlagFacts<'a>]) -> Vec<(&'a Path, Vec<&'f FlagFacts<'a>>)> {
    let mut folders = BTreeMap::<_, Vec<_>>::new();
    for facts in flags {
        let folder = facts.flag.path().parent().unwrap_or(Path::new("/"));
        folders.entry(folder).or_default().push(*facts);
    }
    folders.into_iter().collect()
}

fn folders_shown(
    folders: Vec<(&Path, Vec<&FlagFacts<'_>>)>,
    scopes: impl Fn(&FlagFacts<'_>) -> usize,
) -> Vec<Folder> {
    let (of_folder, mut left) = NAMES;
    let folder = |(path, flags): (&Path, Vec<&FlagFacts<'_>>)| {
        let shown = flags.iter().take(of_folder.min(left));
        let shown: Vec<_> = shown
            .map(|facts| AbsentFlag {
                name: facts.flag.path().file_name().unwrap_or_default().display().to_string(),
                scopes: scopes(facts),
                changed: facts.report.changed.map(time),
            })
            .collect();
        left -= shown.len();
        Folder { path: path.display().to_string(), count: flags.len(), flags: shown }
    };
    folders.into_iter().take(FOLDERS).map(folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_list() {
        for (count, page, expected) in [
            (0, None, (1, 1, 0, 0)),
            (1, None, (1, 1, 1, 1)),
            (50, Some(2), (1, 1, 1, 50)),
            (51, None, (1, 2, 1, 50)),
            (51, Some(2), (2, 2, 51, 51)),
            (120, Some(3), (3, 3, 101, 120)),
            (120, Some(u32::MAX), (3, 3, 101, 120)),
        ] {
            let all: Vec<usize> = (0..count).collect();
            let (paging, shown) = Paging::of(&all, page);
            let (number, last, from, to) = expected;
            assert_eq!(paging, Paging { number, last, from, to, of: count }, "{count} {page:?}");
            assert_eq!(shown.first().map_or(0, |first| first + 1), from, "{count} {page:?}");
            assert_eq!(shown.last().map_or(0, |last| last + 1), to, "{count} {page:?}");
        }
    }
}
