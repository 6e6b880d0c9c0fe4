//! The facts from which the report is made.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::engine::gate::Gate;
use crate::flag::Flag;
use crate::stats::{ScopeId, Stats, Worker};

/// The facts from which the report is made.
pub struct Facts<'a> {
    /// httpd's version string.
    pub server: String,
    /// The name of the machine; empty if it is unknown.
    pub machine: String,
    /// The current time.
    pub now: Timestamp,
    /// How often the module checks flags.
    pub check_interval: Duration,
    /// The servers, each followed by its locations.
    pub scopes: Vec<ScopeFacts<'a>>,
    /// All flags.
    pub flags: Vec<&'a Flag<'static>>,
    /// The busy workers in httpd's scoreboard.
    pub workers: Vec<BusyWorker>,
    /// The statistics.
    pub stats: &'a Stats,
}

/// One scope.
pub struct ScopeFacts<'a> {
    /// The kind of scope.
    pub kind: ScopeKind,
    /// The name of the server, with its port.
    pub server: String,
    /// The section of a location as written.
    pub location: Option<String>,
    /// Whether a request can reach the server: false for a main server whose virtual hosts take all
    /// requests.
    pub reachable: bool,
    /// The addresses of `<VirtualHost>`.
    pub addresses: Vec<String>,
    /// File and line where the server is defined.
    pub defined: Option<String>,
    /// The gates of the scope's requests; the report shows the first one. There are several if a
    /// location lies in others, and none if the engine is off.
    pub gates: Vec<&'a Gate>,
    /// The number under which the scope's requests are counted; None if the engine is off.
    pub number: Option<ScopeId>,
}

/// A busy worker in httpd's scoreboard.
pub struct BusyWorker {
    /// The process, and the number of the connection.
    pub worker: Worker,
    /// When the worker began with the request.
    pub began: Timestamp,
    /// The beginning of the request line; empty without `ExtendedStatus`.
    pub request: Vec<u8>,
}

/// The kind of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeKind {
    /// The main server.
    Server,
    /// A virtual host.
    VirtualHost,
    /// A `<Location>` section.
    Location,
}
