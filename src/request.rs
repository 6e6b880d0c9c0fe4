//! httpd's request as the engine sees it. `response` answers it.

use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error_log;
use crate::events::Events;
use crate::location::Section;
use crate::server::{config, host};
use crate::sys::bindings::{
    APLOG_ERR, APR_INET, APR_INET6, M_GET, M_POST, ap_document_root, ap_run_http_scheme,
    maintenance_address, maintenance_evaluate, maintenance_log_debug, maintenance_logs_debug,
    request_rec, server_rec,
};
use crate::sys::config_vector::config_slot;
use crate::sys::pool::Pool;
use crate::sys::process;
use crate::sys::table::Table;
use maintenance_core::allow::invitations::SecretHash;
use maintenance_core::allow::path;
use maintenance_core::allow::{Admission, ClientRequest};
use maintenance_core::context::Expr;
use maintenance_core::engine;
use maintenance_core::engine::decision::{Decision, PathId};
use maintenance_core::engine::gate::Gate;
use maintenance_core::engine::link::Link;
use maintenance_core::engine::matched::MatchedSections;
use maintenance_core::engine::request::Request as _;
use maintenance_core::engine::server::Server;
use maintenance_core::page::ServerName;
use maintenance_core::refusal::reply::Reply;
use maintenance_core::refusal::{Answer, RequestHeaders};
use maintenance_core::stats::{TrackedRequest, Worker};
use maintenance_core::text;

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
    fn redirected(&self) -> Option<Self> {
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
        // SAFETY: null or a socket address from the request's or the connection's pool. According
        // to APR, `ipaddr_ptr` points to four bytes for APR_INET and to sixteen for APR_INET6.
        unsafe {
            let address = maintenance_address(self.rec).as_ref()?;
            match address.family as i64 {
                family if family == APR_INET as i64 => {
                    Some(Ipv4Addr::from(address.ipaddr_ptr.cast::<[u8; 4]>().read()).into())
                }
                family if family == APR_INET6 as i64 => {
                    Some(Ipv6Addr::from(address.ipaddr_ptr.cast::<[u8; 16]>().read()).into())
                }
                _ => None,
            }
        }
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

    fn invitations(&self) -> Vec<SecretHash> {
        self.invitations()
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

impl<'r> engine::request::Request<'r> for Request<'r> {
    type Section = Section<'r>;
    type Events = Events;

    #[inline(always)]
    fn server(&self) -> Option<Server<'r, Events>> {
        let config = config(self.server_rec()?)?;
        let (gates, counters) = (config.gates()?, config.counters()?);
        Some(Server { gates, counters, events: Events })
    }

    fn is_subrequest(&self) -> bool {
        !self.rec().main.is_null()
    }

    /// httpd has one number for both (`ap_method_number_of`).
    #[inline(always)]
    fn is_get_or_head(&self) -> bool {
        self.rec().method_number == M_GET as c_int
    }
    fn is_from_client(&self) -> bool {
        self.is_from_client()
    }

    #[inline(always)]
    fn take_invitations(&mut self) -> Option<Link> {
        self.take_invitations()
    }

    fn is_get_or_post(&self) -> bool {
        [M_GET as c_int, M_POST as c_int].contains(&self.rec().method_number)
    }

    /// The path without the scheme and authority of a forward proxy's request, which may contain a
    /// password.
    fn path(&self) -> &[u8] {
        let path = self.rec().parsed_uri.path;
        // SAFETY: null or a C string from the request's pool.
        if path.is_null() { b"" } else { unsafe { CStr::from_ptr(path) }.to_bytes() }
    }

    fn path_id(&self) -> PathId {
        PathId(self.rec().uri.addr())
    }

    fn worker(&self, generation: u8) -> Worker {
        // SAFETY: the connection lives as long as the request.
        let connection = unsafe { (*self.rec().connection).id } as u64;
        Worker { process: process::number(), connection, generation }
    }

    fn is_location_walked(&self) -> bool {
        let defaults = self.server_rec().map(|server| server.lookup_defaults);
        defaults.is_some_and(|defaults| self.rec().per_dir_config != defaults)
    }

    fn section(&self) -> Option<&'r Section<'r>> {
        // SAFETY: null or a result of `create_section` or `merge_sections` in `module`: from the
        // configuration's pool, from the request's pool, or from a child of that, which is cleared
        // together with it (the pool of the request that `ap_internal_fast_redirect` merged into
        // this one).
        unsafe { config_slot(self.rec().per_dir_config).cast::<Section<'r>>().as_ref() }
    }

    fn sections(&mut self) -> MatchedSections<'r, Section<'r>> {
        Request::sections(self)
    }

    fn sections_ahead(&mut self) -> MatchedSections<'r, Section<'r>> {
        Request::sections_ahead(self)
    }

    fn keep_gate(&self, gate: Gate) -> &'r Gate {
        self.own(gate)
    }

    fn keep_answer(&self, answer: Answer<'r>) -> &'r Answer<'r> {
        self.own(answer)
    }

    fn keep_reply(&self, reply: Reply) -> &'r Reply {
        self.own(reply)
    }

    #[inline(always)]
    fn decision(&self) -> Option<&Decision<'r>> {
        // SAFETY: the slot is null or holds a value stored by `set_slot` that lives as long as the
        // request.
        unsafe { self.slot().as_ref() }
    }

    fn decision_mut(&mut self) -> Option<&mut Decision<'r>> {
        // SAFETY: as above, and only this thread uses the request.
        unsafe { self.slot().as_mut() }
    }

    fn origin_decision(&self) -> Option<Decision<'r>> {
        let before = self.rec().prev;
        self.decision_of(if before.is_null() { self.rec().main } else { before })
    }

    fn main_decision(&self) -> Option<Decision<'r>> {
        self.decision_of(self.rec().main)
    }

    #[inline(always)]
    fn keep(&mut self, decision: Decision<'r>) {
        self.set_decision(decision);
        if let Some(label) = decision.outcome.label() {
            self.tell(label);
            if decision.outcome.is_private() {
                self.make_private();
            }
        }
    }

    #[inline(always)]
    fn track(&mut self, tracked: TrackedRequest<'static>) -> &'r TrackedRequest<'static> {
        Request::track(self, tracked)
    }

    /// Among the fields that answers with an error have, too.
    fn announce(&mut self, field: &CStr) {
        let field = self.pool().text(field.to_bytes());
        self.err_headers_out().set(c"Maintenance", field);
    }

    /// Written at LogLevel debug.
    fn log_admission(&self, admission: &Admission<'_>) {
        // SAFETY: the text is copied before the call returns.
        unsafe {
            if maintenance_logs_debug(self.rec) != 0 {
                let line = format!("allowed by {admission}");
                let line = format!("maintenance: {}", text::shown(&line));
                maintenance_log_debug(self.rec, line.as_ptr().cast(), line.len());
            }
        }
    }

    #[cfg(any(feature = "provoke-panic", feature = "provoke-defect"))]
    fn provoke(&self) {
        #[cfg(feature = "provoke-panic")]
        self.provoke_panic();
        #[cfg(feature = "provoke-defect")]
        crate::provoke::provoke(self.header(c"X-Provoke-Defect").unwrap_or_default());
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
