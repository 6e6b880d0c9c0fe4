//! What this process knows of itself, and the statistics that it shares with the others.

use std::sync::atomic::{AtomicI32, Ordering};

use once_cell::sync::OnceCell;

use crate::sys::bindings::maintenance_is_chrooted;
use maintenance_core::stats::Stats;

/// The statistics, once there are any.
static STATS: OnceCell<&Stats> = OnceCell::new();

/// The statistics; None while the configuration is read.
pub(crate) fn stats() -> Option<&'static Stats> {
    STATS.get().copied()
}

/// Keeps the statistics from now on: the same segment at each restart.
pub(crate) fn keep(stats: &'static Stats) {
    let _ = STATS.set(stats);
}

/// The number of this process, which costs a system call to ask for.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// A child begins: what is recorded of a process of the same number is of one that is dead.
pub(crate) fn begin() {
    let process = i32::try_from(std::process::id()).unwrap_or(0);
    PROCESS.store(process, Ordering::Relaxed);
    if let Some(stats) = stats() {
        stats.forget(process);
    }
}

/// The number of this child.
pub(crate) fn number() -> i32 {
    PROCESS.load(Ordering::Relaxed)
}

/// Is it a child?
pub(crate) fn is_child() -> bool {
    number() != 0
}

/// Do the children see other files than the parent?
pub(crate) fn is_chrooted() -> bool {
    // SAFETY: a look at a variable of httpd's, which is set while the configuration is read.
    unsafe { maintenance_is_chrooted() != 0 }
}
