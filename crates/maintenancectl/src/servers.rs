//! The servers, asked by the URLs of their status pages.
//!
//! A server that gives no report is a [`fault::Fault`] with a line for people. It never counts as
//! closed or as open.

pub(crate) mod body;
mod client;
#[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "nothing is told to a store"))]
mod digest;
pub(crate) mod fault;
pub(crate) mod fleet;
pub(crate) mod node;
pub(crate) mod report;
pub(crate) mod site;
pub(crate) mod source;
pub(crate) mod tls;
pub(crate) mod told;
mod url;

#[cfg(test)]
mod bad_servers;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;
