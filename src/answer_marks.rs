//! Marks the answers of the site: as private, what an admitted client gets while the scope is closed,
//! so that a cache in front does not show it to others; and with the field `Maintenance`, what
//! everybody gets while a closing is announced.
//!
//! The marks are set when the header section is about to be sent, behind the filters of mod_cache,
//! which stores no announcement, and of mod_headers.

use std::ffi::{CStr, c_int};
use std::{iter, ptr};

use crate::request::Request;
use crate::sys::bindings::{
    APR_HOOK_MIDDLE, ap_add_output_filter, ap_filter_t, ap_filter_type,
    ap_filter_type_AP_FTYPE_PROTOCOL, ap_hook_insert_error_filter, ap_pass_brigade,
    ap_register_output_filter, ap_remove_output_filter, apr_bucket_brigade, apr_status_t,
    request_rec,
};
use crate::sys::guard::guard;
use maintenance_core::engine::request::Request as _;
use maintenance_core::refusal::{CACHE_FIELDS, PRIVATE};

const FILTER: &CStr = c"MAINTENANCE_MARKS";

/// The note with the value of the field `Maintenance` of the open site.
const ANNOUNCEMENT: &CStr = c"maintenance-announcement";

/// Registers the filter, and the hook for answers that it does not see.
pub(crate) fn register() {
    // After those of mod_headers and mod_expires (AP_FTYPE_CONTENT_SET), and before the header
    // section is written (AP_FTYPE_PROTOCOL).
    let kind: ap_filter_type = ap_filter_type_AP_FTYPE_PROTOCOL - 1;
    // SAFETY: httpd copies the name; the function stays loaded as long as the registration counts.
    unsafe {
        ap_register_output_filter(FILTER.as_ptr(), Some(filter), None, kind);
        let (none, middle) = (ptr::null(), APR_HOOK_MIDDLE as c_int);
        ap_hook_insert_error_filter(Some(error), none, none, middle);
    }
}

// What the SAFETY comments here rest on is said at `Request`.
impl<'r> Request<'r> {
    /// Sets the field `Maintenance` of the answer to this request, or to those to which it is
    /// internally redirected.
    pub(crate) fn set_announcement(&self, field: &CStr) {
        self.notes().set(ANNOUNCEMENT, self.pool().text(field.to_bytes()));
    }

    fn announcement(&self) -> Option<&'r CStr> {
        let before = iter::successors(self.redirected(), Self::redirected);
        let mut notes = iter::once(self.notes()).chain(before.map(|request| request.notes()));
        notes.find_map(|notes| notes.get(ANNOUNCEMENT))
    }

    /// Sets the marks, whatever other modules have set.
    fn mark_answer(&self) {
        let Some(outcome) = self.decision().map(|decision| decision.outcome) else { return };
        if outcome.is_private() {
            for name in CACHE_FIELDS {
                self.headers_out().unset(name);
                self.err_headers_out().unset(name);
            }
            self.err_headers_out().set(c"Cache-Control", PRIVATE);
        }
        if outcome.is_announced()
            && let Some(field) = self.announcement()
        {
            self.headers_out().unset(c"Maintenance");
            self.err_headers_out().set(c"Maintenance", field);
        }
    }

    /// Has the answer marked, whichever module makes it.
    pub(crate) fn have_answer_marked(&self) {
        // mod_cache must not store what is private.
        if self.decision().is_some_and(|decision| decision.outcome.is_private()) {
            self.err_headers_out().set(c"Cache-Control", PRIVATE);
        }
        if self.has_filter() {
            return;
        }
        // SAFETY: the request and its connection are this thread's while it serves the request.
        unsafe {
            let connection = self.rec().connection;
            ap_add_output_filter(FILTER.as_ptr(), ptr::null_mut(), self.as_ptr(), connection);
        }
    }

    fn has_filter(&self) -> bool {
        self.filters().any(|other| {
            // SAFETY: a filter's registration lives as long as the configuration.
            let function = unsafe { (*other.frec).filter_func.out_func };
            let is_own =
                function.is_some_and(|function| ptr::fn_addr_eq(function, filter as Filter));
            is_own && other.r == self.as_ptr()
        })
    }
}

type Filter = unsafe extern "C" fn(*mut ap_filter_t, *mut apr_bucket_brigade) -> apr_status_t;

/// Called with the first part of the answer.
unsafe extern "C" fn filter(
    this: *mut ap_filter_t,
    brigade: *mut apr_bucket_brigade,
) -> apr_status_t {
    // SAFETY: httpd's filter and its request, which this thread alone uses until the function
    // returns.
    guard(|| unsafe { Request::from_raw((*this).r) }.mark_answer(), ());
    // SAFETY: httpd's filter and what it is to pass on. A filter that has been removed still knows
    // the one behind it.
    unsafe {
        ap_remove_output_filter(this);
        ap_pass_brigade((*this).next, brigade)
    }
}

/// Called for an error that httpd answers itself, without the filter (`ap_send_error_response`).
unsafe extern "C" fn error(r: *mut request_rec) {
    // SAFETY: httpd's request, which this thread alone uses until the function returns.
    guard(|| unsafe { Request::from_raw(r) }.mark_answer(), ());
}
