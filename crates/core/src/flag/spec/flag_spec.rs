//! The parsed content of a flag.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::flag::share::{Rise, Share};
use crate::net::networks::Networks;
use crate::text::time::Moment;

/// The content of a flag. The default is that of an empty file: closed, without any texts.
#[derive(Debug, Default)]
pub struct FlagSpec {
    /// `closed = false`: the flag is present, but does not close.
    pub(super) is_inactive: bool,
    /// `refuse = "writes"`: requests that only read pass.
    pub(super) is_read_only: bool,
    pub(super) title: Texts,
    pub(super) message: Texts,
    pub(super) start: Option<Moment>,
    pub(super) end: Option<Moment>,
    pub(super) reopens: bool,
    /// `reopen = "gradual"`, within `over` seconds.
    pub(super) is_gradual: bool,
    pub(super) over: Option<u32>,
    pub(super) admit_percent: Option<u8>,
    pub(super) retry_after: Option<u32>,
    pub(super) allow: Networks,
    pub(super) vars: BTreeMap<String, String>,
    pub(super) announce_from: Option<Moment>,
    pub(super) by: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) ticket: Option<String>,
    pub(super) warnings: Vec<String>,
}

/// The phase of the maintenance at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// `closed = false`: open, whatever the times are.
    Inactive,
    /// Before `start`: still open.
    Announced,
    /// Closed.
    Closed,
    /// Past `end`, and still closed.
    Overdue,
    /// Past `end`, and a rising share of the clients passes (`reopen = "gradual"`).
    Reopening,
    /// Past `end`, and open again (`reopen = "auto"` or `"gradual"`).
    Reopened,
}

/// A text for refused clients.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Texts {
    #[default]
    None,
    /// One text for all languages.
    Same(String),
    /// By language tag (BCP 47).
    ByLanguage(BTreeMap<String, String>),
}

impl Texts {
    /// The text for a page in this language, and the text's language if it is known: the page's own
    /// language, or a more general one (`de` for `de-AT`), or English, or the first.
    fn find(&self, language: Option<&str>) -> Option<(&str, Option<&str>)> {
        let texts = match self {
            Self::None => return None,
            Self::Same(text) => return Some((text, None)),
            Self::ByLanguage(texts) => texts,
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

    /// All texts, each with its language if it is known.
    fn all(&self) -> Vec<(Option<&str>, &str)> {
        match self {
            Self::None => vec![],
            Self::Same(text) => vec![(None, text)],
            Self::ByLanguage(texts) => {
                texts.iter().map(|(tag, text)| (Some(tag.as_str()), text.as_str())).collect()
            }
        }
    }
}

impl FlagSpec {
    /// The phase at `now`.
    pub fn phase(&self, now: Timestamp) -> Phase {
        let is_past = |moment: Option<Moment>| moment.is_some_and(|moment| moment.at() <= now);
        if self.is_inactive {
            Phase::Inactive
        } else if self.start.is_some() && !is_past(self.start) {
            Phase::Announced
        } else if !is_past(self.end) {
            Phase::Closed
        } else if self.rise().is_some_and(|rise| now < rise.end()) {
            Phase::Reopening
        } else if self.reopens {
            Phase::Reopened
        } else {
            Phase::Overdue
        }
    }

    /// The message for a page in this language, and the message's language if it is known: the
    /// page's own language, or a more general one (`de` for `de-AT`), or English, or the first.
    pub fn message(&self, language: Option<&str>) -> Option<(&str, Option<&str>)> {
        self.message.find(language)
    }

    /// The heading of the page, chosen by language as the message is; None for the built-in one.
    pub fn title(&self, language: Option<&str>) -> Option<(&str, Option<&str>)> {
        self.title.find(language)
    }

    /// The messages, each with its language if it is known.
    pub fn messages(&self) -> Vec<(Option<&str>, &str)> {
        self.message.all()
    }

    /// The headings, each with its language if it is known.
    pub fn titles(&self) -> Vec<(Option<&str>, &str)> {
        self.title.all()
    }

    /// When the closing is to be announced; None if it is announced as soon as the flag appears.
    pub fn announce_from(&self) -> Option<Moment> {
        self.announce_from
    }

    /// Who closes the scope. For administrators only, like [`FlagSpec::reason`] and
    /// [`FlagSpec::ticket`].
    pub fn by(&self) -> Option<&str> {
        self.by.as_deref()
    }

    /// Why the scope is closed.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The number of the change or the ticket.
    pub fn ticket(&self) -> Option<&str> {
        self.ticket.as_deref()
    }

    /// Whether the scope reopens automatically at the end.
    pub fn reopens(&self) -> bool {
        self.reopens
    }

    fn rise(&self) -> Option<Rise> {
        let over = self.over.filter(|_| self.is_gradual)?;
        Some(Rise { from: self.end?, over: Duration::from_secs(over.into()) })
    }

    /// The share of the clients that the flag admits; None if it admits none in this way.
    pub fn share(&self) -> Option<Share> {
        let rise = self.rise();
        let is_shared = self.admit_percent.is_some() || rise.is_some();
        is_shared.then(|| Share { percent: self.admit_percent.unwrap_or(0), rise })
    }

    /// The share of the clients that the content names, in per cent.
    pub fn admit_percent(&self) -> Option<u8> {
        self.admit_percent
    }

    /// Within how many seconds from the end on the scope reopens, if it does so gradually.
    pub fn over(&self) -> Option<u32> {
        self.over.filter(|_| self.is_gradual)
    }

    /// When the scope is open for all: at the end, or after the time within which it reopens. None
    /// if it does not reopen automatically.
    pub fn open_from(&self) -> Option<Moment> {
        let end = self.end.filter(|_| self.reopens)?;
        Some(self.rise().map_or(end, |rise| end.moved_to(rise.end())))
    }

    /// Whether the flag refuses writes alone, so that requests that only read pass.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
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
        self.message == Texts::None
            && self.title == Texts::None
            && !self.is_read_only
            && self.share().is_none()
            && self.start.is_none()
            && self.end.is_none()
            && self.retry_after.is_none()
            && self.vars.is_empty()
    }

    /// Whether there is nothing to tell administrators either.
    pub fn is_empty(&self) -> bool {
        self.is_silent() && [&self.by, &self.reason, &self.ticket].iter().all(|text| text.is_none())
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
        use Phase::{Announced, Closed, Inactive, Overdue, Reopened, Reopening};
        let (start, end) = ("start = 2026-11-22T22:00:00Z", "end = 2026-11-22T23:00:00Z");
        let (auto, no) = ("reopen = \"auto\"", "closed = false");
        let gradual = "reopen = \"gradual\"\nover = \"59m\"";
        for (lines, expected) in [
            (vec![], [Closed, Closed, Closed, Closed, Closed]),
            (vec![start], [Announced, Closed, Closed, Closed, Closed]),
            (vec![end], [Closed, Closed, Closed, Overdue, Overdue]),
            (vec![end, auto], [Closed, Closed, Closed, Reopened, Reopened]),
            (vec![start, end], [Announced, Closed, Closed, Overdue, Overdue]),
            (vec![start, end, auto], [Announced, Closed, Closed, Reopened, Reopened]),
            (vec![end, gradual], [Closed, Closed, Closed, Reopening, Reopened]),
            (vec![start, end, gradual], [Announced, Closed, Closed, Reopening, Reopened]),
            (
                vec![end, gradual, "admit_percent = 100"],
                [Closed, Closed, Closed, Reopening, Reopened],
            ),
            (vec![no, end, gradual], [Inactive; 5]),
            (vec!["closed = true"], [Closed, Closed, Closed, Closed, Closed]),
            (vec![no], [Inactive; 5]),
            (vec![no, start, end], [Inactive; 5]),
            (vec![no, end, auto], [Inactive; 5]),
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
