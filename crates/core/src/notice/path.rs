//! The path of `MaintenanceNotice`.

use thiserror::Error;

use crate::allow::path::{self, AnsweredPathError, ExemptPath};

/// Why a word is not a path for the notice.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NoticeError {
    /// A word that names no path.
    #[error(transparent)]
    Path(#[from] AnsweredPathError),
    /// `/`
    #[error(
        "\"/\" would take the place of the whole site; write a path of its own, such as \
         /maintenance-notice"
    )]
    Root,
    /// `/notice/`, with the path to write instead.
    #[error("\"{0}\" ends with /; write {1}")]
    Slash(String, String),
}

/// The path below which the module answers with the notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticePath(ExemptPath);

impl NoticePath {
    /// Checks the word of the directive.
    ///
    /// # Errors
    /// [`NoticeError`]
    pub fn parse(word: &str) -> Result<Self, NoticeError> {
        path::check_answered(word)?;
        if word == "/" {
            return Err(NoticeError::Root);
        }
        if let Some(whole) = word.strip_suffix('/') {
            return Err(NoticeError::Slash(word.to_owned(), whole.to_owned()));
        }
        ExemptPath::parse(word).map(Self).map_err(|_| NoticeError::Root)
    }

    /// What follows the path in this request target, without the query: empty for the path itself.
    /// None if the target is neither the path nor below it, or can be read in several ways.
    #[inline]
    pub fn rest<'t>(&self, target: &'t [u8]) -> Option<&'t [u8]> {
        // Nearly all requests are for other paths.
        let rest = target.strip_prefix(self.as_str().as_bytes())?;
        let is_below = self.0.covers(target);
        is_below.then(|| rest.split(|byte| *byte == b'?').next().unwrap_or_default())
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The last segment, to which the addresses on the page are relative: a proxy in front may show
    /// the site below another path.
    pub fn last_segment(&self) -> &str {
        self.as_str().rsplit('/').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, message) in [
            ("", "an empty word is not a path"),
            ("notice", "\"notice\" does not begin with /; write /notice"),
            ("http://x/notice", "\"http://x/notice\" does not begin with /; write /notice"),
            (
                "/",
                "\"/\" would take the place of the whole site; write a path of its own, such as \
                   /maintenance-notice",
            ),
            ("/notice/", "\"/notice/\" ends with /; write /notice"),
            ("/a//b", "\"/a//b\" contains //, and a request target with it is never answered"),
            ("/a%20b", "\"/a%20b\" contains %, and a request target with it is never answered"),
            (
                "/a/../b",
                "\"/a/../b\" contains /../, and a request target with it is never answered",
            ),
            ("/.", "\"/.\" contains /./, and a request target with it is never answered"),
            ("/a?b", "\"/a?b\" contains ?, and a request target with it is never answered"),
            ("/a*", "\"/a*\" contains *; write the whole path, as patterns are not possible"),
            ("/*", "\"/*\" contains *; write the whole path, as patterns are not possible"),
        ] {
            let error = NoticePath::parse(word).expect_err(word);
            assert_eq!(error.to_string(), message, "{word}");
        }
    }

    #[test]
    fn targets() {
        let path = NoticePath::parse("/a/notice").expect("a path");
        assert_eq!(path.last_segment(), "notice");
        let long = format!("/a/notice/bar.js?{}", "x".repeat(8192));
        for (target, rest) in [
            ("/a/notice", Some("")),
            ("/a/notice?x=/../y", Some("")),
            ("/a/notice/", Some("/")),
            ("/a/notice/bar.js", Some("/bar.js")),
            (&long, Some("/bar.js")),
            ("/a/notice/deep/er", Some("/deep/er")),
            ("/a/noticed", None),
            ("/a/notic", None),
            ("/A/notice", None),
            ("/a/notice/..", None),
            ("/a/notice/./bar.js", None),
            ("/a/notice//bar.js", None),
            ("//a/notice", None),
            ("/a/%6eotice", None),
            ("/a/notice/bar%2ejs", None),
            ("/a/notice/%2e%2e/x", None),
            ("/a/notice;x", None),
            ("/a/notice\\", None),
            ("http://host/a/notice", None),
            ("*", None),
            ("", None),
        ] {
            let rest = rest.map(str::as_bytes);
            assert_eq!(path.rest(target.as_bytes()), rest, "{target:.40}");
        }
    }
}
