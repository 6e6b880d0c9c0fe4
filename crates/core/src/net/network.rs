//! The syntax of addresses and networks: that of `Allow from` and `Require ip` (httpd's
//! `apr_ipsubnet_create`), but stricter. Anything that looks like a typing error is an error.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

/// Why a word is neither an address nor a network.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NetworkError {
    /// `10.0.0.300`, `node1`
    #[error("is neither an address nor a network")]
    Address,
    /// `10.0.0.0/33`, `2001:db8::/x`
    #[error("has a prefix length that is not a number from 0 to {max}")]
    PrefixLength {
        /// 32 or 128.
        max: u8,
    },
    /// `10.0.0.0/255.0.255.0`
    #[error("has a netmask with ones to the right of zeros")]
    Netmask,
    /// `255.255.0.0` alone, which no client has as an address.
    #[error("is a netmask; write it behind its network and a slash (10.0.0.0/255.255.0.0)")]
    BareNetmask,
    /// `10.0.0.1/8`
    #[error("has bits set to the right of its prefix; its network is {network}")]
    HostBits {
        /// The network that contains the address.
        network: IpNet,
    },
}

/// Parses an address or a network: `192.168.157.139`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`,
/// `192.168.157` (a partial address is a network, as in mod_authz_host), `2001:db8::7`,
/// `2001:db8::/32`. Networks in `::ffff:0:0/96` become IPv4 (RFC 4291, section 2.5.5.2).
///
/// # Errors
/// [`NetworkError`], without the word itself.
pub fn parse(word: &str) -> Result<IpNet, NetworkError> {
    let network = match word.split_once('/') {
        Some((address, mask)) => {
            let address = IpAddr::from_str(address).map_err(|_| NetworkError::Address)?;
            let length = prefix_length(address, mask)?;
            let network = IpNet::new(address, length).map_err(|_| NetworkError::Address)?;
            if network.network() != network.addr() {
                return Err(NetworkError::HostBits { network: network.trunc() });
            }
            network
        }
        None => match IpAddr::from_str(word) {
            Ok(IpAddr::V4(address)) if is_netmask(address) => {
                return Err(NetworkError::BareNetmask);
            }
            Ok(address) => IpNet::from(address),
            Err(_) => partial(word).ok_or(NetworkError::Address)?,
        },
    };
    Ok(unmap(network))
}

fn prefix_length(address: IpAddr, mask: &str) -> Result<u8, NetworkError> {
    let max = if address.is_ipv4() { 32 } else { 128 };
    match Ipv4Addr::from_str(mask) {
        Ok(mask) if address.is_ipv4() => {
            ipnet::ipv4_mask_to_prefix(mask).map_err(|_| NetworkError::Netmask)
        }
        _ => number(mask).filter(|length| *length <= max).ok_or(NetworkError::PrefixLength { max }),
    }
}

/// Whether this is `255.255.0.0` or, as on routers, `0.0.255.255`. No client has such an address.
fn is_netmask(address: Ipv4Addr) -> bool {
    match address.octets() {
        [255, ..] => ipnet::ipv4_mask_to_prefix(address).is_ok(),
        [0, .., 255] => ipnet::ipv4_mask_to_prefix(Ipv4Addr::from(!address.to_bits())).is_ok(),
        _ => false,
    }
}

/// `10`, `10.`, `192.168`, `192.168.157`, `192.168.157.`
fn partial(word: &str) -> Option<IpNet> {
    let mut octets = [0; 4];
    let mut length = 0;
    for part in word.strip_suffix('.').unwrap_or(word).split('.') {
        *octets.get_mut(usize::from(length / 8)).filter(|_| length < 24)? = number(part)?;
        length += 8;
    }
    Ipv4Net::new(octets.into(), length).ok().map(IpNet::V4)
}

/// Decimal digits only: no sign, and no leading zero (which can mean octal).
fn number(word: &str) -> Option<u8> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit())
        && (word.len() == 1 || !word.starts_with('0'));
    plain.then(|| word.parse().ok()).flatten()
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
fn unmap(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    if let IpNet::V6(v6) = network
        && v6.prefix_len() >= MAPPED
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Ok(v4) = Ipv4Net::new(v4, v6.prefix_len() - MAPPED)
    {
        return IpNet::V4(v4);
    }
    network
}

/// The network of this single address. IPv4-mapped addresses become IPv4.
pub fn of_address(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpNet::V4(Ipv4Net::from(v4)),
        IpAddr::V6(v6) => IpNet::V6(Ipv6Net::from(v6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (word, network) in [
            ("192.168.157.139", "192.168.157.139/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("0.0.0.0", "0.0.0.0/32"),
            ("255.0.255.0", "255.0.255.0/32"),
            ("0.0.0.1", "0.0.0.1/32"),
            ("0.0.0.0/0.0.0.0", "0.0.0.0/0"),
            ("10.1.2.3/255.255.255.255", "10.1.2.3/32"),
            ("192.168.157", "192.168.157.0/24"),
            ("192.168.157.", "192.168.157.0/24"),
            ("192.168", "192.168.0.0/16"),
            ("10", "10.0.0.0/8"),
            ("10.", "10.0.0.0/8"),
            ("2001:db8::7", "2001:db8::7/128"),
            ("2001:DB8:0::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("::1", "::1/128"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
        ] {
            let expected = IpNet::from_str(network).expect(network);
            match parse(word) {
                Ok(parsed) => assert_eq!(parsed, expected, "{word}"),
                // The last row is not on the boundary of its prefix.
                Err(NetworkError::HostBits { network }) => assert_eq!(network, expected, "{word}"),
                Err(error) => panic!("{word}: {error}"),
            }
        }
    }

    #[test]
    fn slips_of_the_pen() {
        let host_bits =
            |network: &str| NetworkError::HostBits { network: network.parse().expect(network) };
        for (word, error) in [
            ("", NetworkError::Address),
            (".", NetworkError::Address),
            ("10.0.0.300", NetworkError::Address),
            ("10.0.0.0.0", NetworkError::Address),
            ("10..0", NetworkError::Address),
            (".10", NetworkError::Address),
            ("10.0.0..", NetworkError::Address),
            ("010.1.2.3", NetworkError::Address),
            ("010.1", NetworkError::Address),
            ("+10", NetworkError::Address),
            ("256", NetworkError::Address),
            ("node1", NetworkError::Address),
            ("*", NetworkError::Address),
            ("10.*", NetworkError::Address),
            ("10.0.0.1-10.0.0.9", NetworkError::Address),
            ("[2001:db8::7]", NetworkError::Address),
            ("fe80::1%eth0", NetworkError::Address),
            ("2001:db8:::7", NetworkError::Address),
            ("10/8", NetworkError::Address),
            ("/8", NetworkError::Address),
            ("10.0.0.0/", NetworkError::PrefixLength { max: 32 }),
            ("10.0.0.0/33", NetworkError::PrefixLength { max: 32 }),
            ("10.0.0.0/08", NetworkError::PrefixLength { max: 32 }),
            ("10.0.0.0/-1", NetworkError::PrefixLength { max: 32 }),
            ("10.0.0.0/8/8", NetworkError::PrefixLength { max: 32 }),
            ("2001:db8::/129", NetworkError::PrefixLength { max: 128 }),
            ("2001:db8::/255.0.0.0", NetworkError::PrefixLength { max: 128 }),
            ("10.0.0.0/255.0.255.0", NetworkError::Netmask),
            ("10.0.0.0/0.0.0.255", NetworkError::Netmask),
            ("255.255.0.0", NetworkError::BareNetmask),
            ("255.255.255.255", NetworkError::BareNetmask),
            ("0.0.0.255", NetworkError::BareNetmask),
            ("10.0.0.1/8", host_bits("10.0.0.0/8")),
            ("10.1.0.0/255.0.0.0", host_bits("10.0.0.0/8")),
            ("2001:db8::1/32", host_bits("2001:db8::/32")),
        ] {
            assert_eq!(parse(word), Err(error), "{word}");
        }
    }
}
