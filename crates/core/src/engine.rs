//! One request: what is decided, by which gate, what is recorded of it, and how it is answered.
//!
//! A request is decided once for the sections that it comes into. It can come into a `<Location>`
//! in several ways, so it is handled in several hooks, but decided again only if its sections have
//! changed.

pub mod decision;
pub mod gate;
pub mod gates;
pub mod matched;
pub mod readings;
pub mod request;
pub mod server;

use crate::flag::ActiveFlag;
use crate::refusal::{Answer, PLAIN};
use crate::stats::top_clients::RefusedRequest;
use crate::stats::{Reason, ScopeId, ScopeRef, TrackedRequest};
use decision::{Decision, Outcome};
use gate::{Gate, Verdict};
use matched::{MatchedSections, key_of};
use request::Request;
use server::{Counters, Server};

/// The moments at which httpd asks about a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// Before httpd has found the request's sections. Nothing can answer the request earlier.
    /// Subrequests come here both when they are looked up and when they are run.
    Quick,
    /// httpd has found the sections, before and after other modules had a say in it.
    Mapped,
    /// Another module looks something up, and may use it without a handler: mod_dav and parts of
    /// mod_include's pages do.
    LookedUp,
    /// The request is about to be answered. Something that was looked up may have taken its place,
    /// or it may be a part of another one.
    Handler,
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Action<'r> {
    /// The request goes on.
    Decline,
    /// It is refused with this answer.
    Answer(&'r Answer<'r>),
    /// It is refused with [`PLAIN`], as there is no page to be had.
    Plain,
    /// The subrequest fails, and the module that asked for it reports that.
    Fail,
}

/// Decides at a hook what is to be done with a request, records and counts it.
#[inline(always)]
pub fn handle<'r, R: Request<'r>>(request: &mut R, hook: Hook) -> Action<'r> {
    let is_decided = match hook {
        Hook::Quick => false,
        Hook::Mapped => request.is_subrequest() || still_holds(request),
        Hook::LookedUp => comes_to_a_handler(request) || still_holds(request),
        Hook::Handler => still_holds(request),
    };
    let action = match (is_decided, hook) {
        (true, _) => Action::Decline,
        (false, Hook::Quick) => handle_in_sections(request, true),
        (false, _) => handle_again(request),
    };
    if hook == Hook::Handler
        && let Some(decision) = request.decision_mut()
    {
        decision.is_being_answered = true;
    }
    action
}

/// Does the decision on the request hold where it is now? As in most of the hooks.
#[inline(always)]
fn still_holds<'r, R: Request<'r>>(request: &R) -> bool {
    let holds = |decision: &Decision<'_>| {
        decision.still_holds(key_of(request.section()), request.path_id())
            && !is_rewritten(request, decision)
    };
    request.decision().is_some_and(holds)
}

/// Was the request admitted by its path, and has a rewrite made another file of that since?
fn is_rewritten<'r, R: Request<'r>>(request: &R, decision: &Decision<'_>) -> bool {
    let Outcome::LetIn(reason) = decision.outcome else { return false };
    reason.is_bound_to_path() && request.rewritten_path().is_some()
}

/// Will what is looked up come to a handler before anybody sees anything of it? It does with
/// mod_dir and mod_negotiation, which look for what they are to show. It does not with mod_dav,
/// which acts on what it looks up (COPY, MOVE), and with modules that look up a part of an answer
/// and show its size, time or name themselves (mod_include, mod_autoindex).
fn comes_to_a_handler<'r, R: Request<'r>>(request: &R) -> bool {
    let is_part = request
        .main_decision()
        .is_some_and(|main| main.is_being_answered || main.outcome == Outcome::Refused);
    request.is_get_or_post() && !is_part
}

/// Decides where another hook has decided before, as a rule. Apart, so that the hooks that most requests
/// pass stay short.
#[inline(never)]
fn handle_again<'r, R: Request<'r>>(request: &mut R) -> Action<'r> {
    handle_in_sections(request, false)
}

/// Decides for the sections that the request is in. Some internal redirects come to later hooks
/// without the first one (`ap_internal_redirect_handler`).
#[inline(always)]
fn handle_in_sections<'r, R: Request<'r>>(request: &mut R, is_ahead: bool) -> Action<'r> {
    let Some(server) = request.server() else {
        return Action::Decline;
    };
    if !server.gates.has_sections() {
        return decide(request, server, &MatchedSections::none());
    }
    let sections = match is_ahead && !request.is_mapped() {
        true => request.sections_ahead(),
        // A subrequest that is run has been mapped when it was looked up.
        false => request.sections(),
    };
    decide(request, server, &sections)
}

/// Decides once for each request of a client and the sections that it comes into.
#[inline(always)]
fn decide<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
) -> Action<'r> {
    match request.decision().copied().or_else(|| request.origin_decision()) {
        None => judge(request, server, sections, None),
        Some(before) => decide_once_more(request, server, sections, before),
    }
}

/// Decides for a request, or a part of one, for which something was decided `before`. Look-ups,
/// subrequests and internal redirects are parts of a request that has been decided, with one
/// exception: an internal redirect to the ErrorDocument of a request that httpd turned down before
/// the module saw it, such as a malformed one.
#[inline(never)]
fn decide_once_more<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
    before: Decision<'r>,
) -> Action<'r> {
    let path = request.path_id();
    if !before.holds_in(sections, path) || is_rewritten(request, &before) {
        return judge(request, server, sections, Some(before));
    }
    let own = request.decision();
    if own.is_none_or(|own| own.path != path) {
        let is_being_answered = own.is_some_and(|own| own.is_being_answered);
        request.keep(Decision { path, is_being_answered, ..before });
    }
    Action::Decline
}

/// Decides by the gate of the sections.
#[inline(always)]
fn judge<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
    before: Option<Decision<'r>>,
) -> Action<'r> {
    request.provoke();
    let gate = server.gates.of_request(sections.section, |gate| request.own_gate(gate));
    if !sections.others.is_empty() {
        return decide_among(request, server, sections, before, gate);
    }
    let scope = server.counters.scope_ref(sections.section, gate);
    let tracked = track(request, before, server.counters, scope);
    if gate.is_still_open() {
        record(request, tracked, scope, sections, Some(Reason::Open));
        return Action::Decline;
    }
    let verdict = gate.decide(request, &server.events);
    record(request, tracked, scope, sections, verdict.reason());
    conclude(request, server, before, (gate, scope.scope), verdict)
}

/// Decides for a path that can be read in several ways: the strictest verdict counts, in the scope
/// that it comes from.
#[cold]
fn decide_among<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    sections: &MatchedSections<'r, R::Section>,
    before: Option<Decision<'r>>,
    first: &'r Gate,
) -> Action<'r> {
    let gate_of = |section| server.gates.of_request(section, |gate| request.own_gate(gate));
    let others = sections.others.iter();
    let others: Vec<_> = others.map(|section| gate_of(*section)).collect();
    let flags = others.iter().fold(first.bits(), |flags, gate| flags | gate.bits());
    let scope = server.counters.scope(sections.section);
    let tracked = track(request, before, server.counters, ScopeRef { scope, flags });
    let (number, verdict) =
        gate::strictest(first, &others, |gate| gate.decide(request, &server.events));
    let gate = number.checked_sub(1).and_then(|number| others.get(number).copied());
    let scope = server.counters.scope(sections.all().nth(number).flatten());
    record(request, tracked, ScopeRef { scope, flags }, sections, verdict.reason());
    conclude(request, server, before, (gate.unwrap_or(first), scope), verdict)
}

/// The client's request that this one is, or is a part of; None if it is not counted. A request for
/// which nothing was decided `before` is new, and in flight from now on.
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
            let tracked = TrackedRequest::new(counters.stats, worker, scope, request.came());
            Some(request.track(tracked))
        }
    }
}

/// Keeps what was decided for the request in this scope: it is let in for a `reason`, or refused.
/// A client's request that is let in is followed to its end, and counts once, in the last scope
/// that it came into.
#[inline(always)]
fn record<'r, R: Request<'r>>(
    request: &mut R,
    tracked: Option<&'r TrackedRequest<'static>>,
    scope: ScopeRef,
    sections: &MatchedSections<'r, R::Section>,
    reason: Option<Reason>,
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
        is_being_answered: false,
        tracked,
    });
}

/// What is to be done with a request after this verdict.
fn conclude<'r, R: Request<'r>>(
    request: &mut R,
    server: Server<'r, R::Events>,
    before: Option<Decision<'r>>,
    (gate, scope): (&'r Gate, ScopeId),
    verdict: Verdict<'_>,
) -> Action<'r> {
    match verdict {
        Verdict::Open => Action::Decline,
        Verdict::Allowed(admission) => {
            request.log_admission(&admission);
            Action::Decline
        }
        Verdict::Blocked(_) if request.is_subrequest() => Action::Fail,
        Verdict::Blocked(blocked) => {
            let answer = refuse(request, server, before, (gate, scope), &blocked.closing);
            answer.map_or(Action::Plain, |answer| Action::Answer(request.own_answer(answer)))
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
    let answer = gate.refuse(request, closing, &server.events);
    let status = answer.as_ref().map_or(PLAIN.status, |answer| answer.status.code());
    count_refusal(request, before, server.counters, scope, status);
    answer
}

/// Counts a refusal, once for each request of a client, and takes note of who is refused.
fn count_refusal<'r, R: Request<'r>>(
    request: &R,
    before: Option<Decision<'r>>,
    counters: &Counters,
    scope: ScopeId,
    status: u16,
) {
    if before.is_some_and(|before| before.outcome == Outcome::Refused) {
        return;
    }
    let worker = request.worker(counters.generation);
    counters.stats.refuse(worker, scope, status);
    if let Some(address) = request.address() {
        let agent = request.header(c"User-Agent").unwrap_or_default();
        let (path, time) = (request.path(), request.now());
        let refusal = RefusedRequest { address, path, agent, time };
        counters.stats.refused().count(refusal, worker.process);
    }
}

/// What is to be done with a request after a panic in [`handle`], or while its action was carried
/// out. The last known state of the server decides, and nothing that might have caused the panic
/// is used again. The request's gate is not known, so the strictest one counts. If even that causes
/// a panic, the request is refused. `guard` runs what may panic again.
#[cold]
pub fn after_panic<'r, R: Request<'r>>(
    request: &mut R,
    guard: impl Fn(&mut dyn FnMut()),
) -> Action<'r> {
    let mut is_closed = true;
    guard(&mut || {
        let server = request.server();
        is_closed = server.is_some_and(|server| server.gates.all().any(Gate::was_closed));
    });
    let reason = (!is_closed).then_some(Reason::Open);
    let before = request.decision().copied().or_else(|| request.origin_decision());
    let sections = MatchedSections { section: request.section(), others: vec![] };
    // Kept before anything is counted, which may panic.
    request.keep(Decision {
        outcome: Outcome::of(reason),
        sections: sections.key(),
        tracked: before.and_then(|before| before.tracked),
        ..Decision::undecided(request.path_id())
    });
    guard(&mut || count_after_panic(request, before, &sections, reason));
    match is_closed {
        true => Action::Plain,
        false => Action::Decline,
    }
}

/// Counts the request as any other, in the scope of its server.
fn count_after_panic<'r, R: Request<'r>>(
    request: &mut R,
    before: Option<Decision<'r>>,
    sections: &MatchedSections<'r, R::Section>,
    reason: Option<Reason>,
) {
    let Some(server) = request.server() else { return };
    let (gate, counters) = (server.gates.own(), server.counters);
    let scope = counters.scope_ref(None::<&R::Section>, gate);
    let tracked = track(request, before, counters, scope);
    record(request, tracked, scope, sections, reason);
    if reason.is_none() && !request.is_subrequest() {
        count_refusal(request, before, counters, scope.scope, PLAIN.status);
    }
}

#[cfg(test)]
mod concurrency_tests;
#[cfg(all(test, not(loom)))]
mod corruption_tests;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
