//! Requests that may never end by themselves, so that waiting for them could take for ever.

use std::ffi::CStr;

use serde::Serialize;

/// What the answer to a request is, if the request may never end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasting {
    /// The connection has switched to another protocol, such as WebSocket (status 101).
    Upgraded,
    /// An event stream (`text/event-stream`).
    Stream,
}

impl Lasting {
    /// What the answer may become, judged by the request's header fields. A browser's WebSocket has
    /// the field Sec-WebSocket-Key (RFC 6455, section 4.1), which mod_proxy leaves where it is, unlike
    /// Upgrade; its EventSource has `Accept: text/event-stream` (HTML, section 9.2).
    pub fn may_come<'h>(header: impl Fn(&CStr) -> Option<&'h [u8]>) -> Option<Self> {
        if header(c"Sec-WebSocket-Key").is_some() {
            return Some(Self::Upgraded);
        }
        let stream = b"text/event-stream";
        let accept = header(c"Accept")?;
        let mut parts = accept.windows(stream.len());
        parts.any(|part| part.eq_ignore_ascii_case(stream)).then_some(Self::Stream)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_may_come() {
        for (name, value, expected) in [
            (c"Sec-WebSocket-Key", "x", Some(Lasting::Upgraded)),
            (c"Accept", "text/event-stream", Some(Lasting::Stream)),
            (c"Accept", "application/json, Text/Event-Stream;q=0.9", Some(Lasting::Stream)),
            (c"Accept", "text/html, */*", None),
            (c"Accept", "", None),
            (c"Upgrade", "h2c", None),
        ] {
            let header = |asked: &CStr| (asked == name).then_some(value.as_bytes());
            assert_eq!(Lasting::may_come(header), expected, "{name:?}: {value}");
        }
    }
}
