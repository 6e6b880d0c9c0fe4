//! Marks what an admitted client gets while the scope is closed as private, so that a cache in front
//! does not show it to others.

use std::ffi::CStr;
use std::ptr;

use crate::request::Request;
use crate::sys::bindings::{
    ap_add_output_filter, ap_filter_t, ap_filter_type, ap_filter_type_AP_FTYPE_PROTOCOL,
    ap_pass_brigade, ap_register_output_filter, ap_remove_output_filter, apr_bucket_brigade,
    apr_status_t,
};
use crate::sys::guard::guard;
use maintenance_core::refusal::{CACHE_FIELDS, PRIVATE};

const FILTER: &CStr = c"MAINTENANCE_PRIVATE";

/// Registers the filter.
pub(crate) fn register() {
    // After those of mod_headers and mod_expires (AP_FTYPE_CONTENT_SET), and before the header
    // section is written (AP_FTYPE_PROTOCOL).
    let kind: ap_filter_type = ap_filter_type_AP_FTYPE_PROTOCOL - 1;
    // SAFETY: httpd copies the name; the function stays loaded as long as the registration counts.
    unsafe { ap_register_output_filter(FILTER.as_ptr(), Some(filter), None, kind) };
}

// What the SAFETY comments here rest on is said at `Request`.
impl Request<'_> {
    /// Marks the answer as private, whichever module makes it.
    pub(crate) fn make_private(&self) {
        // For an error that httpd answers without the filter.
        self.err_headers_out().set(c"Cache-Control", PRIVATE);
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

/// Called with the first part of the answer: replaces what other modules say about caching.
unsafe extern "C" fn filter(
    this: *mut ap_filter_t,
    brigade: *mut apr_bucket_brigade,
) -> apr_status_t {
    guard(
        || {
            // SAFETY: httpd's filter and its request, which this thread alone uses until the function
            // returns.
            let request = unsafe { Request::from_raw((*this).r) };
            for name in CACHE_FIELDS {
                request.headers_out().unset(name);
                request.err_headers_out().unset(name);
            }
            request.err_headers_out().set(c"Cache-Control", PRIVATE);
        },
        (),
    );
    // SAFETY: httpd's filter and what it is to pass on. A filter that has been removed still knows
    // the one behind it.
    unsafe {
        ap_remove_output_filter(this);
        ap_pass_brigade((*this).next, brigade)
    }
}
