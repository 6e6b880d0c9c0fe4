//! The report's section on the mod_status page.

use std::fmt::Write;

use minijinja::HtmlEscape;

use super::data::Report;
use super::judged::{Scope, urgency};

/// The maximum number of scopes in the table.
const LISTED: usize = 50;

/// The lines for `/server-status?auto`, each with a name and a value.
pub fn short_lines(report: &Report<'_>) -> String {
    let totals = report.totals();
    let values = [
        ("Machine", report.machine.clone().unwrap_or_default()),
        ("State", report.state().name().to_owned()),
        ("Scopes", report.reachable().count().to_string()),
        ("ClosedScopes", report.closed_scopes().to_string()),
        ("InFlight", report.in_flight.requests.to_string()),
        ("InFlightFromBeforeClosing", report.in_flight.from_before_closing.to_string()),
        ("Passed", totals.open.to_string()),
        ("Allowed", totals.allowed.to_string()),
        ("Refused", totals.refused.to_string()),
    ];
    values.map(|(name, value)| format!("Maintenance{name}: {value}\n")).concat()
}

/// The section for `/server-status`: a heading and a table, like the other sections.
pub fn html_section(report: &Report<'_>) -> String {
    let mut text = String::from(
        "<hr />\n<h2>Maintenance</h2>\n<table border=\"0\"><tr><th>Scope</th><th>State</th>\
         <th>In flight</th><th>From before closing</th><th>Passed</th><th>Allowed</th>\
         <th>Refused</th></tr>\n",
    );
    let mut scopes: Vec<_> = report.reachable().collect();
    if scopes.len() > LISTED {
        scopes.sort_by_key(|scope| urgency(scope));
    }
    for scope in scopes.iter().take(LISTED) {
        row(&mut text, scope, report);
    }
    text.push_str("</table>\n");
    if let Some(more @ 1..) = scopes.len().checked_sub(LISTED) {
        let _ = writeln!(text, "<p>and {more} more scopes</p>");
    }
    text
}

fn row(text: &mut String, scope: &Scope<'_>, report: &Report<'_>) {
    let (facts, flight) = (&scope.facts, &scope.in_flight);
    let totals = scope.totals(report.stats);
    let name = [Some(facts.server.as_str()), facts.location.as_deref()];
    let name = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let numbers =
        [flight.requests, flight.from_before_closing, totals.open, totals.allowed, totals.refused];
    let cells = numbers.map(|number| format!("<td>{number}</td>")).concat();
    let state = scope.state.label();
    let _ = writeln!(text, "<tr><td>{}</td><td>{state}</td>{cells}</tr>", HtmlEscape(&name));
}
