//! `MaintenanceCors`: lets browser applications of other origins read that a request was refused, by
//! the CORS protocol (WHATWG Fetch, section 3.2). Without it they see a network error.

use std::ffi::{CStr, CString};

use thiserror::Error;

use super::reply::Reply;
use super::request_headers::RequestHeaders;

/// The response header fields that an application may read in addition to the usual ones.
const EXPOSED: &CStr = c"Retry-After, Maintenance";

/// The request header fields that the answer to a preflight depends on.
const PREFLIGHT_VARY: &CStr =
    c"Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Why a word of `MaintenanceCors` is not an origin.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CorsError {
    /// `MaintenanceCors ""`
    #[error("an empty word is not an origin; write https://app.example.com")]
    Empty,
    /// `*` beside other origins.
    #[error("\"*\" stands for all origins; write it alone")]
    AnyNotAlone,
    /// `app.example.com`, `htps://app.example.com`
    #[error("\"{0}\" is not an origin; write {1}")]
    Instead(String, String),
    /// `https://*.example.com`
    #[error("\"{0}\" is a pattern; write each origin, or * for all")]
    Pattern(String),
    /// `https://bücher.example`
    #[error("\"{0}\" is not ASCII; write the host name as in the DNS (xn--...)")]
    NotAscii(String),
    /// `https://`, `https://app:port`
    #[error("\"{0}\" is not an origin; write it as in https://app.example.com:8443")]
    Wrong(String),
}

/// The origins whose applications may read refusals. Empty if no `MaintenanceCors` is in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origins {
    is_any: bool,
    origins: Vec<CString>,
}

/// What a refusal says to an application of another origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorsFields<'a> {
    /// Access-Control-Allow-Origin; None if the origin of the request is not among them.
    allow_origin: Option<&'a CStr>,
    /// The answer depends on the origin.
    is_by_origin: bool,
}

impl Origins {
    /// Reads the words after the directive.
    ///
    /// # Errors
    /// [`CorsError`] for the first word that is wrong.
    pub fn parse(words: &[&str]) -> Result<Self, CorsError> {
        if words.contains(&"*") {
            return match words {
                [_] => Ok(Self { is_any: true, origins: vec![] }),
                _ => Err(CorsError::AnyNotAlone),
            };
        }
        let origins = words.iter().map(|word| origin(word)).collect::<Result<_, _>>()?;
        Ok(Self { is_any: false, origins })
    }

    /// Whether no origin may read refusals.
    pub fn is_empty(&self) -> bool {
        !self.is_any && self.origins.is_empty()
    }

    /// What a refusal of this request says. None if no origins are configured.
    pub(super) fn fields(&self, request: &impl RequestHeaders) -> Option<CorsFields<'_>> {
        if self.is_any {
            return Some(CorsFields { allow_origin: Some(c"*"), is_by_origin: false });
        }
        if self.is_empty() {
            return None;
        }
        let own = request.header(c"Origin");
        let allowed = self.origins.iter().find(|origin| Some(origin.to_bytes()) == own);
        let allow_origin = allowed.map(CString::as_c_str);
        Some(CorsFields { allow_origin, is_by_origin: true })
    }

    /// The answer to a preflight (a CORS-preflight request in the terms of the Fetch standard) from
    /// one of the origins: everything that it asks for is allowed, so that the browser sends the
    /// request and the application can read its refusal. The browser does not keep the permission.
    pub(super) fn preflight(&self, request: &impl RequestHeaders) -> Option<Reply> {
        let fields = self.fields(request)?;
        let method = request.header(c"Access-Control-Request-Method")?;
        if request.method() != b"OPTIONS" || request.header(c"Origin").is_none() {
            return None;
        }
        fields.allow_origin?;
        let copy = |value: &[u8]| CString::new(value).ok();
        let mut reply = Reply::new(204)
            .with(c"Access-Control-Allow-Methods", copy(method)?)
            .with(c"Access-Control-Max-Age", c"0");
        if let Some(headers) = request.header(c"Access-Control-Request-Headers") {
            reply = reply.with(c"Access-Control-Allow-Headers", copy(headers)?);
        }
        for (name, value) in fields.iter() {
            reply = reply.with(name, value.to_owned());
        }
        Some(reply.with(c"Vary", PREFLIGHT_VARY))
    }
}

impl<'a> CorsFields<'a> {
    /// The header fields, without Vary.
    pub(super) fn iter(self) -> impl Iterator<Item = (&'static CStr, &'a CStr)> {
        let credentials = self.allow_origin.filter(|_| self.is_by_origin).map(|_| c"true");
        [
            (c"Access-Control-Allow-Origin", self.allow_origin),
            (c"Access-Control-Allow-Credentials", credentials),
            (c"Access-Control-Expose-Headers", self.allow_origin.map(|_| EXPOSED)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }

    /// A further field for Vary.
    pub(super) fn vary(self) -> Option<&'static CStr> {
        self.is_by_origin.then_some(c"Origin")
    }
}

/// An origin as browsers send it (RFC 6454, section 6.2): in lower case, and without the port that
/// its scheme implies.
fn origin(word: &str) -> Result<CString, CorsError> {
    let own = || word.to_owned();
    let wrong = || CorsError::Wrong(own());
    let instead = |origin: String| CorsError::Instead(own(), origin);
    let lower = word.to_ascii_lowercase();
    match lower.as_str() {
        "" => return Err(CorsError::Empty),
        "null" => return Ok(c"null".into()),
        _ if lower.starts_with("file:") => return Err(instead("null".into())),
        _ if !lower.is_ascii() => return Err(CorsError::NotAscii(own())),
        _ if lower.contains('*') => return Err(CorsError::Pattern(own())),
        _ => {}
    }
    let Some((scheme, rest)) = lower.split_once("://") else {
        let host = lower.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
        return Err(if is_authority(host) { instead(format!("https://{host}")) } else { wrong() });
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme || !is_authority(authority) {
        return Err(wrong());
    }
    if ["htp", "htps", "htttp", "htttps", "ttp", "ttps", "httpss"].contains(&scheme) {
        let secure = if scheme.ends_with('s') { "https" } else { "http" };
        return Err(instead(format!("{secure}://{authority}")));
    }
    if !path.is_empty() {
        return Err(instead(format!("{scheme}://{authority}")));
    }
    let implied = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let authority = authority.strip_suffix(implied).unwrap_or(authority);
    CString::new(format!("{scheme}://{authority}")).map_err(|_| wrong())
}

/// Whether it is a host with or without a port, as in an origin.
fn is_authority(word: &str) -> bool {
    let (host, port) = match word.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (word, None),
    };
    let is_name = |host: &str| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = inner.map_or(is_name(host), |inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (word, expected) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://app.example.com:80", "http://app.example.com"),
            ("http://app.example.com:443", "http://app.example.com:443"),
            ("https://app.example.com:8443", "https://app.example.com:8443"),
            ("http://localhost", "http://localhost"),
            ("http://[2001:db8::7]:8080", "http://[2001:db8::7]:8080"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("null", "null"),
        ] {
            let origin = origin(word).expect(word);
            assert_eq!(origin.to_str(), Ok(expected), "{word}");
        }
        let instead =
            |word: &str, origin: &str| format!("\"{word}\" is not an origin; write {origin}");
        for (word, message) in [
            ("", "an empty word is not an origin; write https://app.example.com".to_owned()),
            ("app.example.com", instead("app.example.com", "https://app.example.com")),
            ("//app.example.com", instead("//app.example.com", "https://app.example.com")),
            ("https:/app.example.com", instead("https:/app.example.com", "https://app.example.com")),
            ("htps://app.example.com", instead("htps://app.example.com", "https://app.example.com")),
            ("https://app.example.com/", instead("https://app.example.com/", "https://app.example.com")),
            ("https://a.example/x?y", instead("https://a.example/x?y", "https://a.example")),
            ("file:///x", instead("file:///x", "null")),
            (
                "https://*.example.com",
                "\"https://*.example.com\" is a pattern; write each origin, or * for all".into(),
            ),
            (
                "https://bücher.example",
                "\"https://bücher.example\" is not ASCII; write the host name as in the DNS (xn--...)"
                    .into(),
            ),
            ("https://", instead("https://", "it as in https://app.example.com:8443")),
            ("https://a:x", instead("https://a:x", "it as in https://app.example.com:8443")),
            ("https://a:0", instead("https://a:0", "it as in https://app.example.com:8443")),
            ("https://u@a", instead("https://u@a", "it as in https://app.example.com:8443")),
        ] {
            assert_eq!(origin(word).expect_err(word).to_string(), message, "{word}");
        }
        assert_eq!(Origins::parse(&["*", "null"]), Err(CorsError::AnyNotAlone));
        assert!(!Origins::parse(&["*"]).expect("any").is_empty());
    }
}
