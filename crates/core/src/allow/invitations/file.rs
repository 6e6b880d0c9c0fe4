//! The file of invitations: `NAME SHA256 [until=TIME] [path=/x]` on each line; `#` begins a
//! comment.
//!
//! No message repeats a word that could be a secret, since messages go to the error log and to the
//! status page.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use super::secret::SecretHash;
use super::{Invitation, Invitations};
use crate::allow::lines::{NoLines, is_unfinished, lines};
use crate::allow::list;
use crate::allow::path::ExemptPath;
use crate::file::kept::{Keeper, Keeping, Use};
use crate::file::watched::Watched;
use crate::text::{self, until, zone};

/// The largest file, in bytes.
const MAX_SIZE: u64 = 8 * 1024 * 1024;

/// The longest name, in characters.
const MAX_NAME: usize = 64;

/// How many bytes of what is wrong with a path a message shows.
const MAX_CAUSE: usize = 200;

/// Why a text is not a file of invitations.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InvitationsError {
    /// Not a list at all.
    #[error(transparent)]
    NoLines(#[from] NoLines),
    /// A line that is not an invitation.
    #[error("line {line}: {fault}")]
    Line {
        /// Counted from 1.
        line: u32,
        /// What is wrong, and what to write instead.
        fault: Fault,
    },
}

/// Why a line is not an invitation.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Fault {
    /// Latin-1, for example.
    #[error("this is not UTF-8; save the file as UTF-8")]
    Utf8,
    /// A hash is the first word.
    #[error("there is no name in front of the hash; write NAME HASH")]
    NoName,
    /// The name is too long, or has invisible characters.
    #[error(
        "the name is longer than {MAX_NAME} characters or has invisible ones; write a shorter name"
    )]
    Name,
    /// `anna`
    #[error(
        "there is no hash behind the name; write NAME HASH, where printf %s SECRET | sha256sum \
         prints the hash"
    )]
    NoHash,
    /// Hexadecimal digits, but too few or too many of them.
    #[error(
        "the hash has {0} hexadecimal digits instead of the 64 of SHA-256; printf %s SECRET | \
         sha256sum prints them"
    )]
    HashLength(usize),
    /// The second word is something else, perhaps the secret.
    #[error(
        "the second word is not a SHA-256 hash, which has 64 hexadecimal digits; printf %s SECRET \
         | sha256sum prints it, and the secret itself must not stand in this file"
    )]
    Hash,
    /// `printf %s "$EMPTY" | sha256sum`
    #[error("this is the hash of an empty text; write that of the secret")]
    NoSecret,
    /// Two lines with one name.
    #[error("\"{name}\" is the name in line {first}, too; write another name")]
    SameName {
        /// The name.
        name: String,
        /// The first line with it.
        first: u32,
    },
    /// Two lines with one hash.
    #[error("this hash stands in line {first}, too; make a secret for each invitation")]
    SameHash {
        /// The first line with it.
        first: u32,
    },
    /// `until=` without a usable time.
    #[error("{0}")]
    Until(String),
    /// `path=` without a usable path.
    #[error("\"{word}\" {cause}")]
    Path {
        /// The word, shortened if it is long.
        word: String,
        /// What is wrong with it.
        cause: String,
    },
    /// `until=... until=...`
    #[error("{0}= stands there twice; leave one of them")]
    Twice(&'static str),
    /// sha256sum prints the name of the file, which is `-`.
    #[error("leave out the - that sha256sum prints behind the hash")]
    Dash,
    /// Any other word.
    #[error(
        "a word behind the hash begins with neither until= nor path=; leave it out, or write # in \
         front of a comment"
    )]
    Unknown,
}

/// Opens a file of invitations.
///
/// # Errors
/// The reason why the file cannot be used.
pub fn open(
    path: PathBuf,
    keeper: Option<&'static dyn Keeper>,
) -> Result<Watched<Invitations>, String> {
    // The parent's zone: children may be in another root.
    let zone = zone::of_server();
    let read = move |content: &[u8]| parse(content, &zone).map_err(|error| error.to_string());
    let of = Use::Invitations;
    let keeping = keeper.map(|keeper| Keeping { keeper, of, nothing: Invitations::default });
    Watched::open_at_rest(path, MAX_SIZE, Box::new(read), is_unfinished, keeping)
}

/// Reads the invitations of a file. Accepts Unix and Windows line endings, a byte order mark, blanks
/// around words, and comments behind them. A time without an offset is in `zone`.
///
/// # Errors
/// [`InvitationsError`] for the first line that is wrong.
pub fn parse(content: &[u8], zone: &TimeZone) -> Result<Invitations, InvitationsError> {
    let mut invitations = Invitations::default();
    let mut names = HashMap::new();
    for (line, text) in lines(content)? {
        let wrong = |fault| InvitationsError::Line { line, fault };
        let text = str::from_utf8(text).map_err(|_| wrong(Fault::Utf8))?;
        let entry = text.split('#').next().unwrap_or_default();
        let mut words = entry.split_ascii_whitespace();
        let Some(name) = words.next() else { continue };
        let (hash, mut invitation) = invitation(name, words, zone).map_err(wrong)?;
        invitation.line = line;
        if let Some(first) = names.insert(name, line) {
            return Err(wrong(Fault::SameName { name: name.into(), first }));
        }
        let invitation = Arc::new(invitation);
        if let Some(first) = invitations.by_hash.insert(hash, Arc::clone(&invitation)) {
            return Err(wrong(Fault::SameHash { first: first.line }));
        }
        invitations.in_order.push(invitation);
    }
    Ok(invitations)
}

fn invitation<'w>(
    name: &str,
    mut words: impl Iterator<Item = &'w str> + Clone,
    zone: &TimeZone,
) -> Result<(SecretHash, Invitation), Fault> {
    let is_hash = |word: &str| SecretHash::from_hex(word.as_bytes());
    let second = words.next();
    let hash = match second.and_then(is_hash) {
        Some(hash) => hash,
        None if is_hash(name).is_some() => return Err(Fault::NoName),
        None => return Err(instead_of_hash(second)),
    };
    if hash == SecretHash::of_nothing() {
        return Err(Fault::NoSecret);
    }
    if name.chars().count() > MAX_NAME || text::shown(name) != name {
        return Err(Fault::Name);
    }
    let (end, path) = limits(words, zone)?;
    Ok((hash, Invitation { name: name.into(), until: end, path, line: 0, id: hash.id() }))
}

fn instead_of_hash(word: Option<&str>) -> Fault {
    match word {
        None => Fault::NoHash,
        // `anna until=...`
        Some(word) if word.contains('=') && !word.ends_with('=') => Fault::NoHash,
        Some(word) if word.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Fault::HashLength(word.len())
        }
        Some(_) => Fault::Hash,
    }
}

/// The words after the hash.
fn limits<'w>(
    mut words: impl Iterator<Item = &'w str> + Clone,
    zone: &TimeZone,
) -> Result<(Option<Timestamp>, Option<ExemptPath>), Fault> {
    let (mut end, mut path) = (None, None);
    while let Some(word) = words.next() {
        if let Some(moment) = until::read(word, words.clone(), zone) {
            let moment = moment.map_err(Fault::Until)?;
            if end.replace(moment.at()).is_some() {
                return Err(Fault::Twice("until"));
            }
        } else if let Some((key, value)) = word.split_once('=')
            && key.eq_ignore_ascii_case("path")
        {
            let exempt = ExemptPath::parse(value);
            let word = || list::shown(word.as_bytes());
            let exempt = exempt.map_err(|cause| Fault::Path {
                word: word(),
                // The suggestion can be as long as the line.
                cause: list::shorten(cause.to_string().as_bytes(), MAX_CAUSE),
            })?;
            if path.replace(exempt).is_some() {
                return Err(Fault::Twice("path"));
            }
        } else {
            return Err(if ["-", "*-"].contains(&word) { Fault::Dash } else { Fault::Unknown });
        }
    }
    Ok((end, path))
}

#[cfg(test)]
mod tests;
