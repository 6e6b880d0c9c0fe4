//! The harness: a real httpd per test, a backend behind it, and clients.

#![allow(dead_code, unused_imports)] // tests and benchmark each leave something unused

pub mod backend;
pub mod client;
pub mod httpd;

pub use backend::Backend;
pub use client::{Client, raw};
pub use httpd::{Httpd, Mpm, Setup};

use std::time::{Duration, Instant};

/// The status and the page that a stranger gets by default.
pub const PAGE: &str = include_str!("../../src/page/built-in.html");

/// Waits until `holds` is true.
pub fn wait_for(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
