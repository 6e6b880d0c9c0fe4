//! Requests with an invitation: the answer to its link, and the count of its uses.

use super::decision::{Decision, Outcome};
use super::gate;
use super::link::Link;
use super::looks::Looks;
use super::matched::MatchedSections;
use super::request::Request;
use super::server::{Counters, Server};
use crate::allow::{Admission, AllowKind};
use crate::refusal::reply::Reply;
use crate::stats::Reason;

/// The answer to a request that has followed a link. While the scope is open, the link leads to the
/// site, whatever its secret is. While it is closed, there is an answer only to a valid secret, so
/// that nothing tells a wrong one from none. A request that passes and may have content goes on as
/// it is: after a redirection, the client would send it again as GET (RFC 9110, section 15.4.4).
#[cold]
pub(super) fn reply<'r, R: Request<'r>>(
    request: &R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
    link: &Link,
    looks: &Looks<'r>,
) -> Option<Reply> {
    let gate_of = |section| server.gates.of_request(section, |gate| request.keep_gate(gate));
    let first = gate_of(sections.section);
    let others: Vec<_> = sections.others.iter().map(|section| gate_of(*section)).collect();
    let (_, gate, verdict) =
        gate::strictest(first, &others, |gate| gate.decide_with(request, &server.events, looks));
    if verdict.reason().is_some() && !request.is_get_or_head() {
        return None;
    }
    if verdict.is_open() {
        return Some(link.to_site(path_of_target(request)));
    }
    let (number, invitation) = gate.invitation(link.secrets(), request, &server.events)?;
    let (path, now) = (path_of_target(request), request.judged_at());
    Some(link.invite(path, number, &invitation, now))
}

/// The path of the request target, byte for byte as it was sent.
fn path_of_target<'q, 'r, R: Request<'r>>(request: &'q R) -> &'q [u8] {
    match request.target().split(|byte| b"?#".contains(byte)).next() {
        Some(path) if path.starts_with(b"/") => path,
        // `http://host/path`
        _ => request.path(),
    }
}

/// Whether this is the admission by an invitation of a request that one has admitted before, at
/// another path.
pub(super) fn is_counted(before: Option<Decision<'_>>, admission: &Admission<'_>) -> bool {
    let invited = Outcome::LetIn(Reason::Allowed(AllowKind::Invite));
    admission.kind() == AllowKind::Invite && before.is_some_and(|before| before.outcome == invited)
}

/// Counts the use of an invitation by a client's request.
pub(super) fn count<'r, R: Request<'r>>(
    request: &R,
    counters: &Counters,
    admission: &Admission<'_>,
) {
    if let Admission::Invite(invitation) = admission
        && !request.is_subrequest()
    {
        counters.stats.invitations().count(invitation.id, request.request_time());
    }
}
