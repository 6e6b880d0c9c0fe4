//! From TOML to a window.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Message, Moment, Window};
use crate::allow::network;
use crate::duration::{self, MAX_SECONDS};

/// Why a text is no content of a flag.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line}, column {column}: {cause}")]
pub struct WindowError {
    /// Counted from 1.
    line: usize,
    /// In characters, counted from 1.
    column: usize,
    cause: String,
}

/// A mistake, and where in the text it is, in bytes.
struct Wrong(Range<usize>, String);

type Key<'a> = Spanned<Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

pub(super) fn window(content: &[u8], zone: &TimeZone) -> Result<Window, WindowError> {
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let text = str::from_utf8(content).map_err(|error| {
        let good = content.get(..error.valid_up_to()).unwrap_or_default();
        let good = str::from_utf8(good).unwrap_or_default();
        at(good, good.len(), "this is not UTF-8".into())
    })?;
    let table = DeTable::parse(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        at(text, start, error.message().lines().collect::<Vec<_>>().join(", "))
    })?;
    let place = |Wrong(span, cause)| at(text, span.start, cause);
    let (mut window, unknown) = read(table.get_ref(), zone).map_err(place)?;
    window.warnings = warnings(unknown, text);
    Ok(window)
}

/// The keys that nobody knows, the first few of them by name.
fn warnings(mut unknown: Vec<&Key<'_>>, text: &str) -> Vec<String> {
    const NAMED: usize = 5;
    unknown.sort_by_key(|key| key.span().start);
    let named = unknown.iter().take(NAMED).map(|key| {
        let line = at(text, key.span().start, String::new()).line;
        format!("line {line}: nobody knows the key \"{}\"", key.get_ref().escape_debug())
    });
    let more = unknown.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| format!("nobody knows {more} further keys"));
    named.chain(more).collect()
}

/// The error at a byte of the text.
fn at(text: &str, offset: usize, cause: String) -> WindowError {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    WindowError { line, column, cause }
}

/// The window, and the keys that nobody knows.
fn read<'t, 'i>(
    table: &'t DeTable<'i>,
    zone: &TimeZone,
) -> Result<(Window, Vec<&'t Key<'i>>), Wrong> {
    let (mut window, mut unknown) = (Window::default(), vec![]);
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "message" => window.message = message(value)?,
            "start" => window.start = Some(moment(value, zone)?),
            "end" => window.end = Some(moment(value, zone)?),
            "reopen" => match text(value)? {
                "auto" => window.reopens = true,
                _ => return Err(wrong(value, "the only value is \"auto\"")),
            },
            "retry_after" => window.retry_after = Some(seconds(value)?),
            "allow" => {
                let entries = value.get_ref().as_array();
                let entries = entries.ok_or_else(|| wrong(value, "expected an array of texts"))?;
                let networks = entries.iter().map(|entry| {
                    let network = network::parse(text(entry)?);
                    Ok((network.map_err(|cause| wrong(entry, &format!("this {cause}")))?, 0))
                });
                window.allow = networks.collect::<Result<_, Wrong>>()?;
            }
            "vars" => window.vars = texts(value)?,
            _ => unknown.push(key),
        }
    }
    if let (Some(start), Some(end)) = (window.start, window.end)
        && end.at <= start.at
        && let Some((_, value)) = table.iter().find(|(key, _)| key.get_ref() == "end")
    {
        return Err(wrong(value, "the end is not later than the start"));
    }
    if window.reopens && window.end.is_none() {
        let (_, value) = table.iter().find(|(key, _)| key.get_ref() == "reopen").unzip();
        return Err(Wrong(
            value.map_or(0..0, Spanned::span),
            "there is no end to reopen at".into(),
        ));
    }
    Ok((window, unknown))
}

fn wrong(value: &Value<'_>, cause: &str) -> Wrong {
    Wrong(value.span(), cause.into())
}

fn text<'a>(value: &'a Value<'_>) -> Result<&'a str, Wrong> {
    value.get_ref().as_str().ok_or_else(|| wrong(value, "expected a text in quotes"))
}

/// What can be shown: line ends as in Unix, and no control characters.
fn shown(text: &str) -> String {
    let plain = |character: char| match character {
        '\n' | '\t' => character,
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    text.replace("\r\n", "\n").chars().map(plain).collect()
}

fn texts(value: &Value<'_>) -> Result<BTreeMap<String, String>, Wrong> {
    let table = value.get_ref().as_table();
    let table = table.ok_or_else(|| wrong(value, "expected a table of texts"))?;
    let entry = |(key, value): (&Key<'_>, &Value<'_>)| {
        Ok((key.get_ref().clone().into_owned(), shown(text(value)?)))
    };
    table.iter().map(entry).collect()
}

fn message(value: &Value<'_>) -> Result<Message, Wrong> {
    match value.get_ref() {
        DeValue::String(text) if text.trim().is_empty() => Ok(Message::None),
        DeValue::String(text) => Ok(Message::Same(shown(text))),
        DeValue::Table(table) => {
            if let Some((key, _)) = table.iter().find(|(key, _)| !is_language(key.get_ref())) {
                let cause = "expected a language tag, such as de or pt-BR";
                return Err(Wrong(key.span(), cause.into()));
            }
            let mut texts = texts(value)?;
            texts.retain(|_, text| !text.trim().is_empty());
            Ok(if texts.is_empty() { Message::None } else { Message::ByLanguage(texts) })
        }
        _ => Err(wrong(value, "expected a text in quotes, or a table of texts by language")),
    }
}

/// Has the text the form of a language tag (RFC 5646, 2.1)?
pub(crate) fn is_language(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    let first = subtags.next().unwrap_or_default();
    (2..=8).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|subtag| {
            (1..=8).contains(&subtag.len())
                && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

fn seconds(value: &Value<'_>) -> Result<u32, Wrong> {
    let seconds = match value.get_ref() {
        DeValue::Integer(number) => {
            u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| *n <= MAX_SECONDS)
        }
        DeValue::String(text) => duration::seconds(text).ok(),
        _ => None,
    };
    let cause = "expected seconds from 0 to 2147483647, or a duration such as \"5m\"";
    seconds.ok_or_else(|| wrong(value, cause))
}

fn moment(value: &Value<'_>, zone: &TimeZone) -> Result<Moment, Wrong> {
    let cause = "expected a date with a time, such as 2026-11-22T23:00:00+01:00";
    let time = value.get_ref().as_datetime().ok_or_else(|| wrong(value, cause))?;
    if time.date.is_none() || time.time.is_none() {
        return Err(wrong(value, cause));
    }
    let (text, has_offset) = (time.to_string(), time.offset.is_some());
    resolve(&text, has_offset, zone).map_err(|error| wrong(value, &error.to_string()))
}

fn resolve(text: &str, has_offset: bool, zone: &TimeZone) -> Result<Moment, jiff::Error> {
    if has_offset {
        let offset = Pieces::parse(text)?.to_numeric_offset().unwrap_or(Offset::UTC);
        return Ok(Moment { at: text.parse()?, offset });
    }
    let zoned = text.parse::<DateTime>()?.to_zoned(zone.clone())?;
    Ok(Moment { at: zoned.timestamp(), offset: zoned.offset() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content: impl AsRef<[u8]>) -> Result<Window, String> {
        window(content.as_ref(), &TimeZone::UTC).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_wrong_and_where() {
        for (content, message) in [
            ("message = ", "line 1, column 1"),
            ("# one\nmessage = \"x", "line 2, column "),
            ("x\n", "line 1, column "),
            ("a = 1\na = 2", "line 2, column 1: duplicate key"),
            ("message = 5", "line 1, column 11: expected a text in quotes, or a table"),
            ("message = ['x']", "line 1, column 11: expected a text in quotes, or a table"),
            ("[message]\nde = 1", "line 2, column 6: expected a text in quotes"),
            ("[message]\n'<x>' = 'x'", "line 2, column 1: expected a language tag"),
            ("end = 2026-11-22", "line 1, column 7: expected a date with a time"),
            ("end = 22:00:00", "line 1, column 7: expected a date with a time"),
            ("end = 'tomorrow'", "line 1, column 7: expected a date with a time"),
            ("end = 2026-02-30T00:00:00Z", "line 1, column "),
            ("end = 9999-12-31T23:59:59Z", "line 1, column 7: "),
            (
                "ümlaut = 1\nend = 2026-11-22T22:00:00Z\nstart = 2026-11-22T22:00:00Z",
                "line 1, column 1",
            ),
            (
                "end = 2026-11-22T22:00:00Z\nstart = 2026-11-22T22:00:00Z",
                "line 1, column 7: the end is not later than the start",
            ),
            ("reopen = 'auto'", "line 1, column 10: there is no end to reopen at"),
            ("reopen = true", "line 1, column 10: expected a text"),
            ("reopen = 'yes'", "line 1, column 10: the only value is \"auto\""),
            ("retry_after = -1", "line 1, column 15: expected seconds"),
            ("retry_after = 2147483648", "line 1, column 15: expected seconds"),
            ("retry_after = 99999999999999999999999", "line 1, column 15: expected seconds"),
            ("retry_after = 1.5", "line 1, column 15: expected seconds"),
            ("retry_after = 'soon'", "line 1, column 15: expected seconds"),
            ("allow = '10.0.0.1'", "line 1, column 9: expected an array"),
            ("allow = ['10.0.0.1',\n 'x']", "line 2, column 2: this is no address"),
            ("allow = ['10.0.0.1/8']", "line 1, column 10: this has bits set"),
            ("allow = [10]", "line 1, column 10: expected a text"),
            ("vars = 'x'", "line 1, column 8: expected a table"),
            ("[vars]\nx = 1", "line 2, column 5: expected a text"),
        ] {
            let error = parse(content).expect_err(content);
            assert!(error.starts_with(message), "{content}: {error}");
            assert!(!error.contains('\n') && error.len() < 300, "{error}");
        }
        assert_eq!(
            parse(b"message = '\xff'").expect_err("bytes"),
            "line 1, column 12: this is not UTF-8"
        );
        assert_eq!(
            parse(b"\x7fELF\x02\x01\0\0\xf0\xf0").expect_err("bytes"),
            "line 1, column 9: this is not UTF-8"
        );
    }

    #[test]
    fn what_is_right() {
        for content in [
            "",
            " \n\t\r\n",
            "# nothing yet",
            "\u{feff}",
            "message = ''",
            "message = {}",
            "message = { de = ' ' }",
            "[vars]",
        ] {
            let window = parse(content).expect(content);
            assert!(window.is_silent() && window.warnings.is_empty(), "{content:?}");
        }
        let window = parse(
            "\u{feff}message = \"a\\r\\nb\\u0000c\"\nmesage = 1\nretry_after = '2m'\r\n\
             allow = ['10.0.0.0/8', '192.168.157', '2001:db8::7']\nvars = { ticket = 'X-1' }",
        )
        .expect("content");
        assert_eq!(window.message(None), Some(("a\nb\u{fffd}c", None)));
        assert_eq!(window.warnings, ["line 2: nobody knows the key \"mesage\""]);
        assert_eq!(window.retry_after, Some(120));
        assert_eq!(window.vars.get("ticket").map(String::as_str), Some("X-1"));
        for (address, passes) in [
            ("10.1.2.3", true),
            ("192.168.157.9", true),
            ("2001:db8::7", true),
            ("11.0.0.1", false),
        ] {
            let found = window.allow.find(address.parse().expect("an address"));
            assert_eq!(found.is_some(), passes, "{address}");
        }
    }

    /// Local times over a change of the clocks, for a zone with daylight-saving time.
    #[test]
    fn local_times() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
        for (local, rfc3339) in [
            ("2026-01-15T12:00:00", "2026-01-15T12:00:00+01:00"),
            ("2026-07-15 12:00:00", "2026-07-15T12:00:00+02:00"),
            ("2026-10-25T01:59:59", "2026-10-25T01:59:59+02:00"),
            ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"), // twice: the first
            ("2026-10-25T03:00:00", "2026-10-25T03:00:00+01:00"),
            ("2026-03-29T02:30:00", "2026-03-29T03:30:00+02:00"), // never
            ("2026-03-29T03:00:00", "2026-03-29T03:00:00+02:00"),
            ("2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00"),
            ("2026-10-25T00:30:00Z", "2026-10-25T00:30:00+00:00"),
            ("9999-01-01T00:00:00", "9999-01-01T00:00:00+01:00"),
        ] {
            let content = format!("end = {local}");
            let window = window(content.as_bytes(), &berlin).expect(local);
            assert_eq!(window.end().map(|end| end.rfc3339()).as_deref(), Some(rfc3339), "{local}");
        }
    }
}
