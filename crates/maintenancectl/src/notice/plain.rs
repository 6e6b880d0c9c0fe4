//! The notice as plain text, for a terminal, a chat and the text of a mail.

use maintenance_core::notice::{Event, Language, Notice};

/// Between two languages.
const RULE: &str = "\n----------\n\n";

/// Renders the notice in these languages, one after the other.
pub(crate) fn render(notice: &Notice<'_>, languages: &[Language]) -> String {
    let texts: Vec<_> = languages.iter().map(|language| in_one(notice, *language)).collect();
    texts.join(RULE)
}

fn in_one(notice: &Notice<'_>, language: Language) -> String {
    let events: Vec<_> = super::told(notice).map(|event| of(event, language)).collect();
    match events.is_empty() {
        true => format!("{}\n", language.nothing()),
        false => events.join("\n"),
    }
}

fn of(event: &Event<'_>, language: Language) -> String {
    let mut text = format!("{}\n", line(event.title(language).0));
    if let Some((message, _)) = event.message(language) {
        text += &format!("\n{}\n", message.trim_end_matches('\n'));
    }
    text += &format!("\n{}\n", event.lead(language));
    if let Some(start) = event.start() {
        text += &format!("{} {}\n", language.begins(), start.text());
    }
    match event.end() {
        Some(_) if event.is_overdue => text += &format!("{}\n", language.overdue()),
        Some(end) => text += &format!("{} {}\n", language.ends(), end.text()),
        None => {}
    }
    text
}

/// A text of the flag on one line.
pub(crate) fn line(text: &str) -> String {
    let is_end = |letter: char| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
    let words: Vec<_> = text.split(is_end).map(str::trim).filter(|part| !part.is_empty()).collect();
    words.join(" ")
}
