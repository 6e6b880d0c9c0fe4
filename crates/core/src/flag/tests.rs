//! Looks at real files.

use std::fs;
use std::sync::atomic::{AtomicI32, AtomicUsize};
use std::thread;

use super::*;
use crate::shared::slot::new_state_table;

mod clock;
mod mounted;
mod place;

const NOON: &str = "2026-11-22T12:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn flag<'b>(path: &Path, table: &'b crate::shared::slot::StateTable) -> Flag<'b> {
    let slot = table.claim(&[key(path)]).expect("a slot")[0];
    Flag::new(path.to_owned(), slot, Duration::ZERO, TimeZone::UTC)
}

/// The events of a look at this time, as short texts, and whether the scope is closed.
fn look_at(flag: &Flag<'_>, observer: Observer, now: &str) -> (bool, Vec<String>) {
    let mut event = vec![];
    let closing = flag.look(observer, time(now), &|| time(now), &mut |item| {
        event.push(match item {
            FlagEvent::Closed { spec, .. } => match spec.end() {
                None => "closed".into(),
                Some(end) => format!("closed until {}", end.text()),
            },
            FlagEvent::Inactive { opens: false, .. } => "inactive".into(),
            FlagEvent::Inactive { opens: true, .. } => "open again, inactive".into(),
            FlagEvent::Announced { opens: false, .. } => "announced".into(),
            FlagEvent::Announced { opens: true, .. } => "open again, announced".into(),
            FlagEvent::Overdue { .. } => "overdue".into(),
            FlagEvent::Reopening { .. } => "reopening".into(),
            FlagEvent::Reopened { .. } => "reopened".into(),
            FlagEvent::Deleted { .. } => "deleted".into(),
            FlagEvent::ClockSetBack { .. } => "clock set back".into(),
            FlagEvent::Gone { opens: true, .. } => "open again".into(),
            FlagEvent::Gone { opens: false, .. } => "gone".into(),
            FlagEvent::Changed { .. } => "changed".into(),
            FlagEvent::Unusable { cause, .. } => format!("unusable: {cause}"),
            FlagEvent::Odd { what, .. } => format!("odd: {what}"),
            FlagEvent::LookFailed { .. } => "failed".into(),
            FlagEvent::Denied { .. } => "denied".into(),
            FlagEvent::LookRecovered { .. } => "recovered".into(),
        });
    });
    (closing.is_some(), event)
}

fn look(flag: &Flag<'_>) -> (bool, Vec<String>) {
    look_at(flag, Observer::Child, NOON)
}

/// Replaces the content atomically, like `mv`.
fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).expect("written");
    fs::rename(&new, path).expect("renamed");
}

/// Waits until a version is old enough, looking as requests would. Nothing must happen.
fn settle(flag: &Flag<'_>) {
    assert_eq!(look(flag).1, vec![""; 0]);
    thread::sleep(Duration::from_millis(400));
}

#[test]
fn each_change_is_news_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flag");
    let table = new_state_table();
    let flag = flag(&path, &table);
    assert!(flag.was_closing(), "closed as long as nothing is known");
    assert_eq!(look(&flag), (false, vec![]));
    assert!(!flag.was_closing());
    for _ in 0..3 {
        fs::write(&path, "").expect("written");
        assert_eq!(look(&flag), (true, vec!["closed".to_owned()]));
        assert_eq!(look(&flag), (true, vec![]));
        fs::remove_file(&path).expect("removed");
        assert_eq!(look(&flag), (false, vec!["open again".to_owned()]));
        assert_eq!(look(&flag), (false, vec![]));
    }
}

#[test]
fn errors_leave_the_last_known_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, link) = (folder.path().join("x/flag"), folder.path().join("x"));
    let break_it = || std::os::unix::fs::symlink("x", &link).expect("a link to itself");
    let table = new_state_table();
    let flag = flag(&path, &table);
    break_it();
    assert_eq!(look(&flag), (true, vec!["failed".to_owned()]), "nothing known: closed");
    assert_eq!(look(&flag), (true, vec![]));
    let parent = || look_at(&flag, Observer::Parent, NOON).1;
    assert_eq!(parent(), vec![""; 0], "the parent's own error is nobody's concern");
    fs::remove_file(&link).expect("removed");
    assert_eq!(parent(), vec![""; 0], "only a child ends the error");
    assert!(!flag.was_closing(), "but the parent stands in for the children");
    assert_eq!(look(&flag), (false, vec!["recovered".to_owned()]));
    break_it();
    assert_eq!(look(&flag), (false, vec!["failed".to_owned()]), "it was open");
}

/// An outage under load is one error and one notice, however many looks overlap its start and end.
#[test]
fn outages_are_told_once() {
    const OUTAGES: usize = 300;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, link) = (folder.path().join("x/flag"), folder.path().join("x"));
    let table = new_state_table();
    let (failed, recovered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicI32::new(0);
    let observe = || {
        let report = &mut |event: FlagEvent<'_>| match event {
            FlagEvent::LookFailed { .. } => drop(failed.fetch_add(1, Ordering::SeqCst)),
            FlagEvent::LookRecovered { .. } => drop(recovered.fetch_add(1, Ordering::SeqCst)),
            other => panic!("{other:?}"),
        };
        flag(&path, &table).look(Observer::Child, time(NOON), &|| time(NOON), report).is_some()
    };
    observe();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while over.load(Ordering::SeqCst) == 0 {
                    observe();
                }
            });
        }
        for _ in 0..OUTAGES {
            std::os::unix::fs::symlink("x", &link).expect("a link to itself");
            assert!(!observe(), "it was open");
            fs::remove_file(&link).expect("removed");
            assert!(!observe());
        }
        over.store(1, Ordering::SeqCst);
    });
    assert_eq!(failed.into_inner(), OUTAGES);
    assert_eq!(recovered.into_inner(), OUTAGES);
}

/// With many observers there are never more events than changes, and the final state is correct.
#[test]
fn observers_race() {
    const CHANGES: usize = 2000;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flag");
    let table = new_state_table();
    let (appeared, gone) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicI32::new(0);
    let observe = || {
        let report = &mut |event: FlagEvent<'_>| {
            let count = match event {
                FlagEvent::Gone { opens: true, .. } => &gone,
                FlagEvent::Closed { .. } => &appeared,
                other => panic!("{other:?}"),
            };
            count.fetch_add(1, Ordering::SeqCst);
        };
        flag(&path, &table).look(Observer::Child, time(NOON), &|| time(NOON), report).is_some()
    };
    observe();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while over.load(Ordering::SeqCst) == 0 {
                    observe();
                }
            });
        }
        for change in 1..=CHANGES {
            fs::write(&path, "").expect("written");
            assert!(observe(), "closed at once");
            fs::remove_file(&path).expect("removed");
            assert!(!observe(), "open at once");
            // The event has been reported before any look returns.
            let counts = || [appeared.load(Ordering::SeqCst), gone.load(Ordering::SeqCst)];
            while counts() != [change, change] {
                let [appeared, gone] = counts();
                assert!(
                    appeared <= change && gone <= change,
                    "{appeared} {gone}: news without a change"
                );
                thread::yield_now();
            }
        }
        over.store(1, Ordering::SeqCst);
    });
}

#[test]
fn a_window_opens_and_closes_by_itself() {
    let (start, end) = ("start = 2026-11-22T12:00:00Z\n", "end = 2026-11-22T13:00:00Z\n");
    let none: &[&str] = &[];
    type Step<'a> = (&'a str, bool, &'a [&'a str]);
    let cases: [(String, &[Step<'_>]); 5] = [
        (
            format!("{start}{end}"),
            &[
                ("11:59:59", false, &["announced"]),
                ("11:59:59", false, none),
                ("12:00:00", true, &["closed until 2026-11-22 13:00 +00:00"]),
                ("11:59:59", true, none), // a clock that is set back by little changes nothing
                ("12:59:59", true, none),
                ("13:00:00", true, &["overdue"]),
                ("12:59:59", true, none),
                ("14:00:00", true, none),
            ],
        ),
        (
            format!("{start}{end}reopen = 'auto'"),
            &[
                ("11:00:00", false, &["announced"]),
                ("12:30:00", true, &["closed until 2026-11-22 13:00 +00:00"]),
                ("13:00:00", false, &["reopened"]),
                ("14:00:00", false, none),
            ],
        ),
        (format!("{end}reopen = 'auto'"), &[("14:00:00", false, &["reopened"])]),
        (end.into(), &[("14:00:00", true, &["closed until 2026-11-22 13:00 +00:00", "overdue"])]),
        (
            format!("{start}{end}"),
            &[
                ("11:00:00", false, &["announced"]),
                ("15:00:00", true, &["closed until 2026-11-22 13:00 +00:00", "overdue"]),
            ],
        ),
    ];
    for (content, steps) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, table) = (folder.path().join("flag"), new_state_table());
        let processes = [flag(&path, &table), flag(&path, &table)];
        replace(&path, &content);
        for (clock, closed, event) in steps {
            let now = format!("2026-11-22T{clock}Z");
            let first = look_at(&processes[0], Observer::Child, &now);
            assert_eq!(first.1, *event, "{content} {clock}");
            for (closes, event) in processes.iter().map(|p| look_at(p, Observer::Child, &now)) {
                assert_eq!((closes, event), (*closed, vec![]), "{content} {clock}");
            }
        }
        assert_eq!(processes[0].was_closing(), steps.last().expect("a step").1);
        fs::remove_file(&path).expect("removed");
        let gone = if processes[0].was_closing() { "open again" } else { "gone" };
        assert_eq!(look(&processes[1]), (false, vec![gone.to_owned()]), "{content}");
    }
}

/// An outage of the file system is reported, and the previous state is not reported again.
#[test]
fn an_outage_while_announced() {
    let folder = tempfile::tempdir().expect("a folder");
    let (real, link) = (folder.path().join("real"), folder.path().join("x"));
    fs::create_dir(&real).expect("made");
    let lease = |target: &Path| {
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(target, &link).expect("a link");
    };
    let (path, table) = (link.join("flag"), new_state_table());
    let flag = flag(&path, &table);
    lease(&real);
    replace(&path, "start = 2026-11-22T13:00:00Z");
    assert_eq!(look(&flag), (false, vec!["announced".into()]));
    for _ in 0..2 {
        lease(Path::new("x"));
        assert_eq!(look(&flag), (false, vec!["failed".into()]));
        lease(&real);
        assert_eq!(look(&flag), (false, vec!["recovered".into()]));
    }
    lease(Path::new("x"));
    let late = look_at(&flag, Observer::Child, "2026-11-22T13:00:00Z");
    assert_eq!(late, (true, vec!["closed".into(), "failed".into()]), "time goes on");
}

/// A content is read once, and again only if the file has changed.
#[test]
fn a_content_is_read_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, table) = (folder.path().join("flag"), new_state_table());
    let flag = flag(&path, &table);
    let content = || {
        let closing = flag.look(Observer::Child, time(NOON), &|| time(NOON), &mut |_| {});
        closing.expect("closed").content
    };
    replace(&path, "message = 'x'");
    let first = content();
    settle(&flag);
    for _ in 0..100 {
        assert!(Arc::ptr_eq(&first, &content()));
    }
    fs::File::open(&path)
        .and_then(|file| file.set_modified(std::time::SystemTime::now()))
        .expect("touched");
    settle(&flag);
    assert_eq!(content().spec().message(None), Some(("x", None)));
    fs::remove_file(&path).expect("removed");
    assert_eq!(look(&flag), (false, vec!["open again".into()]));
    fs::create_dir(&path).expect("made");
    assert_eq!(content().id(), 0, "a folder says nothing");
}

#[test]
fn contents_that_close_and_say_nothing() {
    let large = format!("# {}", "x".repeat(64 * 1024 - 1));
    for (content, cause) in [
        (&b"\x7fELF\0"[..], "line 1, column "),
        (b"message = '\xff'", "line 1, column 12: this is not UTF-8"),
        (large.as_bytes(), "has 65537 bytes; at most 65536 are allowed"),
        (b"start = 2026-11-22T13:00:00Z\nend = 2026-11-22T12:00:00Z", "line 2, column 7: the end"),
        (
            b"start = 2027-01-01T00:00:00Z\nallow = ['x']",
            "line 2, column 10: this is neither an address",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, table) = (folder.path().join("flag"), new_state_table());
        let flag = flag(&path, &table);
        fs::write(&path, content).expect("written");
        assert_eq!(look(&flag), (true, vec!["closed".into()]), "{cause}");
        settle(&flag);
        let (closed, event) = look(&flag);
        let told =
            event.last().is_some_and(|event| event.starts_with(&format!("unusable: {cause}")));
        assert!(closed && told, "{cause}: {event:?}");
        let closing = flag
            .look(Observer::Child, time(NOON), &|| time(NOON), &mut |event| panic!("{event:?}"));
        assert!(closing.expect("closed").content.spec().is_silent(), "{cause}");
    }
}

/// Two processes look once an hour. The one that takes the lease sees a change; the other one
/// learns about it and reads the flag.
#[test]
fn looks_in_an_interval() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flag");
    let table = new_state_table();
    let slot = table.claim(&[key(&path)]).expect("a slot")[0];
    let hour = Duration::from_secs(3600);
    let [one, other] = [(); 2].map(|()| Flag::new(path.clone(), slot, hour, TimeZone::UTC));
    let is_due = || slot.flag.lease.store(0, Ordering::SeqCst);
    let message = |flag: &Flag<'_>| {
        let closing = flag
            .look(Observer::Child, time(NOON), &|| time(NOON), &mut |event| panic!("{event:?}"));
        let content = closing.expect("closed").content;
        content.spec().message(None).map(|(text, _)| text.to_owned())
    };
    assert_eq!(look(&one), (false, vec![]));
    replace(&path, "message = 'hello'");
    assert_eq!((look(&one), look(&other)), ((false, vec![]), (false, vec![])));
    is_due();
    assert_eq!(look(&one), (true, vec!["closed".to_owned()]));
    assert_eq!([message(&one), message(&other)], [Some("hello".into()), Some("hello".into())]);
    replace(&path, "message = 'again'");
    assert_eq!(message(&other), Some("hello".into()));
    is_due();
    assert_eq!(look(&other), (true, vec!["changed".to_owned()]));
    // While another process's look hangs, content that this process has not read is not shown.
    is_due();
    let hanging = other.poll_lease.take(|| false);
    thread::sleep(Duration::from_millis(200));
    assert_eq!([message(&one), message(&other)], [None, Some("again".into())]);
    drop(hanging);
    // An empty flag need not be read.
    is_due();
    replace(&path, "");
    assert_eq!(look(&one), (true, vec!["changed".to_owned()]));
    let looked = slot.flag.lease.load(Ordering::SeqCst);
    thread::sleep(Duration::from_millis(10));
    assert_eq!([message(&one), message(&other)], [None, None]);
    assert_eq!(slot.flag.lease.load(Ordering::SeqCst), looked);
    is_due();
    fs::remove_file(&path).expect("removed");
    assert_eq!(look(&one), (false, vec!["open again".to_owned()]));
    assert_eq!(look(&other), (false, vec![]));
}
