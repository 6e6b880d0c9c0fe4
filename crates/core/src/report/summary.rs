//! The report's section on the mod_status page.

use std::fmt::Write;

use minijinja::HtmlEscape;

use super::data::Report;
use super::scopes::sum;

/// The lines for `/server-status?auto`, each with a name and a value.
pub fn short_lines(report: &Report) -> String {
    let totals = || report.scopes.iter().map(|scope| &scope.totals);
    let values = [
        ("Machine", report.machine.clone().unwrap_or_default()),
        ("State", report.state.name().to_owned()),
        ("Scopes", report.reachable_scopes.to_string()),
        ("ClosedScopes", report.closed_scopes.to_string()),
        ("InFlight", report.in_flight.requests.to_string()),
        ("InFlightFromBeforeClosing", report.in_flight.from_before_closing.to_string()),
        ("Passed", sum(totals().map(|totals| &totals.open)).to_string()),
        ("Allowed", sum(totals().map(|totals| &totals.allowed)).to_string()),
        ("Refused", sum(totals().map(|totals| &totals.refused)).to_string()),
    ];
    values.map(|(name, value)| format!("Maintenance{name}: {value}\n")).concat()
}

/// The section for `/server-status`: a heading and a table, like the other sections.
pub fn html_section(report: &Report) -> String {
    let mut text = String::from(
        "<hr />\n<h2>Maintenance</h2>\n<table border=\"0\"><tr><th>Scope</th><th>State</th>\
         <th>In flight</th><th>From before closing</th><th>Passed</th><th>Allowed</th>\
         <th>Refused</th></tr>\n",
    );
    for scope in report.scopes.iter().filter(|scope| scope.reachable) {
        let name = [Some(scope.server.as_str()), scope.location.as_deref()];
        let name = name.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let (flight, totals) = (&scope.in_flight, &scope.totals);
        let numbers = [
            flight.requests,
            flight.from_before_closing,
            totals.open,
            totals.allowed,
            totals.refused,
        ];
        let cells = numbers.map(|number| format!("<td>{number}</td>")).concat();
        let state = scope.state.label();
        let _ = writeln!(text, "<tr><td>{}</td><td>{state}</td>{cells}</tr>", HtmlEscape(&name));
    }
    text.push_str("</table>\n");
    text
}
