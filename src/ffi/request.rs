//! A request, as far as the gate looks at it. `answer` answers it.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_int};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;

use super::bindings::{
    APLOG_ERR, APR_INET, APR_INET6, M_GET, M_POST, apr_table_get, apr_table_setn, apr_table_t,
    maintenance_address, maintenance_evaluate, maintenance_log_debug, maintenance_logs_debug,
    request_rec, server_rec,
};
use super::found::Found;
use super::log;
use super::pool::{give, put};
use super::section::Section;
use super::server::{config_slot, host, set_config_slot};
use crate::allow::{Admission, Expr, Visitor};
use crate::gate::BLOCKED;
use crate::records::{Reason, Visit};
use crate::refusal::Asker;

/// httpd's `request_rec`.
///
/// What all SAFETY comments here rest on: httpd has filled in the request before it calls the
/// first hook (`ap_read_request`), and its tables, connection and server live as long as it.
/// A handle and not a reference, as httpd's functions write to the request while it is looked at.
pub(super) struct Request(pub(super) *mut request_rec);

/// A verdict, and what it was made for.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    pub(super) outcome: Outcome,
    /// The key of the sections that the request was in.
    pub(super) sections: u64,
    /// That of the sections of its path's other readings.
    pub(super) others: u64,
    /// The path that it had.
    pub(super) uri: *const c_char,
    /// Has a handler begun to answer it?
    pub(super) is_being_answered: bool,
    /// The client's request; older than the request that this is kept with where that comes of an
    /// internal redirect.
    pub(super) visit: Option<&'static Visit<'static>>,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nobody knows yet.
    Judged,
    LetIn(Reason),
    Refused,
}

impl Outcome {
    /// None where the request is not let in.
    pub(super) fn of(reason: Option<Reason>) -> Self {
        reason.map_or(Self::Refused, Self::LetIn)
    }
}

impl Kept {
    /// Does it count for the request where it is now? As in most of the hooks; what was refused is
    /// always judged again.
    pub(super) fn holds_here(&self, request: &Request) -> bool {
        self.sections == Section::key_of(request.section())
            && self.uri == request.rec().uri.cast_const()
            && matches!(self.outcome, Outcome::LetIn(_))
    }

    /// Does it count for the request, or for this part of it, in these sections, too?
    pub(super) fn holds_in(&self, request: &Request, found: &Found<'_>) -> bool {
        let Outcome::LetIn(reason) = self.outcome else {
            return false;
        };
        self.sections == Section::key_of(found.section)
            && self.others == found.key_of_others()
            && (self.uri == request.rec().uri.cast_const() || !reason.is_bound_to_path())
    }
}

impl Request {
    /// # Safety
    /// `r` is a request of httpd's that this thread alone uses for as long as the result lives.
    pub(super) unsafe fn from_raw(r: *mut request_rec) -> Self {
        Self(r)
    }

    pub(super) fn rec(&self) -> &request_rec {
        // SAFETY: `from_raw`; no function of httpd's is called while the borrow lasts.
        unsafe { &*self.0 }
    }

    pub(super) fn rec_mut(&mut self) -> &mut request_rec {
        // SAFETY: as above.
        unsafe { &mut *self.0 }
    }

    /// Is it made by the server for a part of another request's answer?
    pub(super) fn is_subrequest(&self) -> bool {
        !self.rec().main.is_null()
    }

    /// The request that was redirected internally to this one, or of whose answer this one is
    /// a part.
    pub(super) fn origin(&self) -> Option<Self> {
        let origins = [self.rec().prev, self.rec().main];
        origins.into_iter().find(|origin| !origin.is_null()).map(Self) // from the same pool
    }

    /// Will what is looked up come to a handler, before anybody sees anything of it? So it is with
    /// mod_dir and mod_negotiation, which look for what they are to show. Not so with mod_dav, which
    /// acts on what it looks up (COPY, MOVE), and with those that look up a part of an answer, whose
    /// size, time or name they show themselves (mod_include, mod_autoindex).
    pub(super) fn comes_to_a_handler(&self) -> bool {
        // SAFETY: null or the request that this one is a part of, which is older.
        let main = (!self.rec().main.is_null()).then(|| unsafe { Self::from_raw(self.rec().main) });
        let is_part = main
            .and_then(|main| main.kept())
            .is_some_and(|main| main.is_being_answered || main.outcome == Outcome::Refused);
        !is_part && [M_GET as c_int, M_POST as c_int].contains(&self.rec().method_number)
    }

    /// A handler begins to answer the request.
    pub(super) fn begin_answer(&mut self) {
        // SAFETY: the slot is null or holds what `keep` put there, which this thread alone uses.
        if let Some(kept) = unsafe { self.slot().as_mut() } {
            kept.is_being_answered = true;
        }
    }

    /// The virtual host.
    pub(super) fn server(&self) -> Option<&'static server_rec> {
        // SAFETY: the configuration lives as long as the child serves requests.
        unsafe { self.rec().server.as_ref() }
    }

    /// The verdict that [`Request::keep`] kept.
    pub(super) fn kept(&self) -> Option<Kept> {
        // SAFETY: the slot is null or holds what `keep` put there, as old as the request.
        unsafe { self.slot().as_ref().copied() }
    }

    fn slot(&self) -> *mut Kept {
        // SAFETY: httpd has made the vector with the request.
        unsafe { config_slot(self.rec().request_config) }.cast()
    }

    /// Keeps a verdict for the hooks that follow and for internal redirects, and while closed as
    /// note `maintenance` and as environment variable `MAINTENANCE` for logs and other modules.
    #[inline(always)]
    pub(super) fn keep(&mut self, kept: Kept) {
        // SAFETY: this thread alone uses the request, whose pool is as old as it. What is kept is
        // only ever copied.
        unsafe {
            match self.slot() {
                slot if slot.is_null() => {
                    let place = put(self.rec().pool, kept);
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
    pub(super) fn keep_visit(&mut self, visit: Visit<'static>) -> &'static Visit<'static> {
        // SAFETY: as above; where the two lie in the pool's memory they stay.
        unsafe {
            let undecided = Kept {
                outcome: Outcome::Judged,
                sections: 0,
                others: 0,
                uri: self.rec().uri,
                is_being_answered: false,
                visit: None,
            };
            let place = give(self.rec().pool, (undecided, visit));
            let visit = &(*place).1;
            (*place).0.visit = Some(visit);
            set_config_slot(self.rec().request_config, (&raw mut (*place).0).cast());
            visit
        }
    }

    #[inline(never)]
    fn tell(&self, label: &'static CStr) {
        // mod_log_config holds its conditions against the request before all redirects; but not one
        // that httpd turned down before it came here.
        let before = std::iter::successors(self.redirected(), Self::redirected);
        for request in std::iter::once(Self(self.0)).chain(before.filter(|it| it.kept().is_some()))
        {
            set(request.rec().notes, c"maintenance", label);
            set(request.rec().subprocess_env, c"MAINTENANCE", label);
        }
    }

    /// The request that was redirected internally to this one.
    fn redirected(&self) -> Option<Self> {
        let before = self.rec().prev; // from the same pool
        (!before.is_null()).then_some(Self(before))
    }

    /// Keeps a value as long as the request, of which the caller is a part.
    pub(super) fn own<T>(&self, value: T) -> &'static T {
        // SAFETY: the request's pool is live, and nothing that a hook borrows outlives it.
        unsafe { &*give(self.rec().pool, value) }
    }

    /// The path as it was sent, without a query, and without what a proxy's client puts in front of
    /// it, which may hold a password.
    pub(super) fn path(&self) -> &[u8] {
        let path = self.rec().parsed_uri.path;
        // SAFETY: null or a C string of the request's pool.
        if path.is_null() { b"" } else { unsafe { CStr::from_ptr(path) }.to_bytes() }
    }

    /// Has httpd found the sections, and all else that applies to the request?
    pub(super) fn is_mapped(&self) -> bool {
        let defaults = self.server().map(|server| server.lookup_defaults);
        defaults.is_some_and(|defaults| self.rec().per_dir_config != defaults)
    }

    /// Names the very entry that admits the request, at LogLevel debug.
    pub(super) fn log_admission(&self, admission: &Admission<'_>) {
        // SAFETY: the text is copied before the call returns.
        unsafe {
            if maintenance_logs_debug(self.0) != 0 {
                let line = format!("maintenance: allowed by {admission}");
                maintenance_log_debug(self.0, line.as_ptr().cast(), line.len());
            }
        }
    }

    #[cfg(feature = "provoke-panic")]
    #[expect(clippy::panic, reason = "what the feature is for")]
    pub(super) fn provoke_panic(&self) {
        if get(self.rec().headers_in, c"X-Provoke-Panic").is_some() {
            panic!("provoked");
        }
    }

    #[cfg(feature = "provoke-panic")]
    #[expect(clippy::panic, reason = "what the feature is for")]
    pub(super) fn provoke_second_panic(&self) {
        if get(self.rec().headers_in, c"X-Provoke-Panic") == Some(c"twice") {
            panic!("provoked again");
        }
    }

    #[cfg(feature = "provoke-panic")]
    #[expect(clippy::panic, reason = "what the feature is for")]
    pub(super) fn provoke_panic_at(&self, target: &str) {
        if self.target() == target.as_bytes() {
            panic!("provoked");
        }
    }
}

impl Visitor for Request {
    fn address(&self) -> Option<IpAddr> {
        // SAFETY: null or a socket address of the request's or the connection's pool. By APR's
        // contract `ipaddr_ptr` points to four bytes for APR_INET and to sixteen for APR_INET6.
        unsafe {
            let address = maintenance_address(self.0).as_ref()?;
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
        get(self.rec().subprocess_env, name).is_some()
    }

    fn satisfies(&self, expr: Expr) -> bool {
        self.evaluate(expr).unwrap_or_else(|error| {
            let error = error.to_string_lossy();
            log::write(self.server(), APLOG_ERR, &format!("an expr= cannot be evaluated: {error}"));
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

    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.rec().request_time).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

impl Asker for Request {
    fn header(&self, name: &CStr) -> Option<&[u8]> {
        get(self.rec().headers_in, name).map(CStr::to_bytes)
    }

    fn host(&self) -> Cow<'_, str> {
        self.server().map_or(Cow::Borrowed(""), host)
    }
}

impl Request {
    fn evaluate(&self, expr: Expr) -> Result<bool, &CStr> {
        let mut error = std::ptr::null();
        // SAFETY: `compile` in `directives` has made the number of a pointer that lives as long
        // as the configuration. Nothing of the request is borrowed here.
        unsafe {
            let compiled = std::ptr::with_exposed_provenance(expr.0);
            match maintenance_evaluate(self.0, compiled, &mut error) {
                _ if !error.is_null() => Err(CStr::from_ptr(error)),
                result => Ok(result > 0),
            }
        }
    }
}

pub(super) fn get<'t>(table: *mut apr_table_t, name: &CStr) -> Option<&'t CStr> {
    // SAFETY: a live table of the request; its values are C strings from the same pool.
    unsafe {
        let value: *const c_char = apr_table_get(table, name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value))
    }
}

pub(super) fn set(table: *mut apr_table_t, name: &'static CStr, value: &'static CStr) {
    // SAFETY: a live table of the request, which does not copy the static texts.
    unsafe { apr_table_setn(table, name.as_ptr(), value.as_ptr()) }
}
