//! The parsed content of a flag.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::net::networks::Networks;
use crate::text::time::Moment;

/// The content of a flag. The default is that of an empty file: closed, without any texts.
#[derive(Debug, Default)]
pub struct FlagSpec {
    pub(super) message: Message,
    pub(super) start: Option<Moment>,
    pub(super) end: Option<Moment>,
    pub(super) reopens: bool,
    pub(super) retry_after: Option<u32>,
    pub(super) allow: Networks,
    pub(super) vars: BTreeMap<String, String>,
    pub(super) warnings: Vec<String>,
}

/// The phase of the maintenance at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before `start`: still open.
    Announced,
    /// Closed.
    Closed,
    /// Past `end`, and still closed.
    Overdue,
    /// Past `end`, and open again (`reopen = "auto"`).
    Reopened,
}

/// The message to refused clients.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Message {
    #[default]
    None,
    /// One message for all languages.
    Same(String),
    /// By language tag (BCP 47).
    ByLanguage(BTreeMap<String, String>),
}

impl FlagSpec {
    /// The phase at `now`.
    pub fn phase(&self, now: Timestamp) -> Phase {
        let is_past = |moment: Option<Moment>| moment.is_some_and(|moment| moment.at() <= now);
        if self.start.is_some() && !is_past(self.start) {
            Phase::Announced
        } else if !is_past(self.end) {
            Phase::Closed
        } else if self.reopens {
            Phase::Reopened
        } else {
            Phase::Overdue
        }
    }

    /// The message for a page in this language, and the message's language if it is known: the
    /// page's own language, or a more general one (`de` for `de-AT`), or English, or the first.
    pub fn message(&self, language: Option<&str>) -> Option<(&str, Option<&str>)> {
        let texts = match &self.message {
            Message::None => return None,
            Message::Same(text) => return Some((text, None)),
            Message::ByLanguage(texts) => texts,
        };
        let find = |wanted: &str| texts.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(wanted));
        let mut wanted = language.unwrap_or("en");
        let mut found = find(wanted);
        while let (None, Some((shorter, _))) = (found, wanted.rsplit_once('-')) {
            wanted = shorter;
            found = find(wanted);
        }
        let (tag, text) = found.or_else(|| find("en")).or_else(|| texts.iter().next())?;
        Some((text, Some(tag)))
    }

    /// The messages, each with its language if it is known.
    pub fn messages(&self) -> Vec<(Option<&str>, &str)> {
        match &self.message {
            Message::None => vec![],
            Message::Same(text) => vec![(None, text)],
            Message::ByLanguage(texts) => {
                texts.iter().map(|(tag, text)| (Some(tag.as_str()), text.as_str())).collect()
            }
        }
    }

    /// Whether the scope reopens automatically at the end.
    pub fn reopens(&self) -> bool {
        self.reopens
    }

    /// The start of the maintenance; None if it starts when the flag appears.
    pub fn start(&self) -> Option<Moment> {
        self.start
    }

    /// The end of the maintenance; None if it is not known.
    pub fn end(&self) -> Option<Moment> {
        self.end
    }

    /// The flag's own Retry-After, in seconds.
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after
    }

    /// Networks whose clients pass this flag, in addition to the allowlist. The number is always 0.
    pub fn allow(&self) -> &Networks {
        &self.allow
    }

    /// Texts for templates.
    pub fn vars(&self) -> &BTreeMap<String, String> {
        &self.vars
    }

    /// Ignored parts of the content, each with its line, such as unknown keys.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether there is nothing to show to refused clients.
    pub fn is_silent(&self) -> bool {
        self.message == Message::None
            && self.start.is_none()
            && self.end.is_none()
            && self.retry_after.is_none()
            && self.vars.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn spec(text: &str) -> FlagSpec {
        FlagSpec::parse(text.as_bytes(), &TimeZone::UTC).expect(text)
    }

    #[test]
    fn phases() {
        use Phase::{Announced, Closed, Overdue, Reopened};
        let (start, end) = ("start = 2026-11-22T22:00:00Z", "end = 2026-11-22T23:00:00Z");
        let auto = "reopen = \"auto\"";
        for (lines, expected) in [
            (vec![], [Closed, Closed, Closed, Closed, Closed]),
            (vec![start], [Announced, Closed, Closed, Closed, Closed]),
            (vec![end], [Closed, Closed, Closed, Overdue, Overdue]),
            (vec![end, auto], [Closed, Closed, Closed, Reopened, Reopened]),
            (vec![start, end], [Announced, Closed, Closed, Overdue, Overdue]),
            (vec![start, end, auto], [Announced, Closed, Closed, Reopened, Reopened]),
        ] {
            let spec = spec(&lines.join("\n"));
            let times = ["21:59:59.999999", "22:00:00", "22:59:59.999999", "23:00:00", "23:59:59"];
            let phases = times
                .map(|time| spec.phase(format!("2026-11-22T{time}Z").parse().expect("a time")));
            assert_eq!(phases, expected, "{lines:?}");
        }
    }

    #[test]
    fn messages() {
        let table = "message = { de = 'Hallo', EN = 'hello', 'pt-BR' = 'ola' }";
        for (content, language, expected) in [
            ("", Some("de"), None),
            ("message = 'x'", Some("de"), Some(("x", None))),
            (table, Some("de"), Some(("Hallo", Some("de")))),
            (table, Some("DE-at"), Some(("Hallo", Some("de")))),
            (table, Some("pt-BR"), Some(("ola", Some("pt-BR")))),
            (table, Some("pt"), Some(("hello", Some("EN")))),
            (table, Some("fr"), Some(("hello", Some("EN")))),
            (table, None, Some(("hello", Some("EN")))),
            ("[message]\nfr = 'x'\nit = 'y'", Some("ja"), Some(("x", Some("fr")))),
            ("message = {}", Some("de"), None),
        ] {
            assert_eq!(spec(content).message(language), expected, "{content} {language:?}");
        }
    }
}
