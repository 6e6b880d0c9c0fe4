//! Which state of the flag in the store.

/// Which state of the flag: the revisions of its key and of the last change. The key of a flag that
/// does not exist has the revision 0, so the other one tells two such states apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Revisions {
    pub(crate) flag: i64,
    pub(crate) change: i64,
}

impl Revisions {
    /// No state of any store.
    pub(crate) const NONE: Self = Self { flag: -1, change: -1 };

    /// For people: the revision at which the flag got this state.
    pub(crate) fn latest(self) -> i64 {
        self.flag.max(self.change)
    }
}
