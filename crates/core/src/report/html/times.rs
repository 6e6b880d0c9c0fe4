//! Times by the server's clock, and their distance from the current time.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::value::Value;

/// The current time, in the server's zone.
#[derive(Clone)]
pub(super) struct Clock(Zoned);

impl Clock {
    pub(super) fn new(now: Timestamp, zone: TimeZone) -> Self {
        Self(now.to_zoned(zone))
    }

    /// `CET (UTC+01:00)`
    pub(super) fn zone(&self) -> String {
        let (name, offset) = (self.0.strftime("%Z").to_string(), self.0.strftime("%:z"));
        match name.as_str() {
            "UTC" => name,
            _ => format!("{name} (UTC{offset})"),
        }
    }

    /// The time as `22:00:05` if it is today, otherwise with the date, and with the offset if that
    /// differs from the current one. Text that is not a time is returned unchanged.
    pub(super) fn show(&self, at: &str) -> Value {
        let Ok(time) = at.parse::<Timestamp>() else {
            return at.into();
        };
        let zoned = time.to_zoned(self.0.time_zone().clone());
        let date = if zoned.date() == self.0.date() { "" } else { "%Y-%m-%d " };
        let offset = if zoned.offset() == self.0.offset() { "" } else { " %:z" };
        let text = zoned.strftime(&format!("{date}%H:%M:%S{offset}")).to_string();
        Value::from_safe_string(format!("<time datetime=\"{time}\">{text}</time>"))
    }

    /// The time as `5 min ago` or `in 1 h 30 min`. Text that is not a time is returned unchanged.
    pub(super) fn relative(&self, at: &str) -> String {
        let Ok(at) = at.parse::<Timestamp>() else {
            return at.into();
        };
        let seconds = at.as_second() - self.0.timestamp().as_second();
        match seconds {
            0 => "now".into(),
            1.. => format!("in {}", span(seconds.unsigned_abs())),
            _ => format!("{} ago", span(seconds.unsigned_abs())),
        }
    }
}

/// `42 s`, `4 min 12 s`, `3 h 5 min`, `2 d 7 h`
pub(super) fn span(seconds: u64) -> String {
    let (large, small) = match seconds {
        0..60 => ((0, ""), (seconds, "s")),
        60..3600 => ((seconds / 60, "min"), (seconds % 60, "s")),
        3600..86_400 => ((seconds / 3600, "h"), (seconds % 3600 / 60, "min")),
        _ => ((seconds / 86_400, "d"), (seconds % 86_400 / 3600, "h")),
    };
    match (large, small) {
        ((0, _), (number, unit)) | ((number, unit), (0, _)) => format!("{number} {unit}"),
        ((large, of_large), (small, of_small)) => format!("{large} {of_large} {small} {of_small}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
        Clock::new("2026-11-22T21:30:00Z".parse().expect("a time"), zone)
    }

    #[test]
    fn times_of_the_servers_clock() {
        for (at, expected) in [
            ("2026-11-22T21:00:05Z", "22:00:05"),
            ("2026-11-22T16:00:05-05:00", "22:00:05"),
            ("2026-11-22T23:30:00Z", "2026-11-23 00:30:00"),
            ("2026-10-20T10:00:00Z", "2026-10-20 12:00:00 +02:00"),
        ] {
            let time: Timestamp = at.parse().expect(at);
            let expected = format!("<time datetime=\"{time}\">{expected}</time>");
            assert_eq!(clock().show(at).to_string(), expected, "{at}");
        }
        let other = clock().show("<never>");
        assert_eq!((other.to_string().as_str(), other.is_safe()), ("<never>", false));
        assert_eq!(clock().zone(), "CET (UTC+01:00)");
        assert_eq!(Clock::new(Timestamp::UNIX_EPOCH, TimeZone::UTC).zone(), "UTC");
    }

    #[test]
    fn how_far_away_they_are() {
        for (at, expected) in [
            ("2026-11-22T21:30:00Z", "now"),
            ("2026-11-22T21:29:18Z", "42 s ago"),
            ("2026-11-22T21:34:12Z", "in 4 min 12 s"),
            ("2026-11-22T23:30:59Z", "in 2 h"),
            ("2026-11-22T18:25:00Z", "3 h 5 min ago"),
            ("2026-11-20T14:30:00Z", "2 d 7 h ago"),
            ("soon", "soon"),
        ] {
            assert_eq!(clock().relative(at), expected, "{at}");
        }
        assert_eq!(span(0), "0 s");
    }
}
