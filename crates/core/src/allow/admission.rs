//! What the allowlist needs to know about a request, and why it admits a request.

use std::ffi::CStr;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use super::invitations::Invitation;
use super::invitations::cookie::InviteCookie;
use crate::context::Expr;
use crate::text::time;

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
    /// The value of a request header field, with all its lines joined by commas.
    fn header(&self, name: &CStr) -> Option<&[u8]>;
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
    /// What the client has sent of invitations, which other modules do not see.
    fn invite_cookie(&self) -> Option<InviteCookie<'_>> {
        None
    }
    /// Whether the request is for the status page, for which httpd's own access control decides.
    fn is_for_status_page(&self) -> bool {
        false
    }
    /// The moment at which an entry of the allowlist must not have expired: the later of the
    /// request's time and the clock.
    fn judged_at(&self) -> Timestamp {
        self.request_time().max(time::now())
    }
}

/// Why a request passes: the entry that admits it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// `invite=`: the invitation.
    Invite(Arc<Invitation>),
    /// `allow` in a flag's content.
    Flag(&'a Path, IpNet),
    /// A method that only reads, while the flag refuses writes alone.
    SafeMethod(&'a Path),
    /// The share of the clients that a flag admits. The client has this position, in hundredths of a
    /// per cent.
    Share(&'a Path, u16),
    /// The request is for the status page.
    StatusPage,
}

macro_rules! kinds {
    ($($kind:ident => $label:literal,)*) => {
        /// The kind of token that admits a request.
        ///
        /// The number of a kind is its place in the counters in shared memory
        /// (`stats::totals::Row`), which a restart keeps. Therefore a new kind goes to the end.
        /// There is room for 16.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "as those of `Admission`")]
        pub enum AllowKind {
            $($kind,)*
        }

        impl AllowKind {
            /// All kinds, in order.
            pub const ALL: [Self; [$($label),*].len()] = [$(Self::$kind),*];

            /// The one-word verdict on a request that this kind of token admits.
            pub const fn label(self) -> &'static CStr {
                match self {
                    $(Self::$kind => $label,)*
                }
            }
        }
    };
}

kinds! {
    Address => c"allowed:address",
    Host => c"allowed:host",
    File => c"allowed:file",
    PluginCfg => c"allowed:plugin-cfg",
    Env => c"allowed:env",
    Expr => c"allowed:expr",
    Path => c"allowed:path",
    Flag => c"allowed:flag",
    HealthCheck => c"health-check",
    SafeMethod => c"allowed:safe-method",
    Share => c"allowed:share",
    Invite => c"allowed:invite",
    StatusPage => c"status-page",
}

impl AllowKind {
    /// Whether anybody may be admitted in this way, and not only whom an administrator has chosen.
    pub const fn is_of_everybody(self) -> bool {
        self.breadth() > 0
    }

    /// Whom an admission of this kind is for: 0 for those whom an administrator has chosen, 1 for a
    /// share of all clients, 2 for all.
    pub const fn breadth(self) -> u8 {
        match self {
            Self::SafeMethod => 2,
            Self::Share => 1,
            _ => 0,
        }
    }

    /// The part of the label after the colon; all of a label without one.
    pub fn name(self) -> &'static str {
        let label = self.label().to_str().unwrap_or_default();
        label.split_once(':').map_or(label, |(_, name)| name)
    }
}

impl Admission<'_> {
    /// Whether the admission ends when the request is rewritten to another path.
    pub fn is_bound_to_path(&self) -> bool {
        match self {
            Self::Path(_) | Self::StatusPage => true,
            Self::Invite(invitation) => invitation.path.is_some(),
            _ => false,
        }
    }

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
            Self::SafeMethod(..) => AllowKind::SafeMethod,
            Self::Share(..) => AllowKind::Share,
            Self::Invite(..) => AllowKind::Invite,
            Self::StatusPage => AllowKind::StatusPage,
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
            Self::Invite(invitation) => write!(f, "invitation {}", invitation.name),
            Self::StatusPage => f.write_str("SetHandler maintenance-status; Require decides"),
            Self::Flag(flag, network) => write!(f, "{network} in the flag {}", flag.display()),
            Self::Share(flag, position) => write!(
                f,
                "its position {}.{:02} in the share of the flag {}",
                position / 100,
                position % 100,
                flag.display()
            ),
            Self::SafeMethod(flag) => {
                write!(f, "its method: the flag {} refuses writes alone", flag.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::directive::DIRECTIVES;
    use crate::net::hint;

    fn document(name: &str) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        std::fs::read_to_string(path).expect(name)
    }

    fn add_enums<'v>(value: &'v Value, found: &mut Vec<Vec<&'v str>>) {
        if let Some(words) = value.get("enum").and_then(Value::as_array) {
            found.push(words.iter().filter_map(Value::as_str).collect());
        }
        let members = value.as_object().into_iter().flat_map(|object| object.values());
        let elements = value.as_array().into_iter().flatten();
        members.chain(elements).for_each(|inner| add_enums(inner, found));
    }

    /// Finds the places that a new kind of token has to be added to, and that the compiler does not
    /// find.
    #[test]
    fn each_kind_is_everywhere() {
        let allow = DIRECTIVES.iter().find(|directive| directive.name == c"MaintenanceAllow");
        let usage = allow.expect("the directive").usage.to_str().expect("text");
        // An address is written without a key; the others are not tokens.
        let keys = AllowKind::ALL.map(AllowKind::name);
        let others = ["address", "flag", "health-check", "safe-method", "share", "status-page"];
        let keys = keys.into_iter().filter(|name| !others.contains(name));
        let keys: Vec<_> = keys.collect();
        assert_eq!(keys, hint::KEYS, "net/hint.rs");
        let manual = document("allowlist.md");
        for key in &keys {
            assert!(usage.contains(&format!("{key}=")), "{key} in the usage: {usage}");
            assert!(manual.contains(&format!("{key}=")), "{key} in docs/allowlist.md");
        }
        let schema =
            serde_json::from_str(&document("maintenance-status.schema.json")).expect("the schema");
        let mut enums = vec![];
        add_enums(&schema, &mut enums);
        let labels = AllowKind::ALL.map(|kind| kind.label().to_str().expect("text"));
        for (first, words) in [
            ("host", &keys[..]),
            ("flag", &AllowKind::ALL.map(AllowKind::name)),
            ("allowed:host", &labels),
        ] {
            let mut of = enums.iter().filter(|found| found.contains(&first)).peekable();
            assert!(of.peek().is_some(), "no enum of the schema has {first}");
            let lacks = |found: &&Vec<&str>| words.iter().any(|word| !found.contains(word));
            assert_eq!(of.find(lacks), None, "an enum of the schema lacks one of {words:?}");
        }
    }
}
