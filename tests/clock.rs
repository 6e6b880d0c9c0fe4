//! The clock is set back while a flag defines when the site closes and opens.

use jiff::{Timestamp, ToSpan};

use maintenance_harness::faketime::Clock;
use maintenance_harness::{Mpm, Setup, replace_file};

const HOUR: i64 = 3600;

/// How many hours the server's clock is ahead, whether the site is closed then, and the log lines.
type Step<'a> = (i64, bool, &'a [&'a str]);

const BACK: &str = "warn.*the clock was set back: .*maintenance.flag";
const ANNOUNCED: &str = "the flag .* closes at";
const CLOSED: &str = "closed by the flag";
const OVERDUE: &str = "warn.*overdue: the flag";
const REOPENED: &str = "the flag .* has reached its end";
const LINES: [&str; 5] = [BACK, ANNOUNCED, CLOSED, OVERDUE, REOPENED];

/// A flag that closes from 10 to 12 hours from now.
const CASES: [(&str, &[Step<'_>]); 4] = [
    // Past the end, and then back into the window: the site is closed according to the content.
    ("reopen = 'auto'", &[(13, false, &[REOPENED]), (11, true, &[BACK, CLOSED])]),
    ("", &[(13, true, &[CLOSED, OVERDUE]), (11, true, &[BACK]), (13, true, &[OVERDUE])]),
    // Closed, and then back before the start: announced again, and closed at the start.
    ("", &[(11, true, &[CLOSED]), (9, false, &[BACK, ANNOUNCED]), (11, true, &[CLOSED])]),
    (
        "reopen = 'auto'",
        &[(13, false, &[REOPENED]), (9, false, &[BACK, ANNOUNCED]), (11, true, &[CLOSED])],
    ),
];

/// The next request to each child uses the new time, with and without an interval, and the change
/// is reported once for the whole server.
#[test]
fn every_child_goes_back_with_it() {
    for interval in ["", "MaintenanceCheckInterval 1h"] {
        for mpm in [Mpm::Prefork, Mpm::Event] {
            for (more, steps) in CASES {
                let Some((clock, setup)) = Clock::setup(Setup::new(interval).mpm(mpm)) else {
                    eprintln!("left out: there is no libfaketime");
                    return;
                };
                let now = Timestamp::now();
                let (start, end) = (now + 10.hours(), now + 12.hours());
                let content = format!("start = {start}\nend = {end}\n{more}");
                replace_file(&setup.path("maintenance.flag"), content);
                clock.set(steps[0].0 * HOUR); // the first look is there
                let mut httpd = setup.start();
                [BACK, OVERDUE].iter().for_each(|line| httpd.allow_log(line));
                let mut expected = [0; 5];
                for (hours, closes, lines) in steps {
                    clock.set(hours * HOUR);
                    let case = format!("{mpm:?}, {interval}, {more}: {hours}");
                    for _ in 0..20 {
                        let status = httpd.client().get("/").status;
                        assert_eq!(status == 500, *closes, "{case}: {status}");
                    }
                    for (line, count) in LINES.iter().zip(&mut expected) {
                        *count += usize::from(lines.contains(line));
                    }
                    let found = LINES.map(|line| httpd.count_log(line));
                    assert_eq!(found, expected, "{case}: {}", httpd.log());
                }
            }
        }
    }
}
