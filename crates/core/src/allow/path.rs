//! `path=`: an exempt path, for a load balancer's probe or for the maintenance page's own images.
//!
//! The module sees the request target as it was sent, and other modules may interpret it
//! differently. Therefore a target is exempt only if all interpretations agree.

use thiserror::Error;

/// Why the value of `path=` exempts nothing.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PathError {
    /// `path=healthz`, with the value to write instead.
    #[error("does not begin with /; write path={0}")]
    NotAbsolute(String),
    /// `path=/`, `path=/*`
    #[error("would exempt everything; write MaintenanceEngine Off instead")]
    Everything,
    /// `path=/a//b`, `path=/a;b`, `path=/a%20b`
    #[error("contains {0}; a request target that contains it is never exempt")]
    Ambiguous(&'static str),
    /// `path=/static/*`, with the folder that was probably meant.
    #[error("contains {0}; write path={1}, which covers everything below it")]
    Folder(&'static str, String),
    /// `path=/*.css`, `path=/(a|b)`
    #[error("contains {0}; write a folder, because path= does not support patterns")]
    Pattern(&'static str),
}

/// Why a word is not a path that the module itself answers.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AnsweredPathError {
    /// `""`
    #[error("an empty word is not a path")]
    Empty,
    /// `healthz`, with the path to write instead.
    #[error("\"{0}\" does not begin with /; write {1}")]
    NotAbsolute(String, String),
    /// `/a//b`, `/a%20b`, `/healthz?full`
    #[error("\"{word}\" contains {what}, and a request target with it is never answered")]
    Ambiguous {
        /// The word.
        word: String,
        /// What is in it.
        what: &'static str,
    },
    /// `/health*`
    #[error("\"{word}\" contains {what}; write the whole path, as patterns are not possible")]
    Pattern {
        /// The word.
        word: String,
        /// What is in it.
        what: &'static str,
    },
}

/// Characters of globs and regular expressions. A path can contain only `*` and `$` of these
/// unencoded (RFC 3986, section 3.3).
const PATTERNS: [&str; 11] = ["*", "[", "]", "{", "}", "^", "|", "<", ">", "\"", ".+"];

/// An exempt path, which includes everything below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExemptPath(String);

impl ExemptPath {
    /// Checks the value of `path=`.
    ///
    /// # Errors
    /// [`PathError`]
    pub fn parse(word: &str) -> Result<Self, PathError> {
        if !word.starts_with('/') {
            return Err(PathError::NotAbsolute(absolute(word)));
        }
        if ["/", "/."].contains(&word.trim_end_matches('*')) && word != "/." {
            return Err(PathError::Everything);
        }
        match ambiguity(word.as_bytes()) {
            Some(what) => Err(PathError::Ambiguous(what)),
            None if word.contains('?') => Err(PathError::Ambiguous("?")),
            None => match pattern(word) {
                Some(error) => Err(error),
                None => Ok(Self(word.to_owned())),
            },
        }
    }

    /// Whether this request target (RFC 9112, section 3.2) is, as it was sent, the path or a path
    /// below it. The comparison is case-sensitive. Only the origin form is ever exempt, because the
    /// absolute form can name another host.
    pub fn covers(&self, target: &[u8]) -> bool {
        self.covers_path(target.split(|byte| *byte == b'?').next().unwrap_or_default())
    }

    /// Like [`Self::covers`], for a path without a query, such as the target of a rewrite.
    pub fn covers_path(&self, path: &[u8]) -> bool {
        let under = match path.strip_prefix(self.0.as_bytes()) {
            Some(rest) => rest.is_empty() || self.0.ends_with('/') || rest.starts_with(b"/"),
            None => false,
        };
        under && ambiguity(path).is_none() && !path.contains(&b'?')
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The site path behind a file name that mod_rewrite has set (`r->filename`): the path of a proxied
/// request's URL, or the path below the document root. Empty for any other file name.
pub fn of_rewritten<'f>(file_name: &'f [u8], document_root: &[u8]) -> &'f [u8] {
    let find = |text: &[u8], part: &[u8]| text.windows(part.len()).rposition(|it| it == part);
    if let Some(url) = file_name.strip_prefix(b"proxy:") {
        let url = url.split(|byte| *byte == b'?').next().unwrap_or_default();
        let behind_scheme = find(url, b"://").and_then(|at| url.get(at + 3..)).unwrap_or_default();
        let path = behind_scheme.iter().position(|byte| *byte == b'/');
        return path.and_then(|at| behind_scheme.get(at..)).unwrap_or_default();
    }
    let root = document_root.strip_suffix(b"/").unwrap_or(document_root);
    let below = file_name.strip_prefix(root).unwrap_or_default();
    if below.starts_with(b"/") { below } else { b"" }
}

/// Checks the path of a directive that names what the module itself answers.
///
/// # Errors
/// [`AnsweredPathError`]
pub(crate) fn check_answered(word: &str) -> Result<(), AnsweredPathError> {
    let own = || word.to_owned();
    if word.is_empty() {
        return Err(AnsweredPathError::Empty);
    }
    if !word.starts_with('/') {
        return Err(AnsweredPathError::NotAbsolute(own(), absolute(word)));
    }
    let query = word.contains('?').then_some("?");
    if let Some(what) = ambiguity(word.as_bytes()).or(query) {
        return Err(AnsweredPathError::Ambiguous { word: own(), what });
    }
    match pattern_sign(word) {
        Some(what) => Err(AnsweredPathError::Pattern { word: own(), what }),
        None => Ok(()),
    }
}

/// Suggests an absolute path for a value that begins with something else.
fn absolute(word: &str) -> String {
    let path = match word.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/..."),
        None => word.trim_start_matches(['^', '~', '*', '.', ' ']),
    };
    format!("/{}", path.trim_start_matches('/'))
}

/// The reason why a value is a pattern, if it is one.
fn pattern(word: &str) -> Option<PathError> {
    let what = pattern_sign(word)?;
    let folder = word.trim_end_matches('*').trim_end_matches('.');
    let is_folder = folder.len() > 1 && folder.ends_with('/') && pattern_sign(folder).is_none();
    Some(match is_folder {
        true => PathError::Folder(what, folder.to_owned()),
        false => PathError::Pattern(what),
    })
}

/// The first sign of a pattern in a value.
fn pattern_sign(word: &str) -> Option<&'static str> {
    let found = PATTERNS.into_iter().find(|part| word.contains(part));
    found.or_else(|| word.ends_with('$').then_some("$"))
}

/// The first construct that servers, proxies and applications interpret differently.
pub(crate) fn ambiguity(path: &[u8]) -> Option<&'static str> {
    let pair = |pair: &[u8; 2]| path.windows(2).any(|window| window == pair);
    match path {
        _ if path.contains(&b'%') => Some("%"),
        _ if path.contains(&b';') => Some(";"),
        _ if path.contains(&b'\\') => Some("\\"),
        _ if path.contains(&b'#') => Some("#"),
        _ if pair(b"//") => Some("//"),
        _ if path.split(|byte| *byte == b'/').any(|segment| segment == b".") => Some("/./"),
        _ if path.split(|byte| *byte == b'/').any(|segment| segment == b"..") => Some("/../"),
        _ if !path.iter().all(u8::is_ascii_graphic) => Some("a blank or a character beyond ASCII"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewritten() {
        for (file_name, expected) in [
            ("/var/www/healthz/x", "/healthz/x"),
            ("/var/www", ""),
            ("/var/wwwx/healthz", ""),
            ("/srv/healthz", ""),
            ("", ""),
            ("proxy:http://127.0.0.1:80/healthz/x?a=/b", "/healthz/x"),
            ("proxy:http://backend", ""),
            ("proxy:unix:/run/x.sock|fcgi://localhost/healthz", "/healthz"),
            ("proxy:balancer://one/app?x=http://y/healthz", "/app"),
            ("proxy:", ""),
        ] {
            for root in ["/var/www", "/var/www/"] {
                let path = of_rewritten(file_name.as_bytes(), root.as_bytes());
                assert_eq!(path, expected.as_bytes(), "{file_name}");
            }
        }
    }

    #[test]
    fn targets() {
        let path = ExemptPath::parse("/healthz").expect("a path");
        for (target, covered) in [
            ("/healthz", true),
            ("/healthz/", true),
            ("/healthz/deep/er", true),
            ("/healthz?a=b", true),
            ("/healthz/x?a=/../%2e;\\", true), // a query is not a path
            ("/healthz/x.png", true),
            ("/healthzz", false),
            ("/health", false),
            ("/HEALTHZ", false),
            ("/", false),
            ("", false),
            ("*", false),
            ("healthz", false),
            ("//healthz", false),
            ("/healthz//x", false),
            ("/healthz/../x", false),
            ("/healthz/.", false),
            ("/healthz/.hidden", true),
            ("/healthz/...", true),
            ("/healthz/x/..", false),
            ("/healthz/../..;/x", false),
            ("/healthz/.;/x", false),
            ("/healthz/.%2e/x", false),
            ("/healthz/./x", false),
            ("/healthz/..;/x", false),
            ("/healthz;/../x", false),
            ("/healthz;x", false),
            ("/healthz/x;jsessionid=1", false),
            ("/healthz%2f..%2fx", false),
            ("/healthz/%2e%2e/x", false),
            ("/healthz/%00", false),
            ("/healthz\\..\\x", false),
            ("/healthz/#/../x", false),
            ("/healthz/ü", false),
            ("/healthz/\u{1}", false),
            ("/x/../healthz", false),
            ("/x?/healthz", false),
            ("http://host/healthz", false),
            ("http:///healthz", false),
        ] {
            assert_eq!(path.covers(target.as_bytes()), covered, "{target}");
        }
        // Servlet containers and mod_proxy's `mapping=servlet` turn `..;` into another path.
        let path = ExemptPath::parse("/.well-known/acme-challenge").expect("a path");
        for (target, covered) in [
            ("/.well-known/acme-challenge/token", true),
            ("/.well-known/acme-challenge", true),
            ("/.well-known", false),
            ("/.well-known/acme-challenge/..;/x", false),
            ("/.well-known/acme-challenge/..;a=b/..;/x", false),
            ("/.well-known/acme-challenge/.;/../x", false),
            ("/.well-known/..;/.well-known/acme-challenge", false),
            ("/.well-known/acme-challenge/../x", false),
            ("/.well-known/acme-challenge/..", false),
            ("/.well-known/acme-challenge/%2e%2e/x", false),
            ("/.well-known/acme-challenge/.%2e;/x", false),
            ("/.well-known/acme-challenge%2f..%2fx", false),
            ("/.well-known/acme-challenge/..\\x", false),
            ("/.well-known/./acme-challenge/x", false),
            ("/./.well-known/acme-challenge/x", false),
            ("/../.well-known/acme-challenge/x", false),
        ] {
            assert_eq!(path.covers(target.as_bytes()), covered, "{target}");
        }
        let path = ExemptPath::parse("/healthz").expect("a path");
        for (path_alone, covered) in [
            ("/healthz", true),
            ("/healthz/x", true),
            ("/healthz?x", false),
            ("/healthz/?/../x", false),
        ] {
            assert_eq!(path.covers_path(path_alone.as_bytes()), covered, "{path_alone}");
        }
        let folder = ExemptPath::parse("/static/").expect("a path");
        for (target, covered) in
            [("/static/", true), ("/static/a.png", true), ("/static", false), ("/staticx", false)]
        {
            assert_eq!(folder.covers(target.as_bytes()), covered, "{target}");
        }
    }

    #[test]
    fn words() {
        for (word, error) in [
            ("", PathError::NotAbsolute("/".into())),
            ("healthz", PathError::NotAbsolute("/healthz".into())),
            ("^/healthz", PathError::NotAbsolute("/healthz".into())),
            ("http://host/a/b", PathError::NotAbsolute("/a/b".into())),
            ("http://host", PathError::NotAbsolute("/...".into())),
            ("/", PathError::Everything),
            ("/*", PathError::Everything),
            ("/**", PathError::Everything),
            ("//", PathError::Ambiguous("//")),
            ("/a/../b", PathError::Ambiguous("/../")),
            ("/a/..", PathError::Ambiguous("/../")),
            ("/./b", PathError::Ambiguous("/./")),
            ("/static/*", PathError::Folder("*", "/static/".into())),
            ("/static/**", PathError::Folder("*", "/static/".into())),
            ("/static/.*", PathError::Folder("*", "/static/".into())),
            ("/a/*/b", PathError::Pattern("*")),
            ("/static*", PathError::Pattern("*")),
            ("/*.css", PathError::Pattern("*")),
            ("/a[0-9]", PathError::Pattern("[")),
            ("/{a,b}", PathError::Pattern("{")),
            ("/(a|b)", PathError::Pattern("|")),
            ("/a.+", PathError::Pattern(".+")),
            ("/a$", PathError::Pattern("$")),
            ("/a[/", PathError::Pattern("[")),
            ("/a/*/*", PathError::Pattern("*")),
            ("/.*", PathError::Everything),
            ("/..*", PathError::Pattern("*")),
            ("/a%20b", PathError::Ambiguous("%")),
            ("/a;b", PathError::Ambiguous(";")),
            ("/a\\b", PathError::Ambiguous("\\")),
            ("/a?b", PathError::Ambiguous("?")),
            ("/a#b", PathError::Ambiguous("#")),
            ("/ü", PathError::Ambiguous("a blank or a character beyond ASCII")),
        ] {
            assert_eq!(ExemptPath::parse(word), Err(error), "{word}");
        }
        for word in ["/.well-known", "/a/.b", "/...", "/a+b", "/a(1)", "/$a", "/a.b", "/~a", "/a!"]
        {
            assert!(ExemptPath::parse(word).is_ok(), "{word}");
        }
    }
}
