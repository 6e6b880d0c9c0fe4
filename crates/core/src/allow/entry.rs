//! An entry of an allowlist: a token and its position in the configuration.

use std::sync::Arc;

use super::token::Token;

/// A token and its position in the configuration.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) token: Token,
    /// The token as written.
    pub(super) word: Arc<str>,
    /// File and line of the directive, if known.
    pub(super) from: Option<Arc<str>>,
}
