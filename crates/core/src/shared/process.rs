//! The processes of this server.

use std::collections::BTreeMap;

use nix::unistd::{Pid, getpgid, getpgrp};

/// Whether this server has a process with this number.
pub(crate) fn is_alive(process: i32) -> bool {
    getpgid(Some(Pid::from_raw(process))) == Ok(getpgrp())
}

/// Caches which processes are alive, so that each is checked once.
#[derive(Default)]
pub(crate) struct Living(BTreeMap<i32, bool>);

impl Living {
    pub(crate) fn has(&mut self, process: i32) -> bool {
        *self.0.entry(process).or_insert_with(|| is_alive(process))
    }
}
