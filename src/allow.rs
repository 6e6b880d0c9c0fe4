//! The allowlist: who passes while the scope is closed.

pub mod network;

use std::ffi::{CStr, CString};
use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixSet;
use thiserror::Error;

use network::NetworkError;

/// Why a word of `MaintenanceAllow` admits nobody.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AllowError {
    /// `MaintenanceAllow ""`
    #[error("an empty word admits nobody")]
    Empty,
    /// A word that is neither an address nor a network.
    #[error("\"{word}\" {cause}")]
    Network {
        /// The word.
        word: String,
        /// What is wrong with it.
        cause: NetworkError,
    },
    /// `node1.example.com`
    #[error("\"{0}\" looks like a host name, and names are not looked up")]
    Name(String),
    /// `env=`
    #[error("\"{0}\" names no environment variable")]
    EnvName(String),
    /// `10.0.0.1 none`
    #[error("\"none\" has to be the first word")]
    NoneNotFirst,
}

/// One admission of an allowlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An address (a network of one) or a network.
    Network(IpNet),
    /// `env=NAME`: requests with this environment variable set, whatever its value.
    Env(CString),
}

/// The `MaintenanceAllow` lines of one scope.
#[derive(Clone, Debug, Default)]
pub struct AllowRules {
    /// `none` was said: what the outer scope admits does not count here.
    not_inherited: bool,
    tokens: Vec<Token>,
}

impl AllowRules {
    /// Adds the words of one `MaintenanceAllow` line.
    ///
    /// # Errors
    /// [`AllowError`] for the first word that is wrong; the rules are then of no use.
    pub fn add(&mut self, words: &[&str]) -> Result<(), AllowError> {
        for (position, word) in words.iter().enumerate() {
            match (*word, position) {
                ("none", 0) => self.not_inherited = true,
                ("none", _) => return Err(AllowError::NoneNotFirst),
                (word, _) => self.tokens.push(parse_token(word)?),
            }
        }
        Ok(())
    }

    /// These rules inside a scope with the rules `outer`.
    pub fn within(&self, outer: &Self) -> Self {
        if self.not_inherited {
            return self.clone();
        }
        let tokens = outer.tokens.iter().chain(&self.tokens).cloned().collect();
        Self { not_inherited: outer.not_inherited, tokens }
    }

    /// The rules in the form that requests are held against.
    pub fn compile(&self) -> Allowlist {
        let mut allowlist = Allowlist::default();
        for token in &self.tokens {
            match token {
                Token::Network(network) => drop(allowlist.networks.insert(*network)),
                Token::Env(name) => allowlist.env.push(name.clone()),
            }
        }
        allowlist
    }
}

fn parse_token(word: &str) -> Result<Token, AllowError> {
    if word.is_empty() {
        return Err(AllowError::Empty);
    }
    if let Some(name) = word.strip_prefix("env=") {
        return match CString::new(name) {
            Ok(name) if !name.is_empty() => Ok(Token::Env(name)),
            _ => Err(AllowError::EnvName(word.into())),
        };
    }
    network::parse(word).map(Token::Network).map_err(|cause| {
        if cause == NetworkError::Address && network::looks_like_name(word) {
            AllowError::Name(word.into())
        } else {
            AllowError::Network { word: word.into(), cause }
        }
    })
}

/// What the allowlist wants to know of a request.
pub trait Visitor {
    /// The client's address as httpd sees it (`useragent_ip`); None for a local socket.
    fn address(&self) -> Option<IpAddr>;
    /// Is this environment variable set for the request?
    fn has_env(&self, name: &CStr) -> bool;
}

/// The kind of token that admitted a request, as notes and logs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// By an address or network of `MaintenanceAllow`.
    Address,
    /// By `env=`.
    Env,
}

/// A compiled allowlist. A look-up walks one prefix trie: its cost does not grow with the number
/// of networks, and it neither allocates nor locks.
#[derive(Debug, Default)]
pub struct Allowlist {
    networks: JointPrefixSet<IpNet>,
    env: Vec<CString>,
}

impl Allowlist {
    /// Why the visitor passes; None where it does not.
    pub fn admit(&self, visitor: &impl Visitor) -> Option<Admission> {
        if let Some(address) = visitor.address()
            && self.networks.get_lpm(&network::of_address(address)).is_some()
        {
            return Some(Admission::Address);
        }
        self.env.iter().any(|name| visitor.has_env(name)).then_some(Admission::Env)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Client(&'static str);

    impl Visitor for Client {
        fn address(&self) -> Option<IpAddr> {
            self.0.parse().ok()
        }
        fn has_env(&self, name: &CStr) -> bool {
            name == c"SET"
        }
    }

    fn rules(words: &[&str]) -> AllowRules {
        let mut rules = AllowRules::default();
        rules.add(words).expect("good words");
        rules
    }

    #[test]
    fn inner_rules_add_to_outer_ones_unless_none_comes_first() {
        let outer = rules(&["10.0.0.1"]);
        for (inner, client, admission) in [
            (&["10.0.0.2"][..], "10.0.0.1", Some(Admission::Address)),
            (&["10.0.0.2"], "10.0.0.2", Some(Admission::Address)),
            (&["10.0.0.2"], "10.0.0.3", None),
            (&["none"], "10.0.0.1", None),
            (&["none", "10.0.0.2"], "10.0.0.1", None),
            (&["none", "10.0.0.2"], "10.0.0.2", Some(Admission::Address)),
            (&["env=SET"], "10.0.0.3", Some(Admission::Env)),
            (&["env=SET"], "10.0.0.1", Some(Admission::Address)),
            (&["env=UNSET"], "10.0.0.3", None),
            (&["env=SET"], "a local socket", Some(Admission::Env)),
            (&[], "::ffff:10.0.0.1", Some(Admission::Address)),
            (&["0.0.0.0/0"], "::1", None),
            (&["::/0"], "10.0.0.3", None),
            (&["::/0"], "::1", Some(Admission::Address)),
        ] {
            let merged = rules(inner).within(&outer).compile();
            assert_eq!(merged.admit(&Client(client)), admission, "{inner:?} {client}");
        }
        assert_eq!(AllowRules::default().compile().admit(&Client("127.0.0.1")), None);
    }

    #[test]
    fn none_drops_what_two_scopes_up_admit() {
        let middle = rules(&["none"]).within(&rules(&["10.0.0.1"]));
        let inner = rules(&["10.0.0.2"]).within(&middle).compile();
        assert_eq!(inner.admit(&Client("10.0.0.1")), None);
        assert_eq!(inner.admit(&Client("10.0.0.2")), Some(Admission::Address));
    }

    #[test]
    fn words_that_admit_nobody() {
        for (words, message) in [
            (&[""][..], "an empty word admits nobody"),
            (&["10.0.0.300"], "\"10.0.0.300\" is no address and no network"),
            (
                &["node1.example.com"],
                "\"node1.example.com\" looks like a host name, and names are not looked up",
            ),
            (&["env="], "\"env=\" names no environment variable"),
            (&["10.0.0.1", "none"], "\"none\" has to be the first word"),
            (
                &["10.0.0.1/8"],
                "\"10.0.0.1/8\" has bits set to the right of its prefix; its network is 10.0.0.0/8",
            ),
        ] {
            let error = AllowRules::default().add(words).expect_err("wrong words");
            assert_eq!(error.to_string(), message, "{words:?}");
        }
    }
}
