//! The state of this process, and the statistics that it shares with the other processes.

use std::sync::atomic::{AtomicI32, Ordering};

use once_cell::sync::OnceCell;

use crate::sys::bindings::maintenance_is_chrooted;
use maintenance_core::stats::Stats;

/// The statistics, once they exist.
static STATS: OnceCell<&Stats> = OnceCell::new();

/// The statistics; None while the configuration is read.
pub(crate) fn stats() -> Option<&'static Stats> {
    STATS.get().copied()
}

/// Sets the statistics. Each restart uses the same segment.
pub(crate) fn keep(stats: &'static Stats) {
    let _ = STATS.set(stats);
}

/// The name of this machine, as `hostname` shows it; empty if it is unknown. Servers behind a load
/// balancer have the same ServerName.
pub(crate) fn machine() -> String {
    nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned()
}

/// Cached, because getting the process number costs a system call.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// Called when a child starts. Removes the records of a dead process with the same number.
pub(crate) fn begin() {
    let process = i32::try_from(std::process::id()).unwrap_or(0);
    PROCESS.store(process, Ordering::Relaxed);
    if let Some(stats) = stats() {
        stats.forget(process);
    }
}

/// The process number of this child; 0 in the parent.
pub(crate) fn number() -> i32 {
    PROCESS.load(Ordering::Relaxed)
}

/// Whether this process is a child.
pub(crate) fn is_child() -> bool {
    number() != 0
}

/// Whether the children see other files than the parent.
pub(crate) fn is_chrooted() -> bool {
    // SAFETY: only reads a variable of httpd's, which is set while the configuration is read.
    unsafe { maintenance_is_chrooted() != 0 }
}
