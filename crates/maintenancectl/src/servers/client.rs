//! Asks one server.

use std::io::{ErrorKind, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::http::Response;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, LOCATION};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

use super::body::{self, shown};
use super::fault::Fault;
use super::report::Report;
use super::tls;
use super::url::StatusUrl;

/// The longest answer that is read. The report of a server with 10,000 virtual hosts has 19 MiB.
pub(super) const LONGEST: usize = 64 * 1024 * 1024;

/// A server to ask.
pub(super) struct Target {
    pub(super) name: String,
    pub(super) url: StatusUrl,
    pub(super) agent: Agent,
    pub(super) password: Option<Password>,
    /// The time for the whole answer, which the agent knows, too.
    pub(super) limit: Duration,
}

/// Basic authentication (RFC 7617).
pub(super) struct Password {
    pub(super) file: PathBuf,
    field: String,
}

impl Password {
    pub(super) fn new(file: PathBuf, user: &str, password: &str) -> Self {
        let field = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        Self { file, field }
    }
}

/// What asks servers, within a time limit for each. It follows no redirection, so that a password
/// goes nowhere else, and uses no proxy, since the servers are this machine's own.
pub(super) fn agent(limit: Duration, tls: Option<TlsConfig>) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .max_idle_connections(0)
        .user_agent(concat!("maintenancectl/", env!("CARGO_PKG_VERSION")));
    match tls {
        Some(tls) => config.tls_config(tls).build().into(),
        None => config.build().into(),
    }
}

impl Target {
    /// The report of the server, with the answers to a query.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn ask(&self, query: &[(&str, &str)]) -> Result<Report, Fault> {
        let query = [&[("format", "json")], query].concat();
        let request = self.agent.get(self.url.with(&query));
        let mut request = request.header(ACCEPT, "application/json").header(CONNECTION, "close");
        if let Some(password) = &self.password {
            request = request.header(AUTHORIZATION, &password.field);
        }
        let response = request.call().map_err(|error| self.fault(error))?;
        let status = response.status().as_u16();
        let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let media = field(CONTENT_TYPE.as_str()).map(shown);
        let location = field(LOCATION.as_str()).map(shown);
        let is_page = status >= 400 && field("maintenance").is_some();
        let bytes = self.body(response);
        if status == 200 {
            return body::parse(&bytes?, media.as_deref());
        }
        Err(match (status, &self.password) {
            _ if is_page => Fault::MaintenancePage(status),
            (401, None) => Fault::NoPassword,
            (401, Some(password)) => Fault::WrongPassword(password.file.clone()),
            (403, _) => Fault::Forbidden,
            (404, _) => Fault::NotFound(self.url.path().to_owned()),
            (300..400, _) => Fault::Redirect { status, to: location.unwrap_or("nowhere".into()) },
            (400, _) => Self::bad_request(&bytes.unwrap_or_default(), media.as_deref()),
            _ => Fault::Status(status),
        })
    }

    fn bad_request(bytes: &[u8], media: Option<&str>) -> Fault {
        let text = String::from_utf8_lossy(bytes);
        // httpd's words, and nginx's.
        if text.contains("SSL-enabled server port") || text.contains("HTTPS port") {
            Fault::NeedsTls
        } else if media.is_some_and(|media| media.starts_with("text/plain")) {
            Fault::Query(shown(&text))
        } else {
            Fault::Status(400)
        }
    }

    fn body(&self, response: Response<Body>) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![];
        let limit = LONGEST as u64 + 1;
        let read = response.into_body().into_reader().take(limit).read_to_end(&mut bytes);
        match read.map_err(|error| self.fault(error.into())) {
            Ok(_) if bytes.len() > LONGEST => Err(Fault::Huge),
            Ok(_) => Ok(bytes),
            Err(Fault::Closed | Fault::Protocol(_)) if !bytes.is_empty() => {
                Err(Fault::Half(bytes.len()))
            }
            Err(fault) => Err(fault),
        }
    }

    fn fault(&self, error: ureq::Error) -> Fault {
        use ureq::Error;
        match error {
            Error::Timeout(_) => Fault::Timeout(self.limit),
            Error::HostNotFound => Fault::Name(self.url.host().to_owned()),
            Error::Rustls(error) => tls::fault(&error, self.url.host()),
            Error::Tls(cause) => Fault::Tls(cause.to_owned()),
            Error::Io(error) => self.io_fault(&error),
            Error::ConnectionFailed => Fault::Unreachable("no connection".into()),
            Error::Protocol(cause) => Fault::Protocol(shown(&cause.to_string())),
            other => Fault::Protocol(shown(&other.to_string())),
        }
    }

    fn io_fault(&self, error: &std::io::Error) -> Fault {
        let inner = error.get_ref();
        if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return tls::fault(error, self.url.host());
        }
        // ureq wraps its own errors when a body is read.
        match inner.and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
            Some(ureq::Error::Timeout(_)) => return Fault::Timeout(self.limit),
            Some(ureq::Error::Protocol(cause)) => {
                return Fault::Protocol(shown(&cause.to_string()));
            }
            _ => {}
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => Fault::Refused,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Fault::Timeout(self.limit),
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Fault::Closed,
            // std has no kind for what getaddrinfo says.
            _ if error.to_string().contains("failed to lookup address") => {
                Fault::Name(self.url.host().to_owned())
            }
            _ => Fault::Unreachable(shown(&error.to_string())),
        }
    }
}
