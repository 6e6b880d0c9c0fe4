//! The tokens of `MaintenanceAllow`, one for each kind of admission.

use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use thiserror::Error;

use super::admission::AllowKind;
use super::invitations::{self, Invitations};
use super::list;
use super::nodes::NodeFile;
use super::path::{ExemptPath, PathError};
use crate::context::{DirectiveContext, Expr};
use crate::file::watched::Watched;
use crate::net::hint::{self, Place};
use crate::net::hosts;
use crate::net::network::{self, NetworkError};
use crate::net::networks::Networks;

/// Why a word of `MaintenanceAllow` admits nobody.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AllowError {
    /// `MaintenanceAllow ""`
    #[error("an empty word admits nobody")]
    Empty,
    /// A word that is almost an address or a network.
    #[error("\"{word}\" {cause}")]
    Network {
        /// The word.
        word: String,
        /// What is wrong with it.
        cause: NetworkError,
    },
    /// A word that is neither an address nor a network, with a suggestion.
    #[error("\"{word}\" is neither an address nor a network; {hint}")]
    Guessed {
        /// The word.
        word: String,
        /// What to write instead.
        hint: String,
    },
    /// A word for which there is no suggestion.
    #[error("\"{0}\" is neither an address nor a network")]
    Unknown(String),
    /// `path="/my assets"`, which httpd splits into two words.
    #[error(
        "\"{word}\" has quotes in its middle; write the quotes around the whole word: \"{key}=...\""
    )]
    Quotes {
        /// The word.
        word: String,
        /// The word before the equals sign.
        key: String,
    },
    /// `host=a/b`
    #[error("\"{word}\" does not name a host{hint}")]
    Host {
        /// The word.
        word: String,
        /// What to write instead; empty if there is nothing to suggest.
        hint: String,
    },
    /// `env=`, `env=!X`
    #[error("\"{word}\" does not name an environment variable{hint}")]
    EnvName {
        /// The word.
        word: String,
        /// What to write instead; empty if there is nothing to suggest.
        hint: String,
    },
    /// `path=healthz`
    #[error("\"{word}\" {cause}")]
    Path {
        /// The word.
        word: String,
        /// What is wrong with it.
        cause: PathError,
    },
    /// `expr=`, with the error of httpd's parser.
    #[error("\"{word}\" is not a valid expression: {cause}")]
    Expr {
        /// The word.
        word: String,
        /// The parser's message.
        cause: String,
    },
    /// `file=`, `plugin-cfg=` and `invite=`
    #[error("\"{path}\" {cause}")]
    File {
        /// The file.
        path: String,
        /// Why it cannot be used.
        cause: String,
    },
    /// `10.0.0.1 none`
    #[error("\"none\" must be the first word")]
    NoneNotFirst,
}

impl AllowError {
    /// Whether the usage is the best suggestion.
    pub fn is_unguessed(&self) -> bool {
        matches!(self, Self::Empty | Self::Unknown(_))
    }
}

/// One token of an allowlist.
#[derive(Clone)]
pub(super) enum Token {
    /// An address (a network of one) or a network.
    Network(IpNet),
    Host(String),
    File(Arc<Watched<Networks>>),
    PluginCfg(Arc<NodeFile>),
    Invite(Arc<Watched<Invitations>>),
    Env(CString),
    Expr(Arc<str>, Expr),
    Path(ExemptPath),
}

impl Token {
    pub(super) fn kind(&self) -> AllowKind {
        match self {
            Self::Network(_) => AllowKind::Address,
            Self::Host(_) => AllowKind::Host,
            Self::File(_) => AllowKind::File,
            Self::PluginCfg(_) => AllowKind::PluginCfg,
            Self::Invite(_) => AllowKind::Invite,
            Self::Env(_) => AllowKind::Env,
            Self::Expr(..) => AllowKind::Expr,
            Self::Path(_) => AllowKind::Path,
        }
    }
}

/// Parses one token, opens its file and compiles its expression.
///
/// # Errors
/// [`AllowError`]
pub(super) fn parse(word: &str, context: &dyn DirectiveContext) -> Result<Token, AllowError> {
    if word.is_empty() {
        return Err(AllowError::Empty);
    }
    let file = |name: &str| context.server_root().join(name);
    let wrong_file =
        |name: &str, cause| AllowError::File { path: file(name).display().to_string(), cause };
    if let Some((key, value)) = word.split_once('=')
        && hint::KEYS.contains(&key)
        && value.starts_with(['"', '\''])
        && key != "expr"
    {
        return Err(AllowError::Quotes { word: word.into(), key: key.into() });
    }
    match word.split_once('=') {
        Some(("host", name)) if hosts::is_name(name) => Ok(Token::Host(name.into())),
        Some(("host", name)) => {
            Err(AllowError::Host { word: word.into(), hint: instead_of_host(name) })
        }
        Some(("file", name)) => match list::open(file(name), context.keeper()) {
            Ok(list) => Ok(Token::File(Arc::new(list))),
            Err(cause) => Err(wrong_file(name, or_create(&file(name), cause))),
        },
        Some(("plugin-cfg", name)) => match NodeFile::open(file(name), context.keeper()) {
            Ok(nodes) => Ok(Token::PluginCfg(Arc::new(nodes))),
            Err(cause) => Err(wrong_file(name, cause)),
        },
        Some(("invite", name)) => match invitations::file::open(file(name), context.keeper()) {
            Ok(invitations) => Ok(Token::Invite(Arc::new(invitations))),
            Err(cause) => Err(wrong_file(name, or_create(&file(name), cause))),
        },
        Some(("env", name)) => match CString::new(name) {
            Ok(name) if is_variable(name.to_bytes()) => Ok(Token::Env(name)),
            _ => Err(AllowError::EnvName { word: word.into(), hint: instead_of_variable(name) }),
        },
        Some(("expr", text)) => match context.compile(text) {
            Ok(expr) => Ok(Token::Expr(text.into(), expr)),
            // An expression can begin with a quote, but that is rare.
            Err(_) if text.starts_with('"') => {
                Err(AllowError::Quotes { word: word.into(), key: "expr".into() })
            }
            Err(cause) => Err(AllowError::Expr { word: word.into(), cause }),
        },
        Some(("path", path)) => match ExemptPath::parse(path) {
            Ok(path) => Ok(Token::Path(path)),
            Err(cause) => Err(AllowError::Path { word: word.into(), cause }),
        },
        _ => network::parse(word).map(Token::Network).map_err(|cause| {
            let word = word.to_owned();
            match (cause, hint::instead_of(&word, Place::Directive)) {
                (NetworkError::Address, Some(hint)) => AllowError::Guessed { word, hint },
                (NetworkError::Address, None) => AllowError::Unknown(word),
                (cause, _) => AllowError::Network { word, cause },
            }
        }),
    }
}

/// The cause, with what to do if there is no such file: a list is often configured before there is
/// anybody to admit.
fn or_create(path: &Path, cause: String) -> String {
    match path.exists() {
        true => cause,
        false => cause + "; to admit nobody, create the file with one comment line",
    }
}

/// Whether this is the name of an environment variable, and not an expression, a list or a value.
fn is_variable(name: &[u8]) -> bool {
    let is_odd = |byte: &u8| byte.is_ascii_whitespace() || b"!=,;%$*?{}[]()|<>\"'".contains(byte);
    !name.is_empty() && !name.iter().any(is_odd)
}

/// A suggestion for an `env=` value that is not a name.
fn instead_of_variable(name: &str) -> String {
    let is_name = |name: &str| is_variable(name.as_bytes());
    let inner = name.strip_prefix("%{").or_else(|| name.strip_prefix("${"));
    let inner = inner.and_then(|rest| rest.trim_end_matches('e').strip_suffix('}'));
    let inner = inner.map(|name| name.rsplit(':').next().unwrap_or_default());
    let inner = inner.or_else(|| name.strip_prefix('$')).filter(|name| is_name(name));
    match (name.strip_prefix('!').filter(|name| is_name(name)), name.split_once('=')) {
        (Some(name), _) => format!("; write \"expr=-z reqenv('{name}')\""),
        (_, Some((name, value))) if is_name(name) && !value.contains(['\'', '"']) => {
            format!("; write \"expr=reqenv('{name}') == '{value}'\"")
        }
        _ => inner.map_or_else(String::new, |name| format!("; write env={name}")),
    }
}

/// A suggestion for a `host=` value that is not a name.
fn instead_of_host(name: &str) -> String {
    let network = hint::instead_of(name, Place::Directive);
    match name {
        _ if network::parse(name).is_ok() => format!("; write {name}"),
        _ if name.contains('*') => "; write the addresses; names with * do not resolve".into(),
        _ if name.contains([',', ';']) => "; write host= before each name".into(),
        _ => network.map_or_else(String::new, |hint| format!("; {hint}")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    struct Nowhere;

    impl DirectiveContext for Nowhere {
        fn server_root(&self) -> &Path {
            Path::new("/nowhere")
        }
        fn compile(&self, _: &str) -> Result<Expr, String> {
            Err("syntax error".into())
        }
    }

    #[test]
    fn what_to_write_instead() {
        for (word, message) in [
            ("hosts=x", "\"hosts=x\" is neither an address nor a network"),
            ("ENV=X", "\"ENV=X\" is neither an address nor a network; write env=X"),
            ("env=", "\"env=\" does not name an environment variable"),
            (
                "env=!X",
                "\"env=!X\" does not name an environment variable; write \
                 \"expr=-z reqenv('X')\"",
            ),
            (
                "env=X=1",
                "\"env=X=1\" does not name an environment variable; write \
                 \"expr=reqenv('X') == '1'\"",
            ),
            ("env=%{X}e", "\"env=%{X}e\" does not name an environment variable; write env=X"),
            ("env=%{ENV:X}", "\"env=%{ENV:X}\" does not name an environment variable; write env=X"),
            ("env=${X}", "\"env=${X}\" does not name an environment variable; write env=X"),
            ("env=$X", "\"env=$X\" does not name an environment variable; write env=X"),
            ("env=X Y", "\"env=X Y\" does not name an environment variable"),
            ("host=", "\"host=\" does not name a host"),
            ("host=10.0.0.1", "\"host=10.0.0.1\" does not name a host; write 10.0.0.1"),
            (
                "host=node1:80",
                "\"host=node1:80\" does not name a host; write host=node1, without the port",
            ),
            (
                "host=https://node1/x",
                "\"host=https://node1/x\" does not name a host; write host=node1",
            ),
            (
                "file='a",
                "\"file='a\" has quotes in its middle; write the quotes around the whole word: \
                 \"file=...\"",
            ),
            (
                "expr=\"true\"",
                "\"expr=\"true\"\" has quotes in its middle; write the quotes around the whole word: \
                 \"expr=...\"",
            ),
        ] {
            let error = parse(word, &Nowhere).err().expect("a wrong word");
            assert_eq!(error.to_string(), message, "{word}");
            assert_eq!(error.is_unguessed(), word == "hosts=x", "{word}");
        }
    }
}
