//! Host names and their addresses.
//!
//! Names are resolved when the configuration is complete, for all scopes at once and within a time
//! limit. Requests never wait for name resolution.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};

/// The addresses of each name that resolves.
pub type Resolved = HashMap<String, Vec<IpAddr>>;

/// Whether the word is a host name: labels of letters, digits, hyphens (RFC 1123, section 2.1) and
/// underscores, which some sites use. The last label must not look like a part of an IPv4 address.
pub fn is_name(word: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let word = word.strip_suffix('.').unwrap_or(word);
    let last = word.rsplit('.').next().unwrap_or_default();
    word.len() <= 253
        && word.split('.').all(label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// All addresses of a name, by the system's resolver; none if it does not resolve. There is no time
/// limit.
pub fn resolve(name: &str) -> Vec<IpAddr> {
    let mut addresses: Vec<_> = match (name, 0).to_socket_addrs() {
        Ok(found) => found.map(|socket| socket.ip().to_canonical()).collect(),
        Err(_) => vec![],
    };
    addresses.sort();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (word, good) in [
            ("localhost", true),
            ("node1", true),
            ("node-1.example.com", true),
            ("node_1.example.com.", true),
            ("1.example.com", true),
            ("10.0.0.1a", true),
            ("", false),
            (".", false),
            ("a..b", false),
            (".a", false),
            ("-a", false),
            ("a-.b", false),
            ("a b", false),
            ("ä", false),
            ("*", false),
            ("a/b", false),
            ("a:80", false),
            ("::1", false),
            ("10.0.0.300", false),
            ("10", false),
        ] {
            assert_eq!(is_name(word), good, "{word}");
        }
        assert!(!is_name(&"a".repeat(64)));
        assert!(is_name(&"a".repeat(63)));
    }

    #[test]
    fn localhost() {
        assert!(resolve("localhost").contains(&IpAddr::from([127, 0, 0, 1])));
        assert_eq!(resolve("does-not-exist.invalid"), Vec::<IpAddr>::new());
    }
}
