//! The processes of this server.

use std::collections::BTreeMap;

use nix::unistd::{Pid, getpgid, getpgrp};

/// Is there a process of this server with this number?
pub(crate) fn is_alive(process: i32) -> bool {
    getpgid(Some(Pid::from_raw(process))) == Ok(getpgrp())
}

/// Which processes live, asked once for each.
#[derive(Default)]
pub(crate) struct Living(BTreeMap<i32, bool>);

impl Living {
    pub(crate) fn has(&mut self, process: i32) -> bool {
        *self.0.entry(process).or_insert_with(|| is_alive(process))
    }
}
