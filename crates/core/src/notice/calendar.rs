//! The notice as a calendar (RFC 5545) with an event for each window that has a start. Network
//! operators' tools read the X-MAINTNOTE fields.

use std::fmt::{Error, Write as _};

use chrono::Duration;
use icalendar::{Alarm, Calendar, Component, Event as Entry, EventLike, EventStatus};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::texts::Language;
use super::{Event, EventState, Notice};

/// How many minutes before the start an alarm reminds of it.
const ALARM: i64 = 15;

/// The longest line, in octets.
const OCTETS: usize = 75;

/// Sequence numbers count from 2020 on, because they have 31 bits (RFC 5545, section 3.3.8).
const EPOCH: i64 = 1_577_836_800;

/// Renders the notice with the texts of a language.
///
/// # Errors
/// None in practice: writing to a string does not fail.
pub fn render(notice: &Notice<'_>, language: Language) -> Result<Vec<u8>, Error> {
    written(notice, language, None)
}

/// Renders the notice as an invitation in a mail (RFC 5546, section 3.2.1). `organizer` is the mail
/// address of the sender.
///
/// # Errors
/// None in practice: writing to a string does not fail.
pub fn publish(notice: &Notice<'_>, language: Language, organizer: &str) -> Result<Vec<u8>, Error> {
    written(notice, language, Some(organizer))
}

fn written(
    notice: &Notice<'_>,
    language: Language,
    organizer: Option<&str>,
) -> Result<Vec<u8>, Error> {
    let mut calendar = Calendar::empty();
    calendar.append_property(("VERSION", "2.0"));
    calendar.append_property(("PRODID", "-//mod_maintenance//notice//EN"));
    calendar.append_property(("CALSCALE", "GREGORIAN"));
    if organizer.is_some() {
        calendar.append_property(("METHOD", "PUBLISH"));
    }
    let name = match notice.host() {
        "" => language.texts().planned.to_owned(),
        host => format!("{host}: {}", language.texts().planned),
    };
    calendar.append_property(("NAME", name.as_str()));
    calendar.append_property(("X-WR-CALNAME", name.as_str()));
    calendar.append_property(("REFRESH-INTERVAL;VALUE=DURATION", "PT1H"));
    calendar.append_property(("X-PUBLISHED-TTL", "PT1H"));
    for event in notice.all() {
        if let Some(start) = event.start() {
            let mut entry = entry(notice, event, start.at(), language);
            if let Some(address) = organizer {
                entry.add_property("ORGANIZER", format!("mailto:{address}"));
            }
            calendar.push(entry);
        }
    }
    let mut text = String::new();
    write!(text, "{calendar}")?;
    Ok(folded(&text).into_bytes())
}

/// Folds the lines again: those of the crate can have 76 octets, and a line must not have more than
/// 75 (RFC 5545, section 3.1).
fn folded(text: &str) -> String {
    let (unfolded, mut folded) = (text.replace("\r\n ", ""), String::with_capacity(text.len()));
    for line in unfolded.split_inclusive("\r\n") {
        let mut rest = line.trim_end_matches(['\r', '\n']);
        // The blank before the continuation counts.
        let mut room = OCTETS;
        while rest.len() > room {
            let (part, more) = rest.split_at(break_in(rest, room));
            folded.push_str(part);
            folded.push_str("\r\n ");
            (rest, room) = (more, OCTETS - 1);
        }
        folded.push_str(rest);
        folded.push_str("\r\n");
    }
    folded
}

fn entry(notice: &Notice<'_>, event: &Event<'_>, start: Timestamp, language: Language) -> Entry {
    let host = if notice.host().is_empty() { "localhost" } else { notice.host() };
    let title = event.title(language).0;
    // An entry of the past stays in calendars, where that nothing is planned would be out of place.
    let lead = (event.state != EventState::Over).then(|| event.lead(language));
    let texts = [event.message(language).map(|(message, _)| message), lead];
    let description = texts.into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    let modified = event.modified.unwrap_or(start);
    let sequence = u32::try_from(modified.as_second().saturating_sub(EPOCH)).unwrap_or(0);
    let (status, notice_status) = match event.state {
        EventState::Cancelled => (EventStatus::Cancelled, "CANCELLED"),
        EventState::Over => (EventStatus::Confirmed, "COMPLETED"),
        EventState::Announced => (EventStatus::Confirmed, "CONFIRMED"),
        _ => (EventStatus::Confirmed, "IN-PROCESS"),
    };
    let impact = match event.state {
        EventState::Cancelled => "NO-IMPACT",
        _ if event.is_read_only() => "DEGRADED",
        _ => "OUTAGE",
    };
    let mut entry = Entry::with_uid(&format!("{}@{host}", event.id));
    entry
        .add_property("DTSTAMP", utc(modified))
        .add_property("LAST-MODIFIED", utc(modified))
        .sequence(sequence)
        .add_property("DTSTART", utc(start))
        .summary(title)
        .add_property("TRANSP", "TRANSPARENT")
        .add_property("X-MAINTNOTE-PROVIDER", host)
        .add_property("X-MAINTNOTE-ACCOUNT", "public")
        .add_property("X-MAINTNOTE-MAINTENANCE-ID", event.id.as_str())
        .add_property("X-MAINTNOTE-OBJECT-ID", host)
        .add_property("X-MAINTNOTE-IMPACT", impact)
        .add_property("X-MAINTNOTE-STATUS", notice_status);
    if !description.is_empty() {
        entry.description(&description);
    }
    entry.status(status);
    if let Some(end) = event.end() {
        entry.add_property("DTEND", utc(end.at()));
    }
    if event.state == EventState::Announced {
        let mut alarm = Alarm::display(title, -Duration::minutes(ALARM));
        // Otherwise the crate adds a random UID and the current time.
        alarm.add_property("UID", format!("{}-alarm@{host}", event.id));
        alarm.add_property("DTSTAMP", utc(modified));
        entry.alarm(alarm);
    }
    entry
}

/// Where to break a line that has more than `room` octets: never inside a character and, because some
/// readers drop blanks at the ends of lines, rather not beside a blank.
fn break_in(line: &str, room: usize) -> usize {
    let is_blank = |byte: Option<&u8>| byte.is_some_and(|byte| b" \t".contains(byte));
    let (bytes, mut places) = (line.as_bytes(), (1..=room).rev());
    let is_best = |at: &usize| {
        let is_between = line.is_char_boundary(*at);
        is_between && !is_blank(bytes.get(*at)) && !is_blank(bytes.get(*at - 1))
    };
    let best = places.clone().find(is_best);
    best.or_else(|| places.find(|at| line.is_char_boundary(*at))).unwrap_or(room)
}

/// `20261128T210000Z`
fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}
