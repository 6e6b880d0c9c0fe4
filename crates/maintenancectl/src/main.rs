//! `maintenancectl`: one command for the night. It writes the flag, and asks the servers what they
//! do. Everything that it writes is a file that `touch`, `mv` and an editor can write, too.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

/// Writes a line to standard output. Nobody may be reading any more (`| head -1`), which must not
/// end a command that has changed something already, or that waits.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

/// Writes a line to standard error, where nobody may be reading either.
macro_rules! note {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($words)*);
    }};
}

mod check;
mod cli;
mod content;
mod edit;
mod exit;
#[cfg(feature = "etcd")]
mod follow;
mod hook;
mod interrupt;
mod limit;
mod list_file;
mod manual;
mod notice;
mod obstacle;
mod replace;
mod servers;
mod session;
mod settings;
mod spoken;
mod store;
mod terminal;
mod tip;
mod verb;
mod who;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => tip::added(error, cli::verb(std::env::args_os()).as_deref()).exit(),
    };
    match cli.run() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.message.is_empty() {
                terminal::warn(&failure.message);
            }
            failure.exit.into()
        }
    }
}
