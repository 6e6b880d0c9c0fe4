//! Why a server gives no report.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Why a server gives no report: what is wrong, and what to write or to do. The name of the server is
/// the subject, and stands before it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    /// Nobody listens there.
    #[error("refuses connections; start httpd, or correct the port in the URL")]
    Refused,
    /// Another failure of the network.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The time limit has passed.
    #[error(
        "gives no answer within {}; if it is only slow, write a longer timeout in the settings",
        seconds(*.0)
    )]
    Timeout(Duration),
    /// No address.
    #[error("cannot be found: the name {0} does not resolve; correct the URL")]
    Name(String),
    /// The connection ended without an answer, or in the middle of one.
    #[error("ends the connection without a whole answer; see its error log")]
    Closed,
    /// Something else than HTTP.
    #[error("does not speak HTTP ({0}); correct the URL")]
    Protocol(String),
    /// Plain text on a port for TLS.
    #[error("expects TLS; write https:// in the URL")]
    NeedsTls,
    /// TLS on a port for plain text.
    #[error("does not speak TLS; write http:// in the URL, or correct the port")]
    NoTls,
    /// The certificate is for somebody else.
    #[error(
        "has a certificate for {names}, not for {host}; write a name of the certificate in the URL"
    )]
    CertificateName {
        /// The host of the URL.
        host: String,
        /// The names in the certificate.
        names: String,
    },
    /// The certificate has expired.
    #[error("has a certificate that expired{0}; renew it")]
    CertificateExpired(String),
    /// The certificate is not valid yet.
    #[error("has a certificate that is not valid yet; check the clock of this machine")]
    CertificateEarly,
    /// Nobody known has signed the certificate.
    #[error("has a certificate of a CA that this machine does not trust; write ca = \"FILE\"")]
    CertificateIssuer,
    /// Something else is wrong with TLS.
    #[error("cannot be asked with TLS: {0}")]
    Tls(String),
    /// 401
    #[error("asks for a password (401); write user and password_file in the settings")]
    NoPassword,
    /// 401, although there is a password.
    #[error("rejects the password in {} (401); correct user or password_file", .0.display())]
    WrongPassword(PathBuf),
    /// 403
    #[error("forbids its status page to this machine (403); add this machine to its Require")]
    Forbidden,
    /// 404
    #[error(
        "has no status page at {0} (404); write SetHandler maintenance-status there, or correct \
         the URL"
    )]
    NotFound(String),
    /// 301, 302, 303, 307, 308
    #[error("redirects ({status}) to {to}; write the final URL")]
    Redirect {
        /// The status.
        status: u16,
        /// The field Location.
        to: String,
    },
    /// The maintenance page.
    #[error(
        "answers with its maintenance page ({0}); add this machine to the Require of the status \
         page, or correct the URL"
    )]
    MaintenancePage(u16),
    /// The module does not accept the question.
    #[error("does not accept the query (400): {0}")]
    Query(String),
    /// Any other status.
    #[error("answers with the status {0} and no report; see its error log")]
    Status(u16),
    /// A page instead of a report.
    #[error(
        "answers with an HTML page and no report; write SetHandler maintenance-status for the path \
         of the URL, or correct the URL"
    )]
    Html,
    /// Something else instead of a report.
    #[error(
        "answers with {0} and no report; write SetHandler maintenance-status for the path of the \
         URL, or correct the URL"
    )]
    Other(String),
    /// The JSON ends early.
    #[error("sends a report that ends after {0} bytes, in the middle; see its error log")]
    Half(usize),
    /// The JSON has a mistake.
    #[error("sends a report that cannot be used: {0}")]
    Json(String),
    /// JSON of something else.
    #[error(
        "answers with JSON that is no report of mod_maintenance; write SetHandler \
         maintenance-status for the path of the URL, or correct the URL"
    )]
    Foreign,
    /// The format has changed.
    #[error("has a module ({version}) that reports in format {schema}, not 1; {}",
        if *.schema < 1 { "update the module" } else { "update maintenancectl" })]
    Schema {
        /// The version of the format.
        schema: u64,
        /// The version of the module.
        version: String,
    },
    /// A member is missing.
    #[error("has a module ({version}) that does not report {member}; update the module")]
    Old {
        /// The version of the module.
        version: String,
        /// What is missing.
        member: String,
    },
    /// The follower of a fleet's server is gone.
    #[error(
        "does not report to the store; start maintenancectl follow there, or, if the server is gone \
         for good: maintenancectl forget {0}"
    )]
    NoFollower(String),
    /// The follower does not know its server.
    #[error(
        "keeps its flag, but its follower knows no status page; write [[server]] with status = \"URL\" \
         into its settings"
    )]
    NoStatusPage,
    /// The follower cannot ask its server.
    #[error("{0}")]
    Told(String),
    /// The store itself, or what is in it.
    #[error("{0}")]
    Store(String),
    /// The report is too long.
    #[error("sends more than 64 MiB and no report; correct the URL")]
    Huge,
}

impl Fault {
    /// What is wrong, without what to do.
    pub(crate) fn short(&self) -> String {
        let text = self.to_string();
        text.split_once("; ").map(|(short, _)| short.to_owned()).unwrap_or(text)
    }

    /// A word for programs.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::Timeout(_) => "timeout",
            Self::Name(_) => "name",
            Self::Closed => "closed-connection",
            Self::Protocol(_) => "protocol",
            Self::NeedsTls | Self::NoTls | Self::Tls(_) => "tls",
            Self::CertificateName { .. }
            | Self::CertificateExpired(_)
            | Self::CertificateEarly
            | Self::CertificateIssuer => "certificate",
            Self::NoPassword | Self::WrongPassword(_) => "password",
            Self::Forbidden => "forbidden",
            Self::NotFound(_) => "not-found",
            Self::Redirect { .. } => "redirect",
            Self::MaintenancePage(_) => "maintenance-page",
            Self::Query(_) => "query",
            Self::Status(_) => "status",
            Self::Html | Self::Other(_) | Self::Foreign => "no-report",
            Self::Half(_) | Self::Json(_) => "broken-report",
            Self::Schema { .. } | Self::Old { .. } => "format",
            Self::Huge => "huge",
            Self::NoFollower(_) => "no-follower",
            Self::NoStatusPage => "no-status-page",
            Self::Told(_) => "follower",
            Self::Store(_) => "store",
        }
    }
}

/// A duration for people.
fn seconds(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}
