//! Events of files.

use std::path::Path;
use std::time::SystemTime;

/// The result of a new version of a file, logged once for the whole server.
#[derive(Debug)]
pub enum FileEvent<'a> {
    /// The file has changed and was read.
    Read {
        /// The file.
        path: &'a Path,
    },
    /// The file cannot be used; the last good version stays in force.
    Broken {
        /// The file.
        path: &'a Path,
        /// The cause.
        cause: &'a str,
    },
    /// The file could not be used at a restart.
    AtRestart {
        /// The file.
        path: &'a Path,
        /// The cause.
        cause: &'a str,
        /// The version in force instead.
        instead: Instead,
    },
    /// The file cannot be used, and this process has an older version than the last good one.
    Outdated {
        /// The file.
        path: &'a Path,
    },
    /// The page cannot be rendered with the flag's content. The built-in page is sent instead.
    Unrendered {
        /// The file.
        path: &'a Path,
        /// The cause.
        cause: &'a str,
    },
    /// The page can be rendered again. Follows [`FileEvent::Unrendered`].
    Rendered {
        /// The file.
        path: &'a Path,
    },
    /// Names in the file that do not resolve.
    Unresolved {
        /// The file.
        path: &'a Path,
        /// The names.
        names: &'a str,
    },
    /// All names resolve. Follows [`FileEvent::Unresolved`].
    Resolved {
        /// The file.
        path: &'a Path,
    },
    /// Elements of the file are ignored; the rest applies.
    Odd {
        /// The file.
        path: &'a Path,
        /// A description of the elements.
        what: &'a str,
    },
}

/// What is in force if a file could not be used at a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// The last good version, with its modification time.
    LastGood(Option<SystemTime>),
    /// A version older than the last good one, which is better than none.
    Older(Option<SystemTime>),
    /// The built-in page, for a page that has never been valid.
    BuiltIn,
    /// No secret, for one that has never been valid.
    PathAlone,
    /// An empty list, for a list that has never been valid.
    Nobody,
    /// Nothing: the last good version is lost, and an older one must not be used.
    Outdated,
}

/// How many names or faults a log line lists. httpd truncates lines at 8192 bytes.
const LISTED: usize = 25;

/// The first of many items, for a log line.
pub fn listed<S: AsRef<str>>(items: &[S], between: &str) -> String {
    let first: Vec<_> = items.iter().take(LISTED).map(AsRef::as_ref).collect();
    let rest = items.len() - first.len();
    let more = if rest == 0 { String::new() } else { format!("{between}and {rest} more") };
    first.join(between) + &more
}
