//! The Accept-Encoding field.

use std::ffi::CStr;

use super::list::elements;

/// The content codings (RFC 9110, 8.4.1) that a page can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// No coding.
    Identity,
    /// `gzip`, also under its old name `x-gzip`
    Gzip,
    /// `br` (RFC 7932)
    Brotli,
}

impl Encoding {
    /// The value of Content-Encoding; None without a coding.
    pub fn name(self) -> Option<&'static CStr> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some(c"gzip"),
            Self::Brotli => Some(c"br"),
        }
    }
}

/// The coding that Accept-Encoding prefers (RFC 9110, section 12.5.3). Of equally preferred
/// codings, Brotli wins over gzip, because it makes the page smaller. `*` stands for the codings
/// that the field does not name. Identity wins only if it is named. It is also the result for a
/// field that is absent, empty or malformed, and for a field that excludes all three codings.
///
/// A coding with `q=0` stays excluded even if the field names it again.
pub fn encoding(accept_encoding: Option<&[u8]>) -> Encoding {
    let (mut brotli, mut gzip, mut identity, mut any) = (None, None, None, None);
    for element in elements(accept_encoding) {
        let is = |name: &[u8]| element.name.eq_ignore_ascii_case(name);
        let quality = if is(b"br") {
            &mut brotli
        } else if is(b"gzip") || is(b"x-gzip") {
            &mut gzip
        } else if is(b"identity") {
            &mut identity
        } else if is(b"*") {
            &mut any
        } else {
            continue;
        };
        *quality = Some(match *quality {
            Some(0) => 0,
            Some(former) if element.quality != 0 => element.quality.max(former),
            _ => element.quality,
        });
    }
    // `max_by_key` returns the last of equal elements.
    [
        (identity, Encoding::Identity),
        (gzip.or(any), Encoding::Gzip),
        (brotli.or(any), Encoding::Brotli),
    ]
    .into_iter()
    .filter(|(quality, _)| quality.is_some_and(|quality| quality > 0))
    .max_by_key(|(quality, _)| *quality)
    .map_or(Encoding::Identity, |(_, encoding)| encoding)
}

#[cfg(test)]
mod tests {
    use super::Encoding::{Brotli, Gzip, Identity};
    use super::*;

    #[test]
    fn headers() {
        for (value, expected) in [
            // browsers and tools
            ("gzip, deflate, br, zstd", Brotli),
            ("gzip, deflate, br", Brotli),
            ("gzip, deflate", Gzip),
            ("gzip,deflate", Gzip),
            ("gzip;q=1.0, deflate;q=0.6, identity;q=0.3", Gzip),
            ("identity", Identity),
            ("identity;q=1, *;q=0", Identity),
            ("gzip, x-gzip, deflate, x-bzip2", Gzip),
            ("gzip,gzip(gfe)", Gzip),
            // names
            ("br", Brotli),
            ("gzip", Gzip),
            ("x-gzip", Gzip),
            ("GZIP", Gzip),
            ("Br;Q=0.1", Brotli),
            ("x-br", Identity),
            ("deflate, zstd, compress", Identity),
            // weights
            ("gzip;q=0.1", Gzip),
            ("gzip;q=0.001", Gzip),
            ("gzip;q=0.8, br;q=0.2", Gzip),
            ("gzip;q=0.8, br;q=0.801", Brotli),
            ("br;q=0.5, gzip;q=0.5", Brotli),
            ("gzip ; q=0.5 , br ; q=0.4", Gzip),
            ("gzip;level=9;q=0.5, br;q=0.4", Gzip),
            // identity
            ("identity;q=1, gzip;q=0.5", Identity),
            ("identity, gzip, br", Brotli),
            ("identity, gzip", Gzip),
            ("identity;q=0.5, gzip;q=0.4, br;q=0.3", Identity),
            ("identity;q=0, gzip;q=0.1", Gzip),
            ("identity;q=0", Identity),
            // the wildcard
            ("*", Brotli),
            ("*;q=0.1", Brotli),
            ("br;q=0, *", Gzip),
            ("gzip, *;q=0", Gzip),
            ("gzip;q=0.5, *;q=0.1", Gzip),
            ("gzip;q=0.5, *;q=0.6", Brotli),
            ("gzip;q=0, br;q=0, *;q=0.5", Identity),
            ("identity;q=0.5, *;q=0.4", Identity),
            ("identity;q=0.5, *;q=0.5", Brotli),
            ("*;q=0", Identity),
            ("identity;q=0, *;q=0", Identity),
            // excluded
            ("gzip;q=0", Identity),
            ("br;q=0, gzip", Gzip),
            ("gzip;q=0, br;q=0.0", Identity),
            ("gzip;q=0, gzip", Identity),
            ("gzip, gzip;q=0.000", Identity),
            ("x-gzip;q=0, gzip", Identity),
            // repeated
            ("gzip;q=0.2, br;q=0.3, gzip;q=0.4", Gzip),
            ("gzip;q=0.4, br;q=0.3, gzip;q=0.2", Gzip),
            ("*;q=0.4, gzip;q=0.3, *;q=0", Gzip),
            // malformed
            ("", Identity),
            (" \t", Identity),
            (",,,", Identity),
            (",, ,gzip,,", Gzip),
            ("br;q=2, gzip", Gzip),
            ("br;q=, gzip;q=0.1", Gzip),
            ("br;q=0.1234, gzip;q=0.1", Gzip),
            ("br;q=-1", Identity),
            ("br;q=0.5;q=0.6, gzip;q=0.1", Gzip),
            ("br gzip", Identity),
            ("br\0, gzip", Gzip),
            ("\u{e9}, gzip", Gzip),
            ("\"br\", gzip", Gzip),
            ("\"br, gzip", Gzip),
            ("gzip;a=\", br", Gzip),
            ("gzip;a=\"br, \\\" br\"", Gzip),
            ("gzip/br", Identity),
        ] {
            assert_eq!(encoding(Some(value.as_bytes())), expected, "{value:?}");
        }
        assert_eq!(encoding(None), Identity);
        assert_eq!(encoding(Some(b"\xff\xfe, br;q=0.1, \x80")), Brotli);
    }

    #[test]
    fn long_headers() {
        let many = "x-unknown;q=0.5, ".repeat(500);
        assert_eq!(encoding(Some(many.as_bytes())), Identity);
        assert_eq!(encoding(Some(format!("{many}gzip").as_bytes())), Gzip);
        assert_eq!(encoding(Some(format!("gzip;a=\"{many}br\", br;q=0.5").as_bytes())), Gzip);
        assert_eq!(encoding(Some("br".repeat(4096).as_bytes())), Identity);
    }
}
