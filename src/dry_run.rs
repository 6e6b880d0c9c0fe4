//! Forecasts the outcome of a hypothetical request, using the code that decides real requests.

use std::ffi::{c_char, c_int};
use std::net::IpAddr;
use std::ptr;

use crate::error_log;
use crate::events::Events;
use crate::location::Section;
use crate::overlay::Overlay;
use crate::request::Request;
use crate::scopes;
use crate::server::config;
use crate::sys::bindings::{
    HTTP_OK, M_GET, PROXYREQ_NONE, apr_table_make, apr_table_setn, apr_table_t, apr_uri_t,
    server_rec,
};
use crate::virtual_hosts;
use maintenance_core::allow::ClientRequest;
use maintenance_core::engine::gates::{Gates, SectionPath};
use maintenance_core::engine::matched::MatchedSections;
use maintenance_core::report::{Forecast, Host, Outcome, Preflight, Question};

/// The outcomes for a question, at each server that the request could reach.
pub(crate) fn preflight(request: &mut Request<'_>, question: &Question) -> Preflight {
    let overlay = request.overlay(question);
    let (servers, is_known_host) = match &question.host {
        Some(host) => virtual_hosts::servers_of(request, host, overlay),
        None => (request.server_rec().into_iter().collect(), true),
    };
    let answers = request.as_client(question.client, |request| {
        let answers = servers.into_iter().map(|server| forecast(request, server, overlay));
        answers.collect()
    });
    let answers = answers.unwrap_or_else(|| {
        error_log::error(&format!(
            "no preflight: httpd does not accept {} as an address",
            question.client
        ));
        vec![] // not the answers for the client that asks
    });
    Preflight::new(question, is_known_host, answers)
}

fn forecast(request: &mut Request<'_>, server: &server_rec, overlay: Overlay) -> Forecast {
    let mut forecast = Forecast {
        server: scopes::name(server),
        location: None,
        now: Outcome::off(),
        while_closed: Outcome::off(),
    };
    let Some((config, gates)) = config(server).and_then(|config| Some((config, config.gates()?)))
    else {
        return forecast;
    };
    let overlay = request.at(server, overlay);
    let act = |assumed: &mut Request<'_>| {
        #[cfg(feature = "provoke-panic")]
        assumed.provoke_panic_at("/provoke-panic");
        if gates.notice().is_some_and(|notice| notice.covers(assumed.target())) {
            (forecast.now, forecast.while_closed) = (Outcome::notice(), Outcome::notice());
            return forecast;
        }
        let found = match gates.has_sections() {
            true => assumed.sections_ahead(),
            false => MatchedSections::none(),
        };
        let gate =
            |section: Option<&Section<'_>>| gates.of_request(section, |gate| assumed.own(gate));
        let others: Vec<_> = found.others.iter().map(|section| gate(*section)).collect();
        let all = (gate(found.section), &*others);
        // If the path has several readings, this is the one that decides.
        let (number, now, while_closed) = Outcome::now_and_while_closed(all, assumed, &Events);
        let innermost = found.all().nth(number).flatten().and_then(SectionPath::innermost);
        let section = innermost.and_then(|number| config.sections.get(number));
        forecast.location = section.map(|section| section.name.clone());
        (forecast.now, forecast.while_closed) = (now, while_closed);
        forecast
    };
    // SAFETY: the overlay comes from `Request::overlay`, and the server is httpd's.
    unsafe { request.overlaid(overlay, act) }
}

/// Makes the gates of the locations that are given by a path, including the outer ones, as a
/// request for that path would do. Each process does that once for each server.
pub(crate) fn make_gates(request: &mut Request<'_>, server: &server_rec) {
    let Some(config) = config(server) else { return };
    let Some(gates) = config.gates().filter(|gates| gates.has_sections()) else { return };
    config.locations_made.get_or_init(|| make_gates_of(request, server, gates));
}

fn make_gates_of(request: &mut Request<'_>, server: &server_rec, gates: &Gates) {
    for path in gates.sections().iter().filter_map(|(_, section)| plain_path(&section.name)) {
        let client = IpAddr::from([127, 0, 0, 1]);
        let overlay = request.overlay(&Question { client, path: path.into(), host: None });
        let overlay = request.at(server, overlay);
        // SAFETY: the overlay comes from `Request::overlay`, and the server is httpd's.
        unsafe { request.overlaid(overlay, |assumed| gates.of(assumed.sections_ahead().section?)) };
    }
}

/// The path of `<Location /path>`, if the section consists of one plain path.
fn plain_path(section: &str) -> Option<&str> {
    let path = section.strip_prefix("<Location ")?.strip_suffix('>')?.trim().trim_matches('"');
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"*?[\\%#".contains(&byte));
    (is_plain && path.starts_with('/')).then_some(path)
}

// `Request` documents the assumptions of the SAFETY comments below.
impl Request<'_> {
    /// The overlay for the request of a question: a GET whose only header field is Host, at the
    /// server of the real request. Everything that it points to is static or lives as long as the
    /// request's pool; see [`Request::overlaid`].
    fn overlay(&self, question: &Question) -> Overlay {
        let (path, query) = match question.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (question.path.as_str(), None),
        };
        // httpd expects an IPv6 address without brackets.
        let name = |host: &Host| host.canonical().trim_matches(['[', ']']).to_owned();
        let hostname = question.host.as_ref().map(|host| self.text(&name(host)));
        let port = question.host.as_ref().and_then(|host| host.port);
        let parsed_uri = apr_uri_t {
            port: port.unwrap_or(0),
            port_str: port.map_or(ptr::null_mut(), |port| self.text(&port.to_string())),
            ..self.rec().parsed_uri
        };
        let headers_in = self.table();
        if let Some(host) = &question.host {
            let authority = match host.port {
                Some(port) => format!("{}:{port}", host.name),
                None => host.name.clone(),
            };
            // SAFETY: the table and the text are from the same pool.
            unsafe { apr_table_setn(headers_in, c"Host".as_ptr(), self.text(&authority)) };
        }
        Overlay {
            main: ptr::null_mut(),
            prev: ptr::null_mut(),
            server: self.rec().server,
            per_dir_config: self.rec().per_dir_config,
            proxyreq: PROXYREQ_NONE as c_int,
            proto_num: 1001, // HTTP_VERSION(1, 1)
            protocol: self.text("HTTP/1.1"),
            status: HTTP_OK as c_int,
            method: c"GET".as_ptr(),
            method_number: M_GET as c_int,
            header_only: 0,
            the_request: self.text(&format!("GET {} HTTP/1.1", question.path)),
            unparsed_uri: self.text(&question.path),
            parsed_uri,
            uri: self.text(path),
            args: query.map_or(ptr::null_mut(), |query| self.text(query)),
            filename: ptr::null_mut(),
            canonical_filename: ptr::null_mut(),
            path_info: ptr::null_mut(),
            hostname: hostname.map_or(ptr::null(), |name| name.cast_const()),
            handler: ptr::null(),
            content_type: ptr::null(),
            user: ptr::null_mut(),
            ap_auth_type: ptr::null_mut(),
            headers_in,
            headers_out: self.table(),
            err_headers_out: self.table(),
            notes: self.table(),
            subprocess_env: self.table(),
        }
    }

    /// The overlay at another server, where the request has not been processed yet.
    fn at(&self, server: &server_rec, overlay: Overlay) -> Overlay {
        Overlay {
            server: ptr::from_ref(server).cast_mut(),
            per_dir_config: server.lookup_defaults,
            headers_out: self.table(), // for an expression's Vary
            err_headers_out: self.table(),
            notes: self.table(),
            subprocess_env: self.table(),
            ..overlay
        }
    }

    /// An empty table that lives as long as the request.
    fn table(&self) -> *mut apr_table_t {
        // SAFETY: a live pool.
        unsafe { apr_table_make(self.pool().as_ptr(), 1) }
    }

    /// A C string in the request's pool.
    fn text(&self, text: &str) -> *mut c_char {
        self.pool().buffer(text.as_bytes()) // a query without NUL
    }
}
