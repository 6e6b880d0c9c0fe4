//! How far the follower is: what the watch tells the reporter.

use crate::store::client::Connection;
use crate::store::revisions::Revisions;

/// How far the follower is.
#[derive(Clone, Default)]
pub(super) struct Progress {
    /// The state of the flag that is in the file. None: the store has not been read yet.
    pub(super) applied: Option<Revisions>,
    /// Counts the times that the file was changed.
    pub(super) changes: u64,
    /// What is wrong with the flag or its file.
    pub(super) problem: Option<String>,
    /// How far this machine's clock was ahead of that of the last change, in seconds.
    pub(super) clock: Option<i64>,
    /// The connection, while there is one.
    pub(super) connection: Option<Connection>,
}
