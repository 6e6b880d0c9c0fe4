//! The report as an HTML page.

mod answers;
mod links;
mod listing;
mod times;
mod why;

use minijinja::value::{Kwargs, Rest, Serde, Value};
use minijinja::{
    AutoEscape, Environment, HtmlEscape, UndefinedBehavior, context, escape_formatter,
};
use serde::Serialize;

use super::data::Report;
use super::filter::Condition;
use super::flight::InFlightView;
use super::preflight::Preflight;
use super::query::Query;
use super::refused::RefusedView;
use super::running::RunningView;
use super::time::time;
use crate::text;
use crate::text::zone;
use answers::Answers;
use links::Links;
use listing::Listing;
use times::Clock;

const TEMPLATE: &str =
    concat!(include_str!("html/status.html.j2"), include_str!("html/lists.html.j2"));

/// What the template shows of the report, apart from answers and lists.
#[derive(Serialize)]
struct Facts<'r> {
    version: &'static str,
    server: &'r str,
    machine: Option<&'r str>,
    time: String,
    check_interval: f64,
    counting_since: Option<String>,
    in_flight: &'r InFlightView,
    running: Vec<RunningView>,
    refused: RefusedView,
    reachable_scopes: usize,
    /// The number of all scopes, whether they were asked for or not.
    all_scopes: usize,
    scope: Option<&'r str>,
    state: Option<&'static str>,
    state_label: Option<&'static str>,
    /// The values of `state` with their labels.
    states: Vec<(&'static str, &'static str)>,
}

/// The page.
///
/// # Errors
/// None in practice: the template is a part of the module, and tests render it.
pub fn page(
    report: &Report<'_>,
    query: &Query,
    preflight: Option<&Preflight>,
) -> Result<String, String> {
    let clock = Clock::new(report.now, zone::of_server());
    let state = report.filter.state;
    let facts = Facts {
        version: env!("CARGO_PKG_VERSION"),
        server: &report.server,
        machine: report.machine.as_deref(),
        time: time(report.now),
        check_interval: report.check_interval,
        counting_since: report.stats.begun().map(time),
        in_flight: &report.in_flight,
        running: report.running(),
        refused: RefusedView::new(report.stats.refused()),
        reachable_scopes: report.reachable().count(),
        all_scopes: report.scopes.iter().filter(|scope| scope.facts.reachable).count(),
        scope: report.filter.scope.as_deref(),
        state: state.map(Condition::name),
        state_label: state.map(Condition::label),
        states: Condition::ALL.map(|state| (state.name(), state.label())).into(),
    };
    let values = context! {
        report => Serde(&facts),
        answers => Serde(Answers::new(report)),
        list => Serde(Listing::new(report, query.page, &clock)),
        preflight => preflight.map(Serde),
        refresh => query.refresh,
        style => Value::from_safe_string(include_str!("html/status.css").into()),
    };
    render(clock, Links::new(query, preflight), values).map_err(|error| error.to_string())
}

fn render(clock: Clock, links: Links, values: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Invisible characters in texts are made visible, except in messages, which are shown as
    // clients see them.
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => {
            escape_formatter(out, state, &Value::from(text::shown(text)))
        }
        _ => escape_formatter(out, state, value),
    });
    environment.add_filter("as_written", |text: String| {
        Value::from_safe_string(HtmlEscape(&text).to_string())
    });
    environment.add_global("zone", clock.zone());
    let of_form = links.clone();
    environment.add_function("link", move |changes: Kwargs| links.with(&changes));
    environment
        .add_function("hidden", move |own: Rest<String>| Value::from(Serde(of_form.hidden(&own))));
    let (of_day, relative) = (clock.clone(), clock);
    environment.add_filter("clock", move |at: String| of_day.show(&at));
    environment.add_filter("relative", move |at: String| relative.relative(&at));
    environment.add_filter("span", times::span);
    environment.add_filter("grouped", grouped);
    environment.template_from_str(TEMPLATE)?.render(values)
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

#[cfg(test)]
mod tests;
