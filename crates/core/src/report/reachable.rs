//! Whether a request can reach the main server, or whether virtual hosts take them all.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// An address of `<VirtualHost>`. The host is None for all addresses (`*` and `_default_`), the port
/// is 0 for all ports.
pub type HostAddress = (Option<IpAddr>, u16);

/// Whether the main server receives the requests of one of these listeners. A listener has an
/// address, which can be that for all addresses of the machine, or None if it is unknown, and a port.
///
/// httpd looks for a virtual host by the address of the connection, then for one for all addresses
/// (`ap_update_vhost_given_ip`). Of those that it finds it takes the first, if none has the name.
pub fn is_main_reachable(
    listeners: &[(Option<IpAddr>, u16)],
    hosts: &BTreeSet<HostAddress>,
) -> bool {
    let has = |host, port| hosts.contains(&(host, port)) || hosts.contains(&(host, 0));
    let is_taken = |(address, port): &(Option<IpAddr>, u16)| match address {
        _ if has(None, *port) => true,
        // A listener for IPv6 may receive IPv4 as well, and a virtual host for `[::]` does not.
        Some(address) => has(Some(*address), *port) && !is_of_all_ipv6(*address),
        None => false,
    };
    listeners.is_empty() || !listeners.iter().all(is_taken)
}

fn is_of_all_ipv6(address: IpAddr) -> bool {
    address.is_ipv6() && address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_servers() {
        for (listeners, hosts, expected) in [
            (&["0.0.0.0:80"][..], &[][..], true),
            (&["0.0.0.0:80"], &["*:80"], false),
            (&["0.0.0.0:80"], &["*:0"], false),
            (&["0.0.0.0:80"], &["0.0.0.0:80"], false),
            (&["0.0.0.0:80"], &["192.0.2.1:80"], true),
            (&["0.0.0.0:80"], &["*:443"], true),
            (&["[::]:80"], &["*:80"], false),
            (&["[::]:80"], &["0.0.0.0:80"], true),
            (&["[::]:80"], &["[::]:80"], true),
            (&["[::]:80", "[::]:443"], &["*:80"], true),
            (&["[::]:80", "[::]:443"], &["*:80", "*:443"], false),
            (&["192.0.2.1:80"], &["192.0.2.1:80"], false),
            (&["192.0.2.1:80"], &["192.0.2.1:0"], false),
            (&["192.0.2.1:80", "192.0.2.2:80"], &["192.0.2.1:80"], true),
            (&["192.0.2.1:80", "192.0.2.2:80"], &["192.0.2.1:80", "192.0.2.2:80"], false),
            (&["192.0.2.1:80", "192.0.2.2:443"], &["192.0.2.1:80", "*:443"], false),
            (&["unknown:80"], &["192.0.2.1:80"], true),
            (&["unknown:80"], &["*:80"], false),
            (&[], &["*:80"], true),
        ] {
            let address = |text: &&str| {
                let (host, port) = text.rsplit_once(':').expect("a port");
                let host = host.trim_matches(['[', ']']).parse().ok();
                (host, port.parse().expect("a port"))
            };
            let known: Vec<_> = listeners.iter().map(address).collect();
            let taken = hosts.iter().map(address).collect();
            assert_eq!(is_main_reachable(&known, &taken), expected, "{listeners:?} {hosts:?}");
        }
    }
}
