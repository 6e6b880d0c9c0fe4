//! Ctrl-C, while a verb waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

/// Whether somebody has pressed Ctrl-C, or the command is to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on, signals are noticed instead of ending the process.
    pub(crate) fn watch() -> Self {
        let is_there = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Without a handler, the signal ends the process, which changes nothing either.
            let _ = signal_hook::flag::register(signal, Arc::clone(&is_there));
        }
        Self(is_there)
    }

    /// Whether it has happened.
    pub(crate) fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
