//! The flags in the report.

use std::collections::BTreeMap;
use std::path::Path;
use std::ptr;

use jiff::Timestamp;
use serde::Serialize;

use super::network::network;
use super::time::time;
use crate::flag::spec::{FlagSpec, Phase};
use crate::flag::{self, Flag, FlagReport};
use crate::net::networks::Entry;
use crate::text::user;

/// What is known about each flag.
pub(super) struct Flags<'a> {
    /// In the order of the paths.
    list: Vec<FlagFacts<'a>>,
    /// The place of each flag in the list, in the order of the addresses of the flags.
    places: Vec<(usize, usize)>,
}

/// What is known about a flag.
pub(super) struct FlagFacts<'a> {
    pub(super) flag: &'a Flag<'static>,
    pub(super) report: FlagReport,
    pub(super) state: FlagState,
    /// Why the content cannot be used, or the flag cannot be seen or created.
    pub(super) error: Option<String>,
}

impl<'a> Flags<'a> {
    pub(super) fn new(flags: Vec<&'a Flag<'static>>) -> Self {
        let mut missing = BTreeMap::new(); // many flags are in the same folder
        let mut is_folder_missing = |path: &'a Path| {
            let is_missing = || flag::is_folder_missing(path);
            *missing.entry(path.parent()).or_insert_with(is_missing)
        };
        let list: Vec<_> =
            flags.into_iter().map(|flag| FlagFacts::new(flag, &mut is_folder_missing)).collect();
        let places = list.iter().enumerate();
        let mut places: Vec<_> =
            places.map(|(place, facts)| (ptr::from_ref(facts.flag).addr(), place)).collect();
        places.sort_unstable();
        Self { list, places }
    }

    /// All flags, in the order of their paths.
    pub(super) fn iter(&self) -> impl Iterator<Item = &FlagFacts<'a>> {
        self.list.iter()
    }

    /// The place of a flag among all flags.
    pub(super) fn place_of(&self, flag: &Flag<'static>) -> Option<usize> {
        let address = ptr::from_ref(flag).addr();
        let found = self.places.binary_search_by_key(&address, |(address, _)| *address).ok()?;
        self.places.get(found).map(|(_, place)| *place)
    }

    pub(super) fn facts_of(&self, flag: &Flag<'static>) -> Option<&FlagFacts<'a>> {
        self.place_of(flag).and_then(|place| self.list.get(place))
    }

    #[cfg(test)]
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut FlagFacts<'a>> {
        self.list.iter_mut()
    }
}

impl<'a> FlagFacts<'a> {
    fn new(flag: &'a Flag<'static>, is_folder_missing: impl FnOnce(&'a Path) -> bool) -> Self {
        let report = flag.report();
        let state = FlagState::of(&report);
        let content = report.content.as_ref().and_then(|content| content.error());
        let error = match content {
            Some(error) => Some(error),
            None if report.is_denied => {
                Some("exists, but httpd may not access it; see the error log")
            }
            None if report.is_unseen => Some("cannot be seen; see the error log"),
            None if state == FlagState::Absent
                && flag.is_looked_at_always()
                && is_folder_missing(flag.path()) =>
            {
                Some("its folder does not exist, so the flag cannot be created")
            }
            None => None,
        };
        let error = error.map(str::to_owned);
        Self { flag, report, state, error }
    }

    /// The share of the clients that is admitted now, in per cent.
    pub(super) fn share(&self, now: Timestamp) -> Option<f64> {
        self.report.percent_at(now).map(|percent| (percent * 100.0).round() / 100.0)
    }

    /// The number of networks that were admitted until a time that has passed.
    pub(super) fn expired(&self, now: Timestamp) -> usize {
        let spec = self.report.content.as_ref().map(|content| content.spec());
        allowed(spec, |entry| entry.is_expired(now)).len()
    }

    /// Whether the flag has something to say: it is present, or in error.
    pub(super) fn is_speaking(&self) -> bool {
        self.state != FlagState::Absent || self.error.is_some()
    }
}

/// A flag.
#[derive(Debug, Serialize)]
pub(super) struct FlagView {
    pub(super) path: String,
    pub(super) state: FlagState,
    /// Whether the flag closes its scopes.
    pub(super) closes: bool,
    /// When the last change was noticed.
    pub(super) changed: Option<String>,
    /// The modification time. For a file created by `touch`, the time of that command.
    pub(super) modified: Option<String>,
    owner: Option<String>,
    /// The kind of file.
    kind: Option<&'static str>,
    /// The flag was deleted at its source but is still mounted here.
    deleted: bool,
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
    pub(super) reopens: bool,
    /// In seconds.
    retry_after: Option<u32>,
    /// `all` or `writes`.
    pub(super) refuse: &'static str,
    /// The share of the clients that is named, in per cent.
    admit_percent: Option<u8>,
    /// Within how many seconds the scopes reopen from the end on.
    over: Option<u32>,
    /// The share of the clients that is admitted now, in per cent.
    pub(super) share: Option<f64>,
    announce_from: Option<String>,
    titles: Vec<MessageView>,
    messages: Vec<MessageView>,
    pub(super) by: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) ticket: Option<String>,
    /// The networks that are admitted, some of them ` until=TIME`.
    allow: Vec<String>,
    /// The networks that were admitted until a time that has passed.
    expired: Vec<String>,
    /// Why the content cannot be used.
    pub(super) error: Option<String>,
    warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FlagState {
    Absent,
    /// The flag exists, but its content says that it does not close.
    Inactive,
    Announced,
    Closed,
    Overdue,
    /// The end has passed, and a rising share of the clients passes.
    Reopening,
    /// The flag exists, but its end has passed and the scope is open again.
    Reopened,
    /// No process has been able to find out whether the flag exists.
    Unknown,
}

impl FlagState {
    fn of(report: &FlagReport) -> Self {
        match report.phase {
            Some(Phase::Inactive) => Self::Inactive,
            Some(Phase::Announced) => Self::Announced,
            Some(Phase::Closed) => Self::Closed,
            Some(Phase::Overdue) => Self::Overdue,
            Some(Phase::Reopening) => Self::Reopening,
            Some(Phase::Reopened) => Self::Reopened,
            None if report.closes => Self::Unknown,
            None => Self::Absent,
        }
    }

    pub(super) const ALL: [Self; 8] = [
        Self::Absent,
        Self::Inactive,
        Self::Announced,
        Self::Closed,
        Self::Overdue,
        Self::Reopening,
        Self::Reopened,
        Self::Unknown,
    ];

    /// The name in the JSON.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Inactive => "inactive",
            Self::Announced => "announced",
            Self::Closed => "closed",
            Self::Overdue => "overdue",
            Self::Reopening => "reopening",
            Self::Reopened => "reopened",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Serialize)]
struct MessageView {
    /// A language tag; None for the message without a language.
    language: Option<String>,
    text: String,
}

impl FlagView {
    pub(super) fn new(facts: &FlagFacts<'_>, now: Timestamp) -> Self {
        let FlagFacts { flag, report, state, error } = facts;
        let spec = report.content.as_ref().map(|content| content.spec());
        let messages = spec.map(|spec| spec.messages()).unwrap_or_default();
        let titles = spec.map(|spec| spec.titles()).unwrap_or_default();
        let of_spec = |text: fn(&FlagSpec) -> Option<&str>| spec.and_then(text).map(str::to_owned);
        let message = |(language, text): (Option<&str>, &str)| MessageView {
            language: language.map(str::to_owned),
            text: text.to_owned(),
        };
        Self {
            path: flag.path().display().to_string(),
            state: *state,
            closes: report.closes,
            changed: report.changed.map(time),
            modified: report.modified.map(time),
            owner: report.owner.map(user::name),
            kind: report.kind.map(|kind| kind.form.name()),
            deleted: report.kind.is_some_and(|kind| kind.is_deleted),
            start: spec.and_then(|spec| spec.start()).map(|start| start.rfc3339()),
            end: spec.and_then(|spec| spec.end()).map(|end| end.rfc3339()),
            reopens: spec.is_some_and(|spec| spec.reopens()),
            retry_after: spec.and_then(|spec| spec.retry_after()),
            refuse: match spec.is_some_and(FlagSpec::is_read_only) {
                true => "writes",
                false => "all",
            },
            admit_percent: spec.and_then(FlagSpec::admit_percent),
            over: spec.and_then(FlagSpec::over),
            share: facts.share(now),
            announce_from: spec.and_then(|spec| spec.announce_from()).map(|from| from.rfc3339()),
            titles: titles.into_iter().map(message).collect(),
            messages: messages.into_iter().map(message).collect(),
            by: of_spec(FlagSpec::by),
            reason: of_spec(FlagSpec::reason),
            ticket: of_spec(FlagSpec::ticket),
            allow: allowed(spec, |entry| !entry.is_expired(now)),
            expired: allowed(spec, |entry| entry.is_expired(now)),
            error: error.clone(),
            warnings: spec.map(|spec| spec.warnings().to_vec()).unwrap_or_default(),
        }
    }
}

/// The networks in a flag's `allow` for which `is_shown` returns true.
fn allowed(window: Option<&FlagSpec>, is_shown: impl Fn(&Entry) -> bool) -> Vec<String> {
    let entries = window.into_iter().flat_map(|window| window.allow().iter());
    let text = |entry: Entry| match entry.until {
        Some(until) => format!("{} until={}", network(entry.network), time(until)),
        None => network(entry.network),
    };
    entries.filter(is_shown).map(text).collect()
}
