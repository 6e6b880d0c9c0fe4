//! Parses times as people write them (the syntaxes of TOML and RFC 3339, and other unambiguous
//! ones), and formats times for people and programs.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use nix::time::{ClockId, clock_gettime};

/// The end of each error message.
const WRITE: &str = "write 2026-11-22T23:00:00+01:00";

/// The system's time. Each request that is refused asks for it, and [`Timestamp::now`] takes three
/// times as many instructions.
pub fn now() -> Timestamp {
    let read = clock_gettime(ClockId::CLOCK_REALTIME).ok();
    let time = read.and_then(|time| {
        let nanos = i32::try_from(time.tv_nsec()).ok()?;
        #[allow(clippy::useless_conversion)] // a time_t of 32 bits on i686
        let seconds = i64::from(time.tv_sec());
        Timestamp::new(seconds, nanos).ok()
    });
    time.unwrap_or_else(Timestamp::now)
}

/// A time, with the UTC offset that it was written with or that its time zone had then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    at: Timestamp,
    offset: Offset,
}

impl Moment {
    /// This time in a time zone.
    pub fn local(at: Timestamp, zone: &TimeZone) -> Self {
        Self { at, offset: zone.to_offset(at) }
    }

    /// Parses a time: a date and a time of day, with optional seconds and fractions, and an
    /// optional offset (`Z`, `UTC`, `+01:00`, `+0100`, `+01`). Without an offset the time is in
    /// `zone`.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse(text: &str, zone: &TimeZone) -> Result<Self, String> {
        let text = text.trim();
        let no_time = || format!("this is not a date with a time; {WRITE}");
        let (date, rest) = text.split_at_checked(10).ok_or_else(no_time)?;
        if !has_shape(date, "dddd-dd-dd") {
            return Err(no_time());
        }
        if rest.is_empty() {
            return Err(format!("this is a date without a time; {WRITE}"));
        }
        let time = match rest.strip_prefix(['T', 't']) {
            Some(time) => time,
            None => Some(rest.trim_start()).filter(|time| *time != rest).ok_or_else(no_time)?,
        };
        let is_clock = |c: char| c.is_ascii_digit() || [':', '.', ','].contains(&c);
        let (clock, offset) = time.split_at(time.find(|c| !is_clock(c)).unwrap_or(time.len()));
        let clock = self::clock(clock).ok_or_else(no_time)?;
        let offset = match offset.trim() {
            "" => None,
            offset => Some(self::offset(offset).ok_or_else(|| {
                format!("the offset from UTC is neither Z nor hours and minutes; {WRITE}")
            })?),
        };
        let resolve = || -> Result<Self, jiff::Error> {
            let local: DateTime = format!("{date}T{clock}").parse()?;
            Ok(match offset {
                Some(offset) => Self { at: offset.to_timestamp(local)?, offset },
                None => {
                    let zoned = local.to_zoned(zone.clone())?;
                    Moment { at: zoned.timestamp(), offset: zoned.offset() }
                }
            })
        };
        resolve().map_err(|_| format!("there is no such date or time; {WRITE}"))
    }

    /// The time as a timestamp.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Another time with the same offset.
    pub fn moved_to(&self, at: Timestamp) -> Self {
        Self { at, ..*self }
    }

    fn zoned(&self) -> Zoned {
        self.at.to_zoned(self.offset.to_time_zone())
    }

    /// For programs: `2026-11-22T23:00:00+01:00` (RFC 3339).
    pub fn rfc3339(&self) -> String {
        self.at.display_with_offset(self.offset).to_string()
    }

    /// For people: `2026-11-22 23:00 +01:00`, with the seconds if they are not zero.
    pub fn text(&self) -> String {
        match self.zoned() {
            zoned if zoned.second() == 0 => zoned.strftime("%Y-%m-%d %H:%M %:z").to_string(),
            _ => self.text_with_seconds(),
        }
    }

    /// For people, always with seconds: `2026-11-22 23:00:00 +01:00`.
    pub fn text_with_seconds(&self) -> String {
        self.zoned().strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }
}

/// Converts `22:00`, `9:00`, `22:00:30` or `22:00:30.5` to `HH:MM:SS.F`, with at most nine digits
/// after the point.
fn clock(text: &str) -> Option<String> {
    const NANOSECONDS: usize = 9;
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let shapes = ["dd:dd:dd", "d:dd:dd", "dd:dd", "d:dd"];
    let shape = shapes.into_iter().find(|shape| has_shape(whole, shape))?;
    let has_seconds = shape.ends_with(":dd:dd");
    let hour = if shape.starts_with("dd") { "" } else { "0" };
    let seconds = if has_seconds { "" } else { ":00" };
    let fraction = match fraction {
        None => String::new(),
        Some(digits)
            if has_seconds
                && !digits.is_empty()
                && digits.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            format!(".{}", digits.get(..NANOSECONDS).unwrap_or(digits))
        }
        Some(_) => return None,
    };
    Some(format!("{hour}{whole}{seconds}{fraction}"))
}

/// Parses `Z`, `UTC`, `GMT`, `+01:00`, `+0100`, `+01`. One digit, or three, would be ambiguous.
fn offset(text: &str) -> Option<Offset> {
    if ["z", "utc", "gmt"].contains(&text.to_ascii_lowercase().as_str()) {
        return Some(Offset::UTC);
    }
    let (sign, digits) = match text.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => digits.split_at_checked(2)?,
        5 => digits.split_once(':')?,
        _ => return None,
    };
    if !has_shape(hours, "dd") || !has_shape(minutes, "dd") {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let is_offset = hours < 24 && minutes < 60; // RFC 3339, 5.6
    is_offset.then(|| Offset::from_seconds(sign * (hours * 60 + minutes) * 60).ok()).flatten()
}

/// Whether the text has this shape, where `d` is a digit.
fn has_shape(text: &str, shape: &str) -> bool {
    let fits = |(byte, shape): (u8, u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule")
    }

    #[test]
    fn spellings() {
        let evening = "2026-11-28T22:00:00+01:00";
        let utc = "2026-11-28T21:00:00+00:00";
        for (text, expected) in [
            ("2026-11-28T22:00:00+01:00", evening),
            ("2026-11-28T22:00+01:00", evening),
            ("2026-11-28T22:00+0100", evening),
            ("2026-11-28T22:00:00+01", evening),
            ("2026-11-28t22:00+01", evening),
            ("2026-11-28 22:00+01", evening),
            (" 2026-11-28  22:00 +0100 ", evening),
            ("2026-11-28 22:00", evening),
            ("2026-11-28T22:00:00.000", evening),
            ("2026-11-28T21:00:00Z", utc),
            ("2026-11-28 21:00z", utc),
            ("2026-11-28 21:00 UTC", utc),
            ("2026-11-28 21:00 gmt", utc),
            ("2026-11-28 21:00-0000", utc),
            ("2026-11-28 21:00-00:00", utc),
            ("2026-11-28 9:00", "2026-11-28T09:00:00+01:00"),
            ("2026-11-28 9:00:07", "2026-11-28T09:00:07+01:00"),
            ("2026-11-28 22:00:07.5-0930", "2026-11-28T22:00:07.5-09:30"),
            ("2026-11-28 22:00:07,1234567891", "2026-11-28T22:00:07.123456789+01:00"),
            ("2026-07-01 22:00", "2026-07-01T22:00:00+02:00"),
            ("2026-11-28 22:00 +23:59", "2026-11-28T22:00:00+23:59"),
        ] {
            let moment = Moment::parse(text, &berlin()).map(|moment| moment.rfc3339());
            assert_eq!(moment.as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_certain() {
        let not = "this is not a date with a time; write ";
        for (text, message) in [
            ("", not),
            ("six", not),
            ("22:00", not),
            ("28.11.2026 22:00", not),
            ("11/28/2026 22:00", not),
            ("2026-11-2822:00", not),
            ("2026-11-28 22", not),
            ("2026-11-28 22.00", not),
            ("2026-11-28 10:00:00.", not),
            ("2026-11-28 :00", not),
            ("2026-11-28 22:00:0", not),
            ("12026-11-28 22:00", not),
            ("2026-11-2é 22:00", not),
            ("2026-11-28", "this is a date without a time; write "),
            ("2026-11-28 22:00 CET", "the offset from UTC is neither"),
            ("2026-11-28 22:00 +1", "the offset from UTC is neither"),
            ("2026-11-28 22:00 +100", "the offset from UTC is neither"),
            ("2026-11-28 22:00 +01:0", "the offset from UTC is neither"),
            ("2026-11-28 22:00 +24:00", "the offset from UTC is neither"),
            ("2026-11-28 22:00 +01:60", "the offset from UTC is neither"),
            ("2026-11-28 22:00 +01:00:00", "the offset from UTC is neither"),
            ("2026-11-28 10:00 pm", "the offset from UTC is neither"),
            ("2026-11-28T22:00:00+01:00[Europe/Berlin]", "the offset from UTC is neither"),
            ("2026-02-30 22:00", "there is no such date or time"),
            ("2026-11-28 24:00", "there is no such date or time"),
            ("2026-11-28 22:61", "there is no such date or time"),
            ("9999-12-31T23:59:59-01:00", "there is no such date or time"),
        ] {
            let error = Moment::parse(text, &berlin()).expect_err(text);
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn moments_keep_their_offset() {
        for (text, rfc3339, shown) in [
            ("2026-11-22T23:00:00+01:00", "2026-11-22T23:00:00+01:00", "2026-11-22 23:00 +01:00"),
            ("2026-11-22 23:00:00-09:30", "2026-11-22T23:00:00-09:30", "2026-11-22 23:00 -09:30"),
            ("2026-11-22T23:00:00Z", "2026-11-22T23:00:00+00:00", "2026-11-22 23:00 +00:00"),
            ("2026-11-22T23:00:07Z", "2026-11-22T23:00:07+00:00", "2026-11-22 23:00:07 +00:00"),
        ] {
            let moment = Moment::parse(text, &berlin()).expect(text);
            assert_eq!((moment.rfc3339().as_str(), moment.text().as_str()), (rfc3339, shown));
        }
    }

    #[test]
    fn moments_of_a_zone() {
        for (at, shown) in [
            ("2026-11-22T22:00:00Z", "2026-11-22 23:00:00 +01:00"),
            ("2026-07-22T22:00:07.9Z", "2026-07-23 00:00:07 +02:00"),
            ("1969-12-31T23:59:59Z", "1970-01-01 00:59:59 +01:00"),
        ] {
            let moment = Moment::local(at.parse().expect(at), &berlin());
            assert_eq!(moment.text_with_seconds(), shown);
        }
    }
}
