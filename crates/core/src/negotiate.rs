//! Proactive negotiation of the maintenance page (RFC 9110, section 12.1): the type, language and
//! content coding that a client prefers.
//!
//! The field values come from clients and can contain any bytes, with several field lines joined by
//! `, `. Malformed parts are ignored and never cause a refusal. A client whose preferences cannot
//! be met gets the default (section 12.4.1), since the page reports an error. The code allocates
//! nothing, and its time is linear in the length of the value.

mod encoding;
mod language;
mod list;
mod media;
mod notice;

pub use encoding::{Encoding, encoding};
pub use language::language;
pub use media::{Media, media};
pub use notice::{NoticeMedia, notice};

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// The number of values for each property.
    const ROUNDS: usize = 20_000;
    const TAGS: [&str; 5] = ["en", "de-AT", "de", "zh-Hans", "pt"];
    /// Elements that are unknown or malformed.
    const GARBAGE: [&[u8]; 14] = [
        b"",
        b" ",
        b"\t",
        b";",
        b"=",
        b"\"",
        b"\0",
        b"\xff\xfe",
        b"text",
        b"x/y;q=1",
        b"*;q=2",
        b"br;q=0.0000",
        b"en;q=",
        b"text/plain;q=\"1\"",
    ];

    /// The result of the three fields if they all have this value.
    fn all(value: &[u8]) -> (Media, Option<usize>, Encoding) {
        let value = Some(value);
        (media(value, Media::Html), language(value, TAGS.into_iter()), encoding(value))
    }

    /// A random sequence of meaningful pieces, which is mostly malformed.
    fn value(random: &mut fastrand::Rng) -> Vec<u8> {
        const PIECES: [&str; 42] = [
            ", ",
            ",",
            ", ",
            ";",
            "; ",
            ";q=",
            ";q=0",
            ";q=0.5",
            ";q=0.501",
            ";q=1",
            ";Q=0.3",
            "text/html",
            "text/plain",
            "text/*",
            "*/*",
            "*",
            "application/json",
            "application/problem+json",
            "application/xhtml+xml",
            "application/*",
            "application/x+json",
            "+json",
            "de",
            "de-CH",
            "en",
            "en-x-a",
            "zh",
            "zh-Hans-CN",
            "pt-BR",
            "br",
            "gzip",
            "x-gzip",
            "identity",
            ";a=b",
            ";a=\"b, c;q=0\"",
            "a=\"\\\"",
            "\"",
            "\\",
            "-",
            "\u{e9}",
            "\0",
            "/",
        ];
        let mut value = Vec::new();
        for _ in 0..random.usize(..12) {
            value.extend_from_slice(PIECES[random.usize(..PIECES.len())].as_bytes());
        }
        value
    }

    #[test]
    fn any_bytes() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..ROUNDS {
            let mut bytes = vec![0; random.usize(..64)];
            random.fill(&mut bytes);
            all(&bytes);
        }
    }

    #[test]
    fn neither_case_nor_garbage_counts() {
        let mut random = fastrand::Rng::with_seed(2);
        for _ in 0..ROUNDS {
            let value = value(&mut random);
            let result = all(&value);
            let shown = value.escape_ascii();
            assert_eq!(all(&value.to_ascii_uppercase()), result, "{shown}");
            let garbage = GARBAGE[random.usize(..GARBAGE.len())];
            // at the start, where no quoted string can be open
            assert_eq!(all(&[garbage, b" ,", &value].concat()), result, "{shown}");
            if !value.contains(&b'"') {
                assert_eq!(all(&[&value, b", ".as_slice(), garbage].concat()), result, "{shown}");
                // the same field line twice
                assert_eq!(all(&[&value, b", ".as_slice(), &value].concat()), result, "{shown}");
            }
        }
    }

    /// `q=0` excludes, whatever follows it.
    #[test]
    fn what_is_excluded_is_not_chosen() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..ROUNDS {
            let value = value(&mut random);
            let with = |element: &str| [element.as_bytes(), b", ", &value].concat();
            let shown = value.escape_ascii();
            assert_ne!(encoding(Some(&with("br;q=0"))), Encoding::Brotli, "{shown}");
            assert_ne!(encoding(Some(&with("x-gzip;q=0.0"))), Encoding::Gzip, "{shown}");
            for (element, tags) in [("de;q=0", 1..=2), ("zh;q=0.00", 3..=3), ("pt;q=0.", 4..=4)] {
                let chosen = language(Some(&with(element)), TAGS.into_iter());
                assert!(!chosen.is_some_and(|chosen| tags.contains(&chosen)), "{element} {shown}");
            }
        }
    }

    /// Quadratic time would take minutes.
    #[test]
    fn linear_time() {
        let start = Instant::now();
        for piece in [
            ",",
            ";",
            "=",
            "\"",
            "=\"",
            "=\"\\",
            "a=\",",
            "q",
            ";q=0,",
            "*/*,",
            "text/html;",
            "-",
            "a-",
            "de-",
            "de-a-",
            "de,",
            "de;q=0,",
            "gzip;q=0,",
            "\\",
            "\0",
            "\u{ff}",
        ] {
            all(piece.repeat(128 * 1024 / piece.len()).as_bytes());
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
