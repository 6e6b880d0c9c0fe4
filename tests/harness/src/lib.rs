//! The harness: a real httpd per test, a backend behind it, and clients.

#![allow(missing_docs)]

pub mod backend;
pub mod children;
pub mod client;
pub mod command;
pub mod denied;
pub mod etcd;
pub mod faketime;
pub mod hanging;
pub mod httpd;
pub mod installation;
pub mod keep_alive;
pub mod preload;
pub mod report;
pub mod sanitizer;
pub mod setup;

pub use backend::Backend;
pub use children::Children;
pub use client::{Client, raw, raw_bytes};
pub use command::{Maintenancectl, Said};
pub use httpd::Httpd;
pub use keep_alive::KeepAlive;
pub use report::Reports;
pub use setup::{Mpm, Setup};

use std::path::Path;
use std::time::{Duration, Instant};

/// The page that a refused client gets by default: in English, with status 500, and for an empty
/// flag.
pub const PAGE: &str = include_str!("built-in.html");

/// The page with another status, which it passes to its script.
pub fn page_with(status: u16) -> String {
    PAGE.replace("data-status=\"500\"", &format!("data-status=\"{status}\""))
}

/// The page of a virtual host with this name.
pub fn page_of(host: &str, status: u16) -> String {
    page_with(status).replace("\"host\">maintenance.test<", &format!("\"host\">{host}<"))
}

/// The page without the name of the virtual host.
pub fn without_host(page: &str) -> String {
    let is_host = |line: &&str| line.starts_with("<p class=\"host\">");
    page.lines().filter(|line| !is_host(line)).collect::<Vec<_>>().join("\n")
}

/// Replaces the content of a file atomically, as `mv` does.
pub fn replace_file(path: &Path, content: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).expect("written");
    std::fs::rename(new, path).expect("renamed");
}

/// Waits until `holds` is true.
pub fn wait_for(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sets permissions like chmod.
pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
}
