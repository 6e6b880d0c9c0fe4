//! Addresses, networks and host names.

pub mod hint;
pub mod hosts;
pub mod network;
pub mod networks;
