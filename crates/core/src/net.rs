//! Addresses, networks and names of hosts.

pub mod hint;
pub mod hosts;
pub mod network;
pub mod networks;
