//! The moments at which httpd calls the module, and what becomes of a request in them.
//!
//! A request can come into a `<Location>` in several ways, so it is looked at more than once; but
//! judged again only where that has changed.
//!
//! | hook | for | by then httpd has |
//! |---|---|---|
//! | quick_handler | all | found no location yet: the module looks ahead |
//! | translate_name, header_parser | requests of clients | found it before and after mod_rewrite and others |
//! | fixups | look-ups that never come to a handler (mod_dav, parts of mod_include's pages) | found it |
//! | handler | all | maybe put something that it looked up in the request's place |

use std::ffi::c_int;

use crate::decision::{Kept, Outcome};
use crate::error_log;
use crate::location::Section;
use crate::request::Request;
use crate::server::config;
use crate::startup;
use crate::status_handler;
use crate::sys::bindings::{
    APR_HOOK_MIDDLE, APR_HOOK_REALLY_FIRST, DECLINED, HTTP_INTERNAL_SERVER_ERROR,
    ap_hook_child_init, ap_hook_fixups, ap_hook_handler, ap_hook_header_parser,
    ap_hook_post_config, ap_hook_quick_handler, ap_hook_translate_name, apr_pool_t,
    maintenance_find_functions, maintenance_hook_check_config, maintenance_hook_end,
    maintenance_hook_monitor, maintenance_hook_status, maintenance_hook_switch, request_rec,
};
use crate::sys::guard::{guard, guard_or};
use crate::tracking;
use maintenance_core::engine::gate::{self, Gate, Verdict};
use maintenance_core::engine::gates::Gates;
use maintenance_core::engine::matched::{MatchedSections, key_of};
use maintenance_core::engine::server::Counters;
use maintenance_core::flag::ActiveFlag;
use maintenance_core::stats::{Reason, ScopeRef};

/// httpd's call after it has loaded the module.
pub(crate) unsafe extern "C" fn register(_pool: *mut apr_pool_t) {
    guard(
        || {
            maintenance_core::stack::provide(crate::sys::scratch_thread::deep);
            let (none, middle) = (std::ptr::null(), APR_HOOK_MIDDLE as c_int);
            // Before mod_cache, which would answer from its cache and whose handler is "really
            // first", too, and before mod_rewrite and mod_proxy.
            let first = APR_HOOK_REALLY_FIRST as c_int - 1;
            // SAFETY: the functions have the signatures that the hooks want, and stay loaded
            // for as long as the hooks are registered. No predecessors, no successors.
            unsafe {
                maintenance_find_functions();
                maintenance_hook_check_config(Some(startup::check_config));
                ap_hook_post_config(Some(startup::post_config), none, none, middle);
                ap_hook_child_init(Some(startup::child_init), none, none, middle);
                maintenance_hook_monitor(Some(startup::monitor));
                ap_hook_quick_handler(Some(quick_handler), none, none, first);
                ap_hook_translate_name(Some(mapped), none, none, first);
                ap_hook_header_parser(Some(mapped), none, none, first);
                ap_hook_fixups(Some(looked_up), none, none, first);
                ap_hook_handler(Some(handler), none, none, first);
                ap_hook_handler(Some(status_handler::handler), none, none, middle);
                maintenance_hook_status(Some(status_handler::section));
                maintenance_hook_end(Some(tracking::ended));
                maintenance_hook_switch(Some(tracking::switched));
            }
        },
        (),
    );
}

/// A request, before anything else is done for it; or a subrequest, which mod_cache could answer
/// here, both when it is looked up and when it is run.
unsafe extern "C" fn quick_handler(r: *mut request_rec, _lookup: c_int) -> c_int {
    // SAFETY: httpd's request, which this thread alone uses until the function returns.
    unsafe { guarded(r, judge_ahead) }
}

/// A request whose location httpd has found, before and after other modules had a say in it.
unsafe extern "C" fn mapped(r: *mut request_rec) -> c_int {
    // SAFETY: as above.
    unsafe {
        guarded(
            r,
            |request| if request.is_subrequest() { DECLINED as c_int } else { judge(request) },
        )
    }
}

/// Something that another module looks up and may use without a handler.
unsafe extern "C" fn looked_up(r: *mut request_rec) -> c_int {
    // SAFETY: as above.
    unsafe {
        guarded(
            r,
            |request| if request.comes_to_a_handler() { DECLINED as c_int } else { judge(request) },
        )
    }
}

/// A request that is about to be answered: it may have been replaced by something that was looked
/// up (`ap_internal_fast_redirect`), or be a part of another one.
unsafe extern "C" fn handler(r: *mut request_rec) -> c_int {
    // SAFETY: as above.
    unsafe {
        guarded(r, |request| {
            let answer = judge(request);
            request.begin_answer();
            answer
        })
    }
}

/// The body is for any lifetime of the request, so that nothing of it can be kept beyond.
///
/// # Safety
/// `r` is a request of httpd's, which this thread alone uses until the function returns, and whose
/// pool lives longer.
unsafe fn guarded(
    r: *mut request_rec,
    body: impl for<'r> FnOnce(&mut Request<'r>) -> c_int,
) -> c_int {
    guard_or(
        // SAFETY: the caller's word.
        || body(&mut unsafe { Request::from_raw(r) }),
        // SAFETY: the same; the handle above went with the panic.
        || after_panic(&mut unsafe { Request::from_raw(r) }),
        HTTP_INTERNAL_SERVER_ERROR as c_int,
    )
}

/// Decides before httpd has mapped the request: nothing can answer it earlier.
fn judge_ahead(request: &mut Request<'_>) -> c_int {
    let Some(server) = watched(request) else {
        return DECLINED as c_int;
    };
    let found = match server.gates.has_sections() {
        true if request.is_mapped() => request.found(), // a subrequest that is run
        true => request.found_ahead(),
        false => MatchedSections::none(),
    };
    decide_in(request, server, &found)
}

/// Decides for the sections that httpd has found. Some internal redirects come here without a quick
/// handler (`ap_internal_redirect_handler`).
fn judge(request: &mut Request<'_>) -> c_int {
    if request.kept().is_some_and(|kept| kept.holds_here(request)) {
        return DECLINED as c_int;
    }
    let Some(server) = watched(request) else {
        return DECLINED as c_int;
    };
    let found = match server.gates.has_sections() {
        true => request.found(),
        false => MatchedSections::none(),
    };
    decide_in(request, server, &found)
}

/// A server whose engine is on.
#[derive(Clone, Copy)]
struct Server<'r> {
    gates: &'r Gates,
    counters: &'r Counters,
}

impl<'r> Server<'r> {
    /// The gate of a request in these sections.
    fn gate(self, request: &Request<'r>, section: Option<&Section<'_>>) -> &'r Gate {
        match section {
            Some(section) => {
                self.gates.of(section).unwrap_or_else(|| request.own(self.gates.make(section)))
            }
            None => self.gates.own(),
        }
    }
}

fn watched<'r>(request: &Request<'r>) -> Option<Server<'r>> {
    let config = config(request.server()?)?;
    Some(Server { gates: config.gates()?, counters: config.counters()? })
}

/// Decides once for each request of a client and the sections that it comes into. Look-ups,
/// subrequests and internal redirects are parts of a request that has been decided; but not one to
/// the ErrorDocument of a request that httpd itself turned down before it came here (such as
/// a malformed one). What was blocked is judged again, should another module go on with it all the
/// same.
fn decide_in<'r>(
    request: &mut Request<'r>,
    server: Server<'r>,
    found: &MatchedSections<'r, Section<'r>>,
) -> c_int {
    let own = request.kept();
    let before = own.or_else(|| request.kept_by_origin());
    if let Some(kept) = before.filter(|kept| kept.holds_in(request, found)) {
        if own.is_none_or(|own| own.uri != request.rec().uri.cast_const()) {
            let is_being_answered = own.is_some_and(|own| own.is_being_answered);
            request.keep(Kept { uri: request.rec().uri, is_being_answered, ..kept });
        }
        return DECLINED as c_int;
    }
    #[cfg(feature = "provoke-panic")]
    request.provoke_panic();
    #[cfg(feature = "provoke-defect")]
    crate::provoke::provoke(request);
    let gate = server.gate(request, found.section);
    if !found.others.is_empty() {
        return decide_among(request, server, found, before, gate);
    }
    let place = server.counters.scope_ref(found.section, gate);
    let tracked = request.tracked(before, server.counters, place);
    if gate.is_still_open() {
        request.settle(tracked, place, found, Some(Reason::Open));
        return DECLINED as c_int;
    }
    let verdict = gate.decide(request, &error_log::Log);
    request.settle(tracked, place, found, verdict.reason());
    conclude(request, server, before, (gate, place), verdict)
}

/// The same for a path that can be read in several ways: the strictest verdict counts, and with it
/// the scope that has come to it.
#[cold]
fn decide_among<'r>(
    request: &mut Request<'r>,
    server: Server<'r>,
    found: &MatchedSections<'r, Section<'r>>,
    before: Option<Kept<'r>>,
    first: &'r Gate,
) -> c_int {
    let others = found.others.iter();
    let others: Vec<_> = others.map(|section| server.gate(request, *section)).collect();
    let flags = others.iter().fold(first.bits(), |flags, gate| flags | gate.bits());
    let scope = server.counters.scope(found.section);
    let tracked = request.tracked(before, server.counters, ScopeRef { scope, flags });
    let (number, verdict) =
        gate::strictest(first, &others, |gate| gate.decide(request, &error_log::Log));
    let gate = number.checked_sub(1).and_then(|number| others.get(number).copied());
    let section = found.all().nth(number).flatten();
    let place = ScopeRef { scope: server.counters.scope(section), flags };
    request.settle(tracked, place, found, verdict.reason());
    conclude(request, server, before, (gate.unwrap_or(first), place), verdict)
}

/// What becomes of a request with this verdict.
fn conclude<'r>(
    request: &mut Request<'r>,
    server: Server<'r>,
    before: Option<Kept<'r>>,
    (gate, place): (&'r Gate, ScopeRef),
    verdict: Verdict<'_>,
) -> c_int {
    match verdict {
        Verdict::Open => DECLINED as c_int,
        Verdict::Allowed(admission) => {
            request.log_admission(&admission);
            DECLINED as c_int
        }
        // Whoever asked for it says that it is not to be had.
        Verdict::Blocked(_) if request.is_subrequest() => HTTP_INTERNAL_SERVER_ERROR as c_int,
        Verdict::Blocked(blocked) => {
            let is_counted = before.is_some_and(|before| before.outcome == Outcome::Refused);
            refuse(request, gate, &blocked.closing, |request, status| {
                if !is_counted {
                    request.count_refusal(server.counters, place.scope, status);
                }
            })
        }
    }
}

/// Answers, and says with which status. Scratch from the way of those who pass, which is to be short.
#[inline(never)]
fn refuse<'r>(
    request: &mut Request<'r>,
    gate: &'r Gate,
    closing: &ActiveFlag,
    count: impl FnOnce(&Request<'r>, u16),
) -> c_int {
    let answer = gate.refuse(request, closing, &error_log::Log);
    count(request, answer.as_ref().map_or(PLAIN, |answer| answer.status.code()));
    match answer {
        Some(answer) => request.answer(answer),
        None => request.refuse_plainly(),
    }
}

/// The status of a refusal without a page.
const PLAIN: u16 = HTTP_INTERNAL_SERVER_ERROR as u16;

/// The last known state decides, and nothing that might have caused the panic is used again. Where
/// it is open to question which gate it would have been, the strictest counts.
#[cold]
fn after_panic(request: &mut Request<'_>) -> c_int {
    #[cfg(feature = "provoke-panic")]
    request.provoke_second_panic();
    let last_known = || Some(watched(request)?.gates.all().any(Gate::was_closed));
    let is_closed = guard(|| last_known().unwrap_or(false), true);
    let reason = (!is_closed).then_some(Reason::Open);
    let before = request.kept().or_else(|| request.kept_by_origin());
    let (sections, uri) = (key_of(request.section()), request.rec().uri);
    let tracked = before.and_then(|before| before.tracked);
    let (outcome, others, is_being_answered) = (Outcome::of(reason), 0, false);
    request.keep(Kept { outcome, sections, others, uri, is_being_answered, tracked });
    guard(|| count_after_panic(request, before, reason).unwrap_or_default(), ());
    match is_closed {
        true => request.refuse_plainly(),
        false => DECLINED as c_int,
    }
}

/// As any other request, in the scope of its server.
fn count_after_panic<'r>(
    request: &mut Request<'r>,
    before: Option<Kept<'r>>,
    reason: Option<Reason>,
) -> Option<()> {
    let server = watched(request)?;
    let place = server.counters.scope_ref(None::<&Section<'_>>, server.gates.own());
    let tracked = request.tracked(before, server.counters, place);
    let found = MatchedSections { section: request.section(), ..MatchedSections::none() };
    request.settle(tracked, place, &found, reason);
    let is_counted = before.is_some_and(|before| before.outcome == Outcome::Refused);
    if reason.is_none() && !is_counted && !request.is_subrequest() {
        request.count_refusal(server.counters, place.scope, PLAIN);
    }
    Some(())
}
