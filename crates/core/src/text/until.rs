//! `until=TIME` after an entry: from that time on the entry admits nobody.

use jiff::tz::TimeZone;

use super::time::Moment;

/// The key of the word.
const KEY: &str = "until";

/// Keys that mean the same elsewhere.
const OTHER_KEYS: [&str; 8] =
    ["end", "ends", "expires", "expire", "expiry", "bis", "valid-until", "to"];

/// An example of the word.
const WRITE: &str = "write until=2026-11-22T23:00:00+01:00";

/// Reads the word `until=TIME`, in which the key can be in any case. None if this is another word.
/// `more` are the words after it. A time without an offset is in `zone`.
///
/// # Errors
/// What is wrong and what to write instead, for a message that already names the place.
pub(crate) fn read<'w>(
    word: &str,
    more: impl Iterator<Item = &'w str>,
    zone: &TimeZone,
) -> Option<Result<Moment, String>> {
    let (key, value) = match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word.trim_end_matches(':'), None),
    };
    if OTHER_KEYS.iter().any(|other| other.eq_ignore_ascii_case(key)) {
        return Some(Err(format!("the word for the end is until=; {WRITE}")));
    }
    if !key.eq_ignore_ascii_case(KEY) {
        return None;
    }
    let more = more.take(3).collect::<Vec<_>>();
    Some(match value {
        Some(value) if !value.is_empty() => moment(value, &more, zone),
        Some(_) | None => Err(match blank(&more, zone) {
            Some(write) => format!("until= has a blank in front of its time; {write}"),
            None => format!("until= has no time; {WRITE}"),
        }),
    })
}

/// What is wrong with the words after `until=TIME`. There must be none.
pub(crate) fn read_second(words: &[&str], zone: &TimeZone) -> Option<String> {
    let second = *words.first()?;
    Some(match read(second, std::iter::empty(), zone) {
        Some(_) => "until= stands there twice; leave one of them".into(),
        None => "nothing may follow until=; write each entry on a line of its own, and # in front \
                 of a comment"
            .into(),
    })
}

fn moment(value: &str, more: &[&str], zone: &TimeZone) -> Result<Moment, String> {
    let with_more = || {
        let words: Vec<_> = std::iter::once(value).chain(more.iter().copied()).collect();
        blank(&words, zone).map(|write| format!("the time of until= has a blank; {write}"))
    };
    match Moment::parse(value, zone) {
        Ok(moment) => Ok(moment),
        Err(cause) => Err(with_more().unwrap_or_else(|| {
            let (cause, _) = cause.split_once("; write ").unwrap_or((&cause, ""));
            format!("{}; {WRITE}", cause.replacen("this", "what follows until=", 1))
        })),
    }
}

/// What to write for a time that is spread over the first of these words.
fn blank(words: &[&str], zone: &TimeZone) -> Option<String> {
    let words = match words {
        ["=", rest @ ..] => rest,
        [first, ..] if first.starts_with('=') => return blank_behind_sign(words, zone),
        other => other,
    };
    let times = (1..=words.len()).rev().filter_map(|count| words.get(..count));
    let moment = times.map(|words| words.join(" ")).find_map(|t| Moment::parse(&t, zone).ok())?;
    Some(format!("write until={}", moment.rfc3339()))
}

fn blank_behind_sign(words: &[&str], zone: &TimeZone) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let first = first.strip_prefix('=')?;
    blank(&std::iter::once(first).chain(rest.iter().copied()).collect::<Vec<_>>(), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(text: &str) -> Option<Result<String, String>> {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule");
        let mut words = text.split(' ');
        let read = read(words.next().expect("a word"), words, &zone)?;
        Some(read.map(|moment| moment.rfc3339()))
    }

    #[test]
    fn times() {
        let evening = "2026-11-28T22:00:00+01:00";
        for (text, expected) in [
            ("until=2026-11-28T22:00+0100", evening),
            ("until=2026-11-28T22:00:00+01:00", evening),
            ("until=2026-11-28T22:00", evening),
            ("Until=2026-11-28t22:00", evening),
            ("UNTIL=2026-11-28T21:00Z", "2026-11-28T21:00:00+00:00"),
            ("until=2026-07-01T22:00", "2026-07-01T22:00:00+02:00"),
        ] {
            assert_eq!(read_words(text), Some(Ok(expected.into())), "{text}");
        }
        for other in ["", "10.0.0.1", "untill=2026-11-28T22:00", "path=/x", "=", "until2"] {
            assert_eq!(read_words(other), None, "{other}");
        }
    }

    #[test]
    fn what_to_write_instead() {
        let example = "2026-11-22T23:00:00+01:00";
        let evening = "2026-11-28T22:00:00+01:00";
        for (text, cause, write) in [
            ("until=", "until= has no time", example),
            ("until", "until= has no time", example),
            ("until:", "until= has no time", example),
            ("until= path=/x", "until= has no time", example),
            ("until= 2026-11-28T22:00", "until= has a blank in front of its time", evening),
            ("until = 2026-11-28 22:00", "until= has a blank in front of its time", evening),
            ("until =2026-11-28 22:00", "until= has a blank in front of its time", evening),
            ("until 2026-11-28T22:00", "until= has a blank in front of its time", evening),
            ("until=2026-11-28 22:00", "the time of until= has a blank", evening),
            ("until=2026-11-28 22:00 +0100", "the time of until= has a blank", evening),
            ("until=2026-11-28 22:00 path=/x", "the time of until= has a blank", evening),
            ("until=2026-11-28 path=/x", "what follows until= is a date without a time", example),
            ("until=22:00", "what follows until= is not a date with a time", example),
            ("until=+2h", "what follows until= is not a date with a time", example),
            ("until=2026-02-30T22:00", "there is no such date or time", example),
            ("until=2026-11-28T22:00CET", "the offset from UTC is neither Z nor", example),
            ("end=2026-11-28T22:00", "the word for the end is until=", example),
            ("expires:", "the word for the end is until=", example),
        ] {
            let error = read_words(text).expect(text).expect_err(text);
            assert!(error.starts_with(cause), "{text}: {error}");
            assert!(error.ends_with(&format!("; write until={write}")), "{text}: {error}");
        }
    }
}
