//! The status report: which scopes are closed and by which flag, which clients are admitted or
//! refused, and which requests are still running. One structure is shown as HTML, JSON and metrics.
//!
//! `docs/maintenance-status.schema.json` describes the JSON. [`SCHEMA`] increases when a member is
//! removed or its meaning changes.

mod data;
mod facts;
mod filter;
mod flags;
mod flight;
mod html;
mod json;
mod judged;
mod locations;
mod network;
mod pieces;
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
mod totals;

pub use data::{Report, SCHEMA};
pub use facts::{BusyWorker, Facts, ScopeFacts, ScopeKind};
pub use filter::{Condition, Filter};
pub use html::page;
pub use json::json;
pub use locations::StatusLocations;
pub use pieces::Pieces;
pub use preflight::{Forecast, Outcome, Preflight};
pub use prometheus::{CONTENT_TYPE as PROMETHEUS, metrics};
pub use query::{Format, Host, Query, QueryError, Question};
pub use reachable::{HostAddress, is_main_reachable};
pub use state::ScopeState;
pub use summary::{html_section, short_lines};

#[cfg(test)]
mod tests;
