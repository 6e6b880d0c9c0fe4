//! Takes invitations out of httpd's request, and keeps what the client sent.
//!
//! Whatever comes later (other modules, the application, the access log) sees the request without
//! them. What has read the request earlier has seen them: mod_log_forensic, LogLevel trace4 and
//! above, and other modules at the hook post_read_request.

use std::ffi::{CStr, c_char};

use crate::request::Request;
use crate::sys::bindings::maintenance_show_request_line;
use maintenance_core::allow::invitations::cookie::{self, InviteCookie};
use maintenance_core::allow::invitations::sent;
use maintenance_core::engine::link::Link;
use maintenance_core::refusal::RequestHeaders as _;

// What the SAFETY comments here rest on is said at `Request`.
impl<'r> Request<'r> {
    /// Whether the request came from a client, and is no part of another request.
    pub(crate) fn is_from_client(&self) -> bool {
        self.rec().main.is_null() && self.rec().prev.is_null()
    }

    /// Takes the cookie and the query parameter out of the request; see
    /// [`maintenance_core::engine::request::Request::take_invitations`].
    #[inline(always)]
    pub(crate) fn take_invitations(&mut self) -> Option<Link> {
        if let Some(fields) = self.headers_in().joined(c"Cookie", c"; ", self.pool()) {
            self.take_cookie(fields.to_bytes());
        }
        if let Some(referer) = self.headers_in().get(c"Referer") {
            self.clean_referer(referer);
        }
        // Most requests have no query.
        if self.rec().args.is_null() { None } else { self.take_parameter() }
    }

    #[inline(never)]
    fn take_cookie(&mut self, fields: &'r [u8]) {
        let Some(cookie) = InviteCookie::find(fields) else { return };
        let rest = cookie::without(fields);
        match rest.is_empty() {
            true => self.headers_in().unset(c"Cookie"),
            false => self.headers_in().set(c"Cookie", self.pool().text(&rest)),
        }
        self.keep_invite_cookie(cookie);
    }

    #[inline(never)]
    fn take_parameter(&mut self) -> Option<Link> {
        let args = self.rec().args;
        let link = Link::take(self.bytes(args)?, self.is_secure())?;
        let query = link.query().map_or(std::ptr::null_mut(), |query| self.pool().buffer(query));
        let line = self.without(self.rec().the_request, sent::from_request_line);
        let target = self.without(self.rec().unparsed_uri, sent::from_target);
        // The page that follows has the parameter in its address, where it is no redirection.
        self.err_headers_out().set(c"Referrer-Policy", c"no-referrer");
        let rec = self.rec_mut();
        rec.args = query;
        rec.parsed_uri.query = query;
        rec.the_request = line;
        rec.unparsed_uri = target;
        // SAFETY: httpd's request, with its connection.
        unsafe { maintenance_show_request_line(self.as_ptr()) };
        Some(link)
    }

    /// The text without the parameter, or the text itself if it does not have it.
    fn without(
        &self,
        text: *mut c_char,
        take: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
    ) -> *mut c_char {
        self.bytes(text).and_then(take).map_or(text, |rest| self.pool().buffer(&rest))
    }

    fn bytes(&self, text: *const c_char) -> Option<&'r [u8]> {
        // SAFETY: null or a C string of the request's pool, which nobody writes to.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
    }

    /// Takes the parameter out of the Referer.
    #[inline(never)]
    fn clean_referer(&mut self, referer: &CStr) {
        if let Some(rest) = sent::from_target(referer.to_bytes()) {
            self.headers_in().set(c"Referer", self.pool().text(&rest));
        }
    }

    /// What came with the client's request, of which this one may be a part.
    pub(crate) fn invite_cookie(&self) -> Option<InviteCookie<'r>> {
        let origin = |request: &Self| {
            let (main, before) = (request.rec().main, request.rec().prev);
            let origin = if main.is_null() { before } else { main };
            // SAFETY: a request that lives as long as this one, which is a part of it.
            (!origin.is_null()).then(|| unsafe { Self::from_raw(origin) })
        };
        // SAFETY: this request once more, which is only looked at.
        let own = unsafe { Self::from_raw(self.as_ptr()) };
        let first = std::iter::successors(Some(own), origin).last();
        first?.kept_invite_cookie().copied()
    }
}
