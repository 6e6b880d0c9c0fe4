//! What happens to a request after a panic.

use super::decision::{Decision, Outcome};
use super::matched::MatchedSections;
use super::request::Request;
use super::{Action, count_refusal, decided_before, record, track};
use crate::refusal::PLAIN;
use crate::stats::Reason;

/// The action after a panic in [`handle`](super::handle), or while its action was being carried
/// out. The last known state of the server decides, without using anything that may have caused
/// the panic. The request's gate is not known, so the strictest one applies. If this panics as
/// well, the request is refused. `guard` runs code that may panic again.
#[cold]
pub fn after_panic<'r, R: Request<'r>>(
    request: &mut R,
    guard: impl Fn(&mut dyn FnMut()),
) -> Action<'r> {
    let mut is_closed = true;
    guard(&mut || {
        let server = request.server();
        is_closed =
            server.is_some_and(|server| server.gates.flags().any(|flag| flag.was_closing()));
    });
    let reason = (!is_closed).then_some(Reason::Open);
    let before = decided_before(request);
    let sections = MatchedSections { section: request.section(), others: vec![] };
    // Recorded before counting, because counting may panic.
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

/// Counts the request like any other, in the scope of its server.
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
    record(request, tracked, scope, sections, (reason, false));
    if reason.is_none() && !request.is_subrequest() {
        let agent = request.header(c"User-Agent");
        count_refusal(request, before, counters, (scope.scope, PLAIN.status), agent);
    }
}
