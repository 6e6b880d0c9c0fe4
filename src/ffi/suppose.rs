//! What would happen to a request that nobody has sent: the same code decides.

use std::ffi::{CString, c_char, c_int};
use std::ptr;

use super::bindings::{
    M_GET, PROXYREQ_NONE, apr_pstrmemdup, apr_table_make, apr_table_setn, maintenance_set_address,
    server_rec,
};
use super::pool::put;
use super::request::Request;
use super::server::config;
use super::{hosts, log, scopes};
use crate::gates::Chain;
use crate::report::{Forecast, Outcome, Preflight, Question};

/// What would happen to the request of a question, at each server that it could come to.
pub(super) fn preflight(request: &Request, question: &Question) -> Preflight {
    let servers = match &question.host {
        Some(host) => hosts::servers_of(request, host),
        None => request.server().into_iter().collect(),
    };
    let has_name = |host| servers.iter().any(|server| hosts::has_name(request, server, host));
    let is_known_host = question.host.as_ref().is_none_or(has_name);
    let answers = servers.into_iter().map(|server| forecast(request, server, question));
    Preflight::new(question, is_known_host, answers.collect())
}

fn forecast(request: &Request, server: &server_rec, question: &Question) -> Forecast {
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
    let mut supposed = request.supposed(server, question);
    let section = gates.has_sections().then(|| supposed.section_ahead()).flatten();
    let gate = match section {
        Some(section) => gates.of(section).unwrap_or_else(|| request.own(gates.make(section))),
        None => gates.own(),
    };
    let innermost = section.and_then(Chain::innermost);
    let section = innermost.and_then(|number| config.sections.get(&number));
    forecast.location = section.map(|section| section.name.clone());
    forecast.now = Outcome::now(gate, &supposed, &log::Log);
    forecast.while_closed = Outcome::while_closed(gate, &supposed, &log::Log);
    forecast
}

// What the SAFETY comments here rest on is said at `Request`.
impl Request {
    /// A copy of this request, as far as the gate looks at it, that is the one of the question:
    /// a GET of the client, with no other header than Host, that came to `server`. httpd knows
    /// nothing of it.
    pub(super) fn supposed(&self, server: &server_rec, question: &Question) -> Self {
        let pool = self.rec().pool;
        let (path, query) = match question.path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (question.path.as_str(), None),
        };
        // SAFETY: a plain structure, copied into a pool as old as the request, and not one of the
        // things that it points to is changed: what differs is made anew.
        unsafe {
            let copy = &mut *put(pool, ptr::read(self.0));
            copy.main = ptr::null_mut();
            copy.prev = ptr::null_mut();
            copy.server = ptr::from_ref(server).cast_mut();
            copy.per_dir_config = server.lookup_defaults;
            copy.proxyreq = PROXYREQ_NONE as c_int;
            copy.method = c"GET".as_ptr();
            copy.method_number = M_GET as c_int;
            copy.header_only = 0;
            copy.unparsed_uri = self.text(&question.path);
            copy.uri = self.text(path);
            copy.filename = ptr::null_mut();
            copy.canonical_filename = ptr::null_mut();
            copy.path_info = ptr::null_mut();
            copy.handler = ptr::null();
            copy.content_type = ptr::null();
            copy.user = ptr::null_mut();
            copy.ap_auth_type = ptr::null_mut();
            copy.args = query.map_or(ptr::null_mut(), |query| self.text(query));
            copy.the_request = self.text(&format!("GET {} HTTP/1.1", question.path));
            copy.hostname =
                question.host.as_ref().map_or(ptr::null(), |host| self.text(&host.canonical()));
            copy.headers_in = apr_table_make(pool, 1);
            copy.notes = apr_table_make(pool, 1);
            copy.subprocess_env = apr_table_make(pool, 1);
            if let Some(host) = &question.host {
                let authority = match host.port {
                    Some(port) => format!("{}:{port}", host.name),
                    None => host.name.clone(),
                };
                apr_table_setn(copy.headers_in, c"Host".as_ptr(), self.text(&authority));
            }
            let address = question.client.to_canonical().to_string();
            maintenance_set_address(copy, self.text(&address));
            Self::from_raw(copy)
        }
    }

    /// A C string in the request's pool.
    pub(super) fn text(&self, text: &str) -> *mut c_char {
        let text = CString::new(text).unwrap_or_default(); // a query without NUL
        // SAFETY: the pool takes a copy.
        unsafe { apr_pstrmemdup(self.rec().pool, text.as_ptr(), text.count_bytes()) }
    }
}
