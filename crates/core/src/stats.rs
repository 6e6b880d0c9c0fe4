//! What all processes of the server count: how many requests were let in and refused in each scope,
//! which of them are still running, and which clients are refused most.
//!
//! The statistics are in shared memory of a fixed size; pages that are never used take no memory. A
//! request writes to them without a lock, and to cache lines that few others write to. What a killed
//! child leaves behind is found by its process number.

pub mod in_flight;
mod scope;
mod store;
pub mod top_clients;
mod totals;
mod tracked;
mod worker;

pub use scope::ScopeId;
pub use store::Stats;
pub use totals::{Reason, ScopeTotals};
pub use tracked::{ScopeRef, TrackedRequest};
pub use worker::Worker;

#[cfg(test)]
pub(crate) mod tests;

#[cfg(all(test, loom))]
mod models;
