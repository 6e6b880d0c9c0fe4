//! A request as the engine deals with it.

use super::decision::{Decision, PathId};
use super::gate::Gate;
use super::gates::SectionPath;
use super::matched::MatchedSections;
use super::server::Server;
use crate::allow::Admission;
use crate::events::EventSink;
use crate::refusal::{Answer, RequestHeaders};
use crate::stats::{TrackedRequest, Worker};

/// A request at a hook of httpd's. What is kept with it lives for all of `'r`.
pub trait Request<'r>: RequestHeaders {
    /// Sections of the configuration.
    type Section: SectionPath + 'r;
    /// Who hears what has changed.
    type Events: EventSink + Copy;

    /// The server that the request is for; None where its engine is off.
    fn server(&self) -> Option<Server<'r, Self::Events>>;
    /// Did the server make it, for a part of another request's answer?
    fn is_subrequest(&self) -> bool;
    /// Is the method GET, HEAD or POST?
    fn is_get_or_post(&self) -> bool;
    /// The path as it was sent, without the query.
    fn path(&self) -> &[u8];
    /// Which path it has now.
    fn path_id(&self) -> PathId;
    /// When it came, in microseconds since 1970.
    fn came(&self) -> i64;
    /// Who serves it, with the given reading of the configuration.
    fn worker(&self, generation: u8) -> Worker;

    /// Has httpd found its sections?
    fn is_mapped(&self) -> bool;
    /// The sections that httpd has found so far.
    fn section(&self) -> Option<&'r Self::Section>;
    /// The same, with those of the path's other readings.
    fn sections(&mut self) -> MatchedSections<'r, Self::Section>;
    /// Those that httpd is going to find.
    fn sections_ahead(&mut self) -> MatchedSections<'r, Self::Section>;
    /// Keeps a gate that was made for this request alone.
    fn own_gate(&self, gate: Gate) -> &'r Gate;
    /// Keeps the answer to this request.
    fn own_answer(&self, answer: Answer<'r>) -> &'r Answer<'r>;

    /// The decision that is kept with the request.
    fn decision(&self) -> Option<&Decision<'r>>;
    /// The same, to be changed.
    fn decision_mut(&mut self) -> Option<&mut Decision<'r>>;
    /// The decision on the request that was redirected internally to this one, or else on the one
    /// of whose answer this one is a part.
    fn origin_decision(&self) -> Option<Decision<'r>>;
    /// The decision on the request of whose answer this one is a part.
    fn main_decision(&self) -> Option<Decision<'r>>;
    /// Keeps a decision for the hooks that follow, for internal redirects and subrequests, and, by
    /// its label, for logs and other modules.
    fn keep(&mut self, decision: Decision<'r>);
    /// Keeps a client's request, with [`Decision::undecided`], and ends it when its answer has been
    /// handed on.
    fn track(&mut self, tracked: TrackedRequest<'static>) -> &'r TrackedRequest<'static>;

    /// Tells those who look closely which entry admits the request.
    fn log_admission(&self, admission: &Admission<'_>);
    /// Causes a defect, in builds for tests: just before a decision.
    #[inline(always)]
    fn provoke(&self) {}
}
