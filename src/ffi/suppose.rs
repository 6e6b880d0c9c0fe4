//! What would happen to a request that nobody has sent: the same code decides.

use std::ffi::{CString, c_char, c_int};
use std::net::IpAddr;
use std::ptr;

use super::bindings::{
    M_GET, PROXYREQ_NONE, ap_matches_request_vhost, ap_update_vhost_from_headers, apr_pstrmemdup,
    apr_table_make, apr_table_setn, maintenance_main_server, maintenance_set_address, server_rec,
};
use super::log;
use super::pool::put;
use super::request::Request;
use super::scopes;
use super::server::{config, servers};
use crate::gates::Chain;
use crate::report::{Forecast, Host, Outcome, Preflight, Question};

/// What would happen to the request of a question, at each server that it could come to.
pub(super) fn preflight(request: &Request, question: &Question) -> Preflight {
    let servers = match &question.host {
        Some(host) => request.servers_of(host),
        None => request.server().into_iter().collect(),
    };
    let is_known_host = question
        .host
        .as_ref()
        .is_none_or(|host| servers.iter().any(|server| request.names(server, host)));
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
    /// The servers to which a request for this host could come: on this connection's address the
    /// one that httpd itself chooses, on others those that have the name. Of several on one address
    /// httpd takes the first.
    fn servers_of(&self, host: &Host) -> Vec<&'static server_rec> {
        // SAFETY: httpd's servers live as long as the child serves requests.
        let main: Option<&'static server_rec> = unsafe { maintenance_main_server().as_ref() };
        // SAFETY: the connection is as old as the request, and so is its address.
        let port = unsafe { (*(*self.rec().connection).local_addr).port };
        let is_here = host.port.is_none_or(|wanted| wanted == port);
        let mut found: Vec<_> = self.server_here(host).filter(|_| is_here).into_iter().collect();
        for server in main.into_iter().flat_map(servers).filter(|server| self.names(server, host)) {
            let ports = scopes::ports(server);
            let has_port =
                host.port.is_none_or(|wanted| ports.is_empty() || ports.contains(&wanted));
            let is_covered = match server.is_virtual {
                0 => ports.iter().all(|own| *own == port), // by the one that answers here
                _ => found.iter().any(|other| scopes::share_an_address(server, other)),
            };
            if has_port && !is_covered {
                found.push(server);
            }
        }
        // The one that takes what nobody else does is of no interest beside those that were meant.
        if found.iter().any(|server| self.names(server, host)) {
            found.retain(|server| self.names(server, host));
        }
        found
    }

    /// The server that httpd chooses for a host on this connection.
    fn server_here(&self, host: &Host) -> Option<&'static server_rec> {
        let main = self.server()?;
        let question = Question {
            client: IpAddr::from([127, 0, 0, 1]),
            path: "/".into(),
            host: Some(host.clone()),
        };
        let supposed = self.supposed(main, &question);
        // SAFETY: a copy of the request, of which the function changes server and host name.
        unsafe {
            let copy = supposed.0;
            (*copy).server = (*(*copy).connection).base_server;
            (*copy).hostname = ptr::null(); // Host counts
            ap_update_vhost_from_headers(copy);
            (*copy).server.as_ref()
        }
    }

    /// Has the server this name, among its ServerName and ServerAlias?
    fn names(&self, server: &server_rec, host: &Host) -> bool {
        // SAFETY: a shallow copy, of which the function reads the server alone; a C string.
        unsafe {
            let copy = put(self.rec().pool, ptr::read(self.0));
            (*copy).server = ptr::from_ref(server).cast_mut();
            ap_matches_request_vhost(copy, self.text(&host.name), server.port) != 0
        }
    }

    /// A copy of this request, as far as the gate looks at it, that is the one of the question:
    /// a GET of the client, with no other header than Host, that came to `server`. httpd knows
    /// nothing of it.
    fn supposed(&self, server: &server_rec, question: &Question) -> Self {
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
            copy.args = query.map_or(ptr::null_mut(), |query| self.text(query));
            copy.the_request = self.text(&format!("GET {} HTTP/1.1", question.path));
            copy.hostname =
                question.host.as_ref().map_or(ptr::null(), |host| self.text(&host.name));
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
    fn text(&self, text: &str) -> *mut c_char {
        let text = CString::new(text).unwrap_or_default(); // a query without NUL
        // SAFETY: the pool takes a copy.
        unsafe { apr_pstrmemdup(self.rec().pool, text.as_ptr(), text.count_bytes()) }
    }
}
