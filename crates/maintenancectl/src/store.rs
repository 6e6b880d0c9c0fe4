//! The store of a fleet: etcd, where one key stands for the flag of all servers.
//!
//! Below the key of the settings there are:
//!
//! - `flag`: the content of the flag. Without this key the site is open.
//! - `change`: who made the last change, and when.
//! - `history`: the last hundred changes.
//! - `nodes/NAME`: a server that is expected to report. It stays when the server is gone.
//! - `reports/NAME`: what this server does, under a lease, so that it goes with the server.
//!
//! One transaction writes the first three. It fails if the first two have other revisions than at the
//! last read.

#[cfg(feature = "etcd")]
pub(crate) mod access;
#[cfg(not(feature = "etcd"))]
#[path = "store/no_access.rs"]
pub(crate) mod access;
#[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "nothing reads or writes it"))]
pub(crate) mod change;
#[cfg(feature = "etcd")]
pub(crate) mod client;
#[cfg(feature = "etcd")]
pub(crate) mod fault;
#[cfg(feature = "etcd")]
pub(crate) mod flag_key;
#[cfg(feature = "etcd")]
pub(crate) mod keys;
#[cfg(feature = "etcd")]
mod nodes;
#[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "nothing reads or writes it"))]
pub(crate) mod report;
#[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "nothing reads or writes it"))]
pub(crate) mod revisions;
#[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "nothing reads or writes it"))]
pub(crate) mod snapshot;
