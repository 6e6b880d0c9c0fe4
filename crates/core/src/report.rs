//! The status report: which scopes are closed and by which flag, which clients are admitted or
//! refused, and which requests are still running. One structure is shown as HTML, JSON and metrics.
//!
//! `docs/maintenance-status.schema.json` describes the JSON. [`SCHEMA`] increases when a member is
//! removed or its meaning changes.

mod data;
mod facts;
mod flags;
mod html;
mod json;
mod locations;
mod preflight;
mod prometheus;
mod query;
mod reachable;
mod refused;
mod running;
mod scopes;
mod state;
mod summary;
mod time;

pub use data::{Report, SCHEMA};
pub use facts::{BusyWorker, Facts, ScopeFacts, ScopeKind};
pub use html::page;
pub use json::json;
pub use locations::StatusLocations;
pub use preflight::{Forecast, Outcome, Preflight};
pub use prometheus::{CONTENT_TYPE as PROMETHEUS, metrics};
pub use query::{Format, Host, Query, QueryError, Question};
pub use reachable::{HostAddress, is_main_reachable};
pub use state::ScopeState;
pub use summary::{html_section, short_lines};
