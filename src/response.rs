//! Sends the engine's answer through httpd.

use std::ffi::{CStr, c_int};

use crate::request::Request;
use crate::sys::bindings::{
    DECLINED, DONE, HTTP_INTERNAL_SERVER_ERROR, HTTP_NO_CONTENT, HTTP_NOT_MODIFIED, HTTP_OK, OK,
    ap_conn_keepalive_e_AP_CONN_CLOSE, ap_custom_response, ap_filter_t,
    ap_filter_type_AP_FTYPE_RESOURCE, ap_get_status_line, ap_remove_output_filter,
    ap_run_insert_filter, ap_set_content_type, maintenance_pass_body,
};
use crate::sys::table::Table;
use maintenance_core::engine::Action;
use maintenance_core::refusal::reply::Reply;
use maintenance_core::refusal::status::Status;
use maintenance_core::refusal::{Answer, PLAIN, REMOVED_FIELDS};

/// Whether httpd has a status line for this code. It would send an unknown one as "500 Internal
/// Server Error".
fn has_line(status: &Status) -> bool {
    // The usual ones need no look into httpd's table.
    matches!(status.code(), 500 | 503) || {
        // SAFETY: a pointer to httpd's static table, of lines that begin with three digits.
        let known = unsafe { CStr::from_ptr(ap_get_status_line(c_int::from(status.code()))) };
        known.to_bytes().get(..3) == status.line().to_bytes().get(..3)
    }
}

// `Request` documents the assumptions of the SAFETY comments below.
impl<'r> Request<'r> {
    /// Carries out the engine's action, and returns the result for the hook.
    #[inline(always)]
    pub(crate) fn carry_out(&mut self, action: Action<'r>) -> c_int {
        match action {
            Action::Decline => DECLINED as c_int,
            action => self.stop(action),
        }
    }

    /// A function of its own keeps the hooks of most requests short.
    #[inline(never)]
    fn stop(&mut self, action: Action<'r>) -> c_int {
        match action {
            Action::Decline => DECLINED as c_int,
            Action::Answer(answer) => self.answer(answer),
            Action::Reply(reply) => self.reply(reply),
            Action::Plain => self.refuse_plainly(),
            Action::Fail => HTTP_INTERNAL_SERVER_ERROR as c_int,
        }
    }

    /// Answers with the maintenance page. The answer passes through the output filters, so that
    /// mod_headers, mod_http2 and the log treat it like any other. ErrorDocument does not apply.
    #[inline(never)]
    fn answer(&mut self, answer: &'r Answer<'r>) -> c_int {
        if self.rec().eos_sent != 0 {
            return DONE; // already answered
        }
        self.begin_anew();
        self.rec_mut().status = c_int::from(answer.status.code());
        self.rec_mut().status_line = match has_line(answer.status) {
            true => std::ptr::null(),
            false => answer.status.line().as_ptr(),
        };
        let fields = self.err_headers_out();
        // Usually nobody else has set one, so none has to be searched for.
        let set = match fields.is_empty() {
            true => Table::add,
            false => Table::set,
        };
        answer.each_field(|name, value| set(fields, name, value));
        if let Some(seconds) = answer.retry_after {
            set(fields, c"Retry-After", self.pool().number(u64::from(seconds)));
        }
        // Evaluating an expression may already have added fields.
        answer.vary().for_each(|field| self.headers_out().merge(c"Vary", field));
        if let Some(language) = answer.content_language {
            self.headers_out().set(c"Content-Language", language);
        }
        self.send_content(Some(answer.content_type), |is_filtered| answer.content(is_filtered))
    }

    /// Answers with something other than the page, through the output filters as well.
    #[cold]
    fn reply(&mut self, reply: &'r Reply) -> c_int {
        if self.rec().eos_sent != 0 {
            return DONE;
        }
        self.begin_anew();
        self.rec_mut().status = c_int::from(reply.status);
        self.rec_mut().status_line = std::ptr::null();
        for (name, value) in &reply.fields {
            self.set_field(name, value);
        }
        let media = reply.content.as_ref().map(|(media, _)| *media);
        self.send_content(media, |is_filtered| match &reply.content {
            Some((_, content)) => content.bytes(is_filtered),
            None => (&[], None),
        })
    }

    /// Sets a header field in the table that is used for errors and by `Header always`. A
    /// `Header set Cache-Control` for the site's own pages must not make this answer cacheable.
    fn set_field(&self, name: &'static CStr, value: &'r CStr) {
        self.err_headers_out().set(name, value);
    }

    /// Sends the header section and the content. `body` returns the bytes and their coding; its
    /// argument tells whether a filter changes them.
    fn send_content(
        &mut self,
        media: Option<&'static CStr>,
        body: impl FnOnce(bool) -> (&'r [u8], Option<&'static CStr>),
    ) -> c_int {
        if self.has_body() {
            // Otherwise httpd would read the whole upload to keep the connection.
            // SAFETY: only this thread uses the connection while it serves the request.
            unsafe { (*self.rec().connection).keepalive = ap_conn_keepalive_e_AP_CONN_CLOSE };
        }
        // SAFETY: the media type is static. httpd 2.2 chooses filters by it.
        unsafe {
            if let Some(media) = media {
                ap_set_content_type(self.as_ptr(), media.as_ptr());
            }
            ap_run_insert_filter(self.as_ptr());
        }
        if !self.prepare_filters() {
            self.rec_mut().status = HTTP_OK as c_int;
            self.rec_mut().status_line = std::ptr::null();
            return self.refuse_plainly();
        }
        // From here on the request's pool holds the body, even if the page changes.
        let (body, encoding) = body(self.has_content_filter());
        self.rec_mut().content_encoding = encoding.map_or(std::ptr::null(), CStr::as_ptr);
        let length = i64::try_from(body.len()).unwrap_or_default();
        match [HTTP_NO_CONTENT, HTTP_NOT_MODIFIED]
            .map(|code| code as c_int)
            .contains(&self.rec().status)
        {
            true => self.remove_length_filter(),
            // As `ap_set_content_length` does.
            false => {
                self.rec_mut().clength = length;
                let digits = self.pool().number(length.cast_unsigned());
                self.headers_out().set(c"Content-Length", digits);
            }
        }
        // SAFETY: the body lives as long as the request. The filters' result is ignored: httpd logs
        // a lost client, and there is no other answer to send.
        unsafe {
            maintenance_pass_body(self.as_ptr(), body.as_ptr().cast(), body.len());
        }
        DONE
    }

    /// Runs the initialisation function of each filter of the request, as `ap_invoke_handler` does.
    /// Returns false if a filter fails.
    fn prepare_filters(&self) -> bool {
        let mut filter = self.rec().output_filters;
        // SAFETY: httpd's list of filters ends with null and lives as long as the request. A
        // filter's function may insert other filters after it.
        unsafe {
            while let Some(found) = filter.as_ref() {
                let prepare = (*found.frec).filter_init_func.filter(|_| found.r == self.as_ptr());
                if prepare.is_some_and(|prepare| prepare(filter) != OK as c_int) {
                    return false;
                }
                filter = (*filter).next;
            }
        }
        true
    }

    /// Removes the filter with which an old httpd (2.4.12) gives an answer without content a
    /// Content-Length. RFC 9110, section 8.6, forbids the field in a 204, and in a 304 it would be
    /// the length of the page.
    #[cold]
    fn remove_length_filter(&self) {
        let mut filter = self.rec().output_filters;
        // SAFETY: httpd's list of filters ends with null and lives as long as the request, and no
        // reference to a filter is in use while it is removed.
        unsafe {
            while let Some(found) = filter.as_ref() {
                let next = found.next;
                if CStr::from_ptr((*found.frec).name) == c"content_length" {
                    ap_remove_output_filter(filter);
                }
                filter = next;
            }
        }
    }

    /// The output filters of the request and of its connection.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &'r ap_filter_t> {
        // SAFETY: httpd's list of filters ends with null and lives as long as the request.
        let first = unsafe { self.rec().output_filters.cast_const().as_ref() };
        // SAFETY: the same.
        std::iter::successors(first, |filter| unsafe { filter.next.cast_const().as_ref() })
    }

    /// Whether a filter changes the page's text (mod_substitute, mod_include). Such a filter could
    /// not read a compressed page.
    fn has_content_filter(&self) -> bool {
        self.filters().any(|filter| {
            // SAFETY: a filter's registration lives as long as the configuration.
            let registration = unsafe { &*filter.frec };
            // Before 2.4.26, filters added by AddOutputFilterByType are registered as content
            // filters.
            let is_coding = || {
                // SAFETY: a C string that lives as long as the registration.
                let name = unsafe { CStr::from_ptr(registration.name) };
                [c"bytype:deflate", c"bytype:brotli_compress"].contains(&name)
            };
            registration.ftype == ap_filter_type_AP_FTYPE_RESOURCE && !is_coding()
        })
    }

    /// Removes what other modules have prepared for the original answer: filters, as
    /// `ap_send_error_response` does, and header fields that describe its content.
    fn begin_anew(&mut self) {
        let Some(server) = self.server_rec() else { return };
        let rec = self.rec_mut();
        rec.output_filters = rec.proto_output_filters;
        rec.per_dir_config = server.lookup_defaults;
        rec.content_languages = std::ptr::null_mut();
        // Usually there are none: the request is refused before another module has seen it.
        for table in [self.headers_out(), self.err_headers_out()] {
            if !table.is_empty() {
                REMOVED_FIELDS.iter().for_each(|name| table.unset(name));
            }
        }
    }

    /// Answers with [`PLAIN`] through httpd's own error handling, without an ErrorDocument.
    #[cold]
    fn refuse_plainly(&mut self) -> c_int {
        self.err_headers_out().set(c"Cache-Control", PLAIN.cache_control);
        self.err_headers_out().set(c"Maintenance", PLAIN.state);
        let status = c_int::from(PLAIN.status);
        // SAFETY: httpd copies the text.
        unsafe { ap_custom_response(self.as_ptr(), status, PLAIN.text.as_ptr()) };
        status
    }

    /// Whether the request has content (RFC 9112, section 6).
    fn has_body(&self) -> bool {
        self.headers_in().get(c"Transfer-Encoding").is_some()
            || self.headers_in().get(c"Content-Length").is_some_and(|length| length != c"0")
    }
}
