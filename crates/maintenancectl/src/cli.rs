//! The arguments of the command. Those of a verb are in the file of the verb.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::exit::{Exit, Outcome};
use crate::servers::node::Goal;
use crate::settings::Settings;
use crate::verb::{
    allow, announce, check, close, explain, extend, follow, forget, invite, is, log, man, notice,
    open, preview, status, wait,
};

/// The help fits a screen.
const HELP: &str = "{about}\n{usage-heading} {usage}\nCommands:\n{subcommands}\n\
                    Options: --config FILE (instead of /etc/maintenancectl.toml), --help, --version\n";

/// Closes and opens a site of mod_maintenance.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, disable_help_subcommand = true, help_template = HELP)]
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
    Check(check::Check),
    Announce(announce::Announce),
    Close(close::Close),
    Extend(extend::Extend),
    Open(open::Open),
    Status(status::Status),
    Wait(wait::Wait),
    /// Ask whether all servers are open
    ///
    /// Exit code: 0 yes, 1 no, 2 some are and some are not, 3 nobody can tell.
    IsOpen(is::Is),
    /// Ask whether all servers are closed
    ///
    /// Exit code: 0 yes, 1 no, 2 some are and some are not, 3 nobody can tell.
    IsClosed(is::Is),
    Explain(explain::Explain),
    Allow(allow::Allow),
    Invite(invite::Invite),
    Notice(notice::Notify),
    Preview(preview::Preview),
    Follow(follow::Follow),
    Log(log::Log),
    Forget(forget::Forget),
    Man(man::Man),
    Completions(man::Completions),
}

impl Cli {
    /// Runs the verb.
    ///
    /// # Errors
    /// Why it failed.
    pub(crate) fn run(self) -> Outcome {
        // These work without settings, also with wrong ones.
        let command = match self.command {
            Command::Man(man) => return man.run(&Self::command()),
            Command::Completions(completions) => return completions.run(Self::command()),
            other => other,
        };
        let settings = Settings::read(self.global.config.as_deref())?;
        match command {
            Command::Allow(allow) => allow.run(&settings),
            Command::Announce(announce) => announce.run(&settings),
            Command::Check(check) => check.run(&settings),
            Command::Close(close) => close.run(&settings),
            Command::Extend(extend) => extend.run(&settings),
            Command::Follow(follow) => follow.run(&settings),
            Command::Forget(forget) => forget.run(&settings),
            Command::Invite(invite) => invite.run(&settings),
            Command::Log(log) => log.run(&settings),
            Command::Notice(notice) => notice.run(&settings),
            Command::Open(open) => open.run(&settings),
            Command::Preview(preview) => preview.run(&settings),
            Command::Man(_) | Command::Completions(_) => Ok(Exit::Done),
            Command::Status(status) => status.run(&settings),
            Command::Wait(wait) => wait.run(&settings),
            Command::IsOpen(is) => is.run(&settings, Goal::Open),
            Command::IsClosed(is) => is.run(&settings, Goal::Closed),
            Command::Explain(explain) => explain.run(&settings),
        }
    }
}

/// The first argument that is not an option. It is for arguments that clap rejects.
pub(crate) fn verb(arguments: impl Iterator<Item = OsString>) -> Option<String> {
    let mut words = arguments.skip(1);
    while let Some(word) = words.next() {
        match &*word.to_string_lossy() {
            // Its value is no verb.
            "--config" => drop(words.next()),
            word if word.starts_with('-') => {}
            word => return Some(word.to_ascii_lowercase()),
        }
    }
    None
}
