//! What a hook is told of a change, as JSON on its standard input.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maintenance_core::flag::spec::{FlagSpec, Phase};
use maintenance_core::notice::{Event, EventId, Language, Notice, json};
use serde::Serialize;
use serde_json::Value;

use crate::notice::{self, plain};
use crate::session::{Present, Session};

/// What the command has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Announce,
    Close,
    Extend,
    Open,
}

/// A change that has been made.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) action: Action,
    /// The flag before. None: there was none, or its content could not be used.
    pub(crate) before: Option<&'a Present>,
    /// The flag's new content. None: there is no flag any more.
    pub(crate) after: Option<&'a FlagSpec>,
}

#[derive(Serialize)]
struct Document<'a> {
    action: Action,
    state: &'static str,
    before: &'static str,
    at: String,
    public: bool,
    host: &'a str,
    id: &'a str,
    start: Option<String>,
    end: Option<String>,
    title: &'a str,
    message: Option<&'a str>,
    titles: BTreeMap<&'static str, &'a str>,
    messages: BTreeMap<&'static str, &'a str>,
    text: Option<String>,
    event: Value,
    private: Private<'a>,
}

/// What is for administrators alone.
#[derive(Serialize)]
struct Private<'a> {
    flag: String,
    by: Option<&'a str>,
    reason: Option<&'a str>,
    ticket: Option<&'a str>,
}

impl Change<'_> {
    /// The document for hooks.
    ///
    /// # Errors
    /// None in practice: every value has a form in JSON.
    pub(crate) fn json(&self, host: &str, session: &Session) -> Result<Vec<u8>, String> {
        let now = session.now;
        let nothing = FlagSpec::default();
        let before = self.before.and_then(|present| present.spec.as_ref().ok());
        let spec = self.after.or(before).unwrap_or(&nothing);
        let languages = notice::languages(spec);
        let first = languages.first().copied().unwrap_or_else(|| Language::choose(None));
        let id = EventId::new(host, &session.identity());
        // Once the site is open, the texts are those of before.
        let phase = match (self.after, self.before) {
            (Some(spec), _) => spec.phase(now),
            (None, Some(present)) => present.phase(now),
            (None, None) => Phase::Closed,
        };
        let event = Event::new(id.clone(), spec, session.modified(), phase, now);
        let title = event.as_ref().map_or_else(
            || spec.title(Some(first.tag())).map_or("", |(title, _)| title),
            |event| event.title(first).0,
        );
        let titles = |language: &Language| {
            event.as_ref().map(|event| (language.tag(), event.title(*language).0))
        };
        let titles = languages.iter().filter_map(titles).collect();
        let messages = |language: &Language| {
            spec.message(Some(language.tag())).map(|(message, _)| (language.tag(), message))
        };
        let messages = languages.iter().filter_map(messages).collect();
        let is_public = !notice::is_secret(session, spec);
        let notice =
            Notice::new(host, event.into_iter().filter(|_| self.after.is_some()).collect());
        let text = notice::told(&notice).next().map(|_| plain::render(&notice, &languages));
        let document = Document {
            action: self.action,
            state: self.after.map_or("open", |spec| state(spec, spec.phase(now), now)),
            before: match self.before {
                Some(present) => state(before.unwrap_or(&nothing), present.phase(now), now),
                None => "open",
            },
            at: session.moment(now).rfc3339(),
            public: is_public,
            host,
            id: id.as_str(),
            start: spec.start().map(|start| start.rfc3339()),
            end: spec.end().map(|end| end.rfc3339()),
            title,
            message: spec.message(Some(first.tag())).map(|(message, _)| message),
            titles,
            messages,
            text,
            event: public_event(&notice, first)?,
            private: Private {
                flag: session.identity().display().to_string(),
                by: spec.by(),
                reason: spec.reason(),
                ticket: spec.ticket(),
            },
        };
        serde_json::to_vec(&document).map_err(|error| error.to_string())
    }
}

/// The event as `upcoming.json` has it; null if there is none.
fn public_event(notice: &Notice<'_>, language: Language) -> Result<Value, String> {
    let bytes = json::render(notice, language)?;
    let mut document: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    let event = document.pointer_mut("/scheduled_maintenances/0").map(Value::take);
    Ok(event.unwrap_or(Value::Null))
}

/// The state of the site, in the words of the response header field `Maintenance`.
fn state(spec: &FlagSpec, phase: Phase, now: Timestamp) -> &'static str {
    let admits_share = || spec.share().is_some_and(|share| share.percent_at(now) > 0.0);
    match phase {
        Phase::Inactive | Phase::Reopened => "open",
        Phase::Announced => "announced",
        _ if spec.is_read_only() => "read-only",
        Phase::Reopening => "reopening",
        Phase::Closed | Phase::Overdue if admits_share() => "reopening",
        Phase::Closed | Phase::Overdue => "closed",
    }
}
