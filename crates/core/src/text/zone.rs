//! The server's time zone: that of the log, and of the times in a flag without an offset.

use std::env;
use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;

/// The zone given by TZ, or otherwise by /etc/localtime, or otherwise UTC; see tzset(3). Does not
/// use jiff's own lookup, whose cache lasts as long as the process, although httpd unloads the
/// module.
pub fn of_server() -> TimeZone {
    match env::var("TZ") {
        Ok(value) => named(value.strip_prefix(':').unwrap_or(&value)),
        Err(_) => from_file(Path::new("/etc/localtime")),
    }
    .unwrap_or(TimeZone::UTC)
}

fn named(name: &str) -> Option<TimeZone> {
    if name.is_empty() {
        return None;
    }
    from_file(&Path::new("/usr/share/zoneinfo").join(name)).or_else(|| TimeZone::posix(name).ok())
}

fn from_file(path: &Path) -> Option<TimeZone> {
    TimeZone::tzif("local", &fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_rules() {
        let offset = |name| {
            let zone = named(name)?;
            Some(zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds())
        };
        assert_eq!(offset("UTC0"), Some(0));
        assert_eq!(offset("EST5EDT,M3.2.0,M11.1.0"), Some(-5 * 3600));
        assert_eq!(offset("CET-1CEST,M3.5.0,M10.5.0/3"), Some(3600));
        assert_eq!(offset("Neverland/Nowhere"), None);
        assert_eq!(offset(""), None);
    }
}
