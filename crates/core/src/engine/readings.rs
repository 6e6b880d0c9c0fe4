//! The possible readings of a path whose slashes were sent as `%2f`.
//!
//! Some servers leave such a slash encoded. Others treat it as a segment separator, before or after
//! they remove `..` and the parameters after `;`. httpd passes the path on without interpreting the
//! encoded slash, and does not know how the application reads it. Therefore every reading counts.

use std::ffi::CString;

/// Whether the path contains an encoded slash.
pub fn has_encoded_slash(path: &[u8]) -> bool {
    path.windows(3).any(|window| window.eq_ignore_ascii_case(b"%2f"))
}

/// The possible readings of a path with encoded slashes, decoded and normalised, without
/// duplicates. Empty for other paths, and for anything that is not an absolute path.
pub fn readings(path: &[u8]) -> Vec<CString> {
    let mut readings = vec![];
    if !path.starts_with(b"/") || !has_encoded_slash(path) {
        return readings;
    }
    // A server may decode everything or only the slashes.
    for decoded in [decode(path, |byte| byte != 0), decode(path, |byte| byte == b'/')] {
        for keeps_parameters in [true, false] {
            let reading = CString::new(normalise(&decoded, keeps_parameters)).unwrap_or_default();
            if !readings.contains(&reading) {
                readings.push(reading);
            }
        }
    }
    readings
}

/// Decodes the selected bytes once and leaves everything else unchanged.
fn decode(path: &[u8], is_decoded: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'%', [high, low, behind @ ..]) => match hexadecimal(*high, *low) {
                Some(byte) if is_decoded(byte) => {
                    decoded.push(byte);
                    rest = behind;
                }
                _ => decoded.push(b'%'),
            },
            _ => decoded.push(*byte),
        }
    }
    decoded
}

fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Removes empty segments, `.` and `..` (RFC 3986, section 5.2.4). If parameters are dropped,
/// `..;v=1` is `..`, as in servlet containers.
fn normalise(path: &[u8], keeps_parameters: bool) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = vec![];
    let mut is_folder = false;
    for segment in path.split(|byte| *byte == b'/') {
        let name = match keeps_parameters {
            true => segment,
            false => segment.split(|byte| *byte == b';').next().unwrap_or_default(),
        };
        is_folder = matches!(name, b"" | b"." | b"..");
        match name {
            b".." => drop(kept.pop()),
            b"." => {}
            b"" if segment.is_empty() => {}
            _ => kept.push(segment),
        }
    }
    let mut path: Vec<u8> = kept.iter().flat_map(|segment| [b"/", *segment].concat()).collect();
    if is_folder || path.is_empty() {
        path.push(b'/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, expected) in [
            ("/", &[][..]),
            ("/blogs/x", &[]),
            ("/blogs%20x", &[]),
            ("/blogs%2", &[]),
            ("*", &[]),
            ("http://x/blogs%2fx", &[]), // a forward proxy's
            ("%2f", &[]),
            ("/blogs%2fx", &["/blogs/x"]),
            ("/blogs%2Fx", &["/blogs/x"]),
            ("/blogs%2f", &["/blogs/"]),
            ("/%2f", &["/"]),
            ("/%2fblogs", &["/blogs"]),
            ("/a%2f%2fb//c", &["/a/b/c"]),
            ("/a/..%2fblogs/x", &["/blogs/x"]),
            ("/a/b%2f..%2F..%2fblogs", &["/blogs"]),
            ("/..%2f..%2fblogs", &["/blogs"]),
            ("/a%2f..", &["/"]),
            ("/a%2fb/..", &["/a/"]),
            ("/.%2fblogs%2f.", &["/blogs/"]),
            ("/a/%2e%2e%2fblogs", &["/blogs", "/a/%2e%2e/blogs"]),
            ("/%62logs%2fx", &["/blogs/x", "/%62logs/x"]),
            ("/c%2f%252e%252e/x", &["/c/%2e%2e/x", "/c/%252e%252e/x"]), // decoded once
            ("/a%252fb%2fc", &["/a%2fb/c", "/a%252fb/c"]),
            ("/a%2f..;v=1/blogs", &["/a/..;v=1/blogs", "/blogs"]),
            ("/a%2f..%3bv/b", &["/a/..;v/b", "/b", "/a/..%3bv/b"]),
            ("/a;v%2fb;w", &["/a;v/b;w"]),
            ("/a%2f;v/..", &["/a/"]),
            ("/a%2f.;v", &["/a/.;v", "/a/"]),
            ("/a%2fb%00c%zz%", &["/a/b%00c%zz%"]),
            ("/a%2f\u{fc}", &["/a/\u{fc}"]),
        ] {
            let expected: Vec<_> =
                expected.iter().map(|path| CString::new(*path).expect("text")).collect();
            assert_eq!(readings(path.as_bytes()), expected, "{path}");
        }
    }

    /// A reading is already normalised, so normalising it again changes nothing.
    #[test]
    fn nothing_is_left_to_remove() {
        let parts = ["a", "..", ".", "", "%2f", "%2F", "/", ";v", "%2e%2e", "b"];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let path: String =
                (0..random.usize(..9)).map(|_| parts[random.usize(..parts.len())]).collect();
            for reading in readings(format!("/{path}").as_bytes()) {
                let reading = reading.to_str().expect("text");
                assert!(reading.starts_with('/'), "{path}: {reading}");
                assert!(!has_encoded_slash(reading.as_bytes()), "{path}: {reading}");
                let mut segments = reading.split('/').skip(1);
                assert!(!segments.any(|segment| [".", ".."].contains(&segment)), "{path}");
                assert!(!reading.contains("//"), "{path}: {reading}");
            }
        }
    }
}
