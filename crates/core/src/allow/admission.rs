//! What the allowlist needs to know about a request, and why it admits a request.

use std::ffi::CStr;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::context::Expr;

/// What the allowlist needs to know about a request.
pub trait ClientRequest {
    /// The request method, as it was sent (RFC 9110, section 9).
    fn method(&self) -> &[u8];
    /// The client's address as httpd sees it (`useragent_ip`); None for a local socket.
    fn address(&self) -> Option<IpAddr>;
    /// Whether this environment variable is set for the request.
    fn has_env(&self, name: &CStr) -> bool;
    /// Whether the expression is true for the request.
    fn satisfies(&self, expr: Expr) -> bool;
    /// The request target as the client sent it (RFC 9112, section 3.2).
    fn target(&self) -> &[u8];
    /// The decoded path of the request: the path of its target, or the path to which another module
    /// has rewritten it.
    fn current_path(&self) -> &[u8] {
        self.target().split(|byte| *byte == b'?').next().unwrap_or_default()
    }
    /// The path to which the server's rewrite rules have mapped the request without changing
    /// [`ClientRequest::current_path`], if there is one. Empty if the result is not a path of the
    /// site.
    fn rewritten_path(&self) -> Option<&[u8]> {
        None
    }
    /// When the request arrived, in microseconds since 1970 (httpd's `request_time`).
    fn request_time_micros(&self) -> i64;
    /// The same moment as [`ClientRequest::request_time_micros`].
    fn request_time(&self) -> Timestamp {
        Timestamp::from_microsecond(self.request_time_micros()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Why a request passes: the entry that admits it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission<'a> {
    /// An address or a network.
    Address(IpNet),
    /// `host=`: the name and its address.
    Host(&'a str, IpNet),
    /// `file=`: the file, the line and the network.
    File(&'a Path, u32, IpNet),
    /// `plugin-cfg=`: the file, the line and the address.
    PluginCfg(&'a Path, u32, IpNet),
    /// `env=`
    Env(&'a CStr),
    /// `expr=`
    Expr(&'a str),
    /// `path=`
    Path(&'a str),
    /// `allow` in a flag's content.
    Flag(&'a Path, IpNet),
}

/// The kind of token that admits a request.
///
/// The number of a kind is its place in the counters in shared memory (`stats::totals::Row`), which
/// a restart keeps. Therefore a new kind goes to the end. There is room for 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[expect(missing_docs, reason = "as those of `Admission`")]
pub enum AllowKind {
    Address,
    Host,
    File,
    PluginCfg,
    Env,
    Expr,
    Path,
    Flag,
    HealthCheck,
}

impl AllowKind {
    /// All kinds, in order.
    pub const ALL: [Self; 9] = [
        Self::Address,
        Self::Host,
        Self::File,
        Self::PluginCfg,
        Self::Env,
        Self::Expr,
        Self::Path,
        Self::Flag,
        Self::HealthCheck,
    ];

    /// The one-word verdict on a request that this kind of token admits.
    pub const fn label(self) -> &'static CStr {
        match self {
            Self::Address => c"allowed:address",
            Self::Host => c"allowed:host",
            Self::File => c"allowed:file",
            Self::PluginCfg => c"allowed:plugin-cfg",
            Self::Env => c"allowed:env",
            Self::Expr => c"allowed:expr",
            Self::Path => c"allowed:path",
            Self::Flag => c"allowed:flag",
            Self::HealthCheck => c"health-check",
        }
    }

    /// Whether the admission ends when the request is rewritten to another path.
    pub const fn is_bound_to_path(self) -> bool {
        matches!(self, Self::Path)
    }

    /// The part of the label after the colon; all of a label without one.
    pub fn name(self) -> &'static str {
        let label = self.label().to_str().unwrap_or_default();
        label.split_once(':').map_or(label, |(_, name)| name)
    }
}

impl Admission<'_> {
    /// The kind of token.
    pub const fn kind(&self) -> AllowKind {
        match self {
            Self::Address(..) => AllowKind::Address,
            Self::Host(..) => AllowKind::Host,
            Self::File(..) => AllowKind::File,
            Self::PluginCfg(..) => AllowKind::PluginCfg,
            Self::Env(..) => AllowKind::Env,
            Self::Expr(..) => AllowKind::Expr,
            Self::Path(..) => AllowKind::Path,
            Self::Flag(..) => AllowKind::Flag,
        }
    }
}

impl fmt::Display for Admission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(network) => write!(f, "{network}"),
            Self::Host(name, network) => write!(f, "host={name} ({})", network.addr()),
            Self::File(path, line, network) => {
                write!(f, "{network} in line {line} of {}", path.display())
            }
            Self::PluginCfg(path, line, network) => {
                write!(f, "{} in line {line} of {}", network.addr(), path.display())
            }
            Self::Env(name) => write!(f, "env={}", name.to_string_lossy()),
            Self::Expr(text) => write!(f, "expr={text}"),
            Self::Path(path) => write!(f, "path={path}"),
            Self::Flag(flag, network) => write!(f, "{network} in the flag {}", flag.display()),
        }
    }
}
