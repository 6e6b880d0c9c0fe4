//! The statistics that all processes share: how many requests each scope has admitted and refused,
//! which requests are still running, and which clients are refused most often.
//!
//! The statistics are in shared memory of a fixed size; pages that are never used take no memory. A
//! request writes to them without a lock, and to cache lines that few others write to. Data left
//! behind by a killed child is recognised by its process number.

pub mod in_flight;
pub mod invitations;
mod lasting;
mod scope;
mod store;
pub mod top_clients;
mod totals;
mod tracked;
mod worker;

pub use in_flight::Arrival;
pub use lasting::Lasting;
pub use scope::ScopeId;
pub use store::Stats;
pub use totals::{Reason, ScopeTotals};
pub use tracked::{ScopeRef, TrackedRequest};
pub use worker::Worker;

#[cfg(test)]
pub(crate) mod tests;

#[cfg(all(test, loom))]
mod models;
