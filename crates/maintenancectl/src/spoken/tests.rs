use super::*;

/// Rules as in the time zone database, without it.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a rule")
}

fn new_york() -> TimeZone {
    TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").expect("a rule")
}

fn kolkata() -> TimeZone {
    TimeZone::posix("IST-5:30").expect("a rule")
}

fn understood(zone: &TimeZone, now: &str, text: &str) -> Result<String, String> {
    let now = now.parse().expect(now);
    let clock = Clock::new(now, zone);
    let understood = time(text, &clock)?;
    let said = clock.said(understood.at);
    Ok(understood.note.map_or(said.clone(), |note| format!("{said}; {note}")))
}

#[track_caller]
fn check(zone: &TimeZone, now: &str, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let said = understood(zone, now, text);
        assert_eq!(said.as_deref(), Ok(*expected), "{text}");
        // What is said back can be read again.
        let (again, _) = expected.split_once(", in ").expect("a distance");
        let second = understood(zone, now, again).expect(again);
        assert_eq!(second.split(';').next(), expected.split(';').next(), "{text}, {again}");
    }
}

/// It is Saturday, 18:01:30 in Berlin.
const EVENING: &str = "2026-11-28T17:01:30Z";

#[test]
fn in_berlin() {
    let at_ten = "Sat 28 Nov 22:00 CET, in 3 h 58 min";
    let at_night = "Sun 29 Nov 01:30 CET, in 7 h 28 min";
    check(
        &berlin(),
        EVENING,
        &[
            ("22:00", at_ten),
            ("22:00:00", at_ten),
            ("10pm", at_ten),
            ("10 pm", at_ten),
            ("10:00 PM", at_ten),
            ("10:00pm", at_ten),
            ("today 22:00", at_ten),
            ("tonight at 22:00", at_ten),
            ("22:00 today", at_ten),
            ("Sat 22:00", at_ten),
            ("saturday, 22:00", at_ten),
            ("22:00 Sat", at_ten),
            ("2026-11-28 22:00", at_ten),
            ("2026-11-28T22:00", at_ten),
            ("2026-11-28T22:00:00+01:00", at_ten),
            ("2026-11-28T21:00Z", at_ten),
            ("2026-11-28 22:00 +0100", at_ten),
            ("28 Nov 22:00", at_ten),
            ("Nov 28 22:00", at_ten),
            ("28. November 2026 22:00", at_ten),
            ("November 28th, 10pm", at_ten),
            ("Sat 28 Nov 22:00 CET", at_ten),
            ("22:00 CET", at_ten),
            ("21:00 UTC", at_ten),
            ("21:00Z", at_ten),
            ("22:00+01:00", at_ten),
            ("22:00 +0100", at_ten),
            (" 22:00 ", at_ten),
            ("01:30", at_night),
            ("1:30", at_night),
            ("1:30am", at_night),
            ("tomorrow 01:30", at_night),
            ("01:30 tomorrow", at_night),
            ("Sun 01:30", at_night),
            ("Sunday 1:30 am", at_night),
            ("2026-11-29 01:30", at_night),
            ("midnight", "Sun 29 Nov 00:00 CET, in 5 h 58 min"),
            ("12am", "Sun 29 Nov 00:00 CET, in 5 h 58 min"),
            ("noon", "Sun 29 Nov 12:00 CET, in 17 h 58 min"),
            ("tomorrow 12pm", "Sun 29 Nov 12:00 CET, in 17 h 58 min"),
            ("11:00", "Sun 29 Nov 11:00 CET, in 16 h 58 min"),
            ("Fri 22:00", "Fri 4 Dec 22:00 CET, in 6 d 3 h"),
            ("+2h", "Sat 28 Nov 20:01:30 CET, in 2 h"),
            ("in 2h", "Sat 28 Nov 20:01:30 CET, in 2 h"),
            ("in 2 hours", "Sat 28 Nov 20:01:30 CET, in 2 h"),
            ("+1h30m", "Sat 28 Nov 19:31:30 CET, in 1 h 30 min"),
            ("+ 90 min", "Sat 28 Nov 19:31:30 CET, in 1 h 30 min"),
            ("+2d", "Mon 30 Nov 18:01:30 CET, in 2 d"),
            ("18:01:31", "Sat 28 Nov 18:01:31 CET, in 1 s"),
            ("3 Jan 04:00", "Sun 3 Jan 2027 04:00 CET, in 35 d 9 h"),
            ("2027-07-01 22:00", "Thu 1 Jul 2027 22:00 CEST, in 215 d 2 h"),
        ],
    );
}

#[test]
fn in_other_zones() {
    check(
        &new_york(),
        "2026-11-28T17:01:30Z",
        &[
            ("22:00", "Sat 28 Nov 22:00 EST, in 9 h 58 min"),
            ("22:00 EST", "Sat 28 Nov 22:00 EST, in 9 h 58 min"),
            ("22:00 UTC", "Sat 28 Nov 17:00 EST, in 4 h 58 min"),
            ("01:30", "Sun 29 Nov 01:30 EST, in 13 h 28 min"),
        ],
    );
    check(
        &kolkata(),
        "2026-11-28T17:01:30Z",
        &[
            ("22:45", "Sat 28 Nov 22:45 IST, in 13 min"),
            ("tomorrow 01:30", "Sun 29 Nov 01:30 IST, in 2 h 58 min"),
            ("Sun 00:00", "Sun 29 Nov 00:00 IST, in 1 h 28 min"),
            ("+2h", "Sun 29 Nov 00:31:30 IST, in 2 h"),
        ],
    );
}

/// The clocks go back at 03:00 CEST, and at 02:00 EDT.
#[test]
fn a_time_that_comes_twice() {
    let now = "2026-10-24T20:00:00Z";
    let first = "Sun 25 Oct 02:30 CEST, in 4 h 30 min; 02:30 comes twice that night, because the \
                 clocks go back: this is the first (CEST), and 02:30 CET is the other";
    check(
        &berlin(),
        now,
        &[
            ("02:30", first),
            ("Sun 2:30", first),
            ("2026-10-25 02:30", first),
            ("02:30 CEST", "Sun 25 Oct 02:30 CEST, in 4 h 30 min"),
            ("02:30 CET", "Sun 25 Oct 02:30 CET, in 5 h 30 min"),
            ("2026-10-25T02:30+01:00", "Sun 25 Oct 02:30 CET, in 5 h 30 min"),
            ("01:30", "Sun 25 Oct 01:30 CEST, in 3 h 30 min"),
            ("03:30", "Sun 25 Oct 03:30 CET, in 6 h 30 min"),
            ("+6h", "Sun 25 Oct 03:00 CET, in 6 h"),
        ],
    );
    // In the second of the two hours, the first is gone.
    check(
        &berlin(),
        "2026-10-25T01:10:00Z",
        &[(
            "02:30",
            "Sun 25 Oct 02:30 CET, in 20 min; 02:30 comes twice that night, because the clocks go \
             back: this is the second (CET), and 02:30 CEST is the other",
        )],
    );
    check(
        &new_york(),
        "2026-11-01T02:00:00Z",
        &[("01:30 EST", "Sun 1 Nov 01:30 EST, in 4 h 30 min")],
    );
}

/// The clocks go forward at 02:00 CET.
#[test]
fn a_time_that_does_not_come() {
    let now = "2026-03-28T21:00:00Z";
    let moved = "Sun 29 Mar 03:30 CEST, in 4 h 30 min; there is no 02:30 that night, because the \
                 clocks go forward: this is 03:30 CEST";
    check(
        &berlin(),
        now,
        &[
            ("02:30", moved),
            ("tomorrow 02:30", moved),
            ("2026-03-29 02:30", moved),
            ("03:00", "Sun 29 Mar 03:00 CEST, in 4 h"),
            ("+5h", "Sun 29 Mar 04:00 CEST, in 5 h"),
        ],
    );
}

#[test]
fn an_end_comes_after_its_start() {
    let zone = berlin();
    let clock = Clock::new(EVENING.parse().expect("now"), &zone);
    let clock = clock.after("2026-12-05T21:00:00Z".parse().expect("a start"));
    for (text, expected) in [
        ("01:30", "Sun 6 Dec 01:30 CET, in 7 d 7 h"),
        ("+3h30m", "Sun 6 Dec 01:30 CET, in 7 d 7 h"),
        ("Sun 01:30", "Sun 6 Dec 01:30 CET, in 7 d 7 h"),
        ("Sat 21:00", "Sat 12 Dec 21:00 CET, in 14 d 2 h"),
        ("23:00", "Sat 5 Dec 23:00 CET, in 7 d 4 h"),
        ("in 2h", "Sat 28 Nov 20:01:30 CET, in 2 h"),
    ] {
        let understood = time(text, &clock).map(|understood| clock.said(understood.at));
        assert_eq!(understood.as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_not_certain() {
    for (text, expected) in [
        ("", "there is no time; write 22:00"),
        ("17:30", "17:30 has passed, 31 min ago; for the next one write \"tomorrow 17:30\""),
        ("today 17:30", "\"today 17:30\" is Sat 28 Nov 17:30 CET, 31 min ago, which has passed"),
        (
            "Sat 17:30",
            "2026-11-28 17:30 has passed, 31 min ago; for the next one write \"2026-12-05 17:30\"",
        ),
        ("2026-11-28 17:30", "\"2026-11-28 17:30\" is Sat 28 Nov 17:30 CET, 31 min ago"),
        ("2025-11-28T17:30Z", "\"2025-11-28T17:30Z\" is Fri 28 Nov 2025 18:30 CET, 364 d 23 h ago"),
        ("now", "this time is now"),
        ("22", "\"22\" is not a time of day; write 22:00"),
        ("22.00", "\"22.00\" is not a time of day; write 22:00"),
        ("24:00", "a day ends at 23:59"),
        ("25:00", "\"25:00\" is not a time of day"),
        ("22:60", "\"22:60\" is not a time of day"),
        ("22:0", "\"22:0\" is not a time of day"),
        ("22:00:00:00", "\"22:00:00:00\" is not a time of day"),
        ("13pm", "with am or pm, hours are from 1 to 12"),
        ("0am", "with am or pm, hours are from 1 to 12"),
        ("2h", "\"2h\" is a duration; write +2h"),
        ("+2", "2 has no unit; write 2m for minutes"),
        ("+2x", "\"2x\" is not a duration"),
        ("+0m", "\"0m\" is not a duration"),
        ("-2h", "\"-2h\" is not a part of a time"),
        ("in a bit", "\"a bit\" is not a duration"),
        ("tomorrow", "\"tomorrow\" has no time of day; write \"tomorrow 22:00\""),
        ("Sat", "\"Sat\" has no time of day"),
        ("2026-11-29", "\"2026-11-29\" has no time of day; write \"2026-11-29 22:00\""),
        ("next Sat 22:00", "\"next\" can mean two days"),
        ("28.11.2026 22:00", "the order of \"28.11.2026\" is not certain; write a date as"),
        ("11/28/2026 22:00", "the order of \"11/28/2026\" is not certain; write a date as"),
        ("Nov 22:00", "\"Nov 22:00\" has half a date"),
        ("31 Feb 22:00", "there is no such date"),
        ("2026-13-28 22:00", "there is no such date"),
        ("Fri 28 Nov 22:00", "28 Nov 2026 is a Saturday"),
        ("Sat tomorrow 22:00", "\"Sat tomorrow 22:00\" names the day twice"),
        ("22:00 23:00", "\"23:00\" is a second time of day"),
        ("22:00 PST", "\"PST\" is not the zone of this machine, which has CET then"),
        ("Tomorow 22:00", "\"Tomorow\" is unknown; did you mean tomorrow?"),
        ("Saterday 22:00", "\"Saterday\" is unknown; did you mean saturday?"),
        ("soon", "\"soon\" is not a part of a time; write 22:00"),
        ("22:00 or so", "\"or\" is not a part of a time"),
        ("tomorrow today 22:00", "\"today\" is one word too many"),
        ("28 Nov 29 Nov 22:00", "\"29\" is not a part of a time"),
        ("28 Nov Dec 22:00", "\"Dec\" is one word too many"),
        ("\u{662}\u{662}:00", "is not a part of a time"),
        ("9999-12-31T23:59:59-01:00", "is not a part of a time"),
    ] {
        let error = understood(&berlin(), EVENING, text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}
