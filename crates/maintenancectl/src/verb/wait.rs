//! `wait`: until every server is closed, and nothing from before the closing runs any more.

mod after;
mod output;
mod plan;
mod progress;
mod rounds;

use std::time::Duration;

use clap::Args;

use super::of_servers::OfServers;
use crate::exit::Outcome;
use crate::servers::node::Goal;
use crate::settings::Settings;
use crate::spoken;
pub(crate) use after::WaitOptions;
use output::Output;
use plan::Plan;
use rounds::wait;

/// Wait until all are closed and nothing from before runs any more
///
/// Asks the servers every second. Nothing is changed.
///
/// Exit code: 0 as soon as all servers are closed and nothing from before the closing runs any more,
/// 1 if the time is over, 2 if by then some servers are closed and others are not, 3 if a server
/// gives no report, 130 after Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    #[command(flatten)]
    of: OfServers,
    /// Wait until all servers are closed, and no longer
    #[arg(long)]
    closed: bool,
    /// Wait until all servers are closed and nothing from before the closing runs any more (default)
    #[arg(long)]
    drained: bool,
    /// Be content with servers that are read-only, and wait for requests that can write
    #[arg(long)]
    read_only: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = spoken::duration)]
    timeout: Duration,
    /// Do not wait for WebSockets and event streams, which do not end by themselves
    #[arg(long)]
    ignore_upgraded: bool,
    /// Write nothing
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    /// Write a line of JSON at each change
    #[arg(long)]
    json: bool,
}

impl Wait {
    /// # Errors
    /// The time is over, or it was interrupted, or the settings cannot be used.
    pub(crate) fn run(&self, settings: &Settings) -> Outcome {
        let fleet = self.of.servers.source(settings)?;
        let flag = self.of.flag(settings);
        let plan = Plan {
            flag: flag.as_deref(),
            goal: if self.read_only { Goal::ReadOnly } else { Goal::Closed },
            drains: self.drains(),
            ignores_lasting: self.ignore_upgraded,
            has_closed: false,
        };
        wait(&fleet, plan, self.timeout, Output::new(self.quiet, self.json))
    }

    fn drains(&self) -> bool {
        self.drained || !self.closed
    }
}
