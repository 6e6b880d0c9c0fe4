//! The tokens of `MaintenanceAllow`, one for each way of being admitted.

use std::ffi::CString;
use std::sync::Arc;

use ipnet::IpNet;
use thiserror::Error;

use super::Means;
use super::hosts;
use super::network::{self, NetworkError};
use super::nodes::NodeFile;
use super::path::{ExemptPath, PathError};
use super::source::{self, Networks};
use crate::config::Surroundings;
use crate::watched::Watched;

/// Why a word of `MaintenanceAllow` admits nobody.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AllowError {
    /// `MaintenanceAllow ""`
    #[error("an empty word admits nobody")]
    Empty,
    /// A word that is neither an address nor a network.
    #[error("\"{word}\" {cause}{hint}")]
    Network {
        /// The word.
        word: String,
        /// What is wrong with it.
        cause: NetworkError,
        /// What was probably meant.
        hint: &'static str,
    },
    /// `host=a/b`
    #[error("\"{0}\" holds no host name")]
    Host(String),
    /// `env=`
    #[error("\"{0}\" names no environment variable")]
    EnvName(String),
    /// `path=healthz`
    #[error("\"{word}\" {cause}")]
    Path {
        /// The word.
        word: String,
        /// What is wrong with it.
        cause: PathError,
    },
    /// `expr=`, with what httpd's parser says.
    #[error("\"{word}\" is no expression: {cause}")]
    Expr {
        /// The word.
        word: String,
        /// The parser's words.
        cause: String,
    },
    /// `file=` and `plugin-cfg=`
    #[error("\"{path}\" {cause}")]
    File {
        /// The file.
        path: String,
        /// Why it cannot be used.
        cause: String,
    },
    /// `10.0.0.1 none`
    #[error("\"none\" has to be the first word")]
    NoneNotFirst,
}

/// An expression that the server has compiled; only the server knows what the number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expr(pub usize);

/// One admission of an allowlist.
#[derive(Clone)]
pub(super) enum Token {
    /// An address (a network of one) or a network.
    Network(IpNet),
    Host(String),
    File(Arc<Watched<Networks>>),
    PluginCfg(Arc<NodeFile>),
    Env(CString),
    Expr(Arc<str>, Expr),
    Path(ExemptPath),
}

impl Token {
    pub(super) fn means(&self) -> Means {
        match self {
            Self::Network(_) => Means::Address,
            Self::Host(_) => Means::Host,
            Self::File(_) => Means::File,
            Self::PluginCfg(_) => Means::PluginCfg,
            Self::Env(_) => Means::Env,
            Self::Expr(..) => Means::Expr,
            Self::Path(_) => Means::Path,
        }
    }
}

/// Reads one token. Files are opened and expressions compiled.
///
/// # Errors
/// [`AllowError`]
pub(super) fn parse(word: &str, place: &dyn Surroundings) -> Result<Token, AllowError> {
    if word.is_empty() {
        return Err(AllowError::Empty);
    }
    let file = |name: &str| place.server_root().join(name);
    let wrong_file =
        |name: &str, cause| AllowError::File { path: file(name).display().to_string(), cause };
    match word.split_once('=') {
        Some(("host", name)) if hosts::is_name(name) => Ok(Token::Host(name.into())),
        Some(("host", _)) => Err(AllowError::Host(word.into())),
        Some(("file", name)) => match source::open_list(file(name), place.keeper()) {
            Ok(list) => Ok(Token::File(Arc::new(list))),
            Err(cause) => Err(wrong_file(name, cause)),
        },
        Some(("plugin-cfg", name)) => match NodeFile::open(file(name), place.keeper()) {
            Ok(nodes) => Ok(Token::PluginCfg(Arc::new(nodes))),
            Err(cause) => Err(wrong_file(name, cause)),
        },
        Some(("env", name)) => match CString::new(name) {
            Ok(name) if !name.is_empty() => Ok(Token::Env(name)),
            _ => Err(AllowError::EnvName(word.into())),
        },
        Some(("expr", text)) => match place.compile(text) {
            Ok(expr) => Ok(Token::Expr(text.into(), expr)),
            Err(cause) => Err(AllowError::Expr { word: word.into(), cause }),
        },
        Some(("path", path)) => match ExemptPath::parse(path) {
            Ok(path) => Ok(Token::Path(path)),
            Err(cause) => Err(AllowError::Path { word: word.into(), cause }),
        },
        _ => network::parse(word).map(Token::Network).map_err(|cause| AllowError::Network {
            word: word.into(),
            hint: if cause == NetworkError::Address { hint(word) } else { "" },
            cause,
        }),
    }
}

/// What was probably meant by a word that is no address.
fn hint(word: &str) -> &'static str {
    match word {
        "from" | "ip" => " (unlike Allow and Require, MaintenanceAllow has no such word)",
        "all" => " (MaintenanceEngine Off admits all)",
        _ if word.contains('#') => " (a comment needs a line of its own)",
        _ if word.contains(',') => " (blanks, not commas, separate addresses)",
        _ if word.starts_with('[') => " (write an IPv6 address without brackets)",
        _ if hosts::is_name(word) => " (write a name as host=NAME)",
        _ => "",
    }
}
