//! The Accept field of a request for the notice, which is a page, JSON or a calendar.

use super::list::elements;
use super::media::{Media, media};

/// The types that the notice can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeMedia {
    /// `text/html`
    Html,
    /// `application/json`
    Json,
    /// `text/calendar`
    Calendar,
}

/// The type that Accept prefers. The calendar must be named, and with a higher quality value than
/// the other types that the field names. Without a preference, the type is HTML.
pub fn notice(accept: Option<&[u8]>) -> NoticeMedia {
    let quality = |names: &[&[u8]]| {
        let is_named = |name: &[u8]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
        let named = elements(accept).filter(|element| is_named(element.name));
        named.map(|element| element.quality).max().unwrap_or(0)
    };
    let others: [&[u8]; 4] =
        [b"text/html", b"application/xhtml+xml", b"application/json", b"application/problem+json"];
    if quality(&[b"text/calendar"]) > quality(&others) {
        return NoticeMedia::Calendar;
    }
    match media(accept, Media::Html) {
        Media::Json => NoticeMedia::Json,
        Media::Html | Media::Text => NoticeMedia::Html,
    }
}

#[cfg(test)]
mod tests {
    use super::NoticeMedia::{Calendar, Html, Json};
    use super::*;

    #[test]
    fn headers() {
        for (value, expected) in [
            ("", Html),
            ("*/*", Html),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Html),
            ("application/json", Json),
            ("application/json, text/plain, */*", Json),
            ("text/plain", Html),
            ("text/calendar", Calendar),
            ("Text/Calendar; charset=utf-8", Calendar),
            ("text/calendar, */*;q=0.5", Calendar),
            ("text/calendar;q=0.5, text/html", Html),
            ("text/calendar;q=0.5, text/html;q=0.4", Calendar),
            ("text/calendar, text/html", Html),
            ("text/calendar;q=0", Html),
            ("text/calendar;q=0.2, application/json;q=0.3", Json),
            ("text/calendarx", Html),
        ] {
            assert_eq!(notice(Some(value.as_bytes())), expected, "{value}");
        }
        assert_eq!(notice(None), Html);
        assert_eq!(notice(Some(b"\xff, text/calendar")), Calendar);
    }
}
