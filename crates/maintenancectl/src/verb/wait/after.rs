//! `close --wait`: waits after the flag has been written.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::output::Output;
use super::plan::Plan;
use super::rounds::wait;
use crate::exit::{Failure, Outcome};
use crate::servers::node::Goal;
use crate::servers::source::Source;
use crate::settings::Settings;
use crate::spoken;
use crate::verb::of_servers::Servers;

/// How long to wait, if nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Whether and how to wait for the servers.
#[derive(Clone, Debug, Args)]
pub(crate) struct WaitOptions {
    /// Then wait until all servers are closed and nothing from before the closing runs any more
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    servers: Servers,
    /// Wait no longer than this [default: 10m]
    #[arg(long, value_name = "TIME", requires = "wait", value_parser = spoken::duration)]
    timeout: Option<Duration>,
    /// Do not wait for WebSockets and event streams, which do not end by themselves
    #[arg(long, requires = "wait")]
    ignore_upgraded: bool,
    /// Write nothing
    #[arg(long, short, conflicts_with = "json")]
    pub(crate) quiet: bool,
    /// While waiting, write a line of JSON at each change
    #[arg(long, requires = "wait")]
    pub(crate) json: bool,
}

impl WaitOptions {
    /// The servers to wait for; None without `--wait`.
    ///
    /// # Errors
    /// No server is named, or its settings cannot be used. Nothing has been changed yet.
    pub(crate) fn source(&self, settings: &Settings) -> Result<Option<Source>, Failure> {
        self.wait.then(|| self.servers.source(settings)).transpose()
    }

    /// Waits until the servers have closed the scopes of this flag.
    ///
    /// # Errors
    /// The time is over, or it was interrupted. The site stays closed.
    pub(crate) fn wait(&self, source: &Source, flag: Option<&Path>, is_read_only: bool) -> Outcome {
        let plan = Plan {
            flag,
            goal: if is_read_only { Goal::ReadOnly } else { Goal::Closed },
            drains: true,
            ignores_lasting: self.ignore_upgraded,
            has_closed: true,
        };
        wait(source, plan, self.timeout.unwrap_or(TIMEOUT), Output::new(self.quiet, self.json))
    }
}
