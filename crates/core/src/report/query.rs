//! The query string of a request for the status report.

use std::net::IpAddr;

use http::uri::Authority;
use thiserror::Error;

use super::filter::{Condition, Filter};
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
    /// The scopes that are asked for.
    pub filter: Filter,
    /// The part of the HTML page, from 1 on.
    pub page: Option<u32>,
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
    #[error(
        "unknown parameter \"{0}\"; write format, refresh, scope, state, page, client, path or host"
    )]
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
    /// `?state=shut`
    #[error(
        "state=\"{0}\" is unknown; write error, overdue, closed, reopening, read_only, announced, open \
         or off"
    )]
    State(String),
    /// `?page=last`
    #[error("page=\"{0}\" is not a number from 1 on")]
    Page(String),
    /// `?page=2&format=json`
    #[error("page requires format=html; JSON and metrics are not divided into pages")]
    NoPages,
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
        let page = words.page.as_deref().map(number).transpose()?;
        if page.is_some() && format != Format::Html {
            return Err(QueryError::NoPages);
        }
        let condition =
            |word: &str| Condition::parse(word).ok_or_else(|| QueryError::State(shown(word)));
        let state = words.state.as_deref().map(condition).transpose()?;
        Ok(Self { format, refresh, question, filter: Filter { scope: words.scope, state }, page })
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
    scope: Option<String>,
    state: Option<String>,
    page: Option<String>,
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
                "scope" => ("scope", &mut words.scope),
                "state" => ("state", &mut words.state),
                "page" => ("page", &mut words.page),
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

fn number(word: &str) -> Result<u32, QueryError> {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| word.parse().ok()).flatten();
    number.filter(|number| *number > 0).ok_or_else(|| QueryError::Page(shown(word)))
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
mod tests;
