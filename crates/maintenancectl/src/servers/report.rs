//! The report of a server, as far as this command needs it. Unknown members are ignored, and a
//! member that decides about an answer has to be there.

use jiff::Timestamp;
use maintenance_core::report::ScopeState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The report. See `docs/maintenance-status.schema.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    #[serde(default)]
    pub(crate) version: String,
    /// httpd and its version.
    #[serde(default)]
    pub(crate) server: String,
    /// The name of the machine, which distinguishes servers with the same ServerName.
    #[serde(default)]
    pub(crate) machine: Option<String>,
    #[serde(default, deserialize_with = "time", serialize_with = "rfc3339")]
    pub(crate) time: Option<Timestamp>,
    pub(crate) in_flight: AllInFlight,
    /// The requests that have been running for longest.
    #[serde(default)]
    pub(crate) running: Vec<Running>,
    pub(crate) flags: Vec<Flag>,
    pub(crate) scopes: Vec<Scope>,
    #[serde(default)]
    pub(crate) refused: Refused,
    #[serde(default)]
    pub(crate) preflight: Option<Preflight>,
}

/// The state of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub(crate) enum State {
    Known(ScopeState),
    /// A state that this command does not know, which is neither open nor closed.
    Other,
}

impl State {
    /// The name for people.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Known(state) => state.label(),
            Self::Other => "unknown",
        }
    }

    /// Whether every request is refused, but for the allowlist.
    pub(crate) const fn is_closed(self) -> bool {
        matches!(self, Self::Known(state) if state.is_closed())
    }

    /// Whether no request is refused.
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Known(state) if state.is_open())
    }
}

impl From<State> for Value {
    fn from(state: State) -> Self {
        match state {
            State::Known(state) => serde_json::to_value(state).unwrap_or_default(),
            State::Other => Self::Null,
        }
    }
}

impl From<Value> for State {
    fn from(value: Value) -> Self {
        serde_json::from_value(value).map_or(Self::Other, Self::Known)
    }
}

/// The requests in flight.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct InFlight {
    pub(crate) requests: u64,
    pub(crate) from_before_closing: u64,
    /// Of the latter, those whose connection has switched to another protocol, such as WebSockets. A
    /// module that does not tell them apart reports none.
    #[serde(default)]
    pub(super) upgraded_from_before_closing: u64,
    /// Of the latter, event streams.
    #[serde(default)]
    pub(super) streams_from_before_closing: u64,
    #[serde(default)]
    pub(crate) oldest_from_before_closing: Option<u64>,
}

impl InFlight {
    /// Requests from before the closing that last as long as their client wants.
    pub(crate) fn lasting(&self) -> u64 {
        self.upgraded_from_before_closing.saturating_add(self.streams_from_before_closing)
    }
}

/// The requests in flight of all scopes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AllInFlight {
    #[serde(flatten)]
    pub(crate) tracked: InFlight,
    /// Requests that the module does not follow, for lack of room.
    pub(crate) untracked: u64,
}

/// A running request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) age: u64,
    #[serde(default)]
    pub(crate) from_before_closing: bool,
}

/// A flag file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Flag {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) state: String,
    pub(crate) closes: bool,
    #[serde(default, deserialize_with = "time", serialize_with = "rfc3339")]
    pub(crate) modified: Option<Timestamp>,
    #[serde(default)]
    pub(crate) owner: Option<String>,
    #[serde(default, deserialize_with = "time", serialize_with = "rfc3339")]
    pub(crate) start: Option<Timestamp>,
    #[serde(default, deserialize_with = "time", serialize_with = "rfc3339")]
    pub(crate) end: Option<Timestamp>,
    #[serde(default)]
    pub(crate) by: Option<String>,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) ticket: Option<String>,
    #[serde(default)]
    pub(crate) share: Option<f64>,
    /// The seconds within which the share rises to all clients.
    #[serde(default)]
    pub(crate) over: Option<u32>,
    /// `writes` if only requests that can write are refused.
    #[serde(default)]
    pub(crate) refuse: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
}

impl Flag {
    /// Since when the flag closes: since its start, or since it was written.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.start.max(self.modified).filter(|_| self.closes)
    }

    /// When all clients pass, while the share of those that do is rising.
    pub(crate) fn open_for_all(&self) -> Option<Timestamp> {
        let over = std::time::Duration::from_secs(self.over?.into());
        self.end.filter(|_| self.state == "reopening")?.checked_add(over).ok()
    }

    /// Who closes: as the flag says, or the owner of the file.
    pub(crate) fn by(&self) -> Option<&str> {
        self.by.as_deref().or(self.owner.as_deref())
    }
}

/// A scope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Scope {
    pub(crate) server: String,
    #[serde(default)]
    pub(crate) location: Option<String>,
    pub(crate) state: State,
    pub(crate) flags: Vec<String>,
    pub(crate) in_flight: InFlight,
    #[serde(default)]
    pub(crate) totals: Totals,
    #[serde(default)]
    pub(crate) allow: Vec<Allow>,
    #[serde(default)]
    pub(crate) pages: Vec<Page>,
    /// Whether a request can come to the scope.
    #[serde(default)]
    pub(crate) reachable: Option<bool>,
}

impl Scope {
    /// The server, and the location if the scope is one.
    pub(crate) fn name(&self) -> String {
        [Some(self.server.as_str()), self.location.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Requests since counting began.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    #[serde(default)]
    pub(crate) refused: u64,
}

/// A token of the allowlist.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Allow {
    #[serde(default)]
    pub(crate) file: Option<File>,
}

/// A page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Page {
    #[serde(default)]
    pub(crate) file: Option<File>,
}

/// A file that is read again when it changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct File {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) problem: Option<String>,
}

/// The refused clients.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Refused {
    #[serde(default)]
    pub(crate) clients: Vec<Client>,
}

/// A client that is refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) address: String,
    pub(crate) count: u64,
    #[serde(default)]
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) user_agent: String,
}

/// The answers to a dry run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Preflight {
    #[serde(default)]
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) is_known_host: bool,
    pub(crate) answers: Vec<Answer>,
}

/// The answer of one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) server: String,
    #[serde(default)]
    pub(crate) location: Option<String>,
    pub(crate) now: Verdict,
    pub(crate) while_closed: Verdict,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Verdict {
    pub(crate) verdict: String,
    #[serde(default)]
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) unless_env: Vec<String>,
}

impl Verdict {
    /// Whether the request passes. A verdict that this command does not know passes nobody.
    pub(crate) fn passes(&self) -> bool {
        const PASSES: [&str; 6] =
            ["open", "off", "announced", "health-check", "status-page", "notice"];
        PASSES.contains(&self.verdict.as_str()) || self.verdict.starts_with("allowed:")
    }
}

/// A moment (RFC 3339). None if it is null, or cannot be read.
fn time<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(value)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

#[allow(clippy::trivially_copy_pass_by_ref, clippy::ref_option, reason = "serde calls it")]
fn rfc3339<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(to)
}
