//! What was decided for a request, as the module keeps it with that, and for how long it counts.

use std::ffi::c_char;

use crate::location::Section;
use crate::request::Request;
use maintenance_core::engine::matched::{MatchedSections, key_of};
use maintenance_core::stats::{Reason, TrackedRequest};

/// A verdict, and what it was made for.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'r> {
    pub(crate) outcome: Outcome,
    /// The key of the sections that the request was in.
    pub(crate) sections: u64,
    /// That of the sections of its path's other readings.
    pub(crate) others: u64,
    /// The path that it had.
    pub(crate) uri: *const c_char,
    /// Has a handler begun to answer it?
    pub(crate) is_being_answered: bool,
    /// The client's request; older than the request that this is kept with where that comes of an
    /// internal redirect.
    pub(crate) tracked: Option<&'r TrackedRequest<'static>>,
}

/// A verdict in one piece of memory with the client's request.
pub(crate) struct Followed<'r> {
    pub(crate) kept: Kept<'r>,
    pub(crate) tracked: TrackedRequest<'static>,
}

// SAFETY: another thread does no more with it than drop it, and of a verdict nothing is dropped.
// That the visit may be dropped there is checked below.
unsafe impl Send for Followed<'_> {}

const fn can_be_sent<T: Send>() {}
const _: () = can_be_sent::<TrackedRequest<'static>>();

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nobody knows yet.
    Judged,
    LetIn(Reason),
    Refused,
}

impl Outcome {
    /// None where the request is not let in.
    pub(crate) fn of(reason: Option<Reason>) -> Self {
        reason.map_or(Self::Refused, Self::LetIn)
    }
}

impl Kept<'_> {
    /// Does it count for the request where it is now? As in most of the hooks; what was refused is
    /// always judged again.
    pub(crate) fn holds_here(&self, request: &Request<'_>) -> bool {
        self.sections == key_of(request.section())
            && self.uri == request.rec().uri.cast_const()
            && matches!(self.outcome, Outcome::LetIn(_))
    }

    /// Does it count for the request, or for this part of it, in these sections, too?
    pub(crate) fn holds_in(
        &self,
        request: &Request<'_>,
        found: &MatchedSections<'_, Section<'_>>,
    ) -> bool {
        let Outcome::LetIn(reason) = self.outcome else {
            return false;
        };
        self.sections == found.key()
            && self.others == found.key_of_others()
            && (self.uri == request.rec().uri.cast_const() || !reason.is_bound_to_path())
    }
}
