//! The cookie that keeps the secret in the browser.

use jiff::Timestamp;

use super::secret::SecretHash;
use super::sent::{NAME, mentions};

/// The name over TLS. Browsers accept this prefix only for a cookie that was set over TLS, for this
/// host alone and for all paths (RFC 6265bis, section 4.1.3.2).
pub const SECURE_NAME: &str = "__Host-maintenance-invite";

/// How many secrets of one request are looked up: a client could send thousands.
const MAX_SECRETS: usize = 16;

/// The header field Cookie without the cookie.
#[derive(Debug, PartialEq, Eq)]
pub struct TakenCookie {
    /// The field's value. None if nothing is left.
    pub rest: Option<Vec<u8>>,
    /// The hashes of the secrets that count for this connection.
    pub hashes: Vec<SecretHash>,
}

/// Takes the cookie, with either name, out of the values of all Cookie fields of a request. None if
/// it is not there. Both names count over either scheme: a link over plain HTTP may lead to a site
/// that redirects to HTTPS.
///
/// Cookies are separated by `;`. httpd joins several fields by a comma, which is therefore taken for
/// a separator, too.
pub fn take<'v>(values: impl Iterator<Item = &'v [u8]> + Clone) -> Option<TakenCookie> {
    if !values.clone().any(mentions) {
        return None;
    }
    let mut hashes = vec![];
    let mut kept: Vec<Vec<u8>> = vec![];
    let mut is_there = false;
    for field in values {
        let mut rest: Vec<u8> = vec![];
        for part in field.split_inclusive(|byte| is_separator(*byte)) {
            let (cookie, separator) = match part.split_last() {
                Some((last, cookie)) if is_separator(*last) => (cookie, Some(*last)),
                _ => (part, None),
            };
            match own(cookie) {
                Some(value) => {
                    is_there = true;
                    if hashes.len() < MAX_SECRETS {
                        hashes.extend(SecretHash::of(value).filter(|hash| !hashes.contains(hash)));
                    }
                    // The separator goes with it. At the end, the one in front of it goes.
                    if separator.is_none() {
                        let end = rest.trim_ascii_end().len();
                        rest.truncate(end);
                        if rest.last().is_some_and(|last| is_separator(*last)) {
                            rest.pop();
                        }
                    }
                }
                None => rest.extend_from_slice(match rest.is_empty() && is_there {
                    true => part.trim_ascii_start(),
                    false => part,
                }),
            }
        }
        if !rest.trim_ascii().is_empty() {
            kept.push(rest);
        }
    }
    let rest = (!kept.is_empty()).then(|| kept.join(&b"; "[..]));
    is_there.then_some(TakenCookie { rest, hashes })
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b';' | b',')
}

/// The value of the cookie. None if this is another one.
fn own(cookie: &[u8]) -> Option<&[u8]> {
    let at = cookie.iter().position(|byte| *byte == b'=').unwrap_or(cookie.len());
    let (name, value) = cookie.split_at_checked(at)?;
    let names = [NAME, SECURE_NAME];
    names.into_iter().find(|known| known.as_bytes() == name.trim_ascii())?;
    let value = value.strip_prefix(b"=").unwrap_or(value).trim_ascii();
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

    fn taken(fields: &[&str]) -> Option<(String, Vec<SecretHash>)> {
        let fields: Vec<_> = fields.iter().map(|field| complete(field)).collect();
        let TakenCookie { rest, hashes } = take(fields.iter().map(String::as_bytes))?;
        Some((String::from_utf8(rest.unwrap_or_default()).expect("text"), hashes))
    }

    fn hashes(secrets: &[&str]) -> Vec<SecretHash> {
        secrets.iter().map(|secret| SecretHash::of(secret.as_bytes()).expect("a hash")).collect()
    }

    #[test]
    fn fields() {
        for (fields, rest, secrets) in [
            (&["$=a"][..], "", &["a"][..]),
            (&["$=a; x=1"], "x=1", &["a"]),
            (&["x=1; $=a"], "x=1", &["a"]),
            (&["x=1; $=a; y=2"], "x=1; y=2", &["a"]),
            (&["x=1;$=a;y=2"], "x=1;y=2", &["a"]),
            (&["x=1 ;$=a ;y=2"], "x=1 ;y=2", &["a"]),
            (&["$=\"a\"; x=\"b;c\""], "x=\"b;c\"", &["a"]),
            (&["$=a; $=b"], "", &["a", "b"]),
            (&["$=a; $=a"], "", &["a"]),
            (&["$=; x=1"], "x=1", &[]),
            (&["$"], "", &[]),
            (&["$=a=b"], "", &["a=b"]),
            (&["x=1, $=a"], "x=1", &["a"]),
            (&["$=a, x=1,2; y"], "x=1,2; y", &["a"]),
            (&["x=1,2; $=a"], "x=1,2", &["a"]),
            (&["x=1", "$=a", "y=2"], "x=1; y=2", &["a"]),
            (&["$=a", "$=b"], "", &["a", "b"]),
            (&["%=a; $=b"], "", &["a", "b"]),
            (&["%=a; x"], "x", &["a"]),
            (&[" $ = a ; x"], "x", &["a"]),
            (&["$=a;"], "", &["a"]),
            (&["$=a; ; x=1"], "; x=1", &["a"]),
            (&["x=$; $=a"], "x=$", &["a"]),
            (&["$$=1; $=a"], "$$=1", &["a"]),
        ] {
            let found = taken(fields);
            assert_eq!(found, Some((complete(rest), hashes(secrets))), "{fields:?}");
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
            assert_eq!(taken(&[other]), None, "{other}");
        }
    }

    #[test]
    fn many() {
        let cookies: Vec<_> = (0..400).map(|n| format!("{NAME}={n}")).collect();
        let field = format!("x={}; {}; y=2", "1".repeat(8192), cookies.join("; "));
        let (rest, hashes) = taken(&[&field]).expect("taken");
        assert_eq!(rest, format!("x={}; y=2", "1".repeat(8192)));
        assert_eq!(hashes.len(), MAX_SECRETS);
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
