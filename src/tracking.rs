//! The requests of clients, as they are counted and followed.

use std::ffi::{c_int, c_void};
use std::ptr;

use crate::decision::{Kept, Outcome};
use crate::location::Section;
use crate::request::Request;
use crate::sys::bindings::{DECLINED, maintenance_watch_end, request_rec};
use crate::sys::guard::guard;
use crate::sys::process;
use maintenance_core::allow::ClientRequest;
use maintenance_core::engine::matched::MatchedSections;
use maintenance_core::engine::server::Counters;
use maintenance_core::refusal::RequestHeaders;
use maintenance_core::stats::top_clients::RefusedRequest;
use maintenance_core::stats::{Reason, ScopeId, ScopeRef, TrackedRequest, Worker};

// What the SAFETY comments here rest on is said at `Request`.
impl<'r> Request<'r> {
    /// The request of the client that this one is, or a part of, if that counts. It arrives where
    /// nothing was decided `before`, and is in flight from then on.
    pub(crate) fn tracked(
        &mut self,
        before: Option<Kept<'r>>,
        counters: &Counters,
        place: ScopeRef,
    ) -> Option<&'r TrackedRequest<'static>> {
        match before {
            Some(before) => before.tracked,
            None if self.is_subrequest() => None,
            None => {
                let worker = self.worker(counters);
                let tracked =
                    TrackedRequest::new(counters.stats, worker, place, self.rec().request_time);
                let tracked = self.keep_visit(tracked);
                // SAFETY: the visit lives as long as the request's pool, and the shim forgets it when
                // that is cleared, in whichever thread (mod_http2 destroys streams in that of the
                // client's connection, when nothing runs in them any more).
                unsafe {
                    maintenance_watch_end(self.as_ptr(), ptr::from_ref(tracked).cast_mut().cast())
                };
                Some(tracked)
            }
        }
    }

    /// Keeps what was decided for the request in this place, as [`Request::keep`] does. A visit
    /// that is let in, for a `reason`, is followed; another one is forgotten. Each counts once, in
    /// the last scope that it came into.
    #[inline(always)]
    pub(crate) fn settle(
        &mut self,
        tracked: Option<&'r TrackedRequest<'static>>,
        place: ScopeRef,
        found: &MatchedSections<'_, Section<'_>>,
        reason: Option<Reason>,
    ) {
        if let Some(tracked) = tracked
            && !self.is_subrequest()
        {
            match reason {
                Some(reason) => tracked.let_in(place, reason),
                None => tracked.forget(),
            }
        }
        let (sections, others) = (found.key(), found.key_of_others());
        let (outcome, uri, is_being_answered) = (Outcome::of(reason), self.rec().uri, false);
        self.keep(Kept { outcome, sections, others, uri, is_being_answered, tracked });
    }

    /// Counts a refusal, and takes note of who is refused.
    pub(crate) fn count_refusal(&self, counters: &Counters, scope: ScopeId, status: u16) {
        let worker = self.worker(counters);
        counters.stats.refuse(worker, scope, status);
        if let Some(address) = self.address() {
            let agent = self.header(c"User-Agent").unwrap_or_default();
            let refusal = RefusedRequest { address, path: self.path(), agent, time: self.now() };
            counters.stats.refused().count(refusal, worker.process);
        }
    }

    fn worker(&self, counters: &Counters) -> Worker {
        // SAFETY: the connection is as old as the request.
        let connection = unsafe { (*self.rec().connection).id } as u64;
        Worker { process: process::number(), connection, generation: counters.generation }
    }
}

/// The answer to a visitor's request has been handed on.
pub(crate) unsafe extern "C" fn ended(tracked: *mut c_void) {
    // SAFETY: what `Request::tracked` gave to be passed here. The shim passes it on only as long as
    // the request's pool lives, and does so from the thread that serves the request.
    guard(|| unsafe { &*tracked.cast::<TrackedRequest<'static>>() }.end(), ());
}

/// The connection of a request goes over to HTTP/2, in which the request comes once more, as
/// a stream.
pub(crate) unsafe extern "C" fn switched(r: *mut request_rec) -> c_int {
    guard(
        || {
            // SAFETY: httpd's request, which this thread alone uses until the function returns.
            let request = unsafe { Request::from_raw(r) };
            if let Some(tracked) = request.kept().and_then(|kept| kept.tracked) {
                tracked.forget();
            }
        },
        (),
    );
    DECLINED as c_int
}
