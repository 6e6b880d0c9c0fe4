//! The Accept field.

use std::cmp::Reverse;

use super::list::elements;

/// The types that a page can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    /// `text/html`
    Html,
    /// `application/json`, `application/problem+json` (RFC 9457) and other `application/*+json`
    Json,
    /// `text/plain`
    Text,
}

/// The names of each type, each with the ranges that match it, the most specific first.
const NAMES: [(Media, &[&[u8]]); 5] = [
    (Media::Html, &[b"text/html", b"text/*", b"*/*"]),
    (Media::Html, &[b"application/xhtml+xml"]),
    (Media::Json, &[b"application/json", b"application/*", b"*/*"]),
    (Media::Json, &[b"application/problem+json"]),
    (Media::Text, &[b"text/plain", b"text/*", b"*/*"]),
];

/// The type that Accept prefers (RFC 9110, section 12.5.1): the one with the highest quality value.
/// Of equally preferred types, those that the field names come before those that only a wildcard
/// matches (so `application/json, */*` means JSON); then `default` comes before HTML, HTML before
/// JSON, and JSON before text. `default` is also the result if the field is absent or malformed, or
/// accepts none of the three (section 12.4.1).
///
/// The quality value is that of the most specific range. HTML can also be named as
/// `application/xhtml+xml`, and JSON as `application/problem+json`; of the names in the field, the
/// highest value applies. Parameters make a range more specific, whatever they mean:
/// `text/html;level=1` is HTML.
///
/// A field that names another JSON format (`application/vnd.api+json`; the suffix is defined in RFC
/// 6839) accepts JSON with the highest value of any such name. Excluding such a format excludes
/// only that format.
pub fn media(accept: Option<&[u8]>, default: Media) -> Media {
    let mut found = [None; NAMES.len()];
    let mut other_json = 0;
    for element in elements(accept) {
        for ((_, ranges), found) in NAMES.iter().zip(&mut found) {
            let range = ranges.iter().position(|range| element.name.eq_ignore_ascii_case(range));
            let range = range.map(|place| (Reverse(place), element.parameters, element.quality));
            *found = range.max(*found);
        }
        if is_other_json(element.name) {
            other_json = element.quality.max(other_json);
        }
    }
    let rank = |media| {
        let other = (media == Media::Json && other_json > 0).then_some((true, other_json));
        NAMES
            .iter()
            .zip(found)
            .filter(|((of, _), _)| *of == media)
            .filter_map(|(_, found)| found)
            .map(|(Reverse(place), _, quality)| (place == 0, quality))
            .chain(other)
            .max()
            .filter(|(_, quality)| *quality > 0)
            .map(|(named, quality)| (quality, named))
    };
    // `max_by_key` returns the last of equal elements.
    [Media::Text, Media::Json, Media::Html, default]
        .into_iter()
        .max_by_key(|media| rank(*media))
        .unwrap_or(default)
}

/// `application/*+json`, except for the format that is in [`NAMES`].
fn is_other_json(name: &[u8]) -> bool {
    const BEGIN: &[u8] = b"application/";
    const END: &[u8] = b"+json";
    // RFC 9110, section 5.6.2
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let Some((begin, rest)) = name.split_at_checked(BEGIN.len()) else { return false };
    let Some((format, end)) = rest.split_at_checked(rest.len().saturating_sub(END.len())) else {
        return false;
    };
    begin.eq_ignore_ascii_case(BEGIN)
        && end.eq_ignore_ascii_case(END)
        && !format.is_empty()
        && !format.eq_ignore_ascii_case(b"problem")
        && format.iter().all(is_token)
}

#[cfg(test)]
mod tests {
    use super::Media::{Html, Json, Text};
    use super::*;

    #[test]
    fn headers() {
        for (value, expected) in [
            // browsers
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
                 image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
                Html,
            ),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Html),
            ("text/html, application/xhtml+xml, image/jxr, */*", Html),
            ("image/gif, image/jpeg, application/x-ms-application, */*", Html),
            ("image/avif,image/webp,image/svg+xml,image/*;q=0.8,*/*;q=0.5", Html),
            ("text/css,*/*;q=0.1", Html),
            // curl, axios, jQuery, Java, lynx, EventSource
            ("*/*", Html),
            ("application/json, text/plain, */*", Json),
            ("application/json, text/javascript, */*; q=0.01", Json),
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", Html),
            ("text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01", Html),
            ("text/event-stream", Html),
            // one type
            ("text/html", Html),
            ("application/xhtml+xml", Html),
            ("application/json", Json),
            ("application/problem+json", Json),
            ("text/plain", Text),
            ("text/*", Html),
            ("application/*", Json),
            ("image/png", Html),
            ("application/xml", Html),
            ("application/ld+json", Json),
            // other formats of JSON
            ("application/vnd.api+json", Json),
            ("application/vnd.api+json;ext=x;q=0.2", Json),
            ("APPLICATION/Activity+JSON", Json),
            ("application/a+b+json", Json),
            ("application/*+json", Json),
            ("application/ld+json;q=0.4, text/html;q=0.3", Json),
            ("application/ld+json;q=0.4, text/html;q=0.5", Html),
            ("application/ld+json;q=0.4, application/hal+json;q=0.6, text/html;q=0.5", Json),
            ("application/ld+json, text/html", Html),
            ("application/ld+json, */*", Json),
            ("application/ld+json;q=0.3, application/json;q=0.1, text/html;q=0.2", Json),
            ("application/ld+json;q=0", Html),
            ("application/ld+json;q=0, application/json;q=0.1", Json),
            ("application/ld+json;q=0, */*;q=0.1, text/html;q=0", Json),
            ("application/*;q=0, application/ld+json;q=0.1", Json),
            ("application/*;q=0, */*", Html),
            ("application/*;q=0, */*, text/html;q=0", Text),
            ("application/*;q=0.2, text/html;q=0.1", Json),
            ("application/+json, text/plain;q=0.1", Text),
            ("application/json+json", Json),
            ("application/x y+json, text/plain;q=0.1", Text),
            ("application/x/y+json, text/plain;q=0.1", Text),
            ("application/+json+json", Json),
            ("application/json-seq, text/plain;q=0.1", Text),
            ("application/x+jsonp, text/plain;q=0.1", Text),
            ("application/json+x, text/plain;q=0.1", Text),
            ("text/json, text/plain;q=0.1", Text),
            ("text/x+json, text/plain;q=0.1", Text),
            ("image/x+json, text/plain;q=0.1", Text),
            ("+json, text/plain;q=0.1", Text),
            ("Application/JSON", Json),
            ("TEXT/PLAIN;Q=0.5", Text),
            // quality
            ("text/html;q=0.5, application/json", Json),
            ("text/html;q=0.5, application/json;q=0.5", Html),
            ("text/html;q=0.5, application/json;q=0.501", Json),
            ("application/json;q=0.5, text/plain;q=0.6, text/html;q=0.4", Text),
            ("application/json;q=0.1, text/plain;q=0.1", Json),
            ("text/plain, application/problem+json", Json),
            ("application/json;q=0.2, application/problem+json;q=0.9, text/html;q=0.5", Json),
            ("application/json;q=0.9, application/problem+json;q=0, text/html;q=0.5", Json),
            ("text/html;q=0.2, application/xhtml+xml, application/json;q=0.9", Html),
            // what is named, and what a wildcard admits
            ("*/*, application/json", Json),
            ("*/*, text/plain", Text),
            ("text/*, text/plain", Text),
            ("text/*, application/*", Html),
            ("application/*, */*", Html),
            ("application/*, */*;q=0.9", Json),
            ("application/json;q=0.9, */*", Html),
            ("text/*;q=0.5, application/json;q=0.4", Html),
            ("text/*;q=0.3, */*;q=0.5", Json),
            ("text/html;q=0.3, */*;q=0.5", Json),
            ("text/html;q=0.3, application/json;q=0.2, */*;q=0.5", Text),
            // a wildcard does not raise the other name
            ("text/html;q=0.5, application/json;q=0.1, */*;q=0.8, text/plain;q=0", Html),
            ("application/xhtml+xml;q=0.1, application/json;q=0.5, */*", Text),
            // excluded
            ("text/html;q=0, */*", Json),
            ("text/html;q=0, application/json;q=0, */*", Text),
            ("text/*;q=0, */*", Json),
            ("text/html;q=0", Html),
            ("*/*;q=0", Html),
            ("text/plain;q=0, application/json;q=0.0", Html),
            ("*/*;q=0, text/plain;q=0.1", Text),
            // parameters
            ("text/html;level=1, application/json", Html),
            ("text/html;level=1;q=0.5, application/json;q=0.6", Json),
            ("application/json;charset=utf-8", Json),
            ("application/json; odata=verbose", Json),
            ("text/html;level=1;q=0.3, text/html;q=0.7, application/json;q=0.5", Json),
            ("application/problem+json, application/json;v=1;q=0.2, text/html;q=0.5", Json),
            ("text/plain;q=0.9;a=b, text/html;q=0.8", Text),
            ("text/plain;a=\"x, text/html\", text/html;q=0.5", Text),
            ("text/plain;a=\"x;q=0\", text/html;q=0.5", Text),
            (r#"text/plain;a="\", text/html, \"", text/html;q=0.5"#, Text),
            (r#"text/plain;a="\\", text/html"#, Html),
            // several field lines
            ("text/html;q=0.5, text/plain, text/html;q=0.7", Text),
            ("application/json, text/html;q=0.1, application/json;q=0.05", Json),
            // malformed
            ("", Html),
            (" \t ", Html),
            (",", Html),
            (" , ,application/json,,", Json),
            ("application/json;q=1.5", Html),
            ("application/json;q=abc, text/plain;q=0.1", Text),
            ("application/json;q=0.1234, text/plain;q=0.1", Text),
            ("application/json;q = 1, text/plain;q=0.1", Text),
            ("application/json;q=1;q=1, text/plain;q=0.1", Text),
            ("application/json\t;\tq=0.2 , text/plain ; q=0.1", Json),
            ("application/json;;q=0.2; , text/html;q=0.1", Json),
            ("application / json", Html),
            ("application/json text/plain", Html),
            ("json, text", Html),
            ("*, text/plain;q=0.1", Text),
            ("*/json, text/plain;q=0.1", Text),
            ("/, text/plain;q=0.1", Text),
            ("application/json\0, text/plain;q=0.1", Text),
            ("\u{e9}/\u{e9}, text/plain", Text),
            ("\"application/json\", text/plain;q=0.1", Text),
            ("\"application/json, text/plain;q=0.1", Text),
            ("application/json;a=\", text/html", Json),
            ("text/plain;a=\"x\\", Text),
        ] {
            assert_eq!(media(Some(value.as_bytes()), Html), expected, "{value:?}");
        }
        assert_eq!(media(None, Html), Html);
        assert_eq!(media(Some(b"\xff/\xfe;q=\x80, text/plain"), Html), Text);
    }

    /// The default applies if the client has no preference, and comes first among equal types.
    #[test]
    fn other_defaults() {
        for (value, expected) in [
            (None, [Html, Json, Text]),
            (Some(""), [Html, Json, Text]),
            (Some("*/*"), [Html, Json, Text]),
            (Some("*/*;q=0.1"), [Html, Json, Text]),
            (Some("*/*;q=0"), [Html, Json, Text]),
            (Some("image/png"), [Html, Json, Text]),
            (Some("image/png, */*;q=0.8"), [Html, Json, Text]),
            (Some("application/json;q=2"), [Html, Json, Text]),
            (Some("text/html, application/json, text/plain"), [Html, Json, Text]),
            (Some("text/*"), [Html, Html, Text]),
            (Some("text/*, */*"), [Html, Json, Text]),
            (Some("application/*, */*;q=0.9"), [Json; 3]),
            (Some("text/html"), [Html; 3]),
            (Some("text/html, */*"), [Html; 3]),
            (Some("application/ld+json"), [Json; 3]),
            (Some("text/plain, */*"), [Text; 3]),
            (Some("application/*;q=0, */*"), [Html, Html, Text]),
            (Some("text/plain;q=0, */*"), [Html, Json, Html]),
        ] {
            for (default, expected) in [Html, Json, Text].into_iter().zip(expected) {
                let chosen = media(value.map(str::as_bytes), default);
                assert_eq!(chosen, expected, "{value:?} {default:?}");
            }
        }
    }

    #[test]
    fn long_headers() {
        let many = "image/x-unknown;q=0.5;a=\",\", ".repeat(280);
        assert_eq!(media(Some(many.as_bytes()), Html), Html);
        assert_eq!(media(Some(format!("{many}text/plain;q=0.1").as_bytes()), Html), Text);
        assert_eq!(
            media(Some(format!("text/plain;a=\"{}", " text/html,".repeat(740)).as_bytes()), Html),
            Text
        );
        assert_eq!(media(Some("application/json".repeat(512).as_bytes()), Html), Html);
    }
}
