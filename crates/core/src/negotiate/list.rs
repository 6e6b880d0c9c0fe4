//! The syntax that the three fields share: lists of elements with parameters, one of which is the
//! weight (RFC 9110, sections 5.6.1, 5.6.6 and 12.4.2).

/// The quality value of an element without a weight. It is also the maximum.
const WHOLE: u16 = 1000;

/// A non-empty list element whose weight is not malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'v> {
    /// The text before the parameters, which may be malformed.
    pub(super) name: &'v [u8],
    /// From 0 ("not acceptable") to 1000.
    pub(super) quality: u16,
    /// Whether there are parameters other than the weight.
    pub(super) parameters: bool,
}

/// The elements of a field value, in order.
pub(super) fn elements(value: Option<&[u8]>) -> impl Iterator<Item = Element<'_>> {
    split(value.unwrap_or_default(), b',').filter_map(element)
}

fn element(text: &[u8]) -> Option<Element<'_>> {
    let mut parts = split(text, b';').map(<[u8]>::trim_ascii);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let mut weight = None;
    let mut parameters = false;
    // Empty parameters are allowed (section 5.6.6), and the weight need not be last (section
    // 12.5.1).
    for parameter in parts.filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split(|byte| *byte == b'=').next().unwrap_or_default();
        if !name.trim_ascii().eq_ignore_ascii_case(b"q") {
            parameters = true;
            continue;
        }
        // Whitespace around "=" is not allowed (section 5.6.6).
        let [_, b'=', value @ ..] = parameter else { return None };
        if weight.replace(quality(value)?).is_some() {
            return None;
        }
    }
    Some(Element { name, quality: weight.unwrap_or(WHOLE), parameters })
}

/// `0`, `0.5`, `1.000`: from 0 to 1 with at most three decimals, as thousandths.
fn quality(text: &[u8]) -> Option<u16> {
    let (whole, decimals): (_, &[u8]) = match text {
        [whole] => (whole, &[]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut quality = 0;
    for digit in [whole].into_iter().chain(decimals).chain(b"000").take(4) {
        quality = quality * 10 + u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
    }
    (quality <= WHOLE).then_some(quality)
}

/// Splits a text at separators outside of quoted strings (section 5.6.4). A quoted string is the
/// value of a parameter, so it follows "="; elsewhere a quote is just an invalid byte. An
/// unterminated string extends to the end.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    #[derive(Clone, Copy)]
    enum State {
        Outside,
        BehindEquals,
        Quoted,
        Escaped,
    }
    use State::{BehindEquals, Escaped, Outside, Quoted};
    let mut state = Outside;
    text.split(move |byte| {
        let before = state;
        state = match (state, byte) {
            (Quoted, b'\\') => Escaped,
            (Quoted, b'"') => Outside,
            (Quoted | Escaped, _) | (BehindEquals, b'"') => Quoted,
            (Outside | BehindEquals, b'=') => BehindEquals,
            (Outside | BehindEquals, _) => Outside,
        };
        *byte == separator && matches!(before, Outside | BehindEquals)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.", Some(0)),
            ("0.0", Some(0)),
            ("0.000", Some(0)),
            ("0.001", Some(1)),
            ("0.01", Some(10)),
            ("0.5", Some(500)),
            ("0.999", Some(999)),
            ("1", Some(1000)),
            ("1.", Some(1000)),
            ("1.000", Some(1000)),
            ("1.001", None),
            ("1.1", None),
            ("2", None),
            ("9.9", None),
            ("0.0000", None),
            ("1.0000", None),
            ("", None),
            (".", None),
            (".5", None),
            ("00.5", None),
            ("01", None),
            ("-0", None),
            ("-1", None),
            ("+1", None),
            ("0,5", None),
            ("0.5.", None),
            ("0. 5", None),
            (" 0.5", None),
            ("0.5 ", None),
            ("1e0", None),
            ("0.5e", None),
            ("0x1", None),
            ("\"1\"", None),
            ("0.\u{0}", None),
            ("0.\u{663}", None),
            ("NaN", None),
            ("inf", None),
        ] {
            assert_eq!(quality(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn lists() {
        for (value, expected) in [
            ("", ""),
            (",, \t,", ""),
            (";q=1", ""),
            ("a", "a 1000"),
            ("a,b", "a 1000|b 1000"),
            (" a\t, b ,,c ", "a 1000|b 1000|c 1000"),
            ("a;q=0.5,b", "a 500|b 1000"),
            ("a \t; \tq=0.5 , b", "a 500|b 1000"),
            ("a;Q=0.5", "a 500"),
            ("a;;q=0.5;", "a 500"),
            ("a;x", "a 1000 +"),
            ("a;x=1;q=0.5", "a 500 +"),
            ("a;q=0.5;x=1", "a 500 +"),
            ("a;qq=0.5", "a 1000 +"),
            ("a;x=q=0.5", "a 1000 +"),
            ("a;q,b", "b 1000"),
            ("a;q=,b", "b 1000"),
            ("a;q=1.5,b", "b 1000"),
            ("a;q =1,b", "b 1000"),
            ("a;q= 1,b", "b 1000"),
            ("a;q=1 0,b", "b 1000"),
            ("a;q=\"1\",b", "b 1000"),
            ("a;q=1;q=1,b", "b 1000"),
            ("a;q=x;q=1,b", "b 1000"),
            ("a;x=\"b, c\",d", "a 1000 +|d 1000"),
            ("a;x=\"b;q=0\";q=0.5,d", "a 500 +|d 1000"),
            (r#"a;x="\"b, c\\";q=0.1,d"#, "a 100 +|d 1000"),
            (r#"a;x="b\\\", c";q=0.1,d"#, "a 100 +|d 1000"),
            ("a;x=\"\";q=0.1,d", "a 100 +|d 1000"),
            ("a;x==\"b,c\",d", "a 1000 +|d 1000"),
            ("a;x=\"b,c;q=0.5, d", "a 1000 +"),
            ("a;q=0.5;x=\"b, d\\", "a 500 +"),
            ("a\",b\",c", "a\" 1000|b\" 1000|c 1000"),
            ("\"a,b\",c", "\"a 1000|b\" 1000|c 1000"),
            ("a;x=b\"c,d\"", "a 1000 +|d\" 1000"),
            ("a b;q=0.5", "a b 500"),
            ("\u{e9}\0", "\u{e9}\0 1000"),
        ] {
            let elements: Vec<_> = elements(Some(value.as_bytes()))
                .map(|Element { name, quality, parameters }| {
                    let name = String::from_utf8_lossy(name);
                    format!("{name} {quality}{}", if parameters { " +" } else { "" })
                })
                .collect();
            assert_eq!(elements.join("|"), expected, "{value:?}");
        }
        assert_eq!(elements(None).count(), 0);
    }
}
