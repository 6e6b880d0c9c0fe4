//! One request: what is decided, and by which gate.

pub mod gate;
pub mod gates;
pub mod matched;
pub mod readings;
pub mod server;

#[cfg(test)]
mod concurrency_tests;
#[cfg(all(test, not(loom)))]
mod corruption_tests;
