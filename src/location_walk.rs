//! Finds the sections of a request: those that httpd has found or will find, and those of the other
//! readings of its path.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem;

use crate::location::Section;
use crate::request::Request;
use crate::sys::bindings::{
    AP_NOTE_LOCATION_WALK, OK, PROXYREQ_NONE, ap_get_request_note, ap_location_walk, apr_pstrdup,
    apr_table_make, maintenance_normalize,
};
use crate::sys::config_vector::config_slot;
use maintenance_core::engine::matched::MatchedSections;
use maintenance_core::engine::readings::readings;
use maintenance_core::engine::request::Request as _;

// `Request` documents the assumptions of the SAFETY comments below.
impl<'r> Request<'r> {
    /// The sections that httpd has found, and those of the path's other readings.
    pub(crate) fn sections(&mut self) -> MatchedSections<'r, Section<'r>> {
        let section = self.section();
        MatchedSections::new(section, self.sections_of(self.readings(self.rec().uri)))
    }

    /// The sections that httpd will find for the request, for a hook that runs earlier. None if
    /// httpd will reject the path.
    pub(crate) fn sections_ahead(&mut self) -> MatchedSections<'r, Section<'r>> {
        let uri = self.rec().uri;
        let Some(path) = self.path_ahead() else { return MatchedSections::none() };
        // Includes the readings of the path as sent, because backends may remove segments that
        // httpd leaves alone (nocanon), and those of the path as httpd has decoded it in place, in
        // which `%252f` has become `%2f`.
        let mut readings = self.readings(uri);
        readings.extend(self.readings(path));
        let section = self.walk_to_section(path);
        MatchedSections::new(section, self.sections_of(readings))
    }

    /// Calls `ask` while the request has the sections that httpd will find for it. None if httpd
    /// will reject the path.
    pub(crate) fn walk_ahead<T>(&mut self, ask: impl FnOnce(&Self) -> T) -> Option<T> {
        let path = self.path_ahead()?;
        self.walk(path, ask)
    }

    /// The path that httpd will compare with its sections; None if httpd will reject it.
    fn path_ahead(&self) -> Option<*mut c_char> {
        let (pool, uri) = (self.rec().pool, self.rec().uri);
        // SAFETY: a copy of a C string from the request's pool.
        let path = unsafe { apr_pstrdup(pool, uri) };
        // A forward proxy's URI is a complete URL, which httpd leaves unchanged.
        let is_url = self.rec().proxyreq != PROXYREQ_NONE as c_int;
        // SAFETY: only this function has the copy.
        let is_rejected = || !is_url && unsafe { maintenance_normalize(self.as_ptr(), path) } == 0;
        (!path.is_null() && !is_rejected()).then_some(path)
    }

    /// The other readings of a path of the request.
    fn readings(&self, path: *const c_char) -> Vec<CString> {
        // SAFETY: null or a C string of the request's pool.
        unsafe {
            // Most paths have nothing to decode.
            match path.is_null() || libc::strchr(path, c_int::from(b'%')).is_null() {
                true => vec![],
                false => readings(CStr::from_ptr(path).to_bytes()),
            }
        }
    }

    fn sections_of(&mut self, readings: Vec<CString>) -> Vec<Option<&'r Section<'r>>> {
        let section = |path: CString| {
            let path = self.pool().buffer(path.as_bytes());
            self.walk_to_section(path)
        };
        readings.into_iter().map(section).collect()
    }

    /// The sections that httpd finds for a path, which must be a C string from the request's pool.
    fn walk_to_section(&mut self, path: *mut c_char) -> Option<&'r Section<'r>> {
        // SAFETY: as for `Request::section`.
        let section = |request: &Self| unsafe {
            config_slot(request.rec().per_dir_config).cast::<Section<'r>>().as_ref()
        };
        self.walk(path, section).flatten()
    }

    /// Calls `ask` while the request has the sections that httpd finds for a path, which must be a C
    /// string from the request's pool. None if httpd rejects the path.
    fn walk<T>(&mut self, path: *mut c_char, ask: impl FnOnce(&Self) -> T) -> Option<T> {
        let (pool, uri) = (self.rec().pool, self.rec().uri);
        let (per_dir_config, env) = (self.rec().per_dir_config, self.rec().subprocess_env);
        let defaults = self.server_rec()?.lookup_defaults;
        // SAFETY: this repeats what `ap_process_request_internal` does. Everything that the walk
        // changes is restored, including its cache, by which httpd tells whether a subrequest needs
        // another authentication.
        unsafe {
            let walked = ap_get_request_note(self.as_ptr(), AP_NOTE_LOCATION_WALK as usize);
            if walked.is_null() {
                return None;
            }
            let before = mem::replace(&mut *walked, std::ptr::null_mut());
            self.rec_mut().uri = path;
            self.rec_mut().per_dir_config = defaults;
            self.rec_mut().subprocess_env = apr_table_make(pool, 1);
            let is_found = ap_location_walk(self.as_ptr()) == OK as c_int;
            let answer = is_found.then(|| ask(self));
            *walked = before;
            self.rec_mut().uri = uri;
            self.rec_mut().subprocess_env = env;
            self.rec_mut().per_dir_config = per_dir_config;
            answer
        }
    }
}
