//! The report as an HTML page.

mod answers;
mod times;

use form_urlencoded::Serializer;
use minijinja::value::{Serde, Value};
use minijinja::{
    AutoEscape, Environment, HtmlEscape, UndefinedBehavior, context, escape_formatter,
};

use super::data::Report;
use super::preflight::Preflight;
use super::query::Query;
use crate::text;
use crate::text::zone;
use answers::Answers;
use times::Clock;

/// The page.
///
/// # Errors
/// None in practice: the template is a part of the module, and tests render it.
pub fn page(
    report: &Report,
    query: &Query,
    preflight: Option<&Preflight>,
) -> Result<String, String> {
    let clock = Clock::new(report.time.parse().unwrap_or_default(), zone::of_server());
    let refresh = query.refresh;
    let values = context! {
        report => Serde(report),
        answers => Serde(Answers::new(report)),
        preflight => preflight.map(Serde),
        refresh,
        style => Value::from_safe_string(include_str!("html/status.css").into()),
    };
    render(clock, same(preflight), values).map_err(|error| error.to_string())
}

fn render(clock: Clock, same: String, values: Value) -> Result<String, minijinja::Error> {
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
    environment.add_function("same", move |more: String| match same.as_str() {
        "" => format!("?{more}"),
        same => format!("?{same}&{more}"),
    });
    let (of_day, relative) = (clock.clone(), clock);
    environment.add_filter("clock", move |at: String| of_day.show(&at));
    environment.add_filter("relative", move |at: String| relative.relative(&at));
    environment.add_filter("span", times::span);
    environment.add_filter("grouped", grouped);
    environment.template_from_str(include_str!("html/status.html.j2"))?.render(values)
}

/// The part of a query string that repeats the question.
fn same(preflight: Option<&Preflight>) -> String {
    let Some(preflight) = preflight else {
        return String::new();
    };
    let mut query = Serializer::new(String::new());
    query.append_pair("client", &preflight.client).append_pair("path", &preflight.path);
    if let Some(host) = &preflight.host {
        query.append_pair("host", host);
    }
    query.finish()
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
