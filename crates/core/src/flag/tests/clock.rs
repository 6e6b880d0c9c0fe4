//! The clock and the arrival time of a request: which of them applies, and what happens if the
//! clock is set back.

use super::*;

const WINDOW: &str = "start = 2026-11-22T12:00:00Z\nend = 2026-11-22T14:00:00Z\n";
const AUTO: &str = "reopen = 'auto'";

fn at(clock: &str) -> Timestamp {
    time(&format!("2026-11-22T{clock}Z"))
}

/// The result of a look for a request with this arrival time at this time of the clock: whether the
/// scope is open, and the time that applies.
fn decide(flag: &Flag<'_>, request_time: &str, clock: &str) -> Option<(bool, Timestamp)> {
    let closing = flag.look(Observer::Child, at(request_time), &|| at(clock), &mut |_| ());
    closing.map(|closing| (closing.is_overdue, closing.at))
}

/// The later time applies.
#[test]
fn a_header_that_is_completed_late() {
    for interval in [Duration::ZERO, Duration::from_secs(3600)] {
        for (more, request_time, clock, expected) in [
            ("", "11:59:30", "11:59:59", None),
            ("", "11:59:30", "12:00:00", Some(false)),
            ("", "11:59:30", "13:59:59", Some(false)),
            ("", "13:59:30", "14:00:00", Some(true)),
            (AUTO, "13:59:30", "13:59:59", Some(false)),
            (AUTO, "13:59:30", "14:00:00", None),
            (AUTO, "11:59:30", "14:00:00", None),
            // The clock has been set back since the request arrived.
            ("", "12:30:00", "11:00:00", Some(false)),
            (AUTO, "14:30:00", "13:00:00", None),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (path, table) = (folder.path().join("flag"), new_state_table());
            let slot = table.claim(&[key(&path)]).expect("a slot")[0];
            let flag = Flag::new(path.clone(), slot, interval, TimeZone::UTC);
            replace(&path, &format!("{WINDOW}{more}"));
            let case = format!("{interval:?} {more} {request_time} {clock}");
            for before in [true, false] {
                let found = decide(&flag, request_time, clock);
                assert_eq!(found.map(|(is_overdue, _)| is_overdue), expected, "{case} {before}");
                let later = at(request_time).max(at(clock));
                assert!(found.is_none_or(|(_, at)| at == later), "{case} {before}");
            }
            // The arrival time does not affect the shared state.
            let known = flag.report().phase;
            let last = flag.reader.last().expect("read");
            let expected = last.content.spec().phase(at(clock));
            assert_eq!(known, Some(expected), "{case}");
        }
    }
}

/// One step: the clock, whether the scope is closed then, and the events.
type Step<'a> = (&'a str, bool, &'a [&'a str]);

const BACK: &str = "clock set back";

/// Each process follows the clock back, whether it looks at the file or not, and the change is
/// reported once.
#[test]
fn the_clock_is_set_back() {
    let announced = "open again, announced";
    let closed = "closed until 2026-11-22 14:00 +00:00";
    let cases: [(&str, &[Step<'_>]); 8] = [
        ("", &[("13:00:00", true, &[closed]), ("11:00:00", false, &[BACK, announced])]),
        (
            "",
            &[
                ("14:30:00", true, &[closed, "overdue"]),
                ("13:00:00", true, &[BACK]),
                ("11:00:00", false, &[BACK, announced]),
                ("12:00:00", true, &[closed]),
                ("14:00:00", true, &["overdue"]),
            ],
        ),
        (
            AUTO,
            &[
                ("14:30:00", false, &["reopened"]),
                ("13:00:00", true, &[BACK, closed]),
                ("14:00:00", false, &["reopened"]),
                ("11:00:00", false, &[BACK, "announced"]),
                ("12:00:00", true, &[closed]),
            ],
        ),
        // By less than two seconds: nothing is reported, and the phase stays the same.
        ("", &[("12:00:00", true, &[closed]), ("11:59:58.5", true, &[])]),
        (AUTO, &[("14:00:00", false, &["reopened"]), ("13:59:58.5", false, &[])]),
        (
            "reopen = 'gradual'\nover = '1h'",
            &[
                ("13:00:00", true, &[closed]),
                ("14:00:00", true, &["reopening"]),
                ("13:59:58.5", true, &[]),
                ("15:00:00", false, &["reopened"]),
                ("14:59:58.5", false, &[]),
                ("14:30:00", true, &[BACK, closed, "reopening"]),
                ("13:00:00", true, &[BACK]),
                ("11:00:00", false, &[BACK, announced]),
            ],
        ),
        ("closed = false", &[("13:00:00", false, &["inactive"]), ("11:00:00", false, &[])]),
        // The time is still between the start and the end.
        ("", &[("13:59:00", true, &[closed]), ("12:01:00", true, &[])]),
    ];
    for interval in [Duration::ZERO, Duration::from_secs(3600)] {
        for observer in [Observer::Child, Observer::Parent] {
            for (more, steps) in &cases {
                let folder = tempfile::tempdir().expect("a folder");
                let (path, table) = (folder.path().join("flag"), new_state_table());
                let slot = table.claim(&[key(&path)]).expect("a slot")[0];
                let new = |()| Flag::new(path.clone(), slot, interval, TimeZone::UTC);
                let [first, other] = [(); 2].map(new);
                replace(&path, &format!("{WINDOW}{more}"));
                for (clock, closes, event) in *steps {
                    let case = format!("{interval:?}, {observer:?}, {more}: {clock}");
                    let now = format!("2026-11-22T{clock}Z");
                    // With an interval the parent leaves the looks to its children.
                    let looker = if interval.is_zero() { observer } else { Observer::Child };
                    let (found, told) = look_at(&first, looker, &now);
                    assert_eq!(told, *event, "{case}");
                    assert_eq!(found, *closes, "{case}");
                    let other = look_at(&other, Observer::Child, &now);
                    assert_eq!(other, (found, vec![]), "{case}");
                }
            }
        }
    }
}

/// A hanging look does not keep the scope open if the content closes it.
#[test]
fn the_clock_is_set_back_while_a_look_hangs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, table) = (folder.path().join("flag"), new_state_table());
    let slot = table.claim(&[key(&path)]).expect("a slot")[0];
    let flag = Flag::new(path.clone(), slot, Duration::from_secs(3600), TimeZone::UTC);
    replace(&path, &format!("{WINDOW}{AUTO}"));
    assert_eq!(
        look_at(&flag, Observer::Child, "2026-11-22T14:30:00Z"),
        (false, vec!["reopened".into()])
    );
    let hanging = flag.poll_lease.take(|| true);
    assert!(hanging.is_some());
    let (closes, told) = look_at(&flag, Observer::Child, "2026-11-22T13:00:00Z");
    assert!(closes, "{told:?}");
    assert_eq!(told.first().map(String::as_str), Some(BACK));
}

/// A small clock adjustment does not reopen anything, with or without looks.
#[test]
fn the_clock_is_set_back_by_little() {
    for interval in [Duration::ZERO, Duration::from_secs(3600)] {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, table) = (folder.path().join("flag"), new_state_table());
        let slot = table.claim(&[key(&path)]).expect("a slot")[0];
        let flag = Flag::new(path.clone(), slot, interval, TimeZone::UTC);
        replace(&path, WINDOW);
        for (clock, closes) in [("12:00:01", true), ("11:59:59.5", true), ("11:59:50", false)] {
            let closed = decide(&flag, clock, clock).is_some();
            assert_eq!((closed, flag.was_closing()), (closes, closes), "{interval:?} {clock}");
        }
    }
}
