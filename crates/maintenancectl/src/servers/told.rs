//! What is known of a server besides its report, if the report comes from the store of a fleet.

/// What is known besides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The flag file that the server's follower keeps.
    pub(crate) flag: String,
    /// The revision that is applied. None: the store is another one than before, or the flag file cannot
    /// be written.
    pub(crate) revision: Option<i64>,
    /// The version of the follower.
    pub(crate) command: String,
    /// Which revision is not applied yet.
    pub(crate) is_behind: Option<i64>,
    /// What is wrong, for people. The name of the server stands before it.
    pub(crate) notes: Vec<String>,
}
