//! The allow file: one address or network on each line, maybe with the time until which it is
//! admitted; `#` begins a comment.

use std::path::PathBuf;

use ipnet::IpNet;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use super::lines::{NoLines, is_unfinished, lines};
use crate::file::kept::{Keeper, Keeping, Use};
use crate::file::watched::Watched;
use crate::net::hint::{self, Place};
use crate::net::network::{self, NetworkError};
use crate::net::networks::{Entry, Networks};
use crate::text::{until, zone};

/// The largest allow file, in bytes.
pub const MAX_SIZE: u64 = 8 * 1024 * 1024;

/// How many bytes of a wrong word a message shows.
const SHOWN: usize = 60;

/// Why a text is not an allow file.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ListError {
    /// Not a list at all.
    #[error(transparent)]
    NoLines(#[from] NoLines),
    /// An invalid entry.
    #[error("line {line}: \"{word}\" {cause}{hint}")]
    Entry {
        /// Counted from 1.
        line: u32,
        /// The entry, shortened if it is long.
        word: String,
        /// What is wrong with it.
        cause: NetworkError,
        /// What to write instead; empty if there is nothing to suggest.
        hint: String,
    },
    /// `10.0.0.1 10.0.0.2`
    #[error("line {line}: \"{word}\" is a second entry; write one on each line")]
    Second {
        /// Counted from 1.
        line: u32,
        /// The second entry, shortened if it is long.
        word: String,
    },
    /// `10.0.0.0 255.255.0.0`
    #[error("line {line}: \"{word}\" is a netmask; write {network}")]
    Netmask {
        /// Counted from 1.
        line: u32,
        /// The netmask.
        word: String,
        /// The network that was probably meant.
        network: IpNet,
    },
    /// `10.0.0.1 until=22:00`
    #[error("line {line}: {cause}")]
    Until {
        /// Counted from 1.
        line: u32,
        /// What is wrong, and what to write instead.
        cause: String,
    },
}

/// Opens an allow file. The number of each network is its line.
///
/// # Errors
/// The reason why the file cannot be used.
pub fn open(
    path: PathBuf,
    keeper: Option<&'static dyn Keeper>,
) -> Result<Watched<Networks>, String> {
    // The parent's zone: children may be in another root.
    let zone = zone::of_server();
    let networks = move |content: &[u8]| match parse(content, &zone) {
        Ok(networks) => Ok(networks.into_iter().collect()),
        Err(error) => Err(error.to_string()),
    };
    let keeping =
        keeper.map(|keeper| Keeping { keeper, of: Use::List, nothing: Networks::default });
    Watched::open_at_rest(path, MAX_SIZE, Box::new(networks), is_unfinished, keeping)
}

/// Reads the networks of an allow file; the number of each is its line. Accepts Unix and Windows
/// line endings, a byte order mark, blanks around entries, and comments after entries. A time
/// without an offset is in `zone`.
///
/// # Errors
/// [`ListError`] for the first line that is wrong.
pub fn parse(content: &[u8], zone: &TimeZone) -> Result<Vec<Entry>, ListError> {
    let mut networks = Vec::new();
    for (line, text) in lines(content)? {
        let entry = text.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        let mut words = entry.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (first, second) = (words.next(), words.next());
        if let (Some(first), Some(second)) = (first, second) {
            let more = words.filter_map(|word| str::from_utf8(word).ok());
            if let Some(end) = end(second, more, zone) {
                let network = network_of(first, line)?;
                let until = Some(end.map_err(|cause| ListError::Until { line, cause })?);
                networks.push(Entry { network, origin: line, until });
                continue;
            }
            let pair = [first, b"/", second].concat();
            return Err(match str::from_utf8(&pair).map(network::parse) {
                Ok(Ok(network)) if second.contains(&b'.') => {
                    ListError::Netmask { line, word: shown(second), network }
                }
                _ => {
                    network_of(first, line)?;
                    if second.starts_with(b";") || second.starts_with(b"//") {
                        network_of(second, line)?; // other list formats comment this way
                    }
                    ListError::Second { line, word: shown(second) }
                }
            });
        }
        if let Some(word) = first {
            let network = network_of(word, line)?;
            networks.push(Entry { network, origin: line, until: None });
        }
    }
    Ok(networks)
}

/// The end of an entry, if `word` gives it. `more` are the words behind it, of which there must be
/// none.
fn end<'w>(
    word: &[u8],
    more: impl Iterator<Item = &'w str>,
    zone: &TimeZone,
) -> Option<Result<Timestamp, String>> {
    let more: Vec<_> = more.collect();
    let moment = until::read(str::from_utf8(word).ok()?, more.iter().copied(), zone)?;
    Some(moment.and_then(|moment| match until::read_second(&more, zone) {
        Some(cause) => Err(cause),
        None => Ok(moment.at()),
    }))
}

fn network_of(word: &[u8], line: u32) -> Result<IpNet, ListError> {
    let text = str::from_utf8(word).ok().filter(|text| text.len() <= SHOWN);
    let parsed = text.ok_or(NetworkError::Address).and_then(network::parse);
    parsed.map_err(|cause| {
        let hint = text.filter(|_| cause == NetworkError::Address);
        let hint = hint.and_then(|text| hint::instead_of(text, Place::List));
        let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
        ListError::Entry { line, word: shown(word), cause, hint }
    })
}

/// Prepares a word for a message: printable and not too long.
pub(crate) fn shown(word: &[u8]) -> String {
    shorten(word, SHOWN)
}

/// At most `max` bytes of a text, with unprintable bytes escaped.
pub(super) fn shorten(text: &[u8], max: usize) -> String {
    let start = text.iter().take(max).copied().flat_map(std::ascii::escape_default);
    let start = start.map(char::from).collect();
    if text.len() > max { start + "..." } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: impl AsRef<[u8]>) -> Result<String, String> {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let entries = parse(text.as_ref(), &zone).map_err(|error| error.to_string())?;
        let line = |entry: &Entry| match entry.until {
            Some(until) => format!("{}:{} until {until}", entry.origin, entry.network),
            None => format!("{}:{}", entry.origin, entry.network),
        };
        Ok(entries.iter().map(line).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn files() {
        for (text, read) in [
            ("10.0.0.1\n10.1.0.0/16\n", "1:10.0.0.1/32 2:10.1.0.0/16"),
            ("\r\n10.0.0.1\r\n\r\n2001:db8::/32\r\n", "2:10.0.0.1/32 4:2001:db8::/32"),
            ("\u{feff}10.0.0.1\n", "1:10.0.0.1/32"),
            ("# nobody yet\n", ""),
            ("10.0.0.1", "1:10.0.0.1/32"),
            ("10.9.9.9\n127", "1:10.9.9.9/32 2:127.0.0.0/8"),
            ("10.9.9.9\r\n192.0.0.0/2 # more", "1:10.9.9.9/32 2:192.0.0.0/2"),
            (
                "#\n10.0.0.1 # node 1\n\t 10.0.0.2\t#node 2 \n10.1#x\n# end",
                "2:10.0.0.1/32 3:10.0.0.2/32 4:10.1.0.0/16",
            ),
            (
                "10.0.0.1 until=2026-11-28T22:00+0100\r\n10.0.0.2\tUNTIL=2026-11-28T22:00 # Anna\n",
                "1:10.0.0.1/32 until 2026-11-28T21:00:00Z 2:10.0.0.2/32 until 2026-11-28T21:00:00Z",
            ),
        ] {
            assert_eq!(lines(text).as_deref(), Ok(read), "{text:?}");
        }
        for (text, message) in [
            ("", "is empty"),
            ("\u{feff}", "is empty"),
            (" \r\n\t\n", "is empty"),
            ("10.0.0.1\n10.0.0.300\n", "line 2: \"10.0.0.300\" is neither an address"),
            ("10.0.0.1\n\n10.0.0.0/33", "line 3: \"10.0.0.0/33\" has a prefix length"),
            ("10.0.0.1 10.0.0.2", "line 1: \"10.0.0.2\" is a second entry"),
            ("10.9.9.9\n10.0.0.0/2", "line 2: \"10.0.0.0/2\" has bits set"),
            ("node1", "line 1: \"node1\" is neither an address"),
            ("10.0.0.1\r10.0.0.2", "line 1: \"10.0.0.2\" is a second entry"),
            (
                "10.0.0.1;",
                "line 1: \"10.0.0.1;\" is neither an address nor a network; write 10.0.0.1",
            ),
            ("10.0.0.0/8 ; x", "line 1: \";\" is neither an address nor a network; write # before"),
            ("10.0.0.1 //x", "line 1: \"//x\" is neither an address nor a network; write # before"),
            ("x 10.0.0.1", "line 1: \"x\" is neither an address"),
            ("10.0.0.0 255.255.0.0", "line 1: \"255.255.0.0\" is a netmask; write 10.0.0.0/16"),
            ("10.0.0.0\n255.255.0.0\n", "line 2: \"255.255.0.0\" is a netmask; write it behind"),
            ("10.0.0.0 10.0.0.0", "line 1: \"10.0.0.0\" is a second entry; write one on each line"),
            ("10.0.0.1\n10.0.0.2 until=\n", "line 2: until= has no time; write until=2026-11-22T"),
            (
                "10.0.0.1 until=2026-11-28 22:00",
                "line 1: the time of until= has a blank; write until=2026-11-28T22:00:00+01:00",
            ),
            (
                "10.0.0.1 until=2026-11-28T22:00 until=2026-11-28T23:00",
                "line 1: until= stands there twice; leave one of them",
            ),
            (
                "10.0.0.1 until=2026-11-28T22:00 10.0.0.2",
                "line 1: nothing may follow until=; write each entry on a line of its own, and # in \
                 front of a comment",
            ),
            ("10.0.0.1 end=2026-11-28T22:00", "line 1: the word for the end is until=; write"),
            ("10.0.0.300 until=", "line 1: \"10.0.0.300\" is neither an address"),
            (
                "until=2026-11-28T22:00 10.0.0.1",
                "line 1: \"until=2026-11-28T22:00\" is neither an address nor a network; write it \
                 behind an address",
            ),
            ("\0\u{1}ELF", "line 1: \"\\x00\\x01ELF\" is neither an address"),
        ] {
            let error = lines(text).expect_err(text);
            assert!(error.starts_with(message), "{text:?}: {error}");
        }
    }

    #[test]
    fn sizes() {
        let many: String = (0..100_000)
            .map(|n| format!("10.{}.{}.{}\n", n >> 16, (n >> 8) & 255, n & 255))
            .collect();
        assert_eq!(
            parse(many.as_bytes(), &TimeZone::UTC).map(|networks| networks.len()),
            Ok(100_000)
        );
        let long = "1".repeat(1024 * 1024);
        let error = lines(&long).expect_err("a long line");
        assert!(error.len() < 200 && error.contains("111...\""), "{error}");
        let comment = format!("10.0.0.1 # {long}\n");
        assert_eq!(lines(comment).as_deref(), Ok("1:10.0.0.1/32"));
        for utf16 in [&b"\xff\xfe1\x000\x00.\x00"[..], b"1\x000\x00.\x00", b"\x001\x000\x00."] {
            assert_eq!(lines(utf16), Err("is UTF-16; save it as UTF-8".to_owned()));
        }
    }
}
