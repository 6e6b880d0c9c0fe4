//! Durations as people say them, and how times are said back.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The longest duration.
const LONGEST: u64 = 10 * 366 * DAY;

/// Reads a duration: `2h`, `90m`, `1h30m`, `1 hour 30 minutes`, `2d`.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{}\" is not a duration; write 90m, 2h, 1h30m or 2d", text.trim());
    let mut rest = text.trim();
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        if unit.is_empty() && sum == 0 && after.is_empty() {
            return Err(format!("{number} has no unit; write {number}m for minutes"));
        }
        let unit = match unit.to_ascii_lowercase().as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "mi" | "min" | "mins" | "minute" | "minutes" => MINUTE,
            "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
            "d" | "day" | "days" => DAY,
            "w" | "week" | "weeks" => 7 * DAY,
            _ => return Err(wrong()),
        };
        sum = number.checked_mul(unit).and_then(|n| n.checked_add(sum)).ok_or_else(wrong)?;
        rest = after.trim_start();
    }
    match sum {
        0 => Err(wrong()),
        _ if sum > LONGEST => Err(format!("\"{}\" is longer than ten years", text.trim())),
        _ => Ok(Duration::from_secs(sum)),
    }
}

/// A duration in a form that can be read again: `2h`, `90m`, `45s`.
pub(crate) fn written(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds % HOUR == 0 => format!("{}h", seconds / HOUR),
        seconds if seconds % MINUTE == 0 => format!("{}m", seconds / MINUTE),
        seconds => format!("{seconds}s"),
    }
}

/// A time for people: `Sat 28 Nov 22:00 CET, in 3 h 58 min`.
pub(crate) fn said(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (time, today) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let year = if time.year() == today.year() { "" } else { " %Y" };
    let seconds = if time.second() == 0 { "" } else { ":%S" };
    let shown = time.strftime(&format!("%a %-d %b{year} %H:%M{seconds} %Z")).to_string();
    let apart = at.duration_since(now);
    let away = match (apart.as_secs(), at >= now) {
        (0, _) => "now".to_owned(),
        (_, true) => format!("in {}", distance(apart.unsigned_abs())),
        (_, false) => ago(now, at),
    };
    format!("{shown}, {away}")
}

/// `5 min ago`
pub(crate) fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", distance(now.duration_since(at).unsigned_abs()))
}

/// `45 s`, `58 min`, `3 h 58 min`, `2 d 4 h`
pub(crate) fn distance(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |number: u64, unit, rest: u64, small| match rest {
        0 => format!("{number} {unit}"),
        _ => format!("{number} {unit} {rest} {small}"),
    };
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        _ => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("90s", 90),
            ("2h", 7200),
            ("2H", 7200),
            ("90m", 5400),
            ("90 min", 5400),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("1 hour 30 minutes", 5400),
            ("2 hours", 7200),
            ("2d", 172_800),
            ("1w", 604_800),
            (" 5m ", 300),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, error) in [
            ("", "is not a duration"),
            ("90", "90 has no unit; write 90m for minutes"),
            ("0m", "is not a duration"),
            ("1.5h", "is not a duration"),
            ("-2h", "is not a duration"),
            ("1h30", "is not a duration"),
            ("h", "is not a duration"),
            ("2 moons", "is not a duration"),
            ("99999999999999999999h", "is not a duration"),
            ("9999999999999999h", "is not a duration"),
            ("999999h", "is longer than ten years"),
        ] {
            let said = duration(text).expect_err(text);
            assert!(said.contains(error), "{text}: {said}");
        }
    }

    #[test]
    fn distances() {
        for (seconds, shown) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (14_310, "3 h 58 min"),
            (86_399, "23 h 59 min"),
            (86_400, "1 d"),
            (187_200, "2 d 4 h"),
        ] {
            assert_eq!(distance(Duration::from_secs(seconds)), shown);
        }
    }
}
