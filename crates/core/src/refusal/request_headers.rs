//! What an answer depends on.

use std::borrow::Cow;

use crate::allow::ClientRequest;

/// What the answer depends on, in addition to what the allowlist needs.
pub trait RequestHeaders: ClientRequest {
    /// The name of the server or virtual host, as in `ServerName`.
    fn host(&self) -> Cow<'_, str>;
    /// Whether the request came over TLS.
    fn is_secure(&self) -> bool;
}
