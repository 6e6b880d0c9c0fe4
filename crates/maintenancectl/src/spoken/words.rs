//! The words of a time.

use jiff::civil::{Time, Weekday};
use jiff::tz::Offset;
use maintenance_core::text::spelling;

/// The example of each message.
const WRITE: &str = "write 22:00, \"tomorrow 01:30\", \"Sat 22:00\", +2h or \"2026-11-28 22:00\"";

const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Words that are long enough to be mistyped.
const NAMES: [&str; 13] = [
    "today",
    "tonight",
    "tomorrow",
    "midnight",
    "wednesday",
    "thursday",
    "saturday",
    "january",
    "february",
    "september",
    "october",
    "november",
    "december",
];

/// The day of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    Today,
    Tomorrow,
    Date { year: Option<i16>, month: i8, day: i8 },
}

/// The zone of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ZoneWord {
    Offset(Offset),
    /// `CET`
    Name(String),
}

/// What the words of a time say.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) day: Option<Day>,
    pub(super) weekday: Option<Weekday>,
    pub(super) time: Time,
    pub(super) zone: Option<ZoneWord>,
}

#[derive(Default)]
struct Reader {
    day: Option<Day>,
    weekday: Option<Weekday>,
    time: Option<Time>,
    zone: Option<ZoneWord>,
    month: Option<i8>,
    number: Option<i8>,
    year: Option<i16>,
    half: Option<Half>,
}

/// Half a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Half {
    Am,
    Pm,
}

impl Words {
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut reader = Reader::default();
        let words = text.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        let words: Vec<_> = words.collect();
        if words.is_empty() {
            return Err(format!("there is no time; {WRITE}"));
        }
        for (index, word) in words.iter().enumerate() {
            reader.word(word, words.get(index + 1).copied().unwrap_or_default())?;
        }
        reader.finish(text)
    }
}

impl Reader {
    fn word(&mut self, word: &str, next: &str) -> Result<(), String> {
        let lower = word.to_ascii_lowercase();
        let twice = || format!("\"{word}\" is one word too many; {WRITE}");
        let is_free = match lower.as_str() {
            "at" | "on" | "the" | "of" => true,
            "today" | "tonight" => self.day.replace(Day::Today).is_none(),
            "tomorrow" => self.day.replace(Day::Tomorrow).is_none(),
            "noon" => self.time.replace(Time::constant(12, 0, 0, 0)).is_none(),
            "midnight" => self.time.replace(Time::midnight()).is_none(),
            "am" | "a.m." => self.half.replace(Half::Am).is_none(),
            "pm" | "p.m." => self.half.replace(Half::Pm).is_none(),
            "next" | "this" | "last" => {
                return Err(format!(
                    "\"{word}\" can mean two days; write the date, or the weekday alone for the \
                     next one"
                ));
            }
            other => match name(&WEEKDAYS, other) {
                Some(number) => {
                    let weekday = Weekday::from_monday_one_offset(number);
                    self.weekday.replace(weekday.map_err(|_| twice())?).is_none()
                }
                None => match name(&MONTHS, other) {
                    Some(month) => self.month.replace(month).is_none(),
                    None => return self.number(word, &lower, next),
                },
            },
        };
        if is_free { Ok(()) } else { Err(twice()) }
    }

    /// A word that begins with a digit or a sign, or the name of a zone.
    fn number(&mut self, word: &str, lower: &str, next: &str) -> Result<(), String> {
        let twice = || format!("\"{word}\" is one word too many; {WRITE}");
        if let Some(offset) = offset(lower) {
            let was = self.zone.replace(ZoneWord::Offset(offset));
            return if was.is_none() { Ok(()) } else { Err(twice()) };
        }
        let digits = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
        let (number, rest) = lower.split_at(digits);
        if number.is_empty() {
            let is_name = (2..=5).contains(&word.len())
                && word.bytes().all(|byte| byte.is_ascii_uppercase())
                && self.time.is_some();
            return match is_name && self.zone.is_none() {
                true => {
                    self.zone = Some(ZoneWord::Name(word.to_owned()));
                    Ok(())
                }
                false => match spelling::meant(lower, NAMES) {
                    Some(meant) => Err(format!("\"{word}\" is unknown; did you mean {meant}?")),
                    None => Err(format!("\"{word}\" is not a part of a time; {WRITE}")),
                },
            };
        }
        if rest.starts_with(':') || half(rest).is_some() || half(next).is_some() && rest.is_empty()
        {
            return self.clock(word, lower);
        }
        let is_day = ["", ".", "st", "nd", "rd", "th"].contains(&rest);
        if self.month.is_some() || name(&MONTHS, &next.to_ascii_lowercase()).is_some() {
            let day = number.parse().ok().filter(|day| (1..=31).contains(day));
            match day.filter(|_| is_day && self.number.is_none()) {
                Some(day) => {
                    self.number = Some(day);
                    return Ok(());
                }
                None if number.len() == 4 && rest.is_empty() && self.year.is_none() => {
                    self.year = number.parse().ok();
                    return Ok(());
                }
                None => {}
            }
        }
        if is_iso(lower) {
            let part = |range| lower.get(range).unwrap_or_default();
            let parsed = (part(0..4).parse(), part(5..7).parse(), part(8..10).parse());
            if let (Ok(year), Ok(month), Ok(day)) = parsed
                && self.day.is_none()
            {
                self.day = Some(Day::Date { year: Some(year), month, day });
                return Ok(());
            }
            return Err(twice());
        }
        Err(instead(word, number, rest))
    }

    /// `22:00`, `22:00:30`, `10pm`, `10:30pm`, `22:00Z`, `22:00+01:00`
    fn clock(&mut self, word: &str, lower: &str) -> Result<(), String> {
        let wrong = || format!("\"{word}\" is not a time of day; write 22:00");
        let end = lower.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(lower.len());
        let (digits, rest) = lower.split_at(end);
        if let Some(half) = half(rest) {
            self.half = Some(half);
        } else if let Some(offset) = offset(rest) {
            self.zone = Some(ZoneWord::Offset(offset));
        } else if !rest.is_empty() {
            return Err(wrong());
        }
        let mut parts = digits.split(':');
        let mut part = |most: i8, has_two: bool| -> Result<Option<i8>, String> {
            let Some(part) = parts.next() else { return Ok(None) };
            let is_whole = part.len() == 2 || !has_two && part.len() == 1;
            let number: i8 = part.parse().map_err(|_| wrong())?;
            if is_whole && number <= most { Ok(Some(number)) } else { Err(wrong()) }
        };
        let hour = match part(24, false)?.ok_or_else(wrong)? {
            24 => return Err("a day ends at 23:59; write 00:00 of the next day".into()),
            hour => hour,
        };
        let (minute, second) = (part(59, true)?.unwrap_or(0), part(59, true)?.unwrap_or(0));
        if parts.next().is_some() {
            return Err(wrong());
        }
        let time = Time::new(hour, minute, second, 0).map_err(|_| wrong())?;
        match self.time.replace(time) {
            None => Ok(()),
            Some(_) => Err(format!("\"{word}\" is a second time of day; {WRITE}")),
        }
    }

    fn finish(self, text: &str) -> Result<Words, String> {
        let day = match (self.day, self.month, self.number) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                return Err(format!("\"{text}\" has two dates; {WRITE}"));
            }
            (None, Some(month), Some(day)) => Some(Day::Date { year: self.year, month, day }),
            (None, Some(_), None) | (None, None, Some(_)) => {
                return Err(format!("\"{text}\" has half a date; write \"28 Nov 22:00\""));
            }
            (day, None, None) => day,
        };
        let Some(time) = self.time else {
            return Err(format!("\"{text}\" has no time of day; write \"{text} 22:00\""));
        };
        let time = match self.half {
            None => time,
            Some(half) => half.of(time)?,
        };
        // `Sat tomorrow`
        if self.weekday.is_some() && matches!(day, Some(Day::Today | Day::Tomorrow)) {
            return Err(format!("\"{text}\" names the day twice; {WRITE}"));
        }
        Ok(Words { day, weekday: self.weekday, time, zone: self.zone })
    }
}

impl Half {
    fn of(self, time: Time) -> Result<Time, String> {
        let hour = match (time.hour(), self) {
            (0, _) | (13.., _) => {
                return Err("with am or pm, hours are from 1 to 12; write 22:00 or 10pm".into());
            }
            (12, Self::Am) => 0,
            (12, Self::Pm) => 12,
            (hour, Self::Am) => hour,
            (hour, Self::Pm) => hour + 12,
        };
        Ok(Time::constant(hour, time.minute(), time.second(), 0))
    }
}

fn half(word: &str) -> Option<Half> {
    match word.to_ascii_lowercase().as_str() {
        "am" | "a.m." => Some(Half::Am),
        "pm" | "p.m." => Some(Half::Pm),
        _ => None,
    }
}

/// What to write instead of a number that is not a time.
fn instead(word: &str, number: &str, rest: &str) -> String {
    let parts = || word.split(['.', '/', '-']).filter(|part| !part.is_empty());
    let are_numbers = parts().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let hour = number.parse::<u8>().ok().filter(|hour| *hour < 24);
    match (rest, hour) {
        _ if are_numbers && parts().count() == 3 => {
            format!("the order of \"{word}\" is not certain; write a date as 2026-11-28")
        }
        ("", Some(hour)) => format!("\"{word}\" is not a time of day; write {hour}:00"),
        (rest, Some(hour)) if are_numbers && rest.len() == 3 => {
            format!(
                "\"{word}\" is not a time of day; write {hour}:{}",
                rest.get(1..).unwrap_or_default()
            )
        }
        ("h" | "m" | "min" | "s" | "d", _) => format!("\"{word}\" is a duration; write +{word}"),
        _ => format!("\"{word}\" is not a part of a time; {WRITE}"),
    }
}

/// `2026-11-28`
fn is_iso(word: &str) -> bool {
    let fits = |(index, byte): (usize, u8)| match index {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    word.len() == 10 && word.bytes().enumerate().all(fits)
}

/// `z`, `utc`, `+01:00`, `+0100`
fn offset(word: &str) -> Option<Offset> {
    if ["z", "utc", "gmt"].contains(&word) {
        return Some(Offset::UTC);
    }
    let (sign, digits) = match word.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, word.strip_prefix('-')?),
    };
    let (hours, minutes) = match digits.len() {
        4 => digits.split_at(2),
        5 => digits.split_once(':')?,
        _ => return None,
    };
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = sign * (hours * 60 + minutes) * 60;
    Offset::from_seconds(seconds).ok().filter(|_| hours < 24 && minutes < 60)
}

/// The number of a name of which at least three letters are there, counted from 1.
fn name(names: &[&str], word: &str) -> Option<i8> {
    let word = word.trim_end_matches('.');
    let is_it = |name: &&str| word.len() >= 3 && name.starts_with(word);
    let is_short = |name: &&str| *name == "september" && word == "sept";
    let index = names.iter().position(|name| is_it(name) || is_short(name))?;
    i8::try_from(index + 1).ok()
}
