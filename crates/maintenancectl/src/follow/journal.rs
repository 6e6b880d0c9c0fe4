//! What the follower says, and what it tells systemd.

use std::env;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Where the follower writes its lines.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    /// The journal reads a priority at the beginning of a line; see sd-daemon(3).
    has_priorities: bool,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self { has_priorities: env::var_os("JOURNAL_STREAM").is_some() }
    }

    pub(super) fn info(&self, line: &str) {
        self.write(6, line);
    }

    pub(super) fn warning(&self, line: &str) {
        self.write(4, line);
    }

    pub(super) fn error(&self, line: &str) {
        self.write(3, line);
    }

    fn write(&self, priority: u8, line: &str) {
        let line = line.replace('\n', " ");
        match self.has_priorities {
            true => note!("<{priority}>{line}"),
            false => note!("maintenancectl: {line}"),
        }
    }
}

/// Tells systemd something; see sd_notify(3). Without systemd, nobody listens.
pub(super) fn notify(state: &str) {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    // What is lost is the message, and systemd says so itself.
    let _ = address
        .and_then(|address| UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address));
}
