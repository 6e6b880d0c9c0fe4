//! What an administrator wants to know of the gates: which scopes are closed and by what, who gets
//! through, who is refused, and what still runs. One structure, shown as HTML, as JSON and as
//! metrics.
//!
//! The JSON is described by `docs/maintenance-status.schema.json`; [`SCHEMA`] goes up when
//! something in it goes away or changes its meaning.

mod data;
mod facts;
mod flags;
mod html;
mod json;
mod preflight;
mod prometheus;
mod query;
mod refused;
mod scopes;
mod state;
mod summary;
mod time;

pub use data::{Report, SCHEMA};
pub use facts::{Facts, ScopeFacts, ScopeKind};
pub use html::page;
pub use json::json;
pub use preflight::{Forecast, Outcome, Preflight};
pub use prometheus::{CONTENT_TYPE as PROMETHEUS, metrics};
pub use query::{Format, Host, Query, QueryError, Question};
pub use state::ScopeState;
pub use summary::{html_section, short_lines};
