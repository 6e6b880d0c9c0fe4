//! What a server of a fleet reports to the store.

use serde::{Deserialize, Serialize};

use super::revisions::Revisions;
use crate::servers::report::Report;

/// What a server of a fleet does, as its follower says.
///
/// The state of the server was asked for after the revisions had been applied, and they were still the
/// applied ones afterwards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NodeReport {
    /// The revision of the flag that is applied; 0 if it is that there is none, -1 if none is applied.
    pub(crate) flag_revision: i64,
    pub(crate) change_revision: i64,
    /// The flag file that the follower keeps.
    pub(crate) flag: String,
    /// What is wrong with the flag or with its file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// The version of the follower.
    pub(crate) command: String,
    /// Which machine the follower runs on, so that two of them cannot have one name.
    pub(crate) machine: String,
    /// Which process of it.
    #[serde(default)]
    pub(crate) process: String,
    /// When the server was asked, by its machine's clock.
    pub(crate) time: String,
    /// How far that clock was ahead of that of the last change, when that was applied, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clock: Option<i64>,
    /// What the server says of itself, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<Report>,
    /// Why the server says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
}

impl NodeReport {
    /// Which state of the flag is applied.
    pub(crate) const fn revisions(&self) -> Revisions {
        Revisions { flag: self.flag_revision, change: self.change_revision }
    }
}
