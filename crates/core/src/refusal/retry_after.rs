//! The time after which a refused client may retry (Retry-After, RFC 9110, section 10.2.3).

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use thiserror::Error;

use crate::flag::spec::FlagSpec;
use crate::text::duration::{self, DurationError, MAX_SECONDS};

/// Why the words of `MaintenanceRetryAfter` are not valid.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RetryAfterError {
    /// A word that is not a duration.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// A second word that is not a spread.
    #[error("\"{0}\" is not spread=DURATION; write spread=1m")]
    Spread(String),
    /// More than two words, or any word after `off`.
    #[error("\"{0}\" is one word too many")]
    TooMany(String),
}

/// The setting of `MaintenanceRetryAfter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetryAfter {
    /// In seconds. None: the answer has no Retry-After.
    base: Option<u32>,
    /// The maximum random delay to add, in seconds.
    spread: u32,
}

impl Default for RetryAfter {
    fn default() -> Self {
        Self { base: Some(300), spread: 60 }
    }
}

impl RetryAfter {
    /// Parses the words of the directive.
    ///
    /// # Errors
    /// [`RetryAfterError`]
    pub fn parse(words: &[&str]) -> Result<Self, RetryAfterError> {
        let (first, rest) = words.split_first().unwrap_or((&"", &[]));
        let off = first.eq_ignore_ascii_case("off");
        match rest {
            [] if off => Ok(Self { base: None, spread: 0 }),
            [] => Ok(Self { base: Some(duration::seconds(first)?), spread: 0 }),
            [word] if !off => {
                let spread = word.strip_prefix("spread=");
                let spread = spread.ok_or_else(|| RetryAfterError::Spread((*word).into()))?;
                Ok(Self {
                    base: Some(duration::seconds(first)?),
                    spread: duration::seconds(spread)?,
                })
            }
            [_, word, ..] | [word, ..] => Err(RetryAfterError::TooMany((*word).into())),
        }
    }

    /// The number of seconds that a page shows, which is rendered once for many clients: None if
    /// there is no Retry-After, or if the page shows a future `end` instead.
    pub fn for_page(&self, spec: &FlagSpec, is_overdue: bool) -> Option<u32> {
        match spec.end() {
            Some(_) if !is_overdue => None,
            _ => spec.retry_after().or(self.base),
        }
    }

    /// The number of seconds until a time, at least 1; None if there is no Retry-After.
    pub fn until(&self, time: Timestamp, spec: &FlagSpec, now: Timestamp) -> Option<u32> {
        spec.retry_after().or(self.base)?;
        let micros = time.as_microsecond().saturating_sub(now.as_microsecond());
        let seconds = u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000).max(1);
        Some(u32::try_from(seconds).map_or(MAX_SECONDS, |seconds| seconds.min(MAX_SECONDS)))
    }

    /// The number of seconds for the header field, at this time: until the flag's `end` unless
    /// the maintenance is overdue, otherwise the value in the flag, otherwise the value of the
    /// directive. A random part of the spread is added, so that clients do not all return at the
    /// same time. None if the directive is `off` and the flag has no value: then `end` does not
    /// count either.
    ///
    /// `is_overdue` decides and not the clock alone, which may just have been set back by a second.
    pub fn for_header(
        &self,
        spec: &FlagSpec,
        is_overdue: bool,
        now: Timestamp,
        spreader: &Spreader,
    ) -> Option<u32> {
        let base = spec.retry_after().or(self.base)?;
        let until_end = spec.end().filter(|_| !is_overdue).and_then(|end| {
            let micros = end.at().as_microsecond().checked_sub(now.as_microsecond())?;
            let seconds = u64::try_from(micros).ok()?.div_ceil(1_000_000);
            (seconds > 0).then(|| u32::try_from(seconds).unwrap_or(MAX_SECONDS))
        });
        let spread = spreader.draw(self.spread, now);
        Some(until_end.unwrap_or(base).saturating_add(spread).min(MAX_SECONDS))
    }
}

/// Draws random numbers without a lock and without thread-local data, which would keep the module
/// in memory when httpd unloads it.
#[derive(Debug, Default)]
pub struct Spreader(AtomicU64);

impl Spreader {
    /// A number from 0 to `max`. The time makes it differ between children, which all start with
    /// the same state.
    fn draw(&self, max: u32, now: Timestamp) -> u32 {
        if max == 0 {
            return 0;
        }
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15; // SplitMix64: spreads consecutive numbers
        let count = self.0.fetch_add(GOLDEN, Ordering::Relaxed);
        let moment = now.as_microsecond().cast_unsigned().wrapping_mul(GOLDEN.rotate_left(32) | 1);
        fastrand::Rng::with_seed(count ^ moment).u32(0..=max)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::ToSpan;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::flag::{self, ActiveFlag, Flag, Observer};
    use crate::shared::slot::new_state_table;

    fn spec(text: &str) -> FlagSpec {
        FlagSpec::parse(text.as_bytes(), &TimeZone::UTC).expect("a spec")
    }

    #[test]
    fn words() {
        let of = |base, spread| Some(RetryAfter { base, spread });
        for (words, expected) in [
            (&["90"][..], of(Some(90), 0)),
            (&["5m", "spread=1m"], of(Some(300), 60)),
            (&["0", "spread=0"], of(Some(0), 0)),
            (&["off"], of(None, 0)),
            (&["Off"], of(None, 0)),
            (&["off", "spread=1m"], None),
            (&["5m", "1m"], None),
            (&["5m", "spread="], None),
            (&["5m", "spread=1m", "x"], None),
            (&["-5m"], None),
            (&["soon"], None),
        ] {
            assert_eq!(RetryAfter::parse(words).ok(), expected, "{words:?}");
        }
    }

    #[test]
    fn what_counts() {
        let now: Timestamp = "2026-11-22T12:00:00.25Z".parse().expect("a time");
        let exactly = RetryAfter { base: Some(300), spread: 0 };
        let off = RetryAfter { base: None, spread: 0 };
        for (text, rule, expected) in [
            ("", exactly, Some(300)),
            ("retry_after = 20", exactly, Some(20)),
            ("retry_after = 20", off, Some(20)),
            ("retry_after = 20\nend = 2026-11-22T12:10:00Z", exactly, Some(600)),
            ("end = 2026-11-22T12:10:00Z", exactly, Some(600)),
            ("end = 2026-11-22T12:00:00.3Z", exactly, Some(1)),
            ("end = 2026-11-22T12:00:00.25Z", exactly, Some(300)),
            ("end = 2026-11-22T11:00:00Z", exactly, Some(300)),
            ("end = 9999-01-01T00:00:00Z", exactly, Some(MAX_SECONDS)),
            ("end = 2026-11-22T12:10:00Z", off, None),
            ("", off, None),
        ] {
            let spec = spec(text);
            let is_overdue = spec.end().is_some_and(|end| end.at() <= now);
            let header = rule.for_header(&spec, is_overdue, now, &Spreader::default());
            assert_eq!(header, expected, "{text}");
            let page = rule.for_page(&spec, is_overdue);
            assert!(page.is_none() || page == expected, "{text}");
        }
    }

    /// A small step back of the clock, just after the end, does not make a site that is overdue
    /// promise to open within a second.
    #[test]
    fn overdue_while_the_clock_is_set_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flag");
        std::fs::write(&path, "end = 2026-11-22T14:00:00Z").expect("written");
        let table = new_state_table();
        let slot = table.claim(&[flag::key(&path)]).expect("a slot")[0];
        let flag = Flag::new(path, slot, Duration::ZERO, TimeZone::UTC);
        let exactly = RetryAfter { base: Some(300), spread: 0 };
        for (clock, expected) in [
            ("13:59:50", (None, Some(10))),
            ("14:00:00", (Some(300), Some(300))),
            ("13:59:59", (Some(300), Some(300))),
            ("13:59:50", (None, Some(10))),
        ] {
            let clock: Timestamp = format!("2026-11-22T{clock}Z").parse().expect("a time");
            let look = flag.look(Observer::Child, clock, &|| clock, &mut |_| ());
            let ActiveFlag { content, is_overdue, at, .. } = look.expect("closed");
            let spec = content.spec();
            let both = (
                exactly.for_page(spec, is_overdue),
                exactly.for_header(spec, is_overdue, at, &Spreader::default()),
            );
            assert_eq!(both, expected, "{clock}");
        }
    }

    #[test]
    fn until_a_turn() {
        let now: Timestamp = "2026-11-22T12:00:00.25Z".parse().expect("a time");
        let rule = RetryAfter { base: Some(300), spread: 60 };
        for (time, expected) in [
            ("2026-11-22T12:00:10Z", 10),
            ("2026-11-22T12:00:01Z", 1),
            ("2026-11-22T12:00:00Z", 1),
            ("2020-01-01T00:00:00Z", 1),
            ("9998-01-01T00:00:00Z", MAX_SECONDS),
        ] {
            let time = time.parse().expect("a time");
            assert_eq!(rule.until(time, &spec(""), now), Some(expected), "{time}");
        }
        let off = RetryAfter { base: None, spread: 0 };
        assert_eq!(off.until(now, &spec(""), now), None);
        assert_eq!(off.until(now, &spec("retry_after = 5"), now), Some(1));
    }

    /// The numbers are evenly distributed, both for many draws at one time and for one draw in each
    /// of many processes: chi-squared, 60 degrees of freedom, exceeded once in 10^6.
    #[test]
    fn spread_evenly() {
        const DRAWS: u32 = 100_000;
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let one = Spreader::default();
        let chi_squared = |draw: &dyn Fn(u32) -> u32| {
            let mut counts = [0_u32; 61];
            (0..DRAWS).for_each(|number| counts[draw(number) as usize] += 1);
            let expected = f64::from(DRAWS) / 61.0;
            counts
                .iter()
                .map(|count| (f64::from(*count) - expected).powi(2) / expected)
                .sum::<f64>()
        };
        let burst = chi_squared(&|_| one.draw(60, start));
        let births = chi_squared(&|number| {
            let now = start + i64::from(number).microseconds();
            Spreader::default().draw(60, now)
        });
        let both = chi_squared(&|number| one.draw(60, start + i64::from(number).milliseconds()));
        assert!(burst < 127.0 && births < 127.0 && both < 127.0, "{burst} {births} {both}");
    }
}
