//! What there is to say of a file.

use std::path::Path;
use std::time::SystemTime;

/// What a new version of a file has brought; for the log, once for the whole server.
#[derive(Debug)]
pub enum FileEvent<'a> {
    /// The file has changed and was read.
    Read {
        /// Which one.
        path: &'a Path,
    },
    /// The file cannot be used; the last good version stays in force.
    Broken {
        /// Which one.
        path: &'a Path,
        /// Why.
        cause: &'a str,
    },
    /// The file could not be used at a restart.
    AtRestart {
        /// Which one.
        path: &'a Path,
        /// Why.
        cause: &'a str,
        /// What is in force.
        instead: Instead,
    },
    /// The file cannot be used, and this process has an older version than the last good one.
    Outdated {
        /// Which one.
        path: &'a Path,
    },
    /// A page that cannot be rendered with what a flag says; the built-in one is sent instead.
    Unrendered {
        /// Which one.
        path: &'a Path,
        /// Why.
        cause: &'a str,
    },
    /// After [`FileEvent::Unrendered`]: it can be rendered again.
    Rendered {
        /// Which one.
        path: &'a Path,
    },
    /// Names in the file that do not resolve.
    Unresolved {
        /// Which file.
        path: &'a Path,
        /// The names.
        names: &'a str,
    },
    /// After [`FileEvent::Unresolved`]: all of them do.
    Resolved {
        /// Which file.
        path: &'a Path,
    },
    /// What in the file is of no use; the rest counts.
    Odd {
        /// Which file.
        path: &'a Path,
        /// What it is.
        what: &'a str,
    },
}

/// What is in force where a file could not be used at a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Its last good version, which was written then.
    LastGood(Option<SystemTime>),
    /// A version that is older than the last good one, and better than none.
    Older(Option<SystemTime>),
    /// Of a page that has never been good: the built-in one.
    BuiltIn,
    /// Of a list that has never been good: nothing.
    Nobody,
    /// Nothing: the last good version is not to be had any more, and an older one does not count.
    Outdated,
}

/// So many names or faults are listed in a line, which httpd cuts at 8192 bytes.
const LISTED: usize = 25;

/// Some of many, for a line of the log.
pub fn listed<S: AsRef<str>>(items: &[S], between: &str) -> String {
    let first: Vec<_> = items.iter().take(LISTED).map(AsRef::as_ref).collect();
    let rest = items.len() - first.len();
    let more = if rest == 0 { String::new() } else { format!("{between}and {rest} more") };
    first.join(between) + &more
}
