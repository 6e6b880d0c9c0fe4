//! The flags in the report.

use jiff::Timestamp;
use serde::Serialize;

use super::scopes;
use super::time::time;
use crate::flag::Flag;
use crate::flag::spec::{FlagSpec, Phase};
use crate::net::networks::Entry;
use crate::text::user;

/// A flag.
#[derive(Debug, Serialize)]
pub(super) struct FlagView {
    pub(super) path: String,
    pub(super) state: FlagState,
    /// Whether the flag closes its scopes.
    pub(super) closes: bool,
    /// When the last change was noticed.
    changed: Option<String>,
    /// The modification time. For a file created by `touch`, the time of that command.
    modified: Option<String>,
    owner: Option<String>,
    /// The kind of file.
    kind: Option<&'static str>,
    /// The flag was deleted at its source but is still mounted here.
    deleted: bool,
    start: Option<String>,
    end: Option<String>,
    reopens: bool,
    /// In seconds.
    retry_after: Option<u32>,
    /// `all` or `writes`.
    refuse: &'static str,
    /// The share of the clients that is named, in per cent.
    admit_percent: Option<u8>,
    /// Within how many seconds the scopes reopen from the end on.
    over: Option<u32>,
    /// The share of the clients that is admitted now, in per cent.
    pub(super) share: Option<f64>,
    announce_from: Option<String>,
    titles: Vec<MessageView>,
    messages: Vec<MessageView>,
    by: Option<String>,
    reason: Option<String>,
    ticket: Option<String>,
    /// The networks that are admitted, some of them ` until=TIME`.
    allow: Vec<String>,
    /// The networks that were admitted until a time that has passed.
    pub(super) expired: Vec<String>,
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
    pub(super) fn new(flag: &Flag<'_>, now: Timestamp) -> Self {
        let report = flag.report();
        let spec = report.content.as_ref().map(|content| content.spec());
        let error = report.content.as_ref().and_then(|content| content.error()).map(str::to_owned);
        let unseen = match () {
            () if report.is_denied => {
                Some("exists, but httpd may not access it; see the error log")
            }
            () if report.is_unseen => Some("cannot be seen; see the error log"),
            () if report.is_folder_missing => {
                Some("its folder does not exist, so the flag cannot be created")
            }
            () => None,
        };
        let messages = spec.map(|spec| spec.messages()).unwrap_or_default();
        let titles = spec.map(|spec| spec.titles()).unwrap_or_default();
        let of_spec = |text: fn(&FlagSpec) -> Option<&str>| spec.and_then(text).map(str::to_owned);
        let message = |(language, text): (Option<&str>, &str)| MessageView {
            language: language.map(str::to_owned),
            text: text.to_owned(),
        };
        Self {
            path: flag.path().display().to_string(),
            state: match report.phase {
                Some(Phase::Inactive) => FlagState::Inactive,
                Some(Phase::Announced) => FlagState::Announced,
                Some(Phase::Closed) => FlagState::Closed,
                Some(Phase::Overdue) => FlagState::Overdue,
                Some(Phase::Reopening) => FlagState::Reopening,
                Some(Phase::Reopened) => FlagState::Reopened,
                None if report.closes => FlagState::Unknown,
                None => FlagState::Absent,
            },
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
            share: report.percent_at(now).map(|percent| (percent * 100.0).round() / 100.0),
            announce_from: spec.and_then(|spec| spec.announce_from()).map(|from| from.rfc3339()),
            titles: titles.into_iter().map(message).collect(),
            messages: messages.into_iter().map(message).collect(),
            by: of_spec(FlagSpec::by),
            reason: of_spec(FlagSpec::reason),
            ticket: of_spec(FlagSpec::ticket),
            allow: allowed(spec, |entry| !entry.is_expired(now)),
            expired: allowed(spec, |entry| entry.is_expired(now)),
            error: error.or(unseen.map(str::to_owned)),
            warnings: spec.map(|spec| spec.warnings().to_vec()).unwrap_or_default(),
        }
    }
}

/// The networks in a flag's `allow` for which `is_shown` returns true.
fn allowed(window: Option<&FlagSpec>, is_shown: impl Fn(&Entry) -> bool) -> Vec<String> {
    let entries = window.into_iter().flat_map(|window| window.allow().iter());
    let text = |entry: Entry| match entry.until {
        Some(until) => format!("{} until={}", scopes::network(entry.network), time(until)),
        None => scopes::network(entry.network),
    };
    entries.filter(is_shown).map(text).collect()
}
