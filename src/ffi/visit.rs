//! The requests of clients, as they are counted and followed.

use std::ffi::{c_int, c_void};
use std::ptr;

use super::bindings::{DECLINED, maintenance_watch_end, request_rec};
use super::guard::guard;
use super::process;
use super::request::{Kept, Request};
use super::server::Counted;
use crate::allow::Visitor;
use crate::records::refused::Refusal;
use crate::records::{Reason, ScopeId, Visit, Whereabouts, Worker};
use crate::refusal::Asker;

// What the SAFETY comments here rest on is said at `Request`.
impl Request {
    /// Is it a client's, and judged for the first time?
    pub(super) fn is_new(&self, before: Option<Kept>) -> bool {
        before.is_none() && !self.is_subrequest()
    }

    /// From here on it is in flight.
    pub(super) fn arrive(&self, counted: &Counted, place: Whereabouts) -> Visit<'static> {
        Visit::new(counted.records, self.worker(counted), place, self.now())
    }

    /// Follows a request of a client that is let in, for a `reason`, or forgets it. Each counts once,
    /// in the last scope that it came into.
    pub(super) fn follow(
        &self,
        arrival: Option<Visit<'static>>,
        before: Option<Kept>,
        place: Whereabouts,
        reason: Option<Reason>,
    ) -> Option<&'static Visit<'static>> {
        let visit = before.and_then(|before| before.visit);
        match (visit, arrival, reason) {
            _ if self.is_subrequest() => {}
            (Some(visit), _, Some(reason)) => visit.let_in(place, reason),
            (Some(visit), _, None) => visit.forget(),
            (None, Some(arrival), Some(reason)) => {
                arrival.let_in(place, reason);
                let visit = self.own(arrival);
                // SAFETY: the visit is as old as the request.
                unsafe { maintenance_watch_end(self.0, ptr::from_ref(visit).cast_mut().cast()) };
                return Some(visit);
            }
            (None, ..) => {}
        }
        visit
    }

    /// Counts a refusal, and takes note of who is refused.
    pub(super) fn count_refusal(&self, counted: &Counted, scope: ScopeId, status: u16) {
        let worker = self.worker(counted);
        counted.records.refuse(worker, scope, status);
        if let Some(address) = self.address() {
            let agent = self.header(c"User-Agent").unwrap_or_default();
            let refusal = Refusal { address, path: self.path(), agent, time: self.now() };
            counted.records.refused().count(refusal, worker.process);
        }
    }

    fn worker(&self, counted: &Counted) -> Worker {
        // SAFETY: the connection is as old as the request.
        let connection = unsafe { (*self.rec().connection).id } as u64;
        Worker { process: process::number(), connection, generation: counted.generation }
    }
}

/// The answer to a visitor's request has been handed on.
pub(super) unsafe extern "C" fn ended(visit: *mut c_void) {
    // SAFETY: what `follow` gave to be passed here, which the request's thread alone uses.
    guard(|| unsafe { &*visit.cast::<Visit<'static>>() }.end(), || ());
}

/// The connection of a request goes over to HTTP/2, in which the request comes once more, as
/// a stream.
pub(super) unsafe extern "C" fn switched(r: *mut request_rec) -> c_int {
    guard(
        || {
            // SAFETY: httpd's request, which this thread alone uses until the function returns.
            let request = unsafe { Request::from_raw(r) };
            if let Some(visit) = request.kept().and_then(|kept| kept.visit) {
                visit.forget();
            }
        },
        || (),
    );
    DECLINED as c_int
}
