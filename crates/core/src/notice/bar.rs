//! The notice as a script that shows a bar on the site's own pages.
//!
//! The texts go into the script as a JSON document, and from there into the page as text. While
//! nothing is announced or going on, the script only asks again.

use serde::Serialize;
use serde_json::json;

use super::texts::Language;
use super::{Event, EventState, Notice};

/// Asks again every minute.
const POLL: &str = include_str!("poll.js");

/// Shows the bar.
const BAR: &str = include_str!("bar.js");

/// Removes the bar.
const NOTHING: &str = "b&&b.remove();";

/// Where the document goes in [`BAR`].
const DATA: &str = "'DATA'";

#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    state: &'static str,
    read_only: bool,
    /// In milliseconds, as scripts count.
    start: Option<i64>,
    end: Option<i64>,
    title: &'a str,
    title_lang: Option<&'a str>,
    lead: &'static str,
    message: Option<&'a str>,
    message_lang: Option<&'a str>,
}

/// Renders the notice with the texts of a language.
///
/// # Errors
/// None in practice: every value has a form in JSON.
pub fn render(notice: &Notice<'_>, language: Language) -> Result<Vec<u8>, String> {
    if notice.state().is_none() {
        return Ok(whole(NOTHING).into_bytes());
    }
    let texts = language.texts();
    let events: Vec<_> = notice.current().map(|event| of(event, language)).collect();
    let data = json!({
        "lang": language.tag(),
        "label": texts.planned,
        "soon": texts.soon,
        "soon_read_only": texts.soon_read_only,
        "ends": texts.ends,
        "details": texts.details,
        "dismiss": texts.dismiss,
        "events": events,
    });
    let data = serde_json::to_string(&data).map_err(|error| error.to_string())?;
    // In case somebody puts the script into a page.
    let data = data.replace('<', "\\u003c").replace('\u{2028}', "\\u2028");
    let data = data.replace('\u{2029}', "\\u2029");
    Ok(whole(&short(BAR)).replacen(DATA, &data, 1).into_bytes())
}

/// A whole script, which ends with this part.
fn whole(part: &str) -> String {
    format!("(function(d,w){{{}{part}}})(document,window);\n", short(POLL))
}

/// The script without its comments and its indentation.
fn short(script: &str) -> String {
    let lines = script.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn of<'a>(event: &'a Event<'a>, language: Language) -> Item<'a> {
    let (title, title_lang) = event.title(language);
    let (message, message_lang) = event.message(language).unzip();
    Item {
        id: event.id.as_str(),
        state: match event.state {
            EventState::Announced => "announced",
            EventState::ReadOnly => "read-only",
            _ => "closed",
        },
        read_only: event.is_read_only(),
        start: event.start().map(|start| start.at().as_millisecond()),
        end: event.end().filter(|_| !event.is_overdue).map(|end| end.at().as_millisecond()),
        title,
        title_lang,
        lead: event.lead(language),
        message,
        message_lang: message_lang.flatten(),
    }
}
