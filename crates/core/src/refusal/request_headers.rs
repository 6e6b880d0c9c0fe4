//! What an answer depends on.

use std::ffi::CStr;

use crate::allow::ClientRequest;
use crate::page::ServerName;

/// What the answer depends on, in addition to what the allowlist needs.
pub trait RequestHeaders: ClientRequest {
    /// The name of the server or virtual host, as in `ServerName`.
    fn host(&self) -> &ServerName;
    /// The value of each of these header fields; see [`ClientRequest::header`].
    fn headers<const N: usize>(&self, names: [&'static CStr; N]) -> [Option<&[u8]>; N] {
        names.map(|name| self.header(name))
    }
    /// Whether the request came over TLS.
    fn is_secure(&self) -> bool;
}
