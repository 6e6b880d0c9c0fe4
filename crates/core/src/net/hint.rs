//! Suggestions for words that are neither an address nor a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};

use super::{hosts, network};

/// The place of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// An argument of `MaintenanceAllow`.
    Directive,
    /// An entry of an allow file.
    List,
    /// An entry of `allow` in a flag.
    Flag,
}

/// The keys of `KEY=VALUE` tokens of `MaintenanceAllow`.
pub(crate) const KEYS: [&str; 7] = ["host", "file", "plugin-cfg", "env", "expr", "path", "invite"];

/// How many networks are suggested for a range.
const MAX_NETWORKS: usize = 4;

/// What to write instead of the word; None if there is no guess.
pub(crate) fn instead_of(word: &str, place: Place) -> Option<String> {
    by_name(word, place)
        .or_else(|| range(word))
        .or_else(|| separated(word, place))
        .or_else(|| around_an_address(word, place))
        .or_else(|| unusual_network(word))
        .or_else(|| hosts::is_name(word).then(|| name(word, place)))
        .or_else(|| almost(word))
}

fn name(name: &str, place: Place) -> String {
    match place {
        Place::Directive => format!("write host={name}"),
        Place::List => format!("write host={name} in MaintenanceAllow"),
        // Flag contents other than networks do not belong in the log.
        Place::Flag => "write host=NAME in MaintenanceAllow".into(),
    }
}

/// An address, a network or a host name.
fn good(word: &str, place: Place) -> Option<String> {
    match network::parse(word) {
        Ok(_) => Some(format!("write {word}")),
        Err(_) => hosts::is_name(word).then(|| name(word, place)),
    }
}

/// Keywords of other directives, and tokens in a place that allows none.
fn by_name(word: &str, place: Place) -> Option<String> {
    let is_one_of = |words: &[&str]| words.iter().any(|other| other.eq_ignore_ascii_case(word));
    if is_one_of(&["all", "any", "everybody", "everyone", "*", "*.*.*.*", "0/0"]) {
        return Some(match place {
            Place::Directive => "to admit everybody, write MaintenanceEngine Off".into(),
            Place::List | Place::Flag => "write 0.0.0.0/0 and ::/0".into(),
        });
    }
    if place == Place::Directive && is_one_of(&["none", "nobody"]) {
        return Some("write none, as the first word".into());
    }
    if place == Place::Directive && is_one_of(&["local"]) {
        return Some("write 127.0.0.1 ::1".into());
    }
    if place == Place::Directive
        && is_one_of(&["allow", "deny", "from", "granted", "host", "ip", "not", "order", "require"])
    {
        return Some(
            "unlike Allow and Require, MaintenanceAllow has no such word; leave it out".into(),
        );
    }
    let (key, value) = word.split_once('=')?;
    if key.eq_ignore_ascii_case("until") {
        return Some(match place {
            Place::Directive => "write it behind an address in an allow file (file=PATH)".into(),
            Place::List => "write it behind an address".into(),
            Place::Flag => "write it behind an address, in the same quotes".into(),
        });
    }
    let known = KEYS.into_iter().find(|known| known.eq_ignore_ascii_case(&key.replace('_', "-")));
    match known {
        Some(known) if place == Place::Directive => Some(format!("write {known}={value}")),
        Some(_) => Some("write it in MaintenanceAllow".into()),
        None => network::parse(value).ok().map(|_| format!("write {value}")),
    }
}

/// Several entries in one word, or one entry in several words.
fn separated(word: &str, place: Place) -> Option<String> {
    const RANGE: &str = "write a range as networks (10.0.0.0/28)";
    let bare = word.trim_matches([',', ';', '"', '\'']);
    if bare != word
        && let Some(bare) = good(bare, place)
    {
        return Some(bare);
    }
    let mut words = word.split_whitespace();
    if let (Some(first), Some(second), None) = (words.next(), words.next(), words.next())
        && let Ok(network) = network::parse(&format!("{first}/{second}"))
    {
        return Some(format!("write {network}"));
    }
    match place {
        _ if ["-", "\u{2013}", "to", ".."].contains(&word) => Some(RANGE.into()),
        _ if word.strip_prefix('/').is_some_and(|mask| !mask.is_empty() && is_mask(mask)) => {
            Some("remove the blank before it".into())
        }
        Place::Directive if word.contains('#') => {
            Some("write a comment on a line of its own".into())
        }
        Place::Directive if word.contains([',', ';']) => {
            Some("separate addresses by blanks, not by commas".into())
        }
        Place::Directive if word.contains(char::is_whitespace) => {
            Some("write each without quotes".into())
        }
        Place::List if word.starts_with(';') || word.starts_with("//") => {
            Some("write # before a comment".into())
        }
        Place::List if word.contains([',', ';']) => Some("write one on each line".into()),
        Place::Flag if word.contains([',', ';', ' ', '\t']) => {
            Some("quote each of them separately".into())
        }
        _ => None,
    }
}

fn is_mask(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// A URL, a port, a zone, brackets or an exclamation mark around an address.
fn around_an_address(word: &str, place: Place) -> Option<String> {
    if let Some((_, rest)) = word.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        return good(host, place).or_else(|| around_an_address(host, place));
    }
    if let Some(excepted) = word.strip_prefix('!')
        && good(excepted, place).is_some()
    {
        return Some("remove it: clients that are not listed are refused".into());
    }
    if let Some((address, _)) = word.split_once('%')
        && address.parse::<Ipv6Addr>().is_ok()
    {
        return Some(format!("write {address}, without the zone"));
    }
    if let Some((address, rest)) = word.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port = if rest.starts_with(':') { ", without the port" } else { "" };
        return good(address, place).map(|good| format!("{good}{port}"));
    }
    let (host, port) = word.rsplit_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_host = is_port && !host.contains(':');
    is_host.then(|| good(host, place)).flatten().map(|good| format!("{good}, without the port"))
}

/// `10.0.0.0-10.0.0.255`, `10.0.0.1-9`
fn range(word: &str) -> Option<String> {
    let (first, last) = word.split_once(['-', '\u{2013}'])?;
    let (first, last) = (first.trim().parse::<IpAddr>().ok()?, last.trim());
    let networks: Vec<IpNet> = match first {
        IpAddr::V4(first) => {
            let short = || {
                let [a, b, c, _] = first.octets();
                last.parse().ok().map(|d| Ipv4Addr::new(a, b, c, d))
            };
            let last = last.parse().ok().or_else(short).filter(|last| *last >= first)?;
            Ipv4Subnets::new(first, last, 0).take(MAX_NETWORKS + 1).map(IpNet::V4).collect()
        }
        IpAddr::V6(first) => {
            let last = last.parse().ok().filter(|last| *last >= first)?;
            Ipv6Subnets::new(first, last, 0).take(MAX_NETWORKS + 1).map(IpNet::V6).collect()
        }
    };
    let names: Vec<_> = networks.iter().take(MAX_NETWORKS).map(IpNet::to_string).collect();
    let more = if networks.len() > MAX_NETWORKS { " and so on" } else { "" };
    Some(format!("write {}{more}", names.join(" ")))
}

/// `10.1.2.*`, `10/8`
fn unusual_network(word: &str) -> Option<String> {
    let (address, length) = match word.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (word, None),
    };
    let mut octets: Vec<&str> = address.trim_end_matches('.').split('.').collect();
    let all = octets.len();
    while octets.pop_if(|last| ["*", "x", "X"].contains(last)).is_some() {}
    let wildcards = all - octets.len();
    if octets.is_empty() || all > 4 || length.is_some() && wildcards > 0 {
        return None;
    }
    let is_octal = |octet: &&str| octet.len() > 1 && octet.starts_with('0');
    if octets.iter().any(is_octal) {
        let is_number = octets.iter().all(|octet| octet.bytes().all(|byte| byte.is_ascii_digit()));
        return is_number
            .then(|| "write numbers without leading zeros, which can mean octal".into());
    }
    let plain: Option<Vec<u8>> = octets.iter().map(|octet| octet.parse().ok()).collect();
    let mut plain = plain.filter(|_| octets.iter().all(|octet| !octet.starts_with('+')))?;
    let known = plain.len();
    plain.resize(4, 0);
    let [a, b, c, d] = plain[..] else { return None };
    let address = Ipv4Addr::new(a, b, c, d);
    let written = match length {
        Some(length) => format!("{address}/{length}"),
        None if known < 4 => format!("{address}/{}", 8 * known),
        None => address.to_string(),
    };
    network::parse(&written).ok().map(|_| format!("write {written}"))
}

/// A word that resembles an address.
fn almost(word: &str) -> Option<String> {
    let is_all = |is_part: fn(char) -> bool| word.chars().all(is_part);
    if word.contains('.') && is_all(|c| c.is_ascii_digit() || c == '.' || c == '/') {
        Some("an IPv4 address has four numbers from 0 to 255".into())
    } else if word.contains(':') && is_all(|c| c.is_ascii_hexdigit() || ":./".contains(c)) {
        Some("an IPv6 address has eight groups of hexadecimal digits, or fewer and ::".into())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        let separate = "separate addresses by blanks, not by commas";
        for (word, expected) in [
            ("10.0.0.1,10.0.0.2", separate),
            ("10.0.0.1;10.0.0.2", separate),
            ("10.0.0.1,", "write 10.0.0.1"),
            (",10.0.0.1", "write 10.0.0.1"),
            ("node1;", "write host=node1"),
            ("\"10.0.0.1\"", "write 10.0.0.1"),
            ("10.0.0.1 10.0.0.2", "write each without quotes"),
            ("10.0.0.0 255.255.0.0", "write 10.0.0.0/16"),
            ("10.0.0.1#node", "write a comment on a line of its own"),
            ("#", "write a comment on a line of its own"),
            ("/24", "remove the blank before it"),
            ("10.0.0.0-10.0.0.255", "write 10.0.0.0/24"),
            ("10.0.0.0 - 10.0.0.255", "write 10.0.0.0/24"),
            ("10.0.0.0\u{2013}10.0.0.1", "write 10.0.0.0/31"),
            ("10.1.2.0-255", "write 10.1.2.0/24"),
            ("10.0.0.1-10.0.0.4", "write 10.0.0.1/32 10.0.0.2/31 10.0.0.4/32"),
            (
                "10.0.0.1-10.9.0.0",
                "write 10.0.0.1/32 10.0.0.2/31 10.0.0.4/30 10.0.0.8/29 and so on",
            ),
            ("0.0.0.0-255.255.255.255", "write 0.0.0.0/0"),
            ("2001:db8::-2001:db8::ff", "write 2001:db8::/120"),
            ("10.0.0.9-10.0.0.1", "-"),
            ("-", "write a range as networks (10.0.0.0/28)"),
            ("10.1.2.*", "write 10.1.2.0/24"),
            ("10.1.2.x", "write 10.1.2.0/24"),
            ("10.1.*.*", "write 10.1.0.0/16"),
            ("10.*", "write 10.0.0.0/8"),
            ("10.*.2.3", "-"),
            ("*", "to admit everybody, write MaintenanceEngine Off"),
            ("ALL", "to admit everybody, write MaintenanceEngine Off"),
            ("0/0", "to admit everybody, write MaintenanceEngine Off"),
            ("10/8", "write 10.0.0.0/8"),
            ("192.168/16", "write 192.168.0.0/16"),
            ("192.168.157./24", "write 192.168.157.0/24"),
            ("010.001.002.003", "write numbers without leading zeros, which can mean octal"),
            ("10.0.0.1:8080", "write 10.0.0.1, without the port"),
            ("node1:9080", "write host=node1, without the port"),
            ("[::1]", "write ::1"),
            ("[::1]:80", "write ::1, without the port"),
            ("[10.0.0.1]", "write 10.0.0.1"),
            ("fe80::1%eth0", "write fe80::1, without the zone"),
            ("http://10.0.0.1/", "write 10.0.0.1"),
            ("https://node1:9443/x", "write host=node1, without the port"),
            ("!10.0.0.1", "remove it: clients that are not listed are refused"),
            ("None", "write none, as the first word"),
            ("ip", "unlike Allow and Require, MaintenanceAllow has no such word; leave it out"),
            ("LOCAL", "write 127.0.0.1 ::1"),
            ("ENV=X", "write env=X"),
            ("plugin_cfg=x.xml", "write plugin-cfg=x.xml"),
            ("ip=10.0.0.1", "write 10.0.0.1"),
            ("hosts=a", "-"),
            ("node1.example.com", "write host=node1.example.com"),
            ("10.0.0.300", "an IPv4 address has four numbers from 0 to 255"),
            ("10.0.0", "write 10.0.0.0/24"),
            (
                "2001:db8:::7",
                "an IPv6 address has eight groups of hexadecimal digits, or fewer and ::",
            ),
            ("", "-"),
            ("+10.0.0.1", "-"),
            ("\u{e4}", "-"),
            ("%", "-"),
            ("[", "-"),
        ] {
            let hint = instead_of(word, Place::Directive);
            assert_eq!(hint.as_deref().unwrap_or("-"), expected, "{word}");
        }
        for (word, in_list, in_flag) in [
            (
                "node1",
                "write host=node1 in MaintenanceAllow",
                "write host=NAME in MaintenanceAllow",
            ),
            ("all", "write 0.0.0.0/0 and ::/0", "write 0.0.0.0/0 and ::/0"),
            ("env=X", "write it in MaintenanceAllow", "write it in MaintenanceAllow"),
            ("10.0.0.1,10.0.0.2", "write one on each line", "quote each of them separately"),
            ("10.0.0.1 10.0.0.2", "-", "quote each of them separately"),
            (";", "write # before a comment", "quote each of them separately"),
            ("10.1.2.*", "write 10.1.2.0/24", "write 10.1.2.0/24"),
        ] {
            let hint = |place| instead_of(word, place).unwrap_or_else(|| "-".into());
            assert_eq!([hint(Place::List), hint(Place::Flag)], [in_list, in_flag], "{word}");
        }
    }
}
