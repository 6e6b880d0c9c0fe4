//! In a build without stores: the error that says so.

use std::convert::Infallible;

use super::change::Change;
use super::snapshot::{Forgotten, Nodes, Snapshot, Written};
use crate::exit::Failure;
use crate::settings::Store;

/// What the build lacks, and how to build it.
pub(crate) const NO_STORES: &str = "this maintenancectl was built without stores; install protobuf-compiler, and build it again \
     with make";

/// Access to a store, which nobody has.
pub(crate) struct Access(Infallible);

#[allow(clippy::unused_self, reason = "the same methods as with stores")]
impl Access {
    pub(crate) fn open(_: &Store) -> Result<Self, Failure> {
        Err(Failure::unusable(NO_STORES))
    }

    pub(crate) fn key(&self) -> String {
        match self.0 {}
    }

    pub(crate) fn look(&self) -> Result<Snapshot, Failure> {
        match self.0 {}
    }

    pub(crate) fn change(
        &self,
        _: &Snapshot,
        _: Option<&[u8]>,
        _: &Change,
    ) -> Result<Written, Failure> {
        match self.0 {}
    }

    pub(crate) fn history(&self) -> Result<(Snapshot, Vec<Change>), Failure> {
        match self.0 {}
    }

    pub(crate) fn nodes(&self, _: &dyn Fn() -> bool) -> Result<Option<Nodes>, Failure> {
        match self.0 {}
    }

    pub(crate) fn forget(&self, _: &str) -> Result<Forgotten, Failure> {
        match self.0 {}
    }
}
