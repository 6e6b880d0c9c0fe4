//! A request, as far as the gate looks at it. `answer` answers it.

use std::borrow::Cow;
use std::cell::Cell;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use crate::decision::{Followed, Kept, Outcome};
use crate::error_log;
use crate::server::host;
use crate::sys::bindings::{
    APLOG_ERR, APR_INET, APR_INET6, M_GET, M_POST, ap_document_root, maintenance_address,
    maintenance_evaluate, maintenance_log_debug, maintenance_logs_debug, request_rec, server_rec,
};
use crate::sys::config_vector::{config_slot, set_config_slot};
use crate::sys::pool::Pool;
use crate::sys::table::Table;
use maintenance_core::allow::path;
use maintenance_core::allow::{Admission, ClientRequest};
use maintenance_core::context::Expr;
use maintenance_core::engine::gate::BLOCKED;
use maintenance_core::refusal::RequestHeaders;
use maintenance_core::stats::{Reason, TrackedRequest};
use maintenance_core::text;

/// httpd's `request_rec`, whose pool lives for all of `'r`: hooks are written for any `'r`, so the
/// compiler keeps them from leaving something of the request where it would be found later.
///
/// What all SAFETY comments here rest on: httpd has filled in the request before it calls the
/// first hook (`ap_read_request`), and its tables, connection, server and configuration live as
/// long as its pool, or longer. A handle and not a reference, as httpd's functions write to the
/// request while it is looked at.
pub(crate) struct Request<'r> {
    rec: *mut request_rec,
    life: PhantomData<Cell<&'r ()>>,
}

impl<'r> Request<'r> {
    /// # Safety
    /// `r` is a request of httpd's that this thread alone uses for as long as the result lives, and
    /// its pool is not cleared before `'r` is over.
    pub(crate) unsafe fn from_raw(r: *mut request_rec) -> Self {
        Self { rec: r, life: PhantomData }
    }

    /// For httpd's functions.
    pub(crate) fn as_ptr(&self) -> *mut request_rec {
        self.rec
    }

    /// Its fields. They are copied at once: a borrow must not last over a call of httpd's, which may
    /// write to them.
    pub(crate) fn rec(&self) -> &request_rec {
        // SAFETY: `from_raw`, and see above.
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
        // SAFETY: a table of the request's, of whose memory nothing goes before its pool.
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

    /// Have rules of mod_rewrite in the server or virtual host made another file name of the path?
    /// (`hook_uri2file`)
    pub(super) fn is_rewritten(&self) -> bool {
        self.notes().get(c"mod_rewrite_rewritten").is_some_and(|mark| mark != c"0")
    }

    fn notes(&self) -> Table<'r> {
        // SAFETY: as above.
        unsafe { Table::from_raw(self.rec().notes) }
    }

    fn subprocess_env(&self) -> Table<'r> {
        // SAFETY: as above.
        unsafe { Table::from_raw(self.rec().subprocess_env) }
    }

    /// Is it made by the server for a part of another request's answer?
    pub(crate) fn is_subrequest(&self) -> bool {
        !self.rec().main.is_null()
    }

    /// What was decided for the request that was redirected internally to this one, or of whose answer
    /// this one is a part.
    pub(crate) fn kept_by_origin(&self) -> Option<Kept<'r>> {
        let before = self.rec().prev;
        self.kept_by(if before.is_null() { self.rec().main } else { before })
    }

    /// The same for one of these two, if it is there.
    fn kept_by(&self, origin: *mut request_rec) -> Option<Kept<'r>> {
        // SAFETY: a request from the same pool, or from one that this request's is a part of. It is
        // only looked at: what is as old as this request is not left in the other one.
        (!origin.is_null()).then(|| unsafe { Self::from_raw(origin) })?.kept()
    }

    /// Will what is looked up come to a handler, before anybody sees anything of it? So it is with
    /// mod_dir and mod_negotiation, which look for what they are to show. Not so with mod_dav, which
    /// acts on what it looks up (COPY, MOVE), and with those that look up a part of an answer, whose
    /// size, time or name they show themselves (mod_include, mod_autoindex).
    pub(crate) fn comes_to_a_handler(&self) -> bool {
        let is_part = self
            .kept_by(self.rec().main)
            .is_some_and(|main| main.is_being_answered || main.outcome == Outcome::Refused);
        !is_part && [M_GET as c_int, M_POST as c_int].contains(&self.rec().method_number)
    }

    /// A handler begins to answer the request.
    pub(crate) fn begin_answer(&mut self) {
        // SAFETY: the slot is null or holds what `keep` put there, which this thread alone uses.
        if let Some(kept) = unsafe { self.slot().as_mut() } {
            kept.is_being_answered = true;
        }
    }

    /// The virtual host.
    pub(crate) fn server(&self) -> Option<&'r server_rec> {
        // SAFETY: the configuration is not changed, and outlives all requests.
        unsafe { self.rec().server.as_ref() }
    }

    /// The verdict that [`Request::keep`] kept.
    pub(crate) fn kept(&self) -> Option<Kept<'r>> {
        // SAFETY: the slot is null or holds what `keep` put there, as old as the request.
        unsafe { self.slot().as_ref().copied() }
    }

    fn slot(&self) -> *mut Kept<'r> {
        // SAFETY: httpd has made the vector with the request.
        unsafe { config_slot(self.rec().request_config) }.cast()
    }

    /// Keeps a verdict for the hooks that follow and for internal redirects, and while closed as
    /// note `maintenance` and as environment variable `MAINTENANCE` for logs and other modules.
    #[inline(always)]
    pub(crate) fn keep(&mut self, kept: Kept<'r>) {
        // SAFETY: this thread alone uses the request, whose pool is as old as it. What is kept is
        // only ever copied.
        unsafe {
            match self.slot() {
                slot if slot.is_null() => {
                    let place = std::ptr::from_mut(self.pool().put(kept));
                    set_config_slot(self.rec().request_config, place.cast());
                }
                slot => slot.write(kept),
            }
        }
        let label = match kept.outcome {
            Outcome::Judged | Outcome::LetIn(Reason::Open) => return,
            Outcome::LetIn(Reason::Allowed(means)) => means.label(),
            Outcome::Refused => BLOCKED,
        };
        self.tell(label);
    }

    /// Keeps a client's request, which is about to be judged and ends with this one.
    pub(crate) fn keep_visit(
        &mut self,
        tracked: TrackedRequest<'static>,
    ) -> &'r TrackedRequest<'static> {
        let kept = Kept {
            outcome: Outcome::Judged,
            sections: 0,
            others: 0,
            uri: self.rec().uri,
            is_being_answered: false,
            tracked: None,
        };
        let Followed { kept, tracked } = self.pool().give(Followed { kept, tracked });
        let tracked = &*tracked;
        kept.tracked = Some(tracked);
        // SAFETY: httpd has made the vector with the request, which this thread alone uses.
        unsafe { set_config_slot(self.rec().request_config, std::ptr::from_mut(kept).cast()) };
        tracked
    }

    #[inline(never)]
    fn tell(&self, label: &'static CStr) {
        self.mark(label);
        // mod_log_config holds its conditions against the request before all redirects; but not one
        // that httpd turned down before it came here.
        let before = std::iter::successors(self.redirected(), Self::redirected);
        for request in before.filter(|request| request.kept().is_some()) {
            request.mark(label);
        }
    }

    fn mark(&self, label: &'static CStr) {
        self.notes().set(c"maintenance", label);
        self.subprocess_env().set(c"MAINTENANCE", label);
    }

    /// The request that was redirected internally to this one.
    fn redirected(&self) -> Option<Self> {
        let before = self.rec().prev;
        // SAFETY: a request from the same pool, which this thread alone uses.
        (!before.is_null()).then(|| unsafe { Self::from_raw(before) })
    }

    /// Keeps a value as long as the request.
    pub(crate) fn own<T: Send + 'r>(&self, value: T) -> &'r T {
        self.pool().give(value)
    }

    /// The path as it was sent, without a query, and without what a proxy's client puts in front of
    /// it, which may hold a password.
    pub(crate) fn path(&self) -> &[u8] {
        let path = self.rec().parsed_uri.path;
        // SAFETY: null or a C string of the request's pool.
        if path.is_null() { b"" } else { unsafe { CStr::from_ptr(path) }.to_bytes() }
    }

    /// Has httpd found the sections, and all else that applies to the request?
    pub(crate) fn is_mapped(&self) -> bool {
        let defaults = self.server().map(|server| server.lookup_defaults);
        defaults.is_some_and(|defaults| self.rec().per_dir_config != defaults)
    }

    /// Names the very entry that admits the request, at LogLevel debug.
    pub(crate) fn log_admission(&self, admission: &Admission<'_>) {
        // SAFETY: the text is copied before the call returns.
        unsafe {
            if maintenance_logs_debug(self.rec) != 0 {
                let line = format!("allowed by {admission}");
                let line = format!("maintenance: {}", text::shown(&line));
                maintenance_log_debug(self.rec, line.as_ptr().cast(), line.len());
            }
        }
    }

    #[cfg(feature = "provoke-panic")]
    #[expect(clippy::panic, reason = "what the feature is for")]
    pub(crate) fn provoke_panic(&self) {
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
    fn address(&self) -> Option<IpAddr> {
        // SAFETY: null or a socket address of the request's or the connection's pool. By APR's
        // contract `ipaddr_ptr` points to four bytes for APR_INET and to sixteen for APR_INET6.
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
                self.server(),
                APLOG_ERR,
                &format!("an expr= cannot be evaluated: {error}"),
            );
            false
        })
    }

    fn target(&self) -> &[u8] {
        // SAFETY: null or a C string of the request's pool.
        unsafe {
            let target = self.rec().unparsed_uri;
            if target.is_null() { b"" } else { CStr::from_ptr(target).to_bytes() }
        }
    }

    fn current_path(&self) -> &[u8] {
        // SAFETY: null or a C string of the request's pool.
        unsafe {
            let path = self.rec().uri;
            if path.is_null() { b"" } else { CStr::from_ptr(path).to_bytes() }
        }
    }

    fn rewritten_path(&self) -> Option<&[u8]> {
        if !self.is_rewritten() {
            return None;
        }
        // SAFETY: null or C strings of the request's pool, or of the configuration's.
        let [file_name, root] = unsafe {
            [self.rec().filename.cast_const(), ap_document_root(self.as_ptr())]
                .map(|text| if text.is_null() { &b""[..] } else { CStr::from_ptr(text).to_bytes() })
        };
        Some(path::of_rewritten(file_name, root))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.rec().request_time).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl RequestHeaders for Request<'_> {
    fn header(&self, name: &CStr) -> Option<&[u8]> {
        self.headers_in().get(name).map(CStr::to_bytes)
    }

    fn host(&self) -> Cow<'_, str> {
        self.server().map_or(Cow::Borrowed(""), host)
    }
}

impl Request<'_> {
    fn evaluate(&self, expr: Expr) -> Result<bool, &CStr> {
        let mut error = std::ptr::null();
        // SAFETY: `compile` in `directives` has made the number of a pointer that lives as long
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
