//! The query parameter `maintenance-invite=SECRET`, and the texts of a request without it.
//!
//! Parameters are separated by `&`, and the name counts exactly as it is: `;` separates nothing, and
//! a name that is percent-encoded is another one. Everything else in a text stays, in order and byte
//! for byte.

/// The name of the query parameter, and of the cookie over plain HTTP.
pub const NAME: &str = "maintenance-invite";

/// A text without the parameter.
#[derive(Debug, PartialEq, Eq)]
pub struct Taken<'t> {
    /// What is left. None if nothing is.
    pub rest: Option<Vec<u8>>,
    /// The values that were taken out, in order.
    pub values: Vec<&'t [u8]>,
}

/// Takes the parameter out of a query, without its `?`. None if it is not there.
pub fn from_query(query: &[u8]) -> Option<Taken<'_>> {
    if !mentions(query) {
        return None;
    }
    let mut values = vec![];
    let mut kept = vec![];
    for part in query.split(|byte| *byte == b'&') {
        match value(part) {
            Some(value) => values.push(value),
            None => kept.push(part),
        }
    }
    if values.is_empty() {
        return None;
    }
    let is_empty = kept.iter().all(|part| part.is_empty());
    Some(Taken { rest: (!is_empty).then(|| kept.join(&b'&')), values })
}

/// A request target or a URL without the parameter. None if it does not have it.
pub fn from_target(target: &[u8]) -> Option<Vec<u8>> {
    without(target, |byte| byte == b'#')
}

/// A request line without the parameter. None if it does not have it.
pub fn from_request_line(line: &[u8]) -> Option<Vec<u8>> {
    without(line, |byte| byte == b'#' || byte.is_ascii_whitespace())
}

/// The text without the parameter in its query, which begins behind the first `?`.
fn without(text: &[u8], is_end: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    if !mentions(text) {
        return None;
    }
    let start = text.iter().position(|byte| *byte == b'?')?;
    let (before, query) = (text.get(..start)?, text.get(start + 1..)?);
    let end = query.iter().position(|byte| is_end(*byte)).unwrap_or(query.len());
    let (query, behind) = query.split_at_checked(end)?;
    let rest = from_query(query)?.rest;
    let query = rest.map(|rest| [b"?", &*rest].concat()).unwrap_or_default();
    Some([before, &query, behind].concat())
}

/// Whether the name is somewhere in the text. Most texts do not have it, and nothing is copied.
pub(super) fn mentions(text: &[u8]) -> bool {
    text.windows(NAME.len()).any(|part| part == NAME.as_bytes())
}

/// The value of the parameter, which can lack its `=`. None if this is another one.
fn value(part: &[u8]) -> Option<&[u8]> {
    match part.strip_prefix(NAME.as_bytes())? {
        [] => Some(b""),
        [b'=', value @ ..] => Some(value),
        _ => None,
    }
}

/// The value of `Location` that leads to this path and query on the same origin. As a reference
/// (RFC 3986, section 4.2), a path that begins with two slashes would be a host, and for browsers a
/// backslash is a slash; `/.` in front changes the path to neither.
pub fn location(path: &[u8], query: Option<&[u8]>) -> Vec<u8> {
    let path: &[u8] = if path.starts_with(b"/") { path } else { b"/" };
    let is_host = matches!(path.get(1), Some(b'/' | b'\\'));
    let query = query.map(|query| [b"?", query].concat()).unwrap_or_default();
    let text = [if is_host { &b"/."[..] } else { b"" }, path, &query].concat();
    let encode = |byte: u8| match byte {
        // Browsers remove some of these before they read the reference.
        0..=b' ' | 0x7f => format!("%{byte:02X}").into_bytes(),
        other => vec![other],
    };
    text.into_iter().flat_map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `$` stands for the parameter's name.
    fn complete(text: &str) -> String {
        text.replace('$', NAME)
    }

    #[test]
    fn queries() {
        for (query, rest, values) in [
            ("$=a", "", &["a"][..]),
            ("$=", "", &[""]),
            ("$", "", &[""]),
            ("$=a=b==", "", &["a=b=="]),
            ("$=a&x=1", "x=1", &["a"]),
            ("x=1&$=a", "x=1", &["a"]),
            ("x=1&$=a&y=2", "x=1&y=2", &["a"]),
            ("x=1&$=a&y=2&$=b&z", "x=1&y=2&z", &["a", "b"]),
            ("$=a&$=b", "", &["a", "b"]),
            ("&$=a", "", &["a"]),
            ("$=a&", "", &["a"]),
            ("&&$=a&&", "", &["a"]),
            ("x&&$=a", "x&", &["a"]),
            ("x&&$=a&&y", "x&&&y", &["a"]),
            ("x=$=a&$=b", "x=$=a", &["b"]),
            ("x=%26&$=a&y=%3D+\u{fc}", "x=%26&y=%3D+\u{fc}", &["a"]),
            ("$=a;x=1&y", "y", &["a;x=1"]),
            ("$=%61", "", &["%61"]),
            ("$$=a&$=b", "$$=a", &["b"]),
        ] {
            let query = complete(query);
            let taken = from_query(query.as_bytes()).expect("taken");
            let left = String::from_utf8(taken.rest.unwrap_or_default()).expect("text");
            assert_eq!(left, complete(rest), "{query}");
            let values: Vec<_> = values.iter().map(|value| complete(value)).collect();
            assert_eq!(taken.values, values.iter().map(String::as_bytes).collect::<Vec<_>>());
        }
        for other in [
            "",
            "x=1",
            "Maintenance-Invite=a",
            "maintenance%2dinvite=a",
            "maintenance_invite=a",
            "x$=a",
            "$x=a",
            "x=1;$=a",
            "$%3da",
            " $=a",
        ] {
            assert_eq!(from_query(complete(other).as_bytes()), None, "{other}");
        }
        let long = "x".repeat(8192);
        let query = format!("a=1&{NAME}={long}&b=2");
        let taken = from_query(query.as_bytes()).expect("taken");
        assert_eq!(taken, Taken { rest: Some(b"a=1&b=2".into()), values: vec![long.as_bytes()] });
    }

    #[test]
    fn texts_with_a_query() {
        for (text, rest) in [
            ("/?$=a", "/"),
            ("/x?$=a&y=1", "/x?y=1"),
            ("/x?y=1&$=a#z?$=b", "/x?y=1#z?$=b"),
            ("http://h:80/x?$=a", "http://h:80/x"),
            ("https://h?$=a#f", "https://h#f"),
            ("/x??$=a&$=b", "/x??$=a"),
            ("//h/x?$=a", "//h/x"),
        ] {
            let left = from_target(complete(text).as_bytes()).expect(text);
            assert_eq!(String::from_utf8_lossy(&left), complete(rest), "{text}");
        }
        for (line, rest) in [
            ("GET /?$=a HTTP/1.1", "GET / HTTP/1.1"),
            ("GET /x?$=a&y HTTP/1.1", "GET /x?y HTTP/1.1"),
            ("GET /x?$=a", "GET /x"),
            ("POST http://h/?y&$=a HTTP/1.0", "POST http://h/?y HTTP/1.0"),
        ] {
            let left = from_request_line(complete(line).as_bytes()).expect(line);
            assert_eq!(String::from_utf8_lossy(&left), complete(rest), "{line}");
        }
        for other in ["", "/", "/$=a", "/x#?", "/x?y", "/x?y#$=a", "*", "GET /$ HTTP/1.1"] {
            assert_eq!(from_target(complete(other).as_bytes()), None, "{other}");
            assert_eq!(from_request_line(complete(other).as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn locations() {
        for (path, query, expected) in [
            ("/", None, "/"),
            ("/x/y", Some("a=1&b"), "/x/y?a=1&b"),
            ("", None, "/"),
            ("*", None, "/"),
            ("http://other/", None, "/"),
            ("//other/x", None, "/.//other/x"),
            ("///other", Some("a"), "/.///other?a"),
            ("/\\other", None, "/./\\other"),
            ("/\t/other", None, "/%09/other"),
            ("/x\r\nSet-Cookie: a", Some("b\nc d"), "/x%0D%0ASet-Cookie:%20a?b%0Ac%20d"),
            ("/./x/../y", None, "/./x/../y"),
            ("/%2f/x\u{fc}", None, "/%2f/x\u{fc}"),
            ("/x", Some("//other"), "/x?//other"),
        ] {
            let found = location(path.as_bytes(), query.map(str::as_bytes));
            assert_eq!(String::from_utf8_lossy(&found), expected, "{path}");
        }
    }
}
