//! Times as people say them: `22:00`, `tomorrow 01:30`, `Sat 22:00`, `+2h`, `2026-11-28 22:00`.
//!
//! A time is read only where its meaning is certain, and what was understood is said back with
//! weekday, zone and distance. Every form that is said back can be read again.

mod distance;
mod words;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Span, Timestamp, ToSpan as _, Zoned};
use maintenance_core::text::time::Moment;

pub(crate) use distance::{ago, distance, duration, said, written};
use words::{Day, Words, ZoneWord};

/// A time of day that has passed within this time was probably meant for today.
const JUST_PASSED: i64 = 6 * 60 * 60;

/// The time now, in whole seconds as a flag has them.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// What a time depends on.
#[derive(Clone, Copy)]
pub(crate) struct Clock<'z> {
    pub(crate) now: Timestamp,
    /// The earliest time that can be meant: now, or the start for an end.
    pub(crate) after: Timestamp,
    /// The machine's zone.
    pub(crate) zone: &'z TimeZone,
}

impl<'z> Clock<'z> {
    pub(crate) fn new(now: Timestamp, zone: &'z TimeZone) -> Self {
        Self { now, after: now, zone }
    }

    /// For a time that comes after this one.
    pub(crate) fn after(self, after: Timestamp) -> Self {
        Self { after: after.max(self.now), ..self }
    }

    /// The time with weekday, zone and distance.
    pub(crate) fn said(&self, at: Timestamp) -> String {
        said(at, self.now, self.zone)
    }
}

/// A time that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Understood {
    pub(crate) at: Timestamp,
    /// What is unusual about the time: the clocks are changed.
    pub(crate) note: Option<String>,
}

impl Understood {
    fn plain(at: Timestamp) -> Self {
        Self { at, note: None }
    }
}

/// Reads a time.
///
/// # Errors
/// What is wrong, and what to write instead.
pub(crate) fn time(text: &str, clock: &Clock<'_>) -> Result<Understood, String> {
    let text = text.trim();
    let understood = match offset_of_time(text) {
        Some(Ok(at)) => Understood::plain(at),
        Some(Err(local)) => resolve(local, clock, None)?,
        None => match relative(text, clock)? {
            Some(at) => Understood::plain(at),
            None => in_words(text, clock)?,
        },
    };
    if understood.at <= clock.now {
        let zone = clock.zone;
        return Err(format!(
            "\"{text}\" is {}, which has passed; write a later time",
            said(understood.at, clock.now, zone)
        ));
    }
    Ok(understood)
}

/// A date and a time as in RFC 3339 and in a flag: the timestamp if there is an offset, otherwise
/// the local time.
fn offset_of_time(text: &str) -> Option<Result<Timestamp, DateTime>> {
    let east = TimeZone::fixed(jiff::tz::offset(1));
    let here = Moment::parse(text, &TimeZone::UTC).ok()?.at();
    let there = Moment::parse(text, &east).ok()?.at();
    let local = here.to_zoned(TimeZone::UTC).datetime();
    Some(if here == there { Ok(here) } else { Err(local) })
}

/// `+2h` after the earliest time that can be meant, `in 2h` from now.
fn relative(text: &str, clock: &Clock<'_>) -> Result<Option<Timestamp>, String> {
    let lower = text.to_ascii_lowercase();
    let (from, rest) = match (lower.strip_prefix('+'), lower.strip_prefix("in ")) {
        (Some(rest), _) => (clock.after, rest),
        (_, Some(rest)) => (clock.now, rest),
        _ if lower == "now" => return Err("this time is now; write a later one".into()),
        _ => return Ok(None),
    };
    let duration = duration(rest)?;
    let at = from.checked_add(duration).map_err(|_| format!("\"{text}\" is too far away"))?;
    Ok(Some(at))
}

fn in_words(text: &str, clock: &Clock<'_>) -> Result<Understood, String> {
    let Words { day, weekday, time, zone } = Words::read(text)?;
    let fixed = match zone {
        Some(ZoneWord::Offset(offset)) => Some(TimeZone::fixed(offset)),
        _ => None,
    };
    let clock = Clock { zone: fixed.as_ref().unwrap_or(clock.zone), ..*clock };
    let name = match &zone {
        Some(ZoneWord::Name(name)) => Some(name.as_str()),
        _ => None,
    };
    let of_date = |date: Date| resolve(date.to_datetime(time), &clock, name);
    let local = |at: Timestamp| at.to_zoned(clock.zone.clone());
    let today = local(clock.now).date();
    let moved = |date: Date, by: Span| date.checked_add(by).map_err(|_| "too far away".to_owned());
    match day {
        Some(Day::Today) => of_date(today),
        Some(Day::Tomorrow) => of_date(moved(today, 1.day())?),
        Some(Day::Date { year, month, day }) => {
            let from = local(clock.after).date();
            let date =
                |year| Date::new(year, month, day).map_err(|_| "there is no such date".to_owned());
            let date = match year {
                Some(year) => date(year)?,
                None => {
                    let this = date(from.year());
                    match this.clone().ok().filter(|this| *this >= from) {
                        Some(this) => this,
                        // In a year of its own, 29 February exists at most.
                        None => date(from.year() + 1).or(this)?,
                    }
                }
            };
            agree(date, weekday)?;
            of_date(date)
        }
        None => match weekday {
            Some(weekday) => on_weekday(weekday, &clock, &of_date),
            None => next(
                text,
                &clock,
                &|date, name| resolve(date.to_datetime(time), &clock, name),
                name,
            ),
        },
    }
}

/// The first day of this name whose time comes after the earliest time.
fn on_weekday(
    weekday: Weekday,
    clock: &Clock<'_>,
    of_date: &dyn Fn(Date) -> Result<Understood, String>,
) -> Result<Understood, String> {
    let from = clock.after.to_zoned(clock.zone.clone()).date();
    let days = i64::from(from.weekday().until(weekday));
    let date = |days: i64| from.checked_add(days.days()).map_err(|_| "too far away".to_owned());
    let first = of_date(date(days)?)?;
    if first.at > clock.after {
        return Ok(first);
    }
    let next = of_date(date(days + 7)?)?;
    if clock.after > clock.now {
        return Ok(next);
    }
    Err(format!(
        "{} has passed, {}; for the next one write \"{}\"",
        without_zone(&first.at.to_zoned(clock.zone.clone())),
        ago(clock.now, first.at),
        without_zone(&next.at.to_zoned(clock.zone.clone())),
    ))
}

/// The time on a date, in a zone that may have a name.
type OfDate<'o> = &'o dyn Fn(Date, Option<&str>) -> Result<Understood, String>;

/// The next time of day after the earliest time.
fn next(
    text: &str,
    clock: &Clock<'_>,
    of_date: OfDate<'_>,
    name: Option<&str>,
) -> Result<Understood, String> {
    let from = clock.after.to_zoned(clock.zone.clone()).date();
    // The zone can have another name tomorrow.
    let today = of_date(from, None)?;
    if today.at > clock.after {
        return of_date(from, name);
    }
    if let Ok(today) = of_date(from, name)
        && today.at > clock.after
    {
        return Ok(today); // the second of two
    }
    let passed = clock.now.as_second() - today.at.as_second();
    if clock.after == clock.now && passed < JUST_PASSED {
        return Err(format!(
            "{text} has passed, {}; for the next one write \"tomorrow {text}\"",
            ago(clock.now, today.at)
        ));
    }
    of_date(from.tomorrow().map_err(|_| "too far away".to_owned())?, name)
}

/// Whether the date has the weekday that was said.
fn agree(date: Date, weekday: Option<Weekday>) -> Result<(), String> {
    match weekday {
        Some(said) if said != date.weekday() => Err(format!(
            "{} is a {}; write the right day or leave it out",
            date.strftime("%-d %b %Y"),
            date.strftime("%A")
        )),
        _ => Ok(()),
    }
}

/// A local time as it can be said again.
fn without_zone(at: &Zoned) -> String {
    let seconds = if at.second() == 0 { "" } else { ":%S" };
    at.strftime(&format!("%Y-%m-%d %H:%M{seconds}")).to_string()
}

/// A local time, over a change of the clocks, too. `name` is the abbreviation of the zone.
fn resolve(local: DateTime, clock: &Clock<'_>, name: Option<&str>) -> Result<Understood, String> {
    let zone = clock.zone;
    let at = |offset: Offset| {
        offset.to_timestamp(local).map_err(|_| "there is no such date or time".to_owned())
    };
    let called = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Z").to_string();
    let time = local.strftime("%H:%M");
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => {
            let at = at(offset)?;
            fits(name, &[called(at)])?;
            Ok(Understood::plain(at))
        }
        AmbiguousOffset::Fold { before, after } => {
            let (first, second) = (at(before)?, at(after)?);
            fits(name, &[called(first), called(second)])?;
            let is_named = |at| name.is_some_and(|name| name.eq_ignore_ascii_case(&called(at)));
            if is_named(first) && !is_named(second) {
                return Ok(Understood::plain(first));
            }
            if is_named(second) {
                return Ok(Understood::plain(second));
            }
            let (one, other, which, at) = match first > clock.after {
                true => (called(first), called(second), "first", first),
                false => (called(second), called(first), "second", second),
            };
            let note = format!(
                "{time} comes twice that night, because the clocks go back: this is the {which} \
                 ({one}), and {time} {other} is the other"
            );
            Ok(Understood { at, note: Some(note) })
        }
        AmbiguousOffset::Gap { before, .. } => {
            let at = at(before)?;
            fits(name, &[called(at)])?;
            let instead = at.to_zoned(zone.clone()).strftime("%H:%M %Z").to_string();
            let note = format!(
                "there is no {time} that night, because the clocks go forward: this is {instead}"
            );
            Ok(Understood { at, note: Some(note) })
        }
    }
}

/// Whether the zone has this name then.
fn fits(name: Option<&str>, names: &[String]) -> Result<(), String> {
    match name {
        Some(name) if !names.iter().any(|other| other.eq_ignore_ascii_case(name)) => Err(format!(
            "\"{name}\" is not the zone of this machine, which has {} then; write an offset such \
             as +01:00",
            names.join(" and ")
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
