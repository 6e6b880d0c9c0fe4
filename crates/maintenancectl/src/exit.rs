//! The exit codes, and why a command fails.

use std::process::ExitCode;

/// What the command found, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: yes, or done.
    Done,
    /// 1: no.
    No,
    /// 2: the servers differ, or something cannot be used. clap's code for wrong arguments is the
    /// same.
    Unusable,
    /// 3: the command cannot tell.
    Unknown,
    /// 130: Ctrl-C, as shells report it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command fails: one line that says what is wrong, where, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    /// Something cannot be used.
    pub(crate) fn unusable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unusable, message: message.into() }
    }
}

/// What a verb returns.
pub(crate) type Outcome = Result<Exit, Failure>;
