//! Handles one request: which gate decides, what is recorded and counted, and how the request is
//! answered.
//!
//! A request is decided once for its sections. Because it can enter a `<Location>` in several ways,
//! it is handled in several hooks, but it is decided again only if its sections have changed.

mod active_flags;
pub mod decision;
pub mod gate;
pub mod gates;
mod invitation;
pub mod link;
pub mod looks;
pub mod matched;
pub mod notice;
pub mod panic;
pub mod readings;
pub mod request;
pub mod server;
pub mod watches;

use crate::allow::{AllowKind, method};
use crate::flag::{ActiveFlag, SiteState};
use crate::refusal::reply::Reply;
use crate::refusal::{Answer, PLAIN};
use crate::stats::top_clients::RefusedRequest;
use crate::stats::{Arrival, Reason, ScopeId, ScopeRef, TrackedRequest};
use decision::{Decision, Outcome};
use gate::{Gate, Verdict};
use looks::Looks;
use matched::{MatchedSections, key_of};
use request::Request;
use server::{Counters, Server};

/// The hooks at which httpd asks about a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Before httpd has found the request's sections. Nothing can answer the request earlier.
    /// Subrequests reach this hook both when they are looked up and when they are run.
    Quick,
    /// After httpd has found the sections in its location walk (`ap_location_walk`): before it maps
    /// the request to a file, and again after other modules have had the chance to change them.
    LocationWalked,
    /// Another module looks up a resource and may use it without running a handler. mod_dav does
    /// so, as do some mod_include directives.
    LookedUp,
    /// The request is about to be answered. By now a looked-up resource may have replaced it, or it
    /// may be a part of another request.
    Handler,
}

/// What to do with a request.
#[derive(Debug)]
pub enum Action<'r> {
    /// The request proceeds.
    Decline,
    /// The request is refused with this answer.
    Answer(&'r Answer<'r>),
    /// The module answers, but not with the maintenance page.
    Reply(&'r Reply),
    /// The request is refused with [`PLAIN`], because no page is available.
    Plain,
    /// The subrequest fails, and the module that made it reports the failure.
    Fail,
}

/// Decides at a hook what to do with a request, and records and counts the decision.
#[inline(always)]
pub fn handle<'r, R: Request<'r>>(request: &mut R, hook: Hook) -> Action<'r> {
    let is_decided = match hook {
        Hook::Quick => false,
        Hook::LocationWalked => request.is_subrequest() || still_holds(request),
        Hook::LookedUp => comes_to_a_handler(request) || still_holds(request),
        Hook::Handler => still_holds(request),
    };
    let action = match (is_decided, hook) {
        (true, _) => Action::Decline,
        (false, Hook::Quick) => handle_in_sections(request, true),
        (false, _) => handle_again(request),
    };
    if hook == Hook::Handler {
        begin_answer(request);
    }
    action
}

/// Notes that a handler begins to answer the request.
#[inline(always)]
pub fn begin_answer<'r, R: Request<'r>>(request: &mut R) {
    if let Some(decision) = request.decision_mut() {
        decision.is_being_answered = true;
    }
}

/// Whether the decision on a request evidently still applies, so that [`handle`] would decline at any
/// hook but the first one. Never panics.
#[inline(always)]
pub fn is_settled<'r, R: Request<'r>>(request: &R) -> bool {
    let is_settled = |decision: &Decision<'_>| {
        decision.still_holds(key_of(request.section()), request.path_id())
            && !decision.is_bound_to_path
    };
    request.decision().is_some_and(is_settled)
}

/// Whether the earlier decision still applies. In most hooks it does.
#[inline(always)]
fn still_holds<'r, R: Request<'r>>(request: &R) -> bool {
    let holds = |decision: &Decision<'_>| {
        decision.still_holds(key_of(request.section()), request.path_id())
            && !is_rewritten(request, decision)
    };
    request.decision().is_some_and(holds)
}

/// Whether the request was admitted by its path and has since been rewritten to another file, or was
/// admitted to the status page and will not get there.
fn is_rewritten<'r, R: Request<'r>>(request: &R, decision: &Decision<'_>) -> bool {
    let is_of_status_page =
        || decision.outcome == Outcome::LetIn(Reason::Allowed(AllowKind::StatusPage));
    decision.is_bound_to_path
        && (request.rewritten_path().is_some()
            || is_of_status_page() && !request.is_for_status_page())
}

/// Whether a looked-up resource reaches a handler before the client can see any of it. With mod_dir
/// and mod_negotiation it does: they look for the resource to serve. With mod_dav it does not:
/// mod_dav acts on what it looks up (COPY, MOVE). Nor does it with modules that look up a part of
/// an answer and show its size, time or name themselves (mod_include, mod_autoindex).
fn comes_to_a_handler<'r, R: Request<'r>>(request: &R) -> bool {
    let is_part = request
        .main_decision()
        .is_some_and(|main| main.is_being_answered || main.outcome == Outcome::Refused);
    request.is_get_or_post() && !is_part
}

/// Decides in a later hook, usually after an earlier decision. A function of its own keeps the
/// hooks of most requests short.
#[inline(never)]
fn handle_again<'r, R: Request<'r>>(request: &mut R) -> Action<'r> {
    handle_in_sections(request, false)
}

/// Decides for the request's sections. Some internal redirects enter at later hooks without passing
/// the first one (`ap_internal_redirect_handler`).
#[inline(always)]
fn handle_in_sections<'r, R: Request<'r>>(request: &mut R, is_ahead: bool) -> Action<'r> {
    let Some(server) = request.server() else {
        return Action::Decline;
    };
    if server.gates.is_plain() {
        return decide(request, server, &MatchedSections::none(), None);
    }
    // Before other modules see it.
    let link = match is_ahead && server.gates.has_invitations() && request.is_from_client() {
        true => request.take_invitations(),
        false => None,
    };
    let sections = if !server.gates.has_sections() {
        MatchedSections::none()
    } else if is_ahead && !request.is_location_walked() {
        request.sections_ahead()
    } else {
        // A subrequest that is run has had its location walk during its lookup.
        request.sections()
    };
    let looks = link.is_some().then(Looks::default);
    let reply = link.zip(looks.as_ref());
    let reply =
        reply.and_then(|(link, looks)| invitation::reply(request, server, &sections, &link, looks));
    let reply = match (reply, server.gates.notice()) {
        (None, Some(notice))
            if is_ahead && notice.covers(request.target()) && request.is_from_client() =>
        {
            Some(notice.answer(request, &server.events))
        }
        (reply, _) => reply,
    };
    match reply {
        Some(reply) => Action::Reply(request.keep_reply(reply)),
        None => decide(request, server, &sections, looks),
    }
}

/// Decides for a request in these sections, unless an earlier decision on it, or on a request that
/// it is a part of, still applies. `looks` has the looks so far, if there were any.
#[inline(always)]
fn decide<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
    looks: Option<Looks<'r>>,
) -> Action<'r> {
    match decided_before(request) {
        None => decide_by_gate(request, server, sections, None, looks),
        Some(before) => reuse_or_decide(request, server, sections, before),
    }
}

/// The decision on the request, or on a request that it is a part of.
#[inline(always)]
fn decided_before<'r, R: Request<'r>>(request: &R) -> Option<Decision<'r>> {
    let own = request.decision().filter(|decision| decision.outcome != Outcome::Undecided);
    own.copied().or_else(|| request.origin_decision())
}

/// Decides for a request, or a part of one, that already has the decision `before`. Lookups,
/// subrequests and internal redirects are parts of a request that has been decided. The exception
/// is an internal redirect to the ErrorDocument of a request that httpd rejected before the module
/// saw it, such as a malformed request.
#[inline(never)]
fn reuse_or_decide<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
    before: Decision<'r>,
) -> Action<'r> {
    let path = request.path_id();
    if !before.holds_in(sections, path) || is_rewritten(request, &before) {
        return decide_by_gate(request, server, sections, Some(before), None);
    }
    let own = request.decision();
    if own.is_none_or(|own| own.path != path) {
        let is_being_answered = own.is_some_and(|own| own.is_being_answered);
        request.keep(Decision { path, is_being_answered, ..before });
    }
    Action::Decline
}

/// Decides by the gate of the request's sections.
#[inline(always)]
fn decide_by_gate<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
    before: Option<Decision<'r>>,
    looks: Option<Looks<'r>>,
) -> Action<'r> {
    request.provoke();
    let gate = server.gates.of_request(sections.section, |gate| request.keep_gate(gate));
    if looks.is_some() || !sections.others.is_empty() {
        let looks = looks.unwrap_or_default();
        return decide_by_gates(request, server, sections, before, (gate, &looks));
    }
    let scope = server.counters.scope_ref(sections.section, gate);
    let tracked = track(request, before, server.counters, scope);
    let absent = gate.count_absent();
    if absent == gate.flags().len() {
        record(request, tracked, scope, sections, (Some(Reason::Open), false));
        return Action::Decline;
    }
    let verdict = gate.decide_rest(request, &server.events, absent);
    record(request, tracked, scope, sections, (verdict.reason(), verdict.is_bound_to_path()));
    conclude(request, server, before, (gate, scope.scope), verdict)
}

/// Decides for a path that can be read in several ways, or with the looks so far. The strictest verdict
/// applies, in the scope that gave it.
#[cold]
fn decide_by_gates<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
    before: Option<Decision<'r>>,
    (first, looks): (&'r Gate, &Looks<'r>),
) -> Action<'r> {
    let gate_of = |section| server.gates.of_request(section, |gate| request.keep_gate(gate));
    let others = sections.others.iter();
    let others: Vec<_> = others.map(|section| gate_of(*section)).collect();
    let flags = others.iter().fold(first.bits(), |flags, gate| flags | gate.bits());
    let scope = server.counters.scope(sections.section);
    let tracked = track(request, before, server.counters, ScopeRef { scope, flags });
    let (number, gate, verdict) =
        gate::strictest(first, &others, |gate| gate.decide_with(request, &server.events, looks));
    let scope = server.counters.scope(sections.all().nth(number).flatten());
    record(
        request,
        tracked,
        ScopeRef { scope, flags },
        sections,
        (verdict.reason(), verdict.is_bound_to_path()),
    );
    conclude(request, server, before, (gate, scope), verdict)
}

/// The client request that this request is or belongs to; None if it is not counted. A request
/// without a decision `before` is new, and in flight from now on.
#[inline(always)]
fn track<'r, R: Request<'r>>(
    request: &mut R,
    before: Option<Decision<'r>>,
    counters: &Counters,
    scope: ScopeRef,
) -> Option<&'r TrackedRequest<'static>> {
    match before {
        Some(before) => before.tracked,
        None if request.is_subrequest() => None,
        None => {
            let worker = request.worker(counters.generation);
            let is_safe = request.is_get_or_head() || method::is_safe(request.method());
            let time = request.request_time_micros();
            let arrival = Arrival { worker, time, is_safe };
            let tracked = TrackedRequest::new(counters.stats, scope, arrival);
            Some(request.track(tracked))
        }
    }
}

/// Records the decision for the request in this scope: admitted for a `reason`, perhaps as long as
/// its path stays, or refused. An admitted client request is tracked to its end, and counted once, in the last scope that it
/// entered.
#[inline(always)]
fn record<'r, R: Request<'r>>(
    request: &mut R,
    tracked: Option<&'r TrackedRequest<'static>>,
    scope: ScopeRef,
    sections: &MatchedSections<'r, R::Section>,
    (reason, is_bound_to_path): (Option<Reason>, bool),
) {
    if let Some(tracked) = tracked
        && !request.is_subrequest()
    {
        match reason {
            Some(reason) => tracked.let_in(scope, reason),
            None => tracked.forget(),
        }
    }
    request.keep(Decision {
        outcome: Outcome::of(reason),
        sections: sections.key(),
        others: sections.key_of_others(),
        path: request.path_id(),
        is_bound_to_path,
        is_being_answered: false,
        tracked,
    });
}

/// The action that follows from this verdict.
fn conclude<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    before: Option<Decision<'r>>,
    (gate, scope): (&'r Gate, ScopeId),
    verdict: Verdict<'_>,
) -> Action<'r> {
    match verdict {
        Verdict::Open => Action::Decline,
        Verdict::Announced(content) => {
            request.announce(content.state_field(SiteState::Announced));
            Action::Decline
        }
        Verdict::Allowed(admission) => {
            if !invitation::is_counted(before, &admission) {
                invitation::count(request, server.counters, &admission);
                request.log_admission(&admission);
            }
            Action::Decline
        }
        Verdict::HealthCheck(_) | Verdict::Blocked(_) if request.is_subrequest() => Action::Fail,
        Verdict::HealthCheck(blocked) => {
            Action::Reply(request.keep_reply(Reply::healthy(&blocked.closing)))
        }
        Verdict::Blocked(blocked) => {
            if let Some(reply) = gate.refusal().preflight(request, &blocked.closing) {
                let (refused, agent) = ((scope, reply.status), request.header(c"User-Agent"));
                count_refusal(request, before, server.counters, refused, agent);
                return Action::Reply(request.keep_reply(reply));
            }
            let answer = refuse(request, server, before, (gate, scope), &blocked.closing);
            answer.map_or(Action::Plain, |answer| Action::Answer(request.keep_answer(answer)))
        }
    }
}

/// Makes the answer, and counts the refusal with its status. Not inlined, to keep the path of other
/// requests short.
#[inline(never)]
fn refuse<'r, R: Request<'r>>(
    request: &R,
    server: Server<'r, R::Events>,
    before: Option<Decision<'r>>,
    (gate, scope): (&'r Gate, ScopeId),
    closing: &ActiveFlag,
) -> Option<Answer<'r>> {
    let [accept, languages, codings, agent] =
        request.headers([c"Accept", c"Accept-Language", c"Accept-Encoding", c"User-Agent"]);
    let answer = gate.refuse(request, [accept, languages, codings], closing, &server.events);
    let status = answer.as_ref().map_or(PLAIN.status, |answer| answer.status.code());
    count_refusal(request, before, server.counters, (scope, status), agent);
    answer
}

/// Counts a refusal, once for each client request, and records the refused client.
fn count_refusal<'r, R: Request<'r>>(
    request: &R,
    before: Option<Decision<'r>>,
    counters: &Counters,
    (scope, status): (ScopeId, u16),
    agent: Option<&[u8]>,
) {
    if before.is_some_and(|before| before.outcome == Outcome::Refused) {
        return;
    }
    let worker = request.worker(counters.generation);
    counters.stats.refuse(worker, scope, status);
    if let Some(address) = request.address() {
        let (agent, path) = (agent.unwrap_or_default(), request.path());
        let time = request.request_time();
        let refusal = RefusedRequest { address, path, agent, time };
        counters.stats.refused().count(refusal, worker.process);
    }
}

#[cfg(test)]
mod concurrency_tests;
#[cfg(all(test, not(loom)))]
mod corruption_tests;
#[cfg(test)]
mod fake;
#[cfg(all(test, not(loom)))]
mod invitation_tests;
#[cfg(all(test, not(loom)))]
mod notice_tests;
#[cfg(test)]
mod tests;
