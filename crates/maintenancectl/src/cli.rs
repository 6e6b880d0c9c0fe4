//! The arguments of the command. Those of a verb are in the file of the verb.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exit::Outcome;
use crate::settings::Settings;
use crate::verb::{allow, announce, check, close, extend, invite, open};

/// Closes and opens a site of mod_maintenance.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// The options of every verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Settings to read instead of /etc/maintenancectl.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Allow(allow::Allow),
    Announce(announce::Announce),
    Check(check::Check),
    Close(close::Close),
    Extend(extend::Extend),
    Invite(invite::Invite),
    Open(open::Open),
}

impl Cli {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it failed.
    pub(crate) fn run(self) -> Outcome {
        let settings = Settings::read(self.global.config.as_deref())?;
        match self.command {
            Command::Allow(allow) => allow.run(&settings),
            Command::Announce(announce) => announce.run(&settings),
            Command::Check(check) => check.run(&settings),
            Command::Close(close) => close.run(&settings),
            Command::Extend(extend) => extend.run(&settings),
            Command::Invite(invite) => invite.run(&settings),
            Command::Open(open) => open.run(&settings),
        }
    }
}
