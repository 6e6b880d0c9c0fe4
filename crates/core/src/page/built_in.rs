//! The built-in pages: HTML, plain text, and JSON as defined by RFC 9457.

use minijinja::context;
use once_cell::sync::OnceCell;
use serde_json::{Map, Value, json};

use super::facts::{Facts, VARIABLES};
use super::template::Template;
use super::texts::Texts;
use crate::context::here;
use crate::negotiate::Media;

/// Renders the built-in page of a type with the texts of a language.
pub(super) fn render(
    media: Media,
    texts: &Texts,
    facts: Facts<'_>,
    compiled: &OnceCell<Template>,
) -> Vec<u8> {
    match media {
        Media::Html => html(texts, facts, compiled).unwrap_or_else(|_| text(texts, facts)),
        Media::Json => problem(texts, facts).to_string().into_bytes(),
        Media::Text => text(texts, facts),
    }
}

/// # Errors
/// None in practice: the template is a part of the module, and tests render it.
fn html(texts: &Texts, facts: Facts<'_>, compiled: &OnceCell<Template>) -> Result<Vec<u8>, String> {
    let source = include_str!("built-in.html.j2");
    let known = [&VARIABLES[..], &["texts"]].concat();
    let compile = || Template::compile(Media::Html, source, &known, here);
    let mut values = facts.values(Some(texts.lang));
    let sentences = context! {
        title => texts.title,
        lead => lead(texts, facts),
        later => texts.later,
        waits => texts.waits,
        expected => texts.expected,
        turn => texts.turn,
        overdue => texts.overdue,
        again => texts.again,
    };
    values.insert("texts", sentences);
    compiled.get_or_try_init(compile)?.render(values.into())
}

/// What the maintenance means for the reader.
fn lead(texts: &Texts, facts: Facts<'_>) -> &'static str {
    if facts.closing.is_read_only { texts.read_only } else { texts.lead }
}

fn text(texts: &Texts, facts: Facts<'_>) -> Vec<u8> {
    let title = facts.spec().title(Some(texts.lang)).map_or(texts.title, |(title, _)| title);
    let message = facts.spec().message(Some(texts.lang)).map(|(message, _)| message);
    let end = facts.spec().end().filter(|_| !facts.closing.is_overdue);
    let expected = match facts.turn() {
        Some(turn) => Some(format!("{} {}", texts.turn, turn.text_with_seconds())),
        None => end.map(|end| format!("{} {}", texts.expected, end.text())),
    };
    let overdue = facts.closing.is_overdue.then_some(texts.overdue);
    let parts = [
        Some(title),
        Some(lead(texts, facts)),
        message,
        expected.as_deref(),
        overdue,
        Some(texts.later),
    ];
    let mut text = parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    text.push('\n');
    text.into_bytes()
}

/// The type of the problem in JSON documents (RFC 9457, section 3.1.1), a tag URI (RFC 4151).
const PROBLEM_TYPE: &str = "tag:mod-maintenance.invalid,2026:closed";

/// RFC 9457, section 3.1.
fn problem(texts: &Texts, facts: Facts<'_>) -> Value {
    let title = facts.spec().title(Some(texts.lang)).map_or(texts.title, |(title, _)| title);
    let message = facts.spec().message(Some(texts.lang)).map(|(message, _)| message);
    let mut problem = Map::new();
    let mut set = |name: &str, value: Value| problem.insert(name.into(), value);
    set("type", json!(PROBLEM_TYPE));
    set("title", json!(title));
    set("status", json!(facts.status));
    set("detail", json!(message.unwrap_or(lead(texts, facts))));
    if facts.closing.is_read_only {
        set("readOnly", json!(true));
    }
    if let Some(start) = facts.spec().start() {
        set("start", json!(start.rfc3339()));
    }
    if let Some(end) = facts.spec().end() {
        set("end", json!(end.rfc3339()));
    }
    if let Some(turn) = facts.turn() {
        set("turn", json!(turn.rfc3339()));
    }
    if let Some(seconds) = facts.retry_after {
        set("retryAfter", json!(seconds));
    }
    Value::Object(problem)
}
