//! Request methods that only read.

/// The methods that the IANA HTTP Method Registry calls safe (RFC 9110, section 9.2.1; QUERY: RFC
/// 10008, section 5).
const SAFE: [&[u8]; 9] =
    [b"GET", b"HEAD", b"OPTIONS", b"PRI", b"PROPFIND", b"QUERY", b"REPORT", b"SEARCH", b"TRACE"];

/// Whether a request with this method only reads. Method names are case-sensitive. An unknown method
/// counts as one that writes, because it may.
pub fn is_safe(method: &[u8]) -> bool {
    SAFE.contains(&method)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The registry: every method, and whether it is safe.
    #[test]
    fn methods() {
        let unsafe_ones = "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE LABEL \
             LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE ORDERPATCH \
             PATCH POST PROPPATCH PUT REBIND UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE \
             UPDATEREDIRECTREF VERSION-CONTROL *";
        let unknown = ["", "get", "Get", "GET ", " GET", "GETS", "GE", "BREW", "G\u{0}ET"];
        for method in unsafe_ones.split(' ').chain(unknown) {
            assert!(!is_safe(method.as_bytes()), "{method}");
        }
        for method in SAFE {
            assert!(is_safe(method));
        }
    }
}
