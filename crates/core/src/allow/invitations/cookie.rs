//! The cookie that keeps the secret in the browser.

use std::iter;

use jiff::Timestamp;

use super::sent::NAME;

/// The name over TLS. Browsers accept this prefix only for a cookie that was set over TLS, for this
/// host alone and for all paths (RFC 6265bis, section 4.1.3.2).
pub const SECURE_NAME: &str = "__Host-maintenance-invite";

/// How many secrets of one request are looked up: a client could send thousands.
const MAX_SECRETS: usize = 16;

/// What a client has sent of invitations: the secrets in the value of a Cookie field.
#[derive(Clone, Copy)]
pub struct InviteCookie<'f> {
    first: &'f [u8],
    /// The field behind the first one.
    behind: &'f [u8],
}

impl<'f> InviteCookie<'f> {
    /// Finds the cookie in the value of a Cookie field, with either name. Both names count over
    /// either scheme: a link over plain HTTP may lead to a site that redirects to HTTPS.
    ///
    /// Cookies are separated by `;`. Some clients join several fields by a comma, which is therefore
    /// taken for a separator, too.
    pub fn find(field: &'f [u8]) -> Option<Self> {
        let mut behind = field;
        while !behind.is_empty() {
            let (part, others) = next(behind);
            if let Some(first) = own(split(part).0) {
                return Some(Self { first, behind: others });
            }
            behind = others;
        }
        None
    }

    /// The secrets, in order.
    pub fn secrets(self) -> impl Iterator<Item = &'f [u8]> {
        let others = parts(self.behind).filter_map(|part| own(split(part).0));
        iter::once(self.first).chain(others).take(MAX_SECRETS)
    }
}

/// The value of a Cookie field without the cookie; empty if nothing is left.
pub fn without(field: &[u8]) -> Vec<u8> {
    let mut rest: Vec<u8> = vec![];
    let mut is_there = false;
    for part in parts(field) {
        let (cookie, is_last) = split(part);
        if own(cookie).is_some() {
            is_there = true;
            // The separator goes with it. At the end, the one in front of it goes.
            if is_last {
                rest.truncate(rest.trim_ascii_end().len());
                rest.pop_if(|last| is_separator(*last));
            }
        } else {
            rest.extend_from_slice(match rest.is_empty() && is_there {
                true => part.trim_ascii_start(),
                false => part,
            });
        }
    }
    if rest.trim_ascii().is_empty() {
        rest.clear();
    }
    rest
}

/// The parts of a field, each with the separator behind it.
fn parts(field: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut behind = field;
    iter::from_fn(move || {
        let part;
        (part, behind) = next(behind);
        (!part.is_empty()).then_some(part)
    })
}

/// The first part of a field, with the separator behind it, and the others.
fn next(field: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr2(b';', b',', field).map_or(field.len(), |at| at + 1);
    field.split_at_checked(end).unwrap_or((field, b""))
}

/// A part without its separator, and whether it has none.
fn split(part: &[u8]) -> (&[u8], bool) {
    match part.split_last() {
        Some((last, cookie)) if is_separator(*last) => (cookie, false),
        _ => (part, true),
    }
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b';' | b',')
}

/// The value of the cookie. None if this is another one.
fn own(cookie: &[u8]) -> Option<&[u8]> {
    let cookie = cookie.trim_ascii_start();
    let named = |name: &str| cookie.strip_prefix(name.as_bytes());
    let value = match named(NAME).or_else(|| named(SECURE_NAME))?.trim_ascii_start() {
        [] => b"",
        [b'=', value @ ..] => value.trim_ascii(),
        _ => return None,
    };
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some(unquoted.unwrap_or(value))
}

/// The value of Set-Cookie that makes the browser send this secret until `until`. Without `until`
/// the browser keeps it until it is closed.
pub fn set(secret: &[u8], until: Option<Timestamp>, now: Timestamp, is_secure: bool) -> Vec<u8> {
    let (name, secure) = match is_secure {
        true => (SECURE_NAME, " Secure;"),
        false => (NAME, ""),
    };
    let mut text = format!("{name}=").into_bytes();
    text.extend_from_slice(secret);
    text.extend_from_slice(format!("; Path=/;{secure} HttpOnly; SameSite=Lax").as_bytes());
    if let Some(until) = until {
        const MICROS: i64 = 1_000_000;
        let left = until.as_microsecond().saturating_sub(now.as_microsecond());
        // Rounded up: the server knows the end better than the browser.
        let seconds = left.saturating_add(MICROS - 1) / MICROS;
        text.extend_from_slice(format!("; Max-Age={}", seconds.max(1)).as_bytes());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `$` stands for the name over plain HTTP, `%` for the one over TLS.
    fn complete(text: &str) -> String {
        text.replace('$', NAME).replace('%', SECURE_NAME)
    }

    fn taken(field: &str) -> Option<(String, Vec<String>)> {
        let field = complete(field);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let cookie = InviteCookie::find(field.as_bytes())?;
        Some((text(&without(field.as_bytes())), cookie.secrets().map(text).collect()))
    }

    #[test]
    fn fields() {
        for (field, rest, secrets) in [
            ("$=a", "", &["a"][..]),
            ("$=a; x=1", "x=1", &["a"]),
            ("x=1; $=a", "x=1", &["a"]),
            ("x=1; $=a; y=2", "x=1; y=2", &["a"]),
            ("x=1;$=a;y=2", "x=1;y=2", &["a"]),
            ("x=1 ;$=a ;y=2", "x=1 ;y=2", &["a"]),
            ("$=\"a\"; x=\"b;c\"", "x=\"b;c\"", &["a"]),
            ("$=a; $=b", "", &["a", "b"]),
            ("$=; x=1", "x=1", &[""]),
            ("$", "", &[""]),
            ("$=a=b", "", &["a=b"]),
            ("x=1, $=a", "x=1", &["a"]),
            ("$=a, x=1,2; y", "x=1,2; y", &["a"]),
            ("x=1,2; $=a", "x=1,2", &["a"]),
            ("%=a; $=b", "", &["a", "b"]),
            ("%=a; x", "x", &["a"]),
            (" $ = a ; x", "x", &["a"]),
            ("$=a;", "", &["a"]),
            ("$=a; ", "", &["a"]),
            ("$=a; ; x=1", "; x=1", &["a"]),
            ("x=$; $=a", "x=$", &["a"]),
            ("$$=1; $=a", "$$=1", &["a"]),
        ] {
            let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
            assert_eq!(taken(field), Some((complete(rest), secrets)), "{field:?}");
        }
        for other in [
            "",
            "x=1",
            "x=$=a",
            "Maintenance-Invite=a",
            "x$=a",
            "__Host-x=$",
            "__host-$=a",
            "maintenance%2dinvite=a",
        ] {
            assert_eq!(taken(other), None, "{other}");
        }
    }

    #[test]
    fn many() {
        let cookies: Vec<_> = (0..400).map(|n| format!("{NAME}={n}")).collect();
        let field = format!("x={}; {}; y=2", "1".repeat(8192), cookies.join("; "));
        let (rest, secrets) = taken(&field).expect("taken");
        assert_eq!(rest, format!("x={}; y=2", "1".repeat(8192)));
        assert_eq!(secrets.len(), MAX_SECRETS);
    }

    #[test]
    fn what_is_set() {
        let at = |millis| Timestamp::from_millisecond(millis).expect("a time");
        for (until, is_secure, expected) in [
            (None, false, "$=s; Path=/; HttpOnly; SameSite=Lax"),
            (None, true, "%=s; Path=/; Secure; HttpOnly; SameSite=Lax"),
            (Some(at(7200)), true, "%=s; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=7"),
            (Some(at(1001)), false, "$=s; Path=/; HttpOnly; SameSite=Lax; Max-Age=1"),
            (Some(Timestamp::MAX), false, "$=s; Path=/; HttpOnly; SameSite=Lax; Max-Age=25340220"),
        ] {
            let text = String::from_utf8(set(b"s", until, at(1000), is_secure)).expect("text");
            assert!(text.starts_with(&complete(expected)), "{text}");
        }
    }
}
