//! The data that the module keeps with a request: the decision, the client request that it belongs
//! to, and the cookie of an invitation.

use std::ffi::{c_int, c_void};
use std::{mem, ptr};

use crate::request::Request;
use crate::sys::bindings::{
    DECLINED, maintenance_watch_answer, maintenance_watch_end, request_rec,
};
use crate::sys::config_vector::{config_slot, set_config_slot};
use crate::sys::guard::guard;
use maintenance_core::allow::ClientRequest as _;
use maintenance_core::allow::invitations::cookie::InviteCookie;
use maintenance_core::engine::decision::Decision;
use maintenance_core::engine::request::Request as _;
use maintenance_core::stats::{Lasting, TrackedRequest};

/// The protocol's number in `request_rec` (`HTTP_VERSION`).
const HTTP_2: c_int = 2000;

/// What the slot of a request points to.
#[derive(Clone, Copy)]
pub(crate) struct Kept<'r> {
    pub(crate) decision: Decision<'r>,
    /// What the client sent of invitations.
    invite_cookie: Option<&'r InviteCookie<'r>>,
}

/// That and the client request, in one allocation.
struct Tracked<'r> {
    kept: Kept<'r>,
    tracked: TrackedRequest<'static>,
}

// SAFETY: another thread only drops the value, and dropping a decision does nothing. That the
// client request may be dropped in another thread is checked below.
unsafe impl Send for Tracked<'_> {}

const fn can_be_sent<T: Send>() {}
const _: () = can_be_sent::<TrackedRequest<'static>>();

// `Request` documents the assumptions of the SAFETY comments below.
impl<'r> Request<'r> {
    /// The pointer to what is kept with the request, or null.
    pub(crate) fn slot(&self) -> *mut Kept<'r> {
        // SAFETY: httpd has created the vector with the request.
        unsafe { config_slot(self.rec().request_config) }.cast()
    }

    fn set_slot(&mut self, kept: &'r mut Kept<'r>) {
        let kept = ptr::from_mut(kept).cast();
        // SAFETY: httpd has created the vector with the request, which only this thread uses.
        unsafe { set_config_slot(self.rec().request_config, kept) };
    }

    /// Keeps the cookie of a request that has not been decided yet.
    pub(crate) fn keep_invite_cookie(&mut self, cookie: InviteCookie<'r>) {
        let decision = Decision::undecided(self.path_id());
        let cookie = &*self.pool().put(cookie);
        let kept = self.pool().put(Kept { decision, invite_cookie: Some(cookie) });
        self.set_slot(kept);
    }

    /// The cookie that was kept with this very request.
    pub(crate) fn kept_invite_cookie(&self) -> Option<&'r InviteCookie<'r>> {
        // SAFETY: null or what `set_slot` stored, which lives as long as the request.
        unsafe { self.slot().as_ref() }?.invite_cookie
    }

    /// Hides the cookie, or shows it again. Returns what was kept.
    pub(crate) fn swap_invite_cookie(
        &mut self,
        cookie: Option<&'r InviteCookie<'r>>,
    ) -> Option<&'r InviteCookie<'r>> {
        // SAFETY: as above, and only this thread uses the request.
        mem::replace(&mut unsafe { self.slot().as_mut() }?.invite_cookie, cookie)
    }

    /// Stores a decision in its slot.
    #[inline(always)]
    pub(crate) fn set_decision(&mut self, decision: Decision<'r>) {
        match self.slot() {
            slot if slot.is_null() => {
                let kept = self.pool().put(Kept { decision, invite_cookie: None });
                self.set_slot(kept);
            }
            // SAFETY: the value stored by `set_slot` lives as long as the request, which only this
            // thread uses. The stored value is only copied, never borrowed.
            slot => unsafe { (*slot).decision = decision },
        }
    }

    /// Keeps a client request that is about to be decided, and ends it together with this request.
    #[inline(always)]
    pub(crate) fn track(
        &mut self,
        tracked: TrackedRequest<'static>,
    ) -> &'r TrackedRequest<'static> {
        let decision = Decision::undecided(self.path_id());
        let kept = Kept { decision, invite_cookie: self.kept_invite_cookie() };
        let Tracked { kept, tracked } = self.pool().give(Tracked { kept, tracked });
        let tracked = &*tracked;
        kept.decision.tracked = Some(tracked);
        self.set_slot(kept);
        // Only a request of HTTP/2 ends before its pool is cleared, and only newer httpds have it.
        if self.rec().proto_num >= HTTP_2 {
            // SAFETY: the client request lives as long as this request's pool. The shim forgets it
            // when the pool is cleared, in whichever thread that happens (mod_http2 destroys
            // finished streams in the thread of the client's connection).
            unsafe {
                maintenance_watch_end(self.as_ptr(), ptr::from_ref(tracked).cast_mut().cast());
            }
        }
        tracked
    }

    /// The client request that this request is or belongs to, if it is counted.
    pub(crate) fn tracked(&self) -> Option<&'r TrackedRequest<'static>> {
        self.decision()?.tracked
    }
}

/// Called when the answer to a client request has been sent.
pub(crate) unsafe extern "C" fn ended(tracked: *mut c_void) {
    // SAFETY: the pointer that `Request::track` registered. The shim passes it only while the
    // request's pool lives, and from the thread that serves the request.
    guard(|| unsafe { &*tracked.cast::<TrackedRequest<'static>>() }.end(), ());
}

/// Called when mod_proxy is about to send a request to the backend. Other requests do not pay for
/// finding out which answers may last.
pub(crate) unsafe extern "C" fn proxied(r: *mut request_rec) -> c_int {
    guard(
        || {
            // SAFETY: httpd's request, which this thread alone uses until the function returns.
            let request = unsafe { Request::from_raw(r) };
            let expected = Lasting::may_come(|name| request.header(name));
            let Some((tracked, kind)) = request.tracked().zip(expected) else { return };
            let tracked = ptr::from_ref(tracked).cast_mut().cast();
            // SAFETY: the client request lives as long as the pool of the request that was sent, and
            // so as long as the pool of this one, which is the same or a child of it.
            unsafe {
                let is_upgraded = c_int::from(kind == Lasting::Upgraded);
                maintenance_watch_answer(request.as_ptr(), tracked, is_upgraded);
            }
        },
        (),
    );
    DECLINED as c_int
}

/// Called when the answer begins that [`proxied`] expects.
pub(crate) unsafe extern "C" fn lasts(tracked: *mut c_void, is_upgraded: c_int) {
    let kind = if is_upgraded != 0 { Lasting::Upgraded } else { Lasting::Stream };
    // SAFETY: the pointer that `proxied` registered. The shim passes it only while the request's pool
    // lives, and from the thread that serves the request.
    guard(|| unsafe { &*tracked.cast::<TrackedRequest<'static>>() }.mark(kind), ());
}

/// Called when the connection of a request switches to HTTP/2, in which the request arrives once
/// more, as a stream.
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
