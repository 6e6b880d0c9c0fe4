//! The notice as an HTML page.

use minijinja::context;
use minijinja::value::Value;

use super::texts::Language;
use super::{Event, EventState, Notice};
use crate::context::here;
use crate::negotiate::Media;
use crate::page::Template;

/// The variables of the template.
const VARIABLES: [&str; 6] = ["lang", "host", "texts", "events", "state", "base"];

/// Renders the notice with the texts of a language. The addresses of the other formats are relative
/// to `base`, the last segment of the page's own path.
///
/// # Errors
/// None in practice: the template is a part of the module, and tests render it.
pub fn render(notice: &Notice<'_>, language: Language, base: &str) -> Result<Vec<u8>, String> {
    // Compiled each time, because a static would be lost memory once httpd unloads the module, and
    // because the renderings are kept.
    let template = Template::compile(Media::Html, include_str!("page.html.j2"), &VARIABLES, here)?;
    let (page, texts) = (language.page(), language.texts());
    let events: Vec<_> = notice.current().map(|event| of(event, language)).collect();
    let values = context! {
        lang => language.tag(),
        host => notice.host(),
        events,
        state => notice.state().map_or("none", name),
        base,
        texts => context! {
            nothing => texts.nothing,
            planned => texts.planned,
            closed => page.title,
            overdue => page.overdue,
            begins => texts.begins,
            ends => texts.ends,
            calendar => texts.calendar,
        },
    };
    template.render(values)
}

fn of(event: &Event<'_>, language: Language) -> Value {
    let (title, title_lang) = event.title(language);
    let (message, message_lang) = event.message(language).unzip();
    context! {
        state => name(event.state),
        title,
        title_lang,
        lead => event.lead(language),
        message,
        message_lang => message_lang.flatten(),
        start => event.start().map(|start| start.rfc3339()),
        start_text => event.start().map(|start| start.text()),
        end => event.end().filter(|_| !event.is_overdue).map(|end| end.rfc3339()),
        end_text => event.end().map(|end| end.text()),
        overdue => event.is_overdue,
    }
}

/// The state as a class of the page.
fn name(state: EventState) -> &'static str {
    match state {
        EventState::Cancelled => "cancelled",
        EventState::Over => "over",
        EventState::Announced => "announced",
        EventState::ReadOnly => "read-only",
        EventState::Reopening => "reopening",
        EventState::Closed => "closed",
    }
}
