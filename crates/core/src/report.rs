//! What an administrator wants to know of the gates: which scopes are closed and by what, who gets
//! through, who is refused, and what still runs. One structure, shown as HTML, as JSON and as
//! metrics.
//!
//! The JSON is described by `docs/maintenance-status.schema.json`; [`SCHEMA`] goes up when
//! something in it goes away or changes its meaning.

mod flags;
mod html;
mod json;
mod preflight;
mod prometheus;
mod query;
mod refused;
mod scopes;
mod summary;

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::gate::Gate;
use crate::flag::Flag;
use crate::stats::{ScopeId, Stats};
use flags::FlagView;
pub use html::page;
pub use json::json;
pub use preflight::{Forecast, Outcome, Preflight};
pub use prometheus::{CONTENT_TYPE as PROMETHEUS, metrics};
pub use query::{Format, Host, Query, QueryError, Question};
use refused::RefusedView;
use scopes::{Flight, InFlightView, ScopeView};
pub use summary::{html_section, short_lines};

/// The version of the JSON.
pub const SCHEMA: u32 = 1;

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    schema: u32,
    /// The module's version.
    version: &'static str,
    /// What httpd calls itself.
    server: String,
    time: String,
    /// That of the scope which is closed most.
    state: State,
    closed_scopes: usize,
    /// In seconds; 0: at every request.
    check_interval: f64,
    counting_since: Option<String>,
    in_flight: InFlightView,
    flags: Vec<FlagView>,
    scopes: Vec<ScopeView>,
    refused: RefusedView,
}

/// What the report is made of.
pub struct Facts<'a> {
    /// What httpd calls itself.
    pub server: String,
    /// The present.
    pub now: Timestamp,
    /// How often flags are looked at.
    pub check_interval: Duration,
    /// The servers, each with its locations behind it.
    pub scopes: Vec<ScopeFacts<'a>>,
    /// All flags.
    pub flags: Vec<&'a Flag<'static>>,
    /// What was counted.
    pub stats: &'a Stats,
}

/// One scope.
pub struct ScopeFacts<'a> {
    /// What it is.
    pub kind: ScopeKind,
    /// The name of the server, with its port.
    pub server: String,
    /// The section of a location, as it stands in the configuration.
    pub location: Option<String>,
    /// What stands in `<VirtualHost>`.
    pub addresses: Vec<String>,
    /// File and line of the server.
    pub defined: Option<String>,
    /// The gates of its requests, first the one that is shown: a location may lie in several others.
    /// None where the engine is off.
    pub gates: Vec<&'a Gate>,
    /// Under which number its requests are counted; None where the engine is off.
    pub number: Option<ScopeId>,
}

/// What a scope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// The main server.
    Server,
    /// A virtual host.
    VirtualHost,
    /// A `<Location>` in one of them.
    Location,
}

/// Whether a scope lets requests in, those closed most last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The engine is off.
    Off,
    /// No flag is there.
    Open,
    /// A flag says that it will close.
    Announced,
    /// A flag closes it.
    Closed,
    /// A flag closes it past its end.
    Overdue,
}

impl State {
    /// As in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Open => "open",
            Self::Announced => "announced",
            Self::Closed => "closed",
            Self::Overdue => "overdue",
        }
    }

    const fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::Overdue)
    }
}

impl Report {
    /// Puts it together from what is known; looks at nothing itself. Without `details`, pages and
    /// allowlists are left out.
    pub fn new(facts: Facts<'_>, details: bool) -> Self {
        let Facts { server, now, check_interval, scopes, flags, stats } = facts;
        let bits = flags.iter().filter(|flag| flag.was_closing()).map(|flag| flag.bit());
        // After the flags: see `stats::in_flight`.
        let flight = Flight {
            closing: bits.fold(0, |bits, bit| bits | bit),
            generation: stats.generation(),
            running: stats.running(),
            now,
        };
        let mut has_others = false;
        let scopes: Vec<_> = scopes
            .into_iter()
            .map(|mut scope| {
                // Scopes without a number of their own share one, which counts once.
                let is_other = scope.number == Some(ScopeId::OTHERS);
                scope.number = scope.number.filter(|_| !is_other || !has_others);
                has_others |= is_other;
                ScopeView::new(&scope, stats, &flight, details)
            })
            .collect();
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            server,
            time: time(now),
            state: scopes.iter().map(|scope| scope.state).max().unwrap_or(State::Off),
            closed_scopes: scopes.iter().filter(|scope| scope.state.is_closed()).count(),
            check_interval: check_interval.as_secs_f64(),
            counting_since: stats.begun().map(time),
            in_flight: InFlightView::of_all(&flight, stats.untracked()),
            flags: flags.into_iter().map(FlagView::new).collect(),
            scopes,
            refused: RefusedView::new(stats.refused()),
        }
    }
}

/// `2026-11-22T22:00:00Z` (RFC 3339), to the second.
fn time(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

fn file_time(at: SystemTime) -> Option<String> {
    Timestamp::try_from(at).ok().map(time)
}
