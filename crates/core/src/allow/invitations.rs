//! Invitations, for people without a fixed address: who has one, and what a client has sent of one.
//!
//! An invitation is a secret in a link. The file has its hash alone ([`mod@file`]). A link puts the
//! secret into a cookie, and both are taken out of the request before another module sees them
//! ([`sent`], [`cookie`]), so that logs and applications do not have the secret.

pub mod cookie;
pub mod file;
mod known;
mod secret;
pub mod sent;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::path::ExemptPath;
use known::Known;
pub use secret::SecretHash;

/// One invitation.
#[derive(Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Whose it is.
    pub name: String,
    /// From this moment on it admits nobody.
    pub until: Option<Timestamp>,
    /// The only path that it admits to.
    pub path: Option<ExemptPath>,
    /// Its line in the file.
    pub line: u32,
    /// Identifies it where its uses are counted.
    pub id: u64,
}

impl Invitation {
    /// Whether it has ended at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// The invitations of a file.
#[derive(Debug, Default)]
pub struct Invitations {
    /// By the hash of what was sent, so that the time of a lookup depends on nothing else.
    by_hash: HashMap<SecretHash, Arc<Invitation>>,
    in_order: Vec<Arc<Invitation>>,
    /// Those that have been found.
    known: Known<Invitation>,
}

impl Invitations {
    /// The invitation with this secret.
    pub fn find(&self, secret: &[u8]) -> Option<Arc<Invitation>> {
        self.known.find(secret, || self.with_hash(SecretHash::of(secret)?))
    }

    /// The invitation whose secret has this hash.
    pub fn with_hash(&self, hash: SecretHash) -> Option<&Arc<Invitation>> {
        self.by_hash.get(&hash)
    }

    /// All invitations in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Invitation>> {
        self.in_order.iter()
    }

    /// The number of invitations.
    pub fn len(&self) -> usize {
        self.in_order.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    /// The number of invitations that have ended at `now`.
    pub fn expired(&self, now: Timestamp) -> usize {
        self.in_order.iter().filter(|invitation| invitation.is_expired(now)).count()
    }
}
