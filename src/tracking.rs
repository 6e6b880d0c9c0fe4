//! What the module keeps with a request: the decision on it, and the client's request that it is a
//! part of.

use std::ffi::{c_int, c_void};
use std::ptr;

use crate::request::Request;
use crate::sys::bindings::{DECLINED, maintenance_watch_end, request_rec};
use crate::sys::config_vector::{config_slot, set_config_slot};
use crate::sys::guard::guard;
use maintenance_core::engine::decision::Decision;
use maintenance_core::engine::request::Request as _;
use maintenance_core::stats::TrackedRequest;

/// A decision in one piece of memory with the client's request.
struct Followed<'r> {
    decision: Decision<'r>,
    tracked: TrackedRequest<'static>,
}

// SAFETY: another thread does no more with it than drop it, and of a decision nothing is dropped.
// That the client's request may be dropped there is checked below.
unsafe impl Send for Followed<'_> {}

const fn can_be_sent<T: Send>() {}
const _: () = can_be_sent::<TrackedRequest<'static>>();

// What the SAFETY comments here rest on is said at `Request`.
impl<'r> Request<'r> {
    /// Where the decision on the request is, or null.
    pub(crate) fn slot(&self) -> *mut Decision<'r> {
        // SAFETY: httpd has made the vector with the request.
        unsafe { config_slot(self.rec().request_config) }.cast()
    }

    fn set_slot(&mut self, decision: &'r mut Decision<'r>) {
        let decision = ptr::from_mut(decision).cast();
        // SAFETY: httpd has made the vector with the request, which this thread alone uses.
        unsafe { set_config_slot(self.rec().request_config, decision) };
    }

    /// Puts a decision in its slot.
    #[inline(always)]
    pub(crate) fn store(&mut self, decision: Decision<'r>) {
        match self.slot() {
            slot if slot.is_null() => {
                let decision = self.pool().put(decision);
                self.set_slot(decision);
            }
            // SAFETY: what `set_slot` put there, as old as the request, which this thread alone
            // uses. What is kept is only ever copied.
            slot => unsafe { slot.write(decision) },
        }
    }

    /// Keeps a client's request, which is about to be decided, and ends it with this one.
    pub(crate) fn follow(
        &mut self,
        tracked: TrackedRequest<'static>,
    ) -> &'r TrackedRequest<'static> {
        let decision = Decision::undecided(self.path_id());
        let Followed { decision, tracked } = self.pool().give(Followed { decision, tracked });
        let tracked = &*tracked;
        decision.tracked = Some(tracked);
        self.set_slot(decision);
        // SAFETY: the client's request lives as long as this one's pool. The shim forgets it when the
        // pool is cleared, in whichever thread that is (mod_http2 destroys streams in the thread of
        // the client's connection, when nothing runs in them any more).
        unsafe { maintenance_watch_end(self.as_ptr(), ptr::from_ref(tracked).cast_mut().cast()) };
        tracked
    }

    /// The client's request that this one is, or is a part of, if that counts.
    pub(crate) fn tracked(&self) -> Option<&'r TrackedRequest<'static>> {
        self.decision()?.tracked
    }
}

/// The answer to a client's request has been handed on.
pub(crate) unsafe extern "C" fn ended(tracked: *mut c_void) {
    // SAFETY: what `Request::follow` gave to be passed here. The shim passes it on only as long as
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
            if let Some(tracked) = request.tracked() {
                tracked.forget();
            }
        },
        (),
    );
    DECLINED as c_int
}
