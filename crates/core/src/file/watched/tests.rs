//! Files that change, come and go.

use std::fs;
use std::thread::sleep;
use std::time::Instant;

use super::*;
use crate::file::kept::{Keeper, Kept, Use};
use crate::shared::slot::new_state_table;

fn number(content: &[u8]) -> Result<u32, String> {
    let text = str::from_utf8(content).map_err(|error| error.to_string())?;
    text.trim().parse().map_err(|error| format!("line 1: {error}"))
}

fn value(watched: &Watched<u32>) -> u32 {
    *watched.get().expect("a value")
}

/// Refreshes until nothing new has happened for a second. Returns short event texts.
fn settle(watched: &Watched<u32>) -> Vec<String> {
    let mut event = vec![];
    for _ in 0..14 {
        watched.refresh(&mut |item| {
            event.push(match item {
                FileEvent::Read { .. } => "read".into(),
                FileEvent::Rendered { .. } => "rendered".into(),
                FileEvent::Broken { cause, .. } => cause.to_owned(),
                FileEvent::AtRestart { .. } | FileEvent::Resolved { .. } => {
                    unreachable!("{item:?}")
                }
                FileEvent::Odd { what, .. } => what.to_owned(),
                FileEvent::Outdated { .. } => "outdated".into(),
                FileEvent::Unrendered { cause, .. } => cause.to_owned(),
                FileEvent::Unresolved { names, .. } => names.to_owned(),
            });
        });
        sleep(Duration::from_millis(50));
    }
    event
}

#[test]
fn versions_come_and_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let put = |text: &str| fs::write(&path, text).expect("written");
    let open = || Watched::open(path.clone(), 100, Box::new(number), None);
    assert!(open().is_err_and(|cause| cause.starts_with("cannot be read: No such file")));
    put("x");
    assert!(open().is_err_and(|cause| cause.starts_with("line 1: invalid digit")));
    put("1");
    let table = Box::leak(new_state_table());
    let slot = table.claim(&[key(&path)]).expect("a slot")[0];
    // Two processes: an event reported by one is not reported by the other.
    let [first, second] = [open(), open()].map(|watched| watched.expect("a number"));
    first.report_through(slot);
    second.report_through(slot);
    assert_eq!((value(&first), settle(&first)), (1, vec![]));

    let replace = |text: &str| {
        let other = folder.path().join("other");
        fs::write(&other, text).expect("written");
        fs::rename(&other, &path).expect("renamed");
    };
    let steps: [(&str, &dyn Fn(), u32, &str); 8] = [
        ("rewritten", &|| put("2"), 2, "read"),
        ("replaced", &|| replace("3"), 3, "read"),
        ("broken", &|| put("x"), 3, "line 1: invalid digit found in string"),
        ("good again", &|| put("4"), 4, "read"),
        ("too large", &|| put(&"1".repeat(101)), 4, "has 101 bytes; at most 100 are allowed"),
        (
            "gone",
            &|| fs::remove_file(&path).expect("removed"),
            4,
            "cannot be read: No such file or directory (os error 2)",
        ),
        ("a folder", &|| fs::create_dir(&path).expect("made"), 4, "is not a regular file"),
        (
            "a file again",
            &|| {
                fs::remove_dir(&path).expect("removed");
                put("5");
            },
            5,
            "read",
        ),
    ];
    for (what, change, number, event) in steps {
        change();
        assert_eq!(settle(&first), [event], "{what}");
        assert_eq!(settle(&second), Vec::<String>::new(), "{what}");
        assert_eq!((value(&first), value(&second)), (number, number), "{what}");
    }
}

/// A process that starts with an old version does not bring it back.
#[test]
fn outdated() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let table = Box::leak(new_state_table());
    let slot = table.claim(&[key(&path)]).expect("a slot")[0];
    let put = |text: &str| fs::write(&path, text).expect("written");
    put("1");
    let [first, second] = [(); 2].map(|()| {
        let watched = Watched::open(path.clone(), 100, Box::new(number), None).expect("a number");
        watched.report_through(slot);
        watched
    });
    put("2");
    assert_eq!((settle(&first), value(&first)), (vec!["read".to_owned()], 2));
    put("x");
    assert_eq!(settle(&first), ["line 1: invalid digit found in string"]);
    assert_eq!(value(&first), 2);
    assert_eq!(settle(&second), ["outdated"]);
    assert!(second.get().is_none(), "it has 1, and 2 is not to be had any more");
    put("3");
    assert_eq!((settle(&second), value(&second)), (vec!["read".to_owned()], 3));
}

/// A file that is being written is not used.
#[test]
fn half_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    fs::write(&path, "1").expect("written");
    let watched = Watched::open(path.clone(), 100, Box::new(number), None).expect("a number");
    for step in 0..20 {
        let text = if step % 2 == 0 { "" } else { "12" };
        fs::write(&path, text).expect("written");
        watched.refresh(&mut |event| panic!("{event:?}"));
        sleep(Duration::from_millis(50));
        assert_eq!(value(&watched), 1);
    }
    assert_eq!((settle(&watched), value(&watched)), (vec!["read".to_owned()], 12));
}

/// A file that may be incomplete takes effect only once it is unchanged, at start and while
/// requests are served, however long it keeps changing.
#[test]
fn unfinished() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let open = || {
        let is_unfinished = |content: &[u8]| !content.ends_with(b"\n");
        Watched::open_at_rest(path.clone(), 1000, Box::new(number), is_unfinished, None)
    };
    // If the machine stalls for too long, the file counts as unchanged.
    let is_slow = |pause: Duration| pause > Duration::from_millis(200);
    let write_for = |time: Duration| {
        let (start, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        while start.elapsed() < time {
            fs::write(&path, (start.elapsed().as_millis() % 9).to_string()).expect("written");
            longest = longest.max(last.elapsed());
            last = Instant::now();
            sleep(Duration::from_millis(10));
        }
        longest.max(last.elapsed())
    };
    fs::write(&path, "1").expect("written");
    let (opened, pause) = thread::scope(|scope| {
        let writer = scope.spawn(|| write_for(Duration::from_secs(3)));
        let opened = open().map(|watched| value(&watched));
        (opened, writer.join().expect("a pause"))
    });
    assert!(opened.as_ref().is_err_and(|cause| cause == "is being written") || is_slow(pause));
    fs::write(&path, "10").expect("written");
    let watched = open().expect("a new file that becomes stable");
    assert_eq!((value(&watched), settle(&watched)), (10, vec![]));
    let (seen, pause) = thread::scope(|scope| {
        let writer = scope.spawn(|| write_for(Duration::from_secs(6)));
        let mut seen = vec![];
        while !writer.is_finished() {
            watched.refresh(&mut |_| ());
            seen.push(value(&watched));
            sleep(Duration::from_millis(20));
        }
        (seen, writer.join().expect("a pause"))
    });
    assert!(seen.iter().all(|value| *value == 10) || is_slow(pause), "{seen:?}");
    fs::write(&path, "11").expect("written");
    assert_eq!((settle(&watched), value(&watched)), (vec!["read".to_owned()], 11));
}

/// A keeper like the parent's.
#[derive(Default)]
struct Memory {
    is_restart: AtomicBool,
    kept: Mutex<Option<Kept>>,
}

impl Keeper for Memory {
    fn is_restart(&self) -> bool {
        self.is_restart.load(Ordering::SeqCst)
    }
    fn keep(&self, _: Use, _: &Path, content: &[u8], good: Good) {
        *self.kept.lock().expect("no panic") = Some(Kept { good, content: content.to_owned() });
    }
    fn kept(&self, _: Use, _: &Path) -> Option<Kept> {
        self.kept.lock().expect("no panic").clone()
    }
}

/// What is in force after a restart with an unusable file, depending on what this process and other
/// processes had read.
#[test]
fn at_a_restart() {
    for (mine, theirs, is_lenient, expected, said) in [
        (Some("1"), None, false, Some(1), "LastGood"),
        (Some("1"), None, true, Some(1), "LastGood"),
        (Some("1"), Some("2"), false, None, "Outdated"),
        (Some("1"), Some("2"), true, Some(1), "Older"),
        (None, None, false, None, "Nobody"),
        (None, None, true, Some(0), "BuiltIn"),
        (None, Some("2"), false, None, "Outdated"),
        (None, Some("2"), true, Some(0), "BuiltIn"),
    ] {
        let what = format!("{mine:?} {theirs:?} {is_lenient}");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let slot = Box::leak(new_state_table()).claim(&[key(&path)]).expect("a slot")[0];
        let memory: &'static Memory = Box::leak(Box::default());
        let open = |keeper: &'static Memory| {
            let keeping = Keeping { keeper, of: Use::List, nothing: || 0 };
            let watched = Watched::open(path.clone(), 100, Box::new(number), Some(keeping))?;
            let watched = if is_lenient { watched.lenient(Instead::BuiltIn) } else { watched };
            watched.report_through(slot);
            Ok::<_, String>(watched)
        };
        for (text, keeper) in [(mine, memory), (theirs, Box::leak(Box::default()))] {
            if let Some(text) = text {
                fs::write(&path, text).expect("written");
                open(keeper).expect("good");
            }
        }
        fs::write(&path, "x").expect("written");
        assert!(open(memory).is_err(), "{what}: not at a first start");
        memory.is_restart.store(true, Ordering::SeqCst);
        let watched = open(memory).expect("a restart");
        let mut event = vec![];
        for _ in 0..2 {
            watched.tell_start(&mut |item| event.push(format!("{item:?}")));
        }
        assert!(event.len() == 1 && event[0].contains(said), "{what}: {event:?}");
        assert!(event[0].contains("line 1: invalid digit"), "{what}: {event:?}");
        assert_eq!(watched.get().map(|value| *value), expected, "{what}");
        assert!(!watched.in_force().is_last && watched.in_force().problem.is_some(), "{what}");
        assert_eq!(settle(&watched), Vec::<String>::new(), "{what}: all is said");
        fs::write(&path, "3").expect("written");
        assert_eq!(settle(&watched), ["read"], "{what}");
        assert_eq!(watched.get().map(|value| *value), Some(3), "{what}");
        assert!(watched.in_force().is_last && watched.in_force().problem.is_none(), "{what}");
        assert_eq!(memory.kept(Use::List, &path).expect("kept").content, b"3", "{what}");
    }
}
