//! The query string of a request for the status report.

use std::net::IpAddr;

use http::uri::Authority;
use thiserror::Error;

use crate::allow::list;
use crate::negotiate::{self, Media};

/// The largest value of `refresh`, in seconds.
const MAX_REFRESH: u32 = 86_400;

/// A parsed query string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The requested format.
    pub format: Format,
    /// How many seconds to wait before reloading the page.
    pub refresh: Option<u32>,
    /// A question for a preflight.
    pub question: Option<Question>,
}

/// The format of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An HTML page.
    Html,
    /// JSON, as described by `docs/maintenance-status.schema.json`.
    Json,
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
}

/// What would happen to this request?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The address of the client.
    pub client: IpAddr,
    /// The request target as a client sends it: a path, and optionally a query.
    pub path: String,
    /// The requested host; None for any.
    pub host: Option<Host>,
}

/// A host, as in the Host field (RFC 9110, section 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name or an address. An IPv6 address is in brackets.
    pub name: String,
    /// None for any.
    pub port: Option<u16>,
}

impl Host {
    /// The name in the form that httpd compares.
    pub fn canonical(&self) -> String {
        self.name.strip_suffix('.').unwrap_or(&self.name).to_ascii_lowercase()
    }
}

/// Why a query string is not valid.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum QueryError {
    /// `?x=%zz`
    #[error("the query string has a % without two hexadecimal digits")]
    Percent,
    /// `?x=%ff`
    #[error("the query string is not UTF-8")]
    Utf8,
    /// `?color=red`
    #[error("unknown parameter \"{0}\"; write format, refresh, client, path or host")]
    Unknown(String),
    /// `?format=json&format=html`
    #[error("the parameter \"{0}\" is given twice")]
    Twice(&'static str),
    /// `?format=xml`
    #[error("format=\"{0}\" is unknown; write html, json or prometheus")]
    Format(String),
    /// `?refresh=soon`
    #[error("refresh=\"{0}\" is not a number of seconds from 1 to {MAX_REFRESH}")]
    Refresh(String),
    /// `?client=node1`
    #[error("client=\"{0}\" is not an IPv4 or IPv6 address")]
    Client(String),
    /// `?path=x`
    #[error("path=\"{0}\" does not begin with /")]
    Path(String),
    /// `?path=/a b`
    #[error("path=\"{0}\" has characters that a request cannot have; write them as %XX")]
    PathCharacters(String),
    /// `?host=a/b`
    #[error("host=\"{0}\" is not NAME or NAME:PORT")]
    Host(String),
    /// `?path=/x`
    #[error("path and host require client=ADDRESS")]
    NoClient,
}

impl Query {
    /// Parses a query string. Without `format`, the Accept field decides.
    ///
    /// # Errors
    /// [`QueryError`]
    pub fn parse(query: &str, accept: Option<&[u8]>) -> Result<Self, QueryError> {
        let words = Words::parse(query)?;
        let format = match words.format.as_deref() {
            Some("html") => Format::Html,
            Some("json") => Format::Json,
            Some("prometheus") => Format::Prometheus,
            Some(other) => return Err(QueryError::Format(shown(other))),
            None => match negotiate::media(accept, Media::Html) {
                Media::Html => Format::Html,
                Media::Json => Format::Json,
                Media::Text => Format::Prometheus,
            },
        };
        let refresh = words.refresh.as_deref().map(seconds).transpose()?;
        let question = match (&words.client, &words.path, &words.host) {
            (None, None, None) => None,
            (None, ..) => return Err(QueryError::NoClient),
            (Some(client), path, host) => Some(Question {
                client: address(client)?,
                path: path.as_deref().map_or(Ok("/".into()), target)?,
                host: host.as_deref().map(self::host).transpose()?,
            }),
        };
        Ok(Self { format, refresh, question })
    }
}

/// The parameters, decoded.
#[derive(Default)]
struct Words {
    format: Option<String>,
    refresh: Option<String>,
    client: Option<String>,
    path: Option<String>,
    host: Option<String>,
}

impl Words {
    fn parse(query: &str) -> Result<Self, QueryError> {
        let is_code = |after: &str| {
            after.as_bytes().get(..2).is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
        };
        if !query.split('%').skip(1).all(is_code) {
            return Err(QueryError::Percent);
        }
        let mut words = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name.contains(char::REPLACEMENT_CHARACTER)
                || value.contains(char::REPLACEMENT_CHARACTER)
            {
                return Err(QueryError::Utf8);
            }
            let (name, place) = match &*name {
                "format" => ("format", &mut words.format),
                "refresh" => ("refresh", &mut words.refresh),
                "client" => ("client", &mut words.client),
                "path" => ("path", &mut words.path),
                "host" => ("host", &mut words.host),
                other => return Err(QueryError::Unknown(shown(other))),
            };
            // HTML forms also send empty fields.
            if !value.is_empty() && place.replace(value.into_owned()).is_some() {
                return Err(QueryError::Twice(name));
            }
        }
        Ok(words)
    }
}

fn seconds(word: &str) -> Result<u32, QueryError> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = is_number.then(|| word.parse().ok()).flatten();
    seconds
        .filter(|seconds| (1..=MAX_REFRESH).contains(seconds))
        .ok_or_else(|| QueryError::Refresh(shown(word)))
}

fn address(word: &str) -> Result<IpAddr, QueryError> {
    let inner = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
    inner.parse().map_err(|_| QueryError::Client(shown(word)))
}

fn target(word: &str) -> Result<String, QueryError> {
    match word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        _ if !word.starts_with('/') => Err(QueryError::Path(shown(word))),
        true => Ok(word.to_owned()),
        false => Err(QueryError::PathCharacters(shown(word))),
    }
}

fn host(word: &str) -> Result<Host, QueryError> {
    let authority = word.parse::<Authority>().ok().filter(|_| !word.contains('@'));
    let wrong = || QueryError::Host(shown(word));
    let authority = authority.ok_or_else(wrong)?;
    let rest = word.get(authority.host().len()..).unwrap_or_default();
    match (rest, authority.port_u16()) {
        ("", _) => Ok(Host { name: authority.host().to_owned(), port: None }),
        (_, Some(port)) => Ok(Host { name: authority.host().to_owned(), port: Some(port) }),
        _ => Err(wrong()),
    }
}

/// Shortens a word for a message.
fn shown(word: &str) -> String {
    list::shown(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Query, String> {
        Query::parse(query, None).map_err(|error| error.to_string())
    }

    #[test]
    fn good_ones() {
        let plain = Query { format: Format::Html, refresh: None, question: None };
        for (query, expected) in [
            ("", plain.clone()),
            ("&&", plain.clone()),
            ("format=", plain.clone()),
            ("format=json", Query { format: Format::Json, ..plain.clone() }),
            ("%66ormat=prom%65theus", Query { format: Format::Prometheus, ..plain.clone() }),
            ("refresh=5&format=html", Query { refresh: Some(5), ..plain.clone() }),
            ("client=&path=&host=", plain.clone()),
        ] {
            assert_eq!(parse(query), Ok(expected), "{query}");
        }
        for (query, client, path, host) in [
            ("client=10.0.0.1", "10.0.0.1", "/", None),
            ("client=%5B2001:db8::7%5D", "2001:db8::7", "/", None),
            ("client=::1&path=/a%2520b%3Fc%3Dd", "::1", "/a%20b?c=d", None),
            ("client=::1&host=www.example.com", "::1", "/", Some(("www.example.com", None))),
            ("client=::1&host=[::1]:8443", "::1", "/", Some(("[::1]", Some(8443)))),
        ] {
            let host = host.map(|(name, port): (&str, _)| Host { name: name.into(), port });
            let client = client.parse().expect("an address");
            let question = Some(Question { client, path: path.into(), host });
            assert_eq!(parse(query).map(|query| query.question), Ok(question), "{query}");
        }
    }

    #[test]
    fn accept_decides_where_the_query_does_not() {
        for (accept, query, format) in [
            ("application/json", "", Format::Json),
            ("text/html,*/*;q=0.8", "", Format::Html),
            ("*/*", "", Format::Html),
            // Prometheus 3
            (
                "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,\
                 */*;q=0.2",
                "",
                Format::Prometheus,
            ),
            ("application/json", "format=html", Format::Html),
        ] {
            let query = Query::parse(query, Some(accept.as_bytes()));
            assert_eq!(query.map(|query| query.format), Ok(format), "{accept}");
        }
    }

    #[test]
    fn bad_ones() {
        for (query, message) in [
            ("%", "the query string has a % without"),
            ("format=%7", "the query string has a % without"),
            ("format=%zz", "the query string has a % without"),
            ("format=%ff", "the query string is not UTF-8"),
            ("format=xml", "format=\"xml\" is unknown; write html, json or prometheus"),
            ("format=JSON", "format=\"JSON\" is unknown"),
            ("auto", "unknown parameter \"auto\"; write format,"),
            ("=", "unknown parameter \"\""),
            ("<script>", "unknown parameter \"<script>\""),
            ("format=json&format=json", "the parameter \"format\" is given twice"),
            ("refresh=0", "refresh=\"0\" is not a number of seconds from 1 to 86400"),
            ("refresh=%2B5", "refresh=\"+5\" is not a number"),
            ("refresh=99999999999", "refresh=\"99999999999\" is not a number"),
            ("client=node1", "client=\"node1\" is not an IPv4 or IPv6 address"),
            ("client=10.0.0.0/8", "client=\"10.0.0.0/8\" is not an IPv4 or IPv6 address"),
            ("client=::1&path=x", "path=\"x\" does not begin with /"),
            ("client=::1&path=/a+b", "path=\"/a b\" has characters"),
            ("client=::1&path=/%00", "path=\"/\\x00\" has characters"),
            ("client=::1&path=/%C3%A4", "path=\"/\\xc3\\xa4\" has characters"),
            ("client=::1&host=a/b", "host=\"a/b\" is not NAME or NAME:PORT"),
            ("client=::1&host=a:b", "host=\"a:b\" is not NAME"),
            ("client=::1&host=a:99999", "host=\"a:99999\" is not NAME"),
            ("client=::1&host=u@a", "host=\"u@a\" is not NAME"),
            ("path=/x", "path and host require client=ADDRESS"),
        ] {
            let error = parse(query).expect_err(query);
            assert!(error.starts_with(message), "{query}: {error}");
        }
        let long = format!("client={}", "1".repeat(8000));
        let error = parse(&long).expect_err("a long word");
        assert!(error.len() < 150, "{error}");
    }
}
