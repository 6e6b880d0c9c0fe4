//! Numbers the scopes in which requests are counted, and names servers.

use std::collections::BTreeMap;
use std::ffi::CStr;

use jiff::Timestamp;

use crate::server::{config, host, servers};
use crate::sys::address;
use crate::sys::bindings::{server_addr_rec, server_rec};
use crate::sys::config_vector::set_config_slot;
use crate::sys::pool::Pool;
use crate::sys::process;
use maintenance_core::engine::server::Counters;
use maintenance_core::report::HostAddress;
use maintenance_core::shared::table::Key;
use maintenance_core::stats::{ScopeId, Stats};

/// Assigns a number to each server, including servers without directives of their own, and to each
/// of its sections. The numbers stay the same over restarts.
///
/// # Safety
/// The servers must be those of the configuration that is being built by this thread alone, and the
/// pool must be theirs.
pub(crate) unsafe fn number(main: &server_rec, stats: &'static Stats, pool: Pool<'_>) {
    for server in servers(main).skip(1) {
        let (own, outer) = (config(server), config(main));
        if let Some(outer) = outer.filter(|outer| own.is_some_and(|own| std::ptr::eq(own, *outer)))
        {
            let shared = std::ptr::from_mut(pool.give(outer.shared())).cast();
            // SAFETY: the server's own vector, which nothing else uses while the configuration is
            // being built. The value is from the server's pool.
            unsafe { set_config_slot(server.module_config, shared) };
        }
    }
    let mut keys = Keys::default();
    let scopes: Vec<_> = servers(main)
        .filter_map(|server| {
            let config = config(server)?;
            let name = label(server);
            let own = keys.of(&name, "");
            let sections = config.gates()?.sections().iter();
            let sections: Vec<_> =
                sections.map(|(number, section)| (number, keys.of(&name, &section.name))).collect();
            Some((config, own, sections))
        })
        .collect();
    let claimed: Vec<_> = scopes
        .iter()
        .flat_map(|(_, own, sections)| {
            std::iter::once(*own).chain(sections.iter().map(|(_, key)| *key))
        })
        .collect();
    process::keep(stats);
    let mut numbers = stats.claim(&claimed, Timestamp::now()).into_iter();
    let mut next = || numbers.next().unwrap_or(ScopeId::OTHERS);
    for (config, _, sections) in scopes {
        let own = next();
        let sections = sections.into_iter().map(|(number, _)| (number, next())).collect();
        config.count(Counters { stats, own, sections, generation: stats.generation() });
    }
}

/// The keys of scopes. Scopes with the same name get different keys.
#[derive(Default)]
struct Keys(BTreeMap<(String, String), u32>);

impl Keys {
    fn of(&mut self, server: &str, section: &str) -> Key {
        let count = self.0.entry((server.to_owned(), section.to_owned())).or_default();
        *count += 1;
        Key::of(("scope", server, section, *count))
    }
}

/// Identifies a server by its name and its addresses.
fn label(server: &server_rec) -> String {
    let is_virtual = if server.is_virtual != 0 { "virtual host" } else { "server" };
    format!("{is_virtual} {} {}", name(server), addresses(server).join(" "))
}

/// The ServerName, with the port if it is known.
pub(crate) fn name(server: &server_rec) -> String {
    match ports(server)[..] {
        [port] => format!("{}:{port}", host(server).as_str()),
        _ => host(server).as_str().to_owned(),
    }
}

/// The ports in the addresses or the ServerName of a server. Empty means any port.
fn ports(server: &server_rec) -> Vec<u16> {
    let ports = of_addresses(server).map(|address| address.host_port).filter(|port| *port != 0);
    let mut ports: Vec<_> = ports.collect();
    if ports.is_empty() {
        ports.extend(Some(server.port).filter(|port| *port != 0));
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Whether the server has an address with this port, or one for all ports. Never true for the main
/// server.
pub(crate) fn is_at(server: &server_rec, port: u16) -> bool {
    addresses_at(server, port).next().is_some()
}

/// Whether the server receives all connections at this port.
pub(crate) fn takes_all(server: &server_rec, port: u16) -> bool {
    addresses_at(server, port).any(|host| ["*", "_default_", "0.0.0.0"].contains(&&*host))
}

/// Whether httpd chooses between these servers only by name, at this port.
pub(crate) fn share_an_address(one: &server_rec, other: &server_rec, port: u16) -> bool {
    let others: Vec<_> = addresses_at(other, port).collect();
    addresses_at(one, port).any(|host| others.contains(&host))
}

/// The hosts of `<VirtualHost HOST:PORT>` and `<VirtualHost HOST>`.
fn addresses_at(server: &server_rec, port: u16) -> impl Iterator<Item = String> {
    let at_port =
        of_addresses(server).filter(move |address| [0, port].contains(&address.host_port));
    at_port.map(|address| {
        // SAFETY: a C string that lives as long as the server.
        unsafe { CStr::from_ptr(address.virthost) }.to_string_lossy().into_owned()
    })
}

/// The addresses of a virtual host.
pub(crate) fn host_addresses(server: &server_rec) -> impl Iterator<Item = HostAddress> {
    of_addresses(server).filter_map(|address| {
        // SAFETY: a C string and an address that live as long as the server.
        let (name, ip) = unsafe {
            let ip = address.host_addr.as_ref().and_then(|host| address::ip(host));
            (CStr::from_ptr(address.virthost), ip)
        };
        let is_of_all = [c"*", c"_default_"].contains(&name);
        (is_of_all || ip.is_some()).then_some((ip.filter(|_| !is_of_all), address.host_port))
    })
}

/// File and line of a server, if known.
pub(crate) fn defined(server: &server_rec) -> Option<String> {
    let file = server.defn_name;
    // SAFETY: a C string that lives as long as the server.
    let file = (!file.is_null()).then(|| unsafe { CStr::from_ptr(file) })?;
    Some(format!("{}:{}", file.to_string_lossy(), server.defn_line_number))
}

/// The addresses in `<VirtualHost>`, without duplicates: httpd stores `*` once for IPv4 and once
/// for IPv6. Empty for the main server.
pub(crate) fn addresses(server: &server_rec) -> Vec<String> {
    let text = |address: &server_addr_rec| {
        // SAFETY: a C string that lives as long as the server.
        let host = unsafe { CStr::from_ptr(address.virthost) }.to_string_lossy();
        let host = if host.contains(':') { format!("[{host}]").into() } else { host };
        match address.host_port {
            0 => host.into_owned(),
            port => format!("{host}:{port}"),
        }
    };
    let mut addresses = vec![];
    for address in of_addresses(server).map(text) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

fn of_addresses(server: &server_rec) -> impl Iterator<Item = &server_addr_rec> {
    // SAFETY: httpd's list of addresses ends with null and lives as long as the server.
    let first = unsafe { server.addrs.as_ref() }.filter(|_| server.is_virtual != 0);
    // SAFETY: as above.
    std::iter::successors(first, |address| unsafe { address.next.as_ref() })
}
