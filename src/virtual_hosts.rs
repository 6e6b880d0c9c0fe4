//! Finds the servers that a request for a host could reach.

use std::collections::BTreeSet;
use std::ptr;

use crate::overlay::Overlay;
use crate::request::Request;
use crate::scopes;
use crate::server::servers;
use crate::sys::address;
use crate::sys::bindings::{
    ap_matches_request_vhost, ap_update_vhost_from_headers, maintenance_listening_address,
    maintenance_listening_port, maintenance_main_server, server_rec,
};
use maintenance_core::report::{self, Host};

/// The servers that a request for this host, with this overlay, could reach, and true: on this
/// connection's address the server that httpd itself chooses, on other addresses those with the
/// name. If no server has the name, false with the server to which httpd falls back here, or with
/// those at the requested port.
pub(crate) fn servers_of<'r>(
    request: &mut Request<'r>,
    host: &Host,
    overlay: Overlay,
) -> (Vec<&'r server_rec>, bool) {
    // SAFETY: httpd's servers live as long as the child serves requests.
    let Some(main) = (unsafe { maintenance_main_server().as_ref() }) else {
        return (vec![], false);
    };
    let named = servers(main).filter(|server| has_name(request, server, overlay));
    let named: BTreeSet<_> = named.map(ptr::from_ref).collect();
    let has_name = |server: &&server_rec| named.contains(&ptr::from_ref(*server));
    // SAFETY: the connection and its address live as long as the request.
    let here = unsafe { (*(*request.rec().connection).local_addr).port };
    let is_wanted = |port: &u16| host.port.is_none_or(|wanted| wanted == *port);
    let mut found = vec![];
    for port in std::iter::once(here).chain(listening().filter(|port| *port != here)) {
        if is_wanted(&port) {
            let own = (port == here).then(|| server_here(request, overlay)).flatten();
            found.extend(own);
            found.extend(servers_at(main, port, own, has_name));
        }
    }
    let is_known = found.iter().any(has_name);
    match is_known {
        true => found.retain(has_name), // a catch-all server does not get their requests
        false if is_wanted(&here) => found.truncate(1),
        false => {}
    }
    let mut seen = BTreeSet::new();
    found.retain(|server| seen.insert(ptr::from_ref(*server)));
    (found, is_known)
}

/// Whether a request can reach the main server.
pub(crate) fn is_main_reachable(main: &server_rec) -> bool {
    // SAFETY: only reads httpd's list, which does not change while a child serves requests.
    let listener = |number| unsafe {
        let listener = maintenance_listening_address(number).as_ref()?;
        Some((address::ip(listener), listener.port))
    };
    let listeners: Vec<_> = (0..).map_while(listener).collect();
    let hosts = servers(main).flat_map(scopes::host_addresses).collect();
    report::is_main_reachable(&listeners, &hosts)
}

/// The ports on which httpd listens, without duplicates.
fn listening() -> impl Iterator<Item = u16> {
    // SAFETY: only reads httpd's list, which does not change while a child serves requests.
    let ports = (0..).map(|number| unsafe { maintenance_listening_port(number) });
    let ports: BTreeSet<_> = ports.map_while(|port| u16::try_from(port).ok()).collect();
    ports.into_iter()
}

/// Of all servers at a port, those that httpd can choose depending on the address: of several
/// servers on one address the first with the name, or otherwise the first. `own` has already been
/// chosen for its addresses.
fn servers_at<'s>(
    main: &'s server_rec,
    port: u16,
    own: Option<&'s server_rec>,
    has_name: impl Fn(&&'s server_rec) -> bool,
) -> Vec<&'s server_rec> {
    let hosts: Vec<_> = servers(main).filter(|server| scopes::is_at(server, port)).collect();
    let mut chosen: Vec<_> = own.into_iter().collect();
    let (named, others): (Vec<_>, Vec<_>) = hosts.iter().partition(|server| has_name(server));
    for server in named.into_iter().chain(others) {
        if !chosen.iter().any(|other| scopes::share_an_address(server, other, port)) {
            chosen.push(server);
        }
    }
    if !hosts.iter().any(|server| scopes::takes_all(server, port)) && !is_main(own) {
        chosen.push(main);
    }
    chosen.drain(..usize::from(own.is_some()));
    chosen
}

fn is_main(server: Option<&server_rec>) -> bool {
    server.is_some_and(|server| server.is_virtual == 0)
}

/// The server that httpd chooses for a host on this connection.
fn server_here<'r>(request: &mut Request<'r>, overlay: Overlay) -> Option<&'r server_rec> {
    // SAFETY: the connection lives as long as the request.
    let server = unsafe { (*request.rec().connection).base_server };
    let hostname = ptr::null(); // use the Host field
    let overlay = Overlay { server, hostname, ..overlay };
    // SAFETY: a server of httpd's, and the overlay comes from `Request::overlay`.
    unsafe {
        request.overlaid(overlay, |request| {
            // The function changes only fields of the overlay: the server, the host name, the
            // status, and the port in the parsed URI.
            ap_update_vhost_from_headers(request.as_ptr());
            request.server_rec()
        })
    }
}

/// Whether the overlay's host name is the ServerName or a ServerAlias of the server.
fn has_name(request: &mut Request<'_>, server: &server_rec, overlay: Overlay) -> bool {
    let name = overlay.hostname;
    let overlay = Overlay { server: ptr::from_ref(server).cast_mut(), ..overlay };
    // SAFETY: a server of httpd's, and the overlay comes from `Request::overlay`. The function
    // reads only the request's server and a C string.
    unsafe {
        request.overlaid(overlay, |request| {
            ap_matches_request_vhost(request.as_ptr(), name, server.port) != 0
        })
    }
}
