//! A request as the engine sees it.

use std::ffi::CStr;

use super::decision::{Decision, PathId};
use super::gate::Gate;
use super::gates::SectionPath;
use super::link::Link;
use super::matched::MatchedSections;
use super::server::Server;
use crate::allow::Admission;
use crate::events::EventSink;
use crate::refusal::reply::Reply;
use crate::refusal::{Answer, RequestHeaders};
use crate::stats::{TrackedRequest, Worker};

/// A request at one of httpd's hooks. Values kept with the request live for `'r`.
pub trait Request<'r>: RequestHeaders {
    /// The sections of a request.
    type Section: SectionPath + 'r;
    /// The sink for events.
    type Events: EventSink + Copy;

    /// The server of the request; None if its engine is off.
    fn server(&self) -> Option<Server<'r, Self::Events>>;
    /// Whether the request is a subrequest for a part of another request's answer.
    fn is_subrequest(&self) -> bool;
    /// Whether the method is GET or HEAD, as that of most requests is.
    fn is_get_or_head(&self) -> bool;
    /// Whether the request came from a client, and is neither a subrequest nor the target of an
    /// internal redirect.
    fn is_from_client(&self) -> bool;
    /// Takes invitations out of the request of a client: the query parameter out of its target and
    /// its Referer, and the cookie out of its Cookie fields. Keeps the cookie with the request for
    /// [`ClientRequest::invite_cookie`], and returns the parameter, if it was there.
    ///
    /// [`ClientRequest::invite_cookie`]: crate::allow::ClientRequest::invite_cookie
    fn take_invitations(&mut self) -> Option<Link>;
    /// Whether the method is GET, HEAD or POST.
    fn is_get_or_post(&self) -> bool;
    /// The path as it was sent, without the query.
    fn path(&self) -> &[u8];
    /// Identifies the current path.
    fn path_id(&self) -> PathId;
    /// The worker that serves the request, with this generation of the configuration.
    fn worker(&self, generation: u8) -> Worker;

    /// Whether httpd has found the request's sections.
    fn is_location_walked(&self) -> bool;
    /// The sections that httpd has found so far.
    fn section(&self) -> Option<&'r Self::Section>;
    /// The sections that httpd has found so far, and those of the path's other readings.
    fn sections(&mut self) -> MatchedSections<'r, Self::Section>;
    /// The sections that httpd will find.
    fn sections_ahead(&mut self) -> MatchedSections<'r, Self::Section>;
    /// Keeps a gate that was made for this request only.
    fn keep_gate(&self, gate: Gate) -> &'r Gate;
    /// Keeps the answer to this request.
    fn keep_answer(&self, answer: Answer<'r>) -> &'r Answer<'r>;
    /// Keeps another answer to this request.
    fn keep_reply(&self, reply: Reply) -> &'r Reply;

    /// The decision that is kept with the request.
    fn decision(&self) -> Option<&Decision<'r>>;
    /// Like [`Request::decision`], mutable.
    fn decision_mut(&mut self) -> Option<&mut Decision<'r>>;
    /// The decision on the request that was internally redirected to this one, or otherwise the
    /// decision on the main request of this subrequest.
    fn origin_decision(&self) -> Option<Decision<'r>>;
    /// The decision on the main request of this subrequest.
    fn main_decision(&self) -> Option<Decision<'r>>;
    /// Keeps a decision for later hooks, internal redirects and subrequests, and publishes its
    /// label for logs and other modules.
    fn keep(&mut self, decision: Decision<'r>);
    /// Keeps a client request with [`Decision::undecided`], and ends it once its answer has been
    /// sent.
    fn track(&mut self, tracked: TrackedRequest<'static>) -> &'r TrackedRequest<'static>;

    /// Adds the header field `Maintenance` with this value to the answer of the open site.
    fn announce(&mut self, field: &CStr);
    /// Logs at debug level which entry admits the request.
    fn log_admission(&self, admission: &Admission<'_>);
    /// Causes a defect just before a decision, in test builds.
    #[inline(always)]
    fn provoke(&self) {}
}
