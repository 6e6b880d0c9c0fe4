//! What was decided for a request, and for how long it counts.

use std::ffi::CStr;

use super::gate::BLOCKED;
use super::gates::SectionPath;
use super::matched::MatchedSections;
use crate::stats::{Reason, TrackedRequest};

/// What was decided for a request, and what for.
#[derive(Clone, Copy)]
pub struct Decision<'r> {
    /// What becomes of the request.
    pub outcome: Outcome,
    /// The key of the sections that it was in.
    pub(super) sections: u64,
    /// That of the sections of its path's other readings.
    pub(super) others: u64,
    /// The path that it had.
    pub(super) path: PathId,
    /// Has a handler begun to answer it?
    pub(super) is_being_answered: bool,
    /// The client's request that it is, or is a part of; older than the request that this is kept
    /// with where that comes of an internal redirect.
    pub tracked: Option<&'r TrackedRequest<'static>>,
}

/// Tells a request's path from others that the same request had or will have, such as by its place
/// in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PathId(pub usize);

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not decided yet.
    Undecided,
    /// It passes.
    LetIn(Reason),
    /// It is refused.
    Refused,
}

impl Outcome {
    /// None where the request is refused.
    pub(super) fn of(reason: Option<Reason>) -> Self {
        reason.map_or(Self::Refused, Self::LetIn)
    }

    /// The note `maintenance` and the environment variable `MAINTENANCE`, which exist only while
    /// closed.
    pub fn label(self) -> Option<&'static CStr> {
        match self {
            Self::Undecided | Self::LetIn(Reason::Open) => None,
            Self::LetIn(Reason::Allowed(kind)) => Some(kind.label()),
            Self::Refused => Some(BLOCKED),
        }
    }
}

impl<'r> Decision<'r> {
    /// For a request with this path that is about to be decided.
    pub fn undecided(path: PathId) -> Self {
        Self {
            outcome: Outcome::Undecided,
            sections: 0,
            others: 0,
            path,
            is_being_answered: false,
            tracked: None,
        }
    }

    /// Does it hold for the same request in the sections with this key? What was refused is always
    /// decided again, should another module go on with it all the same.
    pub(super) fn still_holds(&self, sections: u64, path: PathId) -> bool {
        self.sections == sections && self.path == path && matches!(self.outcome, Outcome::LetIn(_))
    }

    /// Does it hold for the request, or for a part of it, in these sections, too?
    pub(super) fn holds_in(
        &self,
        sections: &MatchedSections<'_, impl SectionPath>,
        path: PathId,
    ) -> bool {
        let Outcome::LetIn(reason) = self.outcome else {
            return false;
        };
        self.sections == sections.key()
            && self.others == sections.key_of_others()
            && (self.path == path || !reason.is_bound_to_path())
    }
}
