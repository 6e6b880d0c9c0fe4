//! httpd's request as the engine sees it. `response` answers it.

mod engine;

use std::cell::Cell;
use std::ffi::CStr;
use std::marker::PhantomData;
use std::net::IpAddr;

use crate::error_log;
use crate::server::host;
use crate::sys::address;
use crate::sys::bindings::{
    APLOG_ERR, ap_document_root, ap_run_http_scheme, maintenance_address, maintenance_evaluate,
    request_rec, server_rec,
};
use crate::sys::pool::Pool;
use crate::sys::table::Table;
use maintenance_core::allow::ClientRequest;
use maintenance_core::allow::invitations::cookie::InviteCookie;
use maintenance_core::allow::path;
use maintenance_core::context::Expr;
use maintenance_core::engine::decision::Decision;
use maintenance_core::engine::request::Request as _;
use maintenance_core::page::ServerName;
use maintenance_core::refusal::RequestHeaders;

/// httpd's `request_rec`, whose pool lives for `'r`. Hooks must accept any `'r`, so the compiler
/// keeps them from storing a part of the request in a place that outlives it.
///
/// All SAFETY comments here assume this: httpd has filled in the request before it calls the first
/// hook (`ap_read_request`), and the request's tables, connection, server and configuration live at
/// least as long as its pool. This type is a handle and not a reference, because httpd's functions
/// write to the request while it is in use.
pub(crate) struct Request<'r> {
    rec: *mut request_rec,
    life: PhantomData<Cell<&'r ()>>,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `r` must be a request of httpd's that only this thread uses for as long as the result lives,
    /// and its pool must not be cleared during `'r`.
    pub(crate) unsafe fn from_raw(r: *mut request_rec) -> Self {
        Self { rec: r, life: PhantomData }
    }

    /// The pointer for httpd's functions.
    pub(crate) fn as_ptr(&self) -> *mut request_rec {
        self.rec
    }

    /// The request's fields. Copy them at once: the borrow must not last over a call to httpd,
    /// which may write to them.
    pub(crate) fn rec(&self) -> &request_rec {
        // SAFETY: see `from_raw` and the type's documentation.
        unsafe { &*self.rec }
    }

    pub(crate) fn rec_mut(&mut self) -> &mut request_rec {
        // SAFETY: as above.
        unsafe { &mut *self.rec }
    }

    pub(crate) fn pool(&self) -> Pool<'r> {
        // SAFETY: `from_raw`.
        unsafe { Pool::from_raw(self.rec().pool) }
    }

    pub(crate) fn headers_in(&self) -> Table<'r> {
        // SAFETY: a table of the request, whose memory is not freed before the request's pool.
        unsafe { Table::from_raw(self.rec().headers_in) }
    }

    pub(crate) fn headers_out(&self) -> Table<'r> {
        // SAFETY: as above.
        unsafe { Table::from_raw(self.rec().headers_out) }
    }

    pub(crate) fn err_headers_out(&self) -> Table<'r> {
        // SAFETY: as above.
        unsafe { Table::from_raw(self.rec().err_headers_out) }
    }

    /// Whether mod_rewrite's rules in the server or virtual host have rewritten the path to another
    /// file name (`hook_uri2file`).
    pub(super) fn is_rewritten(&self) -> bool {
        self.notes().get(c"mod_rewrite_rewritten").is_some_and(|mark| mark != c"0")
    }

    pub(crate) fn notes(&self) -> Table<'r> {
        // SAFETY: as above.
        unsafe { Table::from_raw(self.rec().notes) }
    }

    fn subprocess_env(&self) -> Table<'r> {
        // SAFETY: as above.
        unsafe { Table::from_raw(self.rec().subprocess_env) }
    }

    /// The decision on a request from which this one originates, if there is one.
    fn decision_of(&self, origin: *mut request_rec) -> Option<Decision<'r>> {
        // SAFETY: a request from the same pool or from a parent of it. It is only read, so nothing
        // with the lifetime of this request is stored in it.
        (!origin.is_null()).then(|| unsafe { Self::from_raw(origin) })?.decision().copied()
    }

    /// The virtual host.
    pub(crate) fn server_rec(&self) -> Option<&'r server_rec> {
        // SAFETY: the configuration is no longer changed, and outlives all requests.
        unsafe { self.rec().server.as_ref() }
    }

    /// Publishes the decision for logs and other modules, in the note `maintenance` and the
    /// environment variable `MAINTENANCE`.
    #[inline(never)]
    fn tell(&self, label: &'static CStr) {
        self.mark(label);
        // mod_log_config evaluates its conditions for the original request, so the requests before
        // a redirect get the note as well, except one that httpd rejected before the module saw it.
        let before = std::iter::successors(self.redirected(), Self::redirected);
        for request in before.filter(|request| request.decision().is_some()) {
            request.mark(label);
        }
    }

    fn mark(&self, label: &'static CStr) {
        self.notes().set(c"maintenance", label);
        self.subprocess_env().set(c"MAINTENANCE", label);
    }

    /// The request that was internally redirected to this one.
    pub(crate) fn redirected(&self) -> Option<Self> {
        let before = self.rec().prev;
        // SAFETY: a request from the same pool, which only this thread uses.
        (!before.is_null()).then(|| unsafe { Self::from_raw(before) })
    }

    /// Keeps a value for as long as the request lives.
    pub(crate) fn own<T: Send + 'r>(&self, value: T) -> &'r T {
        self.pool().give(value)
    }

    #[cfg(feature = "provoke-panic")]
    #[expect(clippy::panic, reason = "what the feature is for")]
    fn provoke_panic(&self) {
        if self.headers_in().get(c"X-Provoke-Panic").is_some() {
            panic!("provoked");
        }
    }

    #[cfg(feature = "provoke-panic")]
    #[expect(clippy::panic, reason = "what the feature is for")]
    pub(crate) fn provoke_second_panic(&self) {
        if self.headers_in().get(c"X-Provoke-Panic") == Some(c"twice") {
            panic!("provoked again");
        }
    }

    #[cfg(feature = "provoke-panic")]
    #[expect(clippy::panic, reason = "what the feature is for")]
    pub(crate) fn provoke_panic_at(&self, target: &str) {
        if self.target() == target.as_bytes() {
            panic!("provoked");
        }
    }
}

impl ClientRequest for Request<'_> {
    fn method(&self) -> &[u8] {
        let method = self.rec().method;
        // SAFETY: null or a C string, either static or of the request's pool.
        if method.is_null() { b"" } else { unsafe { CStr::from_ptr(method) }.to_bytes() }
    }

    fn address(&self) -> Option<IpAddr> {
        // SAFETY: null or a socket address from the request's or the connection's pool.
        unsafe { address::ip(maintenance_address(self.rec).as_ref()?) }
    }

    fn has_env(&self, name: &CStr) -> bool {
        self.subprocess_env().get(name).is_some()
    }

    fn satisfies(&self, expr: Expr) -> bool {
        self.evaluate(expr).unwrap_or_else(|error| {
            let error = error.to_string_lossy();
            error_log::write(
                self.server_rec(),
                APLOG_ERR,
                &format!("an expr= cannot be evaluated: {error}"),
            );
            false
        })
    }

    fn header(&self, name: &CStr) -> Option<&[u8]> {
        self.headers_in().get(name).map(CStr::to_bytes)
    }

    fn target(&self) -> &[u8] {
        // SAFETY: null or a C string from the request's pool.
        unsafe {
            let target = self.rec().unparsed_uri;
            if target.is_null() { b"" } else { CStr::from_ptr(target).to_bytes() }
        }
    }

    fn current_path(&self) -> &[u8] {
        // SAFETY: null or a C string from the request's pool.
        unsafe {
            let path = self.rec().uri;
            if path.is_null() { b"" } else { CStr::from_ptr(path).to_bytes() }
        }
    }

    fn rewritten_path(&self) -> Option<&[u8]> {
        if !self.is_rewritten() {
            return None;
        }
        // SAFETY: null or C strings from the request's pool or the configuration's pool.
        let [file_name, root] = unsafe {
            [self.rec().filename.cast_const(), ap_document_root(self.as_ptr())]
                .map(|text| if text.is_null() { &b""[..] } else { CStr::from_ptr(text).to_bytes() })
        };
        Some(path::of_rewritten(file_name, root))
    }

    fn invite_cookie(&self) -> Option<InviteCookie<'_>> {
        self.invite_cookie()
    }

    fn is_for_status_page(&self) -> bool {
        self.is_for_status_page()
    }

    fn request_time_micros(&self) -> i64 {
        self.rec().request_time
    }
}

impl RequestHeaders for Request<'_> {
    fn is_secure(&self) -> bool {
        // SAFETY: null or a C string that is static or of the request's pool.
        unsafe {
            let scheme = ap_run_http_scheme(self.rec);
            !scheme.is_null() && CStr::from_ptr(scheme) == c"https"
        }
    }

    fn host(&self) -> &ServerName {
        match self.server_rec() {
            Some(server) => host(server),
            None => ServerName::none(),
        }
    }
}

impl Request<'_> {
    fn evaluate(&self, expr: Expr) -> Result<bool, &CStr> {
        let mut error = std::ptr::null();
        // SAFETY: the number is a pointer exposed by `compile` in `directives`, which lives as long
        // as the configuration. Nothing of the request is borrowed here.
        unsafe {
            let compiled = std::ptr::with_exposed_provenance(expr.0);
            match maintenance_evaluate(self.rec, compiled, &mut error) {
                _ if !error.is_null() => Err(CStr::from_ptr(error)),
                result => Ok(result > 0),
            }
        }
    }
}
