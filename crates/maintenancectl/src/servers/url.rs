//! The URL of a status page.

use std::fmt;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

/// The URL of a status page, without a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatusUrl(Uri);

impl StatusUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const WRITE: &str = "write https://HOST/maintenance-status";
        let wrong = |cause: &str| Err(format!("\"{text}\" {cause}; {WRITE}"));
        let Some((scheme, _)) = text.split_once("://") else {
            return wrong("has no https:// or http://");
        };
        if text.contains('#') {
            return wrong("has a fragment (#...)");
        }
        let Ok(url) = text.parse::<Uri>() else { return wrong("is not a URL") };
        let Some(authority) = url.authority() else { return wrong("has no host") };
        match url.scheme() {
            Some(known) if [Scheme::HTTP, Scheme::HTTPS].contains(known) => {}
            _ => return wrong(&format!("begins with {scheme}://, not with https:// or http://")),
        }
        if authority.as_str().contains('@') {
            let host = authority.host();
            let path = url.path();
            return Err(format!(
                "the URL of a status page on {host} has a user or a password; write \
                 {scheme}://{host}{path}, and user and password_file in the settings"
            ));
        }
        if authority.host().is_empty() {
            return wrong("has no host");
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none() {
            return wrong("has a port that is not a number from 1 to 65535");
        }
        if url.query().is_some() {
            return wrong("has a query (?...)");
        }
        Ok(Self(url))
    }

    /// Host and port, as written.
    pub(super) fn place(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }

    /// The host.
    pub(super) fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    /// The path of the status page.
    pub(super) fn path(&self) -> &str {
        self.0.path()
    }

    /// Whether the connection uses TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.0.scheme() == Some(&Scheme::HTTPS)
    }

    /// The URL with a query, whose names and values are encoded.
    pub(super) fn with(&self, query: &[(&str, &str)]) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{self}?{query}")
    }
}

impl fmt::Display for StatusUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad() {
        for (text, expected) in [
            ("https://web1/maintenance-status", Ok("web1")),
            ("http://10.0.0.1:8080/x", Ok("10.0.0.1:8080")),
            ("http://[::1]:81/x", Ok("[::1]:81")),
            ("HTTPS://web1/x", Ok("web1")),
            ("web1/maintenance-status", Err("\"web1/maintenance-status\" has no https://")),
            ("web1", Err("\"web1\" has no https:// or http://; write https://HOST/")),
            ("ftp://web1/x", Err("\"ftp://web1/x\" begins with ftp://, not with")),
            ("http://", Err("\"http://\" is not a URL")),
            ("http://web 1/", Err("\"http://web 1/\" is not a URL")),
            ("http://:80/", Err("\"http://:80/\" has no host")),
            ("http://web1:0x50/", Err("\"http://web1:0x50/\" has a port that")),
            ("http://web1:99999/", Err("\"http://web1:99999/\" has a port that")),
            ("http://web1/s?format=json", Err("\"http://web1/s?format=json\" has a query (?...)")),
            ("http://web1/s#top", Err("\"http://web1/s#top\" has a fragment")),
            (
                "http://anna:secret@web1/s",
                Err(
                    "the URL of a status page on web1 has a user or a password; write http://web1/s",
                ),
            ),
        ] {
            let parsed = StatusUrl::parse(text);
            let place = parsed.as_ref().map(StatusUrl::place);
            match (place, expected) {
                (Ok(place), Ok(expected)) => assert_eq!(place, expected, "{text}"),
                (Err(error), Err(expected)) => {
                    assert!(error.starts_with(expected), "{text}: {error}");
                    assert!(!error.contains("secret"), "{error}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn queries() {
        let url = StatusUrl::parse("http://web1:81/s").expect("a URL");
        let path = ("path", "/a%20b?c=d&e");
        assert_eq!(
            url.with(&[("format", "json"), path]),
            "http://web1:81/s?format=json&path=%2Fa%2520b%3Fc%3Dd%26e"
        );
        assert_eq!((url.host(), url.path(), url.is_secure()), ("web1", "/s", false));
    }
}
