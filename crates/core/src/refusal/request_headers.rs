//! What an answer depends on.

use crate::allow::ClientRequest;
use crate::page::ServerName;

/// What the answer depends on, in addition to what the allowlist needs.
pub trait RequestHeaders: ClientRequest {
    /// The name of the server or virtual host, as in `ServerName`.
    fn host(&self) -> &ServerName;
    /// Whether the request came over TLS.
    fn is_secure(&self) -> bool;
}
