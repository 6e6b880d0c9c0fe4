//! What to wait for.

use std::path::Path;

use crate::servers::node::Goal;

/// What to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'p> {
    /// Only the scopes of this flag count.
    pub(super) flag: Option<&'p Path>,
    /// What every server has to do.
    pub(super) goal: Goal,
    /// Then nothing from before the closing may run any more.
    pub(super) drains: bool,
    /// WebSockets and event streams may.
    pub(super) ignores_lasting: bool,
    /// The verb itself has closed the site, so a failure says that it stays closed.
    pub(super) has_closed: bool,
}

impl Plan<'_> {
    /// What stays as it is when the wait ends early.
    pub(super) fn afterwards(&self) -> &'static str {
        match (self.has_closed, self.goal) {
            (true, Goal::ReadOnly) => "the site stays read-only; to open it: maintenancectl open",
            (true, _) => "the site stays closed; to open it: maintenancectl open",
            (false, _) => "nothing was changed",
        }
    }
}
