//! Reads single values of a flag's content.

use std::borrow::Cow;
use std::ops::Range;

use jiff::tz::TimeZone;
use toml::Spanned;
use toml::de::DeValue;

use crate::net::hint::{self, Place};
use crate::net::network::{self, NetworkError};
use crate::net::networks::Entry;
use crate::text::duration::{self, MAX_SECONDS};
use crate::text::until;

/// A mistake, with its range in the text in bytes.
pub(super) struct Wrong(pub Range<usize>, pub String);

pub(super) type Key<'a> = Spanned<Cow<'a, str>>;
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A key for a message: on one line and not too long.
pub(super) fn quoted(key: &str) -> String {
    const SHOWN: usize = 40;
    let start: String = key.chars().take(SHOWN).collect();
    let more = if start.len() < key.len() { "..." } else { "" };
    format!("\"{}{more}\"", start.escape_debug())
}

pub(super) fn wrong(value: &Value<'_>, cause: &str) -> Wrong {
    Wrong(value.span(), cause.into())
}

pub(super) fn text<'a>(value: &'a Value<'_>) -> Result<&'a str, Wrong> {
    let cause = "this is not a text; put it in quotes";
    value.get_ref().as_str().ok_or_else(|| wrong(value, cause))
}

/// A text for the log, on one line. A number, such as that of a ticket, needs no quotes.
pub(super) fn words(value: &Value<'_>, example: &str) -> Result<Option<String>, Wrong> {
    let words = match value.get_ref() {
        DeValue::String(text) => shown(text).split_whitespace().collect::<Vec<_>>().join(" "),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        _ => return Err(Wrong(value.span(), format!("this is not a text; write \"{example}\""))),
    };
    Ok(Some(words).filter(|words| !words.is_empty()))
}

/// The text with Unix line endings and without control characters.
pub(super) fn shown(text: &str) -> String {
    let plain = |character: char| match character {
        '\n' | '\t' => character,
        other if other.is_control() => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    text.replace("\r\n", "\n").chars().map(plain).collect()
}

/// An entry of `allow`. The error does not repeat the entry, because flag contents do not belong in
/// the log. It does suggest the networks that were probably meant.
pub(super) fn network(entry: &Value<'_>, zone: &TimeZone) -> Result<Entry, Wrong> {
    let mut words = text(entry)?.split_whitespace();
    let word = words.next().unwrap_or_default();
    let more: Vec<_> = words.collect();
    let end = more.split_first().map(|(end, more)| {
        let end = until::read(end, more.iter().copied(), zone)?;
        Some(end.and_then(|end| until::read_second(more, zone).map_or(Ok(end), Err)))
    });
    let (word, until) = match end {
        None => (word, None),
        Some(Some(end)) => (word, Some(end.map_err(|cause| wrong(entry, &cause))?.at())),
        Some(None) => (text(entry)?, None),
    };
    let network = network::parse(word).map_err(|cause| {
        let hint = match cause {
            NetworkError::Address => hint::instead_of(word, Place::Flag),
            _ => None,
        };
        let hint = hint.map_or_else(String::new, |hint| format!("; {hint}"));
        wrong(entry, &format!("this {cause}{hint}"))
    })?;
    Ok(Entry { network, origin: 0, until })
}

pub(super) fn seconds(value: &Value<'_>) -> Result<u32, Wrong> {
    let seconds = match value.get_ref() {
        DeValue::Integer(number) => {
            u32::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| *n <= MAX_SECONDS)
        }
        DeValue::String(text) => duration::seconds(text).ok(),
        _ => None,
    };
    let cause = "this is neither a duration nor seconds from 0 to 2147483647; write \"5m\"";
    seconds.ok_or_else(|| wrong(value, cause))
}
