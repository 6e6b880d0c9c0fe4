//! The report as JSON.

use std::iter;

use serde::Serialize;

use super::data::{Report, SCHEMA};
use super::flags::FlagView;
use super::flight::InFlightView;
use super::pieces::{LENGTH, Pieces};
use super::preflight::Preflight;
use super::refused::RefusedView;
use super::running::RunningView;
use super::scopes::ScopeView;
use super::state::ScopeState;
use super::time::time;

/// The document without flags and scopes, which are inserted one by one.
#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    /// The module's version.
    version: &'static str,
    server: &'a str,
    machine: Option<&'a str>,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterView<'a>>,
    state: ScopeState,
    closed_scopes: usize,
    reachable_scopes: usize,
    check_interval: f64,
    counting_since: Option<String>,
    in_flight: &'a InFlightView,
    running: Vec<RunningView>,
    flags: [FlagView; 0],
    scopes: [ScopeView; 0],
    refused: RefusedView,
    #[serde(skip_serializing_if = "Option::is_none")]
    preflight: Option<&'a Preflight>,
}

#[derive(Serialize)]
struct FilterView<'a> {
    scope: Option<&'a str>,
    state: Option<&'static str>,
}

/// The document: the report, and the answers if a question was asked.
///
/// # Errors
/// None in practice: tests would find them.
pub fn json<'r>(
    report: &'r Report<'_>,
    preflight: Option<&'r Preflight>,
) -> Result<Pieces<'r>, String> {
    let filter = Some(&report.filter).filter(|filter| !filter.is_empty());
    let document = Document {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        server: &report.server,
        machine: report.machine.as_deref(),
        time: time(report.now),
        filter: filter.map(|filter| FilterView {
            scope: filter.scope.as_deref(),
            state: filter.state.map(|state| state.name()),
        }),
        state: report.state(),
        closed_scopes: report.closed_scopes(),
        reachable_scopes: report.reachable().count(),
        check_interval: report.check_interval,
        counting_since: report.stats.begun().map(time),
        in_flight: &report.in_flight,
        running: report.running(),
        flags: [],
        scopes: [],
        refused: RefusedView::new(report.stats.refused()),
        preflight,
    };
    let text = serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?;
    // No text in the document has a line break, so these are its own members.
    let begin = |text: &str, list: &str| {
        let (before, after) = text.split_once(&format!("\n  \"{list}\": []"))?;
        Some((format!("{before}\n  \"{list}\": "), after.to_owned()))
    };
    let parts =
        begin(&text, "flags").and_then(|(head, rest)| Some((head, begin(&rest, "scopes")?)));
    let (head, (middle, tail)) = parts.ok_or("the document has no lists")?;
    let flags = report.listed_flags().into_iter();
    let flags = flags.map(|facts| FlagView::new(facts, report.now));
    let scopes = report.listed().filter_map(|number| report.scopes.get(number));
    let scopes = scopes.map(|scope| ScopeView::new(scope, report.stats, report.now));
    let text = |text: String| iter::once(Ok(text));
    Ok(Box::new(
        text(head)
            .chain(list(flags))
            .chain(text(middle))
            .chain(list(scopes))
            .chain(text(tail + "\n")),
    ))
}

/// A list that is a member of the document, in pieces.
fn list(
    items: impl Iterator<Item = impl Serialize>,
) -> impl Iterator<Item = Result<String, String>> {
    let (mut items, mut before, mut is_at_end) = (items, "[\n    ", false);
    iter::from_fn(move || {
        if is_at_end {
            return None;
        }
        let mut piece = String::new();
        while piece.len() < LENGTH {
            let Some(item) = items.next() else {
                is_at_end = true;
                piece.push_str(if before == ",\n    " { "\n  ]" } else { "[]" });
                break;
            };
            match serde_json::to_string_pretty(&item) {
                Ok(item) => piece.extend([before, &item.replace('\n', "\n    ")]),
                Err(error) => {
                    is_at_end = true;
                    return Some(Err(error.to_string()));
                }
            }
            before = ",\n    ";
        }
        Some(Ok(piece))
    })
}
