//! What the store says at one revision.

use super::change::Change;
use super::report::NodeReport;
use super::revisions::Revisions;

/// The flag in the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// The content. None: there is no flag.
    pub(crate) flag: Option<Vec<u8>>,
    pub(crate) revisions: Revisions,
    /// The identifier of the cluster.
    pub(crate) cluster: u64,
    /// The revision of the store when it was read.
    pub(crate) read_at: i64,
    /// The last change by this command.
    pub(crate) last: Option<Change>,
}

impl Snapshot {
    /// The last change, unless somebody has changed the flag since without this command.
    pub(crate) fn author(&self) -> Option<&Change> {
        self.last.as_ref().filter(|_| self.revisions.flag <= self.revisions.change)
    }

    /// Who made the last change, and when, for people.
    pub(crate) fn who(&self, said: impl Fn(jiff::Timestamp) -> String) -> String {
        match self.author() {
            None => format!("somebody without maintenancectl (revision {})", self.revisions.flag),
            Some(change) => {
                let when = change.at().map_or_else(|| change.time.clone(), said);
                let place = match change.machine.is_empty() {
                    true => String::new(),
                    false => format!(" on {}", change.machine),
                };
                format!("{}{place}, {when}", change.by)
            }
        }
    }
}

/// What became of a change.
pub(crate) enum Written {
    /// It is made.
    Done,
    /// Something else has been changed first.
    Other(Box<Snapshot>),
}

/// The servers that are expected to report, with the flag at the same revision.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    pub(crate) snapshot: Snapshot,
    /// By name. None: the server does not report.
    pub(crate) nodes: Vec<(String, Option<Result<NodeReport, String>>)>,
}

/// What became of a request to forget a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgotten {
    Done,
    /// The server reports.
    Reports,
    /// There is no such server.
    Unknown,
}
