//! Durations in the syntax of httpd's directives (`ap_timeout_parameter_parse`).

use std::time::Duration;

use thiserror::Error;

/// The largest Retry-After, in seconds (RFC 9111, section 1.2.2: delta-seconds).
pub const MAX_SECONDS: u32 = i32::MAX as u32;

/// A word that is not a duration.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" is not a duration (90, 90s, 500ms, 5m, 2h) of at most 68 years")]
pub struct DurationError(String);

/// Parses a duration. A number without a unit is in seconds.
///
/// # Errors
/// [`DurationError`]
pub fn parse(word: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(word.into());
    let digits = word.len() - word.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let (number, unit) = word.split_at_checked(digits).ok_or_else(error)?;
    let number: u64 = number.parse().map_err(|_| error())?;
    let duration = match unit.to_ascii_lowercase().as_str() {
        "" | "s" => Some(Duration::from_secs(number)),
        "ms" => Some(Duration::from_millis(number)),
        "m" | "mi" | "min" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    };
    let longest = Duration::from_secs(MAX_SECONDS.into());
    duration.filter(|duration| *duration <= longest).ok_or_else(error)
}

/// Parses a duration, and rounds it up to whole seconds.
///
/// # Errors
/// [`DurationError`]
pub fn seconds(word: &str) -> Result<u32, DurationError> {
    let millis = parse(word)?.as_millis();
    u32::try_from(millis.div_ceil(1000)).map_err(|_| DurationError(word.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, expected) in [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("0", Some(0)),
            ("1ms", Some(1)),
            ("1500ms", Some(2)),
            ("5m", Some(300)),
            ("5min", Some(300)),
            ("2h", Some(7200)),
            ("2H", Some(7200)),
            ("2147483647", Some(MAX_SECONDS)),
            ("2147483648", None),
            ("99999999999999999999", None),
            ("18446744073709551615h", None),
            ("-1", None),
            ("+1", None),
            ("1.5m", None),
            ("5 m", None),
            ("m", None),
            ("", None),
            ("5d", None),
            ("5µs", None),
        ] {
            assert_eq!(seconds(word).ok(), expected, "{word}");
            assert_eq!(parse(word).is_ok(), expected.is_some(), "{word}");
        }
        for (word, millis) in
            [("0", 0), ("2", 2000), ("250ms", 250), ("1500ms", 1500), ("1m", 60_000)]
        {
            assert_eq!(parse(word), Ok(Duration::from_millis(millis)), "{word}");
        }
    }
}
