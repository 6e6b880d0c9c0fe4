//! `SetHandler maintenance-status`, and the module's section on the mod_status page.

use std::ffi::{CStr, c_char, c_int};
use std::iter;

use jiff::Timestamp;

use crate::dry_run;
use crate::error_log;
use crate::events::Events;
use crate::request::Request;
use crate::scopes;
use crate::scoreboard;
use crate::server::{config, flags, of_all, servers};
use crate::sys::bindings::{
    DECLINED, HTTP_BAD_REQUEST, HTTP_INTERNAL_SERVER_ERROR, HTTP_METHOD_NOT_ALLOWED, M_GET, OK,
    ap_get_server_banner, ap_rwrite, ap_set_content_type, maintenance_abort,
    maintenance_main_server, request_rec, server_rec,
};
use crate::sys::guard::guard;
use crate::sys::process;
use crate::virtual_hosts;
use maintenance_core::allow::ClientRequest;
use maintenance_core::events::EventSink;
use maintenance_core::flag::{FlagEvent, Observer};
use maintenance_core::report::{
    self, Facts, Filter, Format, Pieces, Query, Report, ScopeFacts, ScopeKind,
};
use maintenance_core::stack;

const NO_THREAD: &str = "no thread could be started to write it";

/// Called by httpd to add a section to the mod_status page.
pub(crate) unsafe extern "C" fn section(
    r: *mut request_rec,
    is_short: c_int,
    is_plain: c_int,
) -> c_int {
    guard(
        || {
            // SAFETY: httpd's request, which this thread alone uses until the function returns.
            let mut request = unsafe { Request::from_raw(r) };
            let Some(report) = report(&mut request, false, Filter::default()) else {
                return DECLINED as c_int;
            };
            let text = stack::deep(|| match (is_short != 0, is_plain != 0) {
                (true, _) => report::short_lines(&report),
                (false, true) => format!("<hr /><pre>{}</pre>", report::short_lines(&report)),
                (false, false) => report::html_section(&report),
            });
            request.write(&text.unwrap_or_default());
            OK as c_int
        },
        DECLINED as c_int,
    )
}

/// Answers a request for the page.
#[inline(never)]
pub(crate) fn answer(request: &mut Request<'_>) -> c_int {
    guard(|| answer_or_panic(request), HTTP_INTERNAL_SERVER_ERROR as c_int)
}

fn answer_or_panic(request: &mut Request<'_>) -> c_int {
    if request.rec().method_number != M_GET as c_int {
        // The method mask of GET includes HEAD. SAFETY: the list of methods lives as long as the
        // request.
        unsafe { (*request.rec().allowed_methods).method_mask = 1 << M_GET };
        return HTTP_METHOD_NOT_ALLOWED as c_int;
    }
    request.headers_out().set(c"Cache-Control", c"no-store");
    request.headers_out().set(c"Vary", c"Accept");
    request.headers_out().set(c"X-Content-Type-Options", c"nosniff");
    let policy = c"default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
        form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    request.headers_out().set(c"Content-Security-Policy", policy);
    match Query::parse(&request.query(), request.header(c"Accept")) {
        Ok(query) => show(request, &query),
        Err(error) => request.refuse_query(&error.to_string()),
    }
}

fn show(request: &mut Request<'_>, query: &Query) -> c_int {
    if let Some(tracked) = request.tracked() {
        tracked.forget(); // monitoring must not distort the counts
    }
    let preflight = query.question.as_ref().map(|question| dry_run::preflight(request, question));
    let names_requests = query.format != Format::Prometheus;
    let Some(report) = report(request, names_requests, query.filter.clone()) else {
        error_log::error("no status report: the configuration is not complete");
        return HTTP_INTERNAL_SERVER_ERROR as c_int;
    };
    // A program would take an empty report for one of a server without problems.
    if query.format != Format::Html && report.is_about_nothing() {
        return request.refuse_query("scope: no scope has this in its name");
    }
    let preflight = preflight.as_ref();
    let (content_type, pieces) = match query.format {
        Format::Html => {
            let page = stack::deep(|| report::page(&report, query, preflight));
            let page = page.unwrap_or_else(|| Err(NO_THREAD.to_owned()));
            (c"text/html; charset=utf-8", page.map(|page| Box::new(iter::once(Ok(page))) as Pieces))
        }
        Format::Json => {
            let pieces = stack::deep(|| report::json(&report, preflight));
            (c"application/json", pieces.unwrap_or_else(|| Err(NO_THREAD.to_owned())))
        }
        Format::Prometheus => match stack::deep(|| report::metrics(&report)) {
            Some(pieces) => (report::PROMETHEUS, Ok(pieces)),
            None => (report::PROMETHEUS, Err(NO_THREAD.to_owned())),
        },
    };
    let sent = pieces.and_then(|pieces| request.send_pieces(content_type, query, pieces));
    match sent {
        Ok(()) => OK as c_int,
        Err(error) => {
            error_log::error(&format!("the report cannot be shown: {error}"));
            HTTP_INTERNAL_SERVER_ERROR as c_int
        }
    }
}

/// The report, for a request that must not appear in it. Looks at all flags and files, as other
/// requests do.
fn report(
    request: &mut Request<'_>,
    names_requests: bool,
    filter: Filter,
) -> Option<Report<'static>> {
    if let Some(tracked) = request.tracked() {
        tracked.leave_flight();
    }
    // SAFETY: httpd's main server lives as long as the child serves requests.
    let main: &'static server_rec = unsafe { maintenance_main_server().as_ref() }?;
    let now = Timestamp::now();
    let flags: Vec<_> = flags(main)?.iter().map(|flag| &**flag).collect();
    for flag in flags.iter().filter(|flag| !(flag.was_absent() && flag.confirm_absent())) {
        let report = &mut |event: FlagEvent<'_>| Events.flag(event);
        flag.look(Observer::Child, Timestamp::MIN, &Timestamp::now, report);
    }
    for server in servers(main) {
        dry_run::make_gates(request, server);
    }
    of_all(main)?.watches.refresh(Observer::Child, false, &Events);
    // SAFETY: httpd's own C string.
    let banner = unsafe { CStr::from_ptr(ap_get_server_banner()) };
    let interval = config(main).map(|config| config.settings.check_interval());
    let reachable = virtual_hosts::is_main_reachable(main);
    let facts = Facts {
        server: banner.to_string_lossy().into_owned(),
        machine: of_all(main)?.machine.clone(),
        now,
        check_interval: interval.unwrap_or_default(),
        scopes: servers(main).flat_map(|server| scope_facts(server, reachable)).collect(),
        flags,
        workers: if names_requests { scoreboard::busy_workers() } else { vec![] },
        stats: process::stats()?,
    };
    Some(Report::new(facts, filter))
}

/// The facts of a server and its locations. `is_main_reachable` tells whether a request can reach the
/// main server.
fn scope_facts(server: &server_rec, is_main_reachable: bool) -> Vec<ScopeFacts<'_>> {
    let config = config(server);
    let watched = config.and_then(|config| Some((config.gates()?, config.counters()?)));
    let facts = |kind, location: Option<&str>, gates, number| ScopeFacts {
        kind,
        server: scopes::name(server),
        location: location.map(str::to_owned),
        reachable: is_main_reachable || server.is_virtual != 0,
        addresses: scopes::addresses(server),
        defined: scopes::defined(server),
        gates,
        number,
    };
    let kind = if server.is_virtual != 0 { ScopeKind::VirtualHost } else { ScopeKind::Server };
    let Some((gates, counters)) = watched else {
        return vec![facts(kind, None, vec![], None)];
    };
    let own = facts(kind, None, vec![gates.own()], Some(counters.own));
    let sections = gates.sections().iter().map(|(number, section)| {
        let inside = gates.inside(number).collect();
        let number = counters.scope(Some(&number));
        facts(ScopeKind::Location, Some(&section.name), inside, Some(number))
    });
    std::iter::once(own).chain(sections).collect()
}

// `Request` documents the assumptions of the SAFETY comments below.
impl Request<'_> {
    /// The query string as it was sent. Invalid UTF-8 is replaced and does not match any parameter.
    fn query(&self) -> String {
        let query: *const c_char = self.rec().args;
        match query.is_null() {
            true => String::new(),
            // SAFETY: a C string from the request's pool.
            false => unsafe { CStr::from_ptr(query) }.to_string_lossy().into_owned(),
        }
    }

    /// Sets the Refresh field, as mod_status does.
    fn set_refresh(&self, seconds: u32) {
        self.headers_out().set(c"Refresh", self.pool().text(seconds.to_string().as_bytes()));
    }

    /// Answers a query that makes no sense.
    fn refuse_query(&mut self, why: &str) -> c_int {
        self.rec_mut().status = HTTP_BAD_REQUEST as c_int;
        self.set_content_type(c"text/plain; charset=utf-8");
        self.write(&format!("{why}\n"));
        OK as c_int
    }

    fn set_content_type(&mut self, content_type: &'static CStr) {
        // SAFETY: httpd keeps the static text.
        unsafe { ap_set_content_type(self.as_ptr(), content_type.as_ptr()) };
    }

    /// Sends the pieces one by one. Fails if the first one cannot be made; if a later one cannot,
    /// ends the connection, so that nobody takes the answer for a whole one.
    fn send_pieces(
        &mut self,
        content_type: &'static CStr,
        query: &Query,
        mut pieces: Pieces<'_>,
    ) -> Result<(), String> {
        let mut next = || {
            let piece = stack::deep(|| pieces.next());
            piece.unwrap_or_else(|| Some(Err(NO_THREAD.to_owned()))).transpose()
        };
        let first = next()?.unwrap_or_default();
        if let Some(seconds) = query.refresh {
            self.set_refresh(seconds);
        }
        self.set_content_type(content_type);
        // mod_http2 would send the later pieces of an answer to HEAD.
        if self.rec().header_only != 0 {
            return Ok(());
        }
        let mut is_read = self.write(&first);
        while is_read {
            match next() {
                Ok(Some(piece)) => is_read = self.write(&piece),
                Ok(None) => break,
                Err(error) => {
                    error_log::error(&format!("the report ends early: {error}"));
                    self.abort();
                    break;
                }
            }
        }
        Ok(())
    }

    /// Ends the connection without the end of the answer.
    fn abort(&mut self) {
        // SAFETY: httpd's request, whose connection this thread alone uses.
        unsafe { maintenance_abort(self.as_ptr()) };
    }

    /// Writes text. Returns false if the client is gone, which httpd logs.
    fn write(&mut self, text: &str) -> bool {
        text.as_bytes().chunks(1 << 20).all(|part| {
            // SAFETY: httpd copies the bytes; their number fits.
            let written =
                unsafe { ap_rwrite(part.as_ptr().cast(), part.len() as c_int, self.as_ptr()) };
            written >= 0
        })
    }
}
