//! `SetHandler maintenance-status`, and the module's section on the mod_status page.

use std::ffi::{CStr, c_char, c_int};

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
    ap_get_server_banner, ap_rwrite, ap_set_content_type, maintenance_main_server, request_rec,
    server_rec,
};
use crate::sys::guard::guard;
use crate::sys::process;
use crate::virtual_hosts;
use maintenance_core::allow::ClientRequest;
use maintenance_core::events::EventSink;
use maintenance_core::flag::{FlagEvent, Observer};
use maintenance_core::report::{self, Facts, Format, Query, Report, ScopeFacts, ScopeKind};
use maintenance_core::stack;

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
            let Some(report) = report(&mut request, false) else {
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
        Err(error) => {
            request.rec_mut().status = HTTP_BAD_REQUEST as c_int;
            request.send(c"text/plain; charset=utf-8", &format!("{error}\n"));
            OK as c_int
        }
    }
}

fn show(request: &mut Request<'_>, query: &Query) -> c_int {
    if let Some(tracked) = request.tracked() {
        tracked.forget(); // monitoring must not distort the counts
    }
    let preflight = query.question.as_ref().map(|question| dry_run::preflight(request, question));
    let details = query.format != Format::Prometheus;
    let Some(report) = report(request, details) else {
        error_log::error("no status report: the configuration is not complete");
        return HTTP_INTERNAL_SERVER_ERROR as c_int;
    };
    let preflight = preflight.as_ref();
    let content_type = match query.format {
        Format::Html => c"text/html; charset=utf-8",
        Format::Json => c"application/json",
        Format::Prometheus => report::PROMETHEUS,
    };
    let text = stack::deep(|| match query.format {
        Format::Html => report::page(&report, query, preflight),
        Format::Json => report::json(&report, preflight),
        Format::Prometheus => report::metrics(&report),
    });
    match text.unwrap_or_else(|| Err("no thread could be started to write it".to_owned())) {
        Ok(text) => {
            if let Some(seconds) = query.refresh {
                request.set_refresh(seconds);
            }
            request.send(content_type, &text);
            OK as c_int
        }
        Err(error) => {
            error_log::error(&format!("the report cannot be shown: {error}"));
            HTTP_INTERNAL_SERVER_ERROR as c_int
        }
    }
}

/// The report, for a request that must not appear in it. Looks at all flags and files, as other
/// requests do.
fn report(request: &mut Request<'_>, details: bool) -> Option<Report> {
    if let Some(tracked) = request.tracked() {
        tracked.leave_flight();
    }
    // SAFETY: httpd's main server lives as long as the child serves requests.
    let main: &server_rec = unsafe { maintenance_main_server().as_ref() }?;
    let now = Timestamp::now();
    let flags: Vec<_> = flags(main)?.iter().map(|flag| &**flag).collect();
    for flag in &flags {
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
        workers: if details { scoreboard::busy_workers() } else { vec![] },
        stats: process::stats()?,
    };
    Some(Report::new(facts, details))
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

    fn send(&mut self, content_type: &'static CStr, text: &str) {
        // SAFETY: httpd keeps the static text.
        unsafe { ap_set_content_type(self.as_ptr(), content_type.as_ptr()) };
        self.write(text);
    }

    /// Writes text. httpd logs a lost client, so errors are ignored.
    fn write(&mut self, text: &str) {
        for part in text.as_bytes().chunks(1 << 20) {
            // SAFETY: httpd copies the bytes; their number fits.
            unsafe { ap_rwrite(part.as_ptr().cast(), part.len() as c_int, self.as_ptr()) };
        }
    }
}
