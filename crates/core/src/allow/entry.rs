//! An entry of an allowlist: a token, and where it stands.

use std::sync::Arc;

use super::token::Token;

/// A token, and where it stands.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) token: Token,
    /// As it is written.
    pub(super) word: Arc<str>,
    /// File and line of the directive, where they are known.
    pub(super) from: Option<Arc<str>>,
}
