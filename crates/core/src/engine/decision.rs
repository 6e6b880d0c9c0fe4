//! The decision on a request, and for how long it applies.

use std::ffi::CStr;

use super::gate::{ANNOUNCED, BLOCKED};
use super::gates::SectionPath;
use super::matched::MatchedSections;
use crate::allow::AllowKind;
use crate::stats::{Reason, TrackedRequest};

/// The decision on a request.
#[derive(Clone, Copy)]
pub struct Decision<'r> {
    /// The outcome of the decision.
    pub outcome: Outcome,
    /// The key of the request's sections when it was decided.
    pub(super) sections: u64,
    /// The key of the sections of the path's other readings.
    pub(super) others: u64,
    /// The request's path when it was decided.
    pub(super) path: PathId,
    /// Whether it no longer applies when the request is rewritten to another path.
    pub(super) is_bound_to_path: bool,
    /// Whether a handler has begun to answer the request.
    pub(super) is_being_answered: bool,
    /// The client request that this request is or belongs to. After an internal redirect it is an
    /// earlier request than the one that holds this decision.
    pub tracked: Option<&'r TrackedRequest<'static>>,
}

/// Identifies a path among all paths that the same request has had or will have, for example by its
/// address in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PathId(pub usize);

/// The outcome for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not decided yet.
    Undecided,
    /// The request passes.
    LetIn(Reason),
    /// The request is refused.
    Refused,
}

impl Outcome {
    /// `reason` is None if the request is refused.
    pub(super) fn of(reason: Option<Reason>) -> Self {
        reason.map_or(Self::Refused, Self::LetIn)
    }

    /// Whether the answer is for this client alone, while others are refused. What a path or a safe
    /// method admits is for everybody.
    pub fn is_private(self) -> bool {
        let Self::LetIn(Reason::Allowed(kind)) = self else { return false };
        ![AllowKind::Path, AllowKind::SafeMethod].contains(&kind)
    }

    /// Whether the request passes because the scope is still open.
    pub fn is_announced(self) -> bool {
        self == Self::LetIn(Reason::Announced)
    }

    /// The value of the note `maintenance` and the environment variable `MAINTENANCE`, which are
    /// set only while the scope is closed.
    pub fn label(self) -> Option<&'static CStr> {
        match self {
            Self::Undecided | Self::LetIn(Reason::Open) => None,
            Self::LetIn(Reason::Announced) => Some(ANNOUNCED),
            Self::LetIn(Reason::Allowed(kind)) => Some(kind.label()),
            Self::Refused => Some(BLOCKED),
        }
    }
}

impl<'r> Decision<'r> {
    /// The initial value for a request with this path.
    pub fn undecided(path: PathId) -> Self {
        Self {
            outcome: Outcome::Undecided,
            sections: 0,
            others: 0,
            path,
            is_bound_to_path: false,
            is_being_answered: false,
            tracked: None,
        }
    }

    /// Whether the decision still applies to the same request in the sections with this key. A
    /// refused request is always decided again, in case another module continues with it anyway.
    pub(super) fn still_holds(&self, sections: u64, path: PathId) -> bool {
        self.sections == sections && self.path == path && matches!(self.outcome, Outcome::LetIn(_))
    }

    /// Whether the decision also applies to the request, or to a part of it, in these sections.
    pub(super) fn holds_in(
        &self,
        sections: &MatchedSections<'_, impl SectionPath>,
        path: PathId,
    ) -> bool {
        matches!(self.outcome, Outcome::LetIn(_))
            && self.sections == sections.key()
            && self.others == sections.key_of_others()
            && (self.path == path || !self.is_bound_to_path)
    }
}
