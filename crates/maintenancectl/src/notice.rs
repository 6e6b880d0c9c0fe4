//! What the public is told of the flag, as text and as a mail. The page, the calendar and JSON are
//! those of the module.

pub(crate) mod mail;
pub(crate) mod plain;

use maintenance_core::flag::spec::{FlagSpec, Phase};
use maintenance_core::notice::{Event, EventId, EventState, Language, Notice};

use crate::session::Session;

/// The notice about one flag.
pub(crate) fn of<'s>(host: &'s str, session: &Session, spec: &'s FlagSpec) -> Notice<'s> {
    let (phase, modified) = (spec.phase(session.now), session.modified());
    let id = EventId::new(host, &session.identity());
    Notice::new(host, Event::new(id, spec, modified, phase, session.now).into_iter().collect())
}

/// Nothing is planned.
pub(crate) fn empty(host: &str) -> Notice<'_> {
    Notice::new(host, vec![])
}

/// Whether the public does not know of the flag yet.
pub(crate) fn is_secret(session: &Session, spec: &FlagSpec) -> bool {
    let phase = spec.phase(session.now);
    let is_early = spec.announce_from().is_some_and(|from| from.at() > session.now);
    is_early && matches!(phase, Phase::Announced | Phase::Inactive)
}

/// The events that a text has something to say about.
pub(crate) fn told<'n>(notice: &'n Notice<'_>) -> impl Iterator<Item = &'n Event<'n>> {
    notice.all().iter().filter(|event| event.state != EventState::Over)
}

/// The languages of the flag's texts, English if they have none.
pub(crate) fn languages(spec: &FlagSpec) -> Vec<Language> {
    let (titles, messages) = (spec.titles(), spec.messages());
    let tags = titles.iter().chain(&messages).filter_map(|(tag, _)| *tag);
    // English stands in for a language that has no texts of the module.
    let chosen: Vec<_> = tags.map(|tag| Language::choose(Some(tag.as_bytes())).tag()).collect();
    let known = Language::all().filter(|language| chosen.contains(&language.tag()));
    let known: Vec<_> = known.collect();
    if known.is_empty() { vec![Language::choose(None)] } else { known }
}

/// The language with this tag.
///
/// # Errors
/// The languages that there are.
pub(crate) fn language(tag: &str) -> Result<Language, String> {
    let chosen = Language::choose(Some(tag.as_bytes()));
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
    match primary(tag) == primary(chosen.tag()) {
        true => Ok(chosen),
        false => {
            let tags: Vec<_> = Language::all().map(Language::tag).collect();
            Err(format!("\"{tag}\" is not a language of the notice; write {}", either(&tags)))
        }
    }
}

fn either(words: &[&str]) -> String {
    match words {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        words => words.join(""),
    }
}
