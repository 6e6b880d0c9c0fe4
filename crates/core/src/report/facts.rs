//! The facts that the report is made of.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::gate::Gate;
use crate::flag::Flag;
use crate::stats::{ScopeId, Stats};

/// The facts that the report is made of.
pub struct Facts<'a> {
    /// What httpd calls itself.
    pub server: String,
    /// The present.
    pub now: Timestamp,
    /// How often the module looks at flags.
    pub check_interval: Duration,
    /// The servers, each followed by its locations.
    pub scopes: Vec<ScopeFacts<'a>>,
    /// All flags.
    pub flags: Vec<&'a Flag<'static>>,
    /// The statistics.
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
    /// The addresses of `<VirtualHost>`.
    pub addresses: Vec<String>,
    /// File and line of the server.
    pub defined: Option<String>,
    /// The gates of its requests; the first one is shown. There are several if a location lies in
    /// others, and none if the engine is off.
    pub gates: Vec<&'a Gate>,
    /// The number that its requests are counted under; None if the engine is off.
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
