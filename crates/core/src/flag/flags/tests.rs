use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::*;
use crate::flag;
use crate::shared::slot::new_state_table;
use crate::shared::table::Key;

/// These flags, whose states are unknown, in a state table of their own.
fn flags(paths: &[std::path::PathBuf], interval: Duration) -> Flags {
    let table: &'static _ = Box::leak(new_state_table());
    let keys: Vec<Key> = paths.iter().map(|path| flag::key(path)).collect();
    let slots = table.claim(&keys).expect("slots");
    let flag = |(path, slot): (&std::path::PathBuf, _)| {
        Arc::new(Flag::new(path.clone(), slot, interval, TimeZone::UTC))
    };
    paths.iter().zip(slots).map(flag).collect()
}

fn look(flags: &Flags, observer: Observer) -> (usize, Vec<String>) {
    let mut closed = vec![];
    let looks = flags.look(observer, &Timestamp::now, &mut |event| {
        if let FlagEvent::Closed { flag, .. } | FlagEvent::Gone { flag, .. } = event {
            closed.push(flag.file_name().expect("a name").to_string_lossy().into_owned());
        }
    });
    (looks, closed)
}

/// As soon as a state is known, the number of looks does not grow with the number of flags.
#[test]
fn absent_flags_cost_no_look() {
    for (count, others, interval, looks) in [
        (1, 0, 0, 1),
        (WORTH_A_LIST - 1, 0, 0, WORTH_A_LIST - 1),
        (WORTH_A_LIST, 0, 0, 1),
        (10_000, 0, 0, 1),
        (10_000, 100, 0, 1),
        // A folder full of other files is not listed.
        (10, 21, 0, 10),
        // With an interval, the parent calls each flag, which makes no system call.
        (10, 0, 3600, 10),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |number| folder.path().join(format!("{number:05}"));
        let all: Vec<_> = (0..count).map(path).collect();
        let flags = flags(&all, Duration::from_secs(interval));
        (0..others).for_each(|number| {
            fs::write(folder.path().join(format!("other{number}")), "").expect("written");
        });
        let case = format!("{count} flags, {others} other files, {interval} s");
        assert_eq!(look(&flags, Observer::Parent), (count, vec![]), "{case}: nothing is known");
        assert_eq!(look(&flags, Observer::Parent), (looks, vec![]), "{case}");
        assert_eq!(look(&flags, Observer::Child), (looks, vec![]), "{case}, in a child");
        assert!(flags.iter().all(|flag| flag.was_absent()), "{case}");
        assert!(all.iter().all(|path| flags.get(path).is_some()), "{case}");
        assert!(flags.get(folder.path()).is_none(), "{case}");
    }
}

/// What changes is noticed at the next look, however it changes.
#[test]
fn changes_are_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: String| folder.path().join(name);
    let names = || (0..100).map(|number| format!("{number:02}"));
    let inner = names().map(|name| path(format!("inner/{name}")));
    let all: Vec<_> = names().map(path).chain(inner).collect();
    let flags = flags(&all, Duration::ZERO);
    assert_eq!(look(&flags, Observer::Parent), (200, vec![]));
    fs::create_dir(path("inner".into())).expect("a folder");
    let named = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    type Step<'s> = (&'s str, &'s dyn Fn(), usize, &'s [&'s str]);
    let steps: [Step<'_>; 7] = [
        ("nothing", &|| (), 2, &[]),
        ("a file", &|| fs::write(path("17".into()), "").expect("written"), 3, &["17"]),
        ("a folder", &|| fs::create_dir(path("inner/00".into())).expect("made"), 3, &["00"]),
        // The name is there, and the flag is absent.
        ("a dangling link", &|| symlink("target", path("50".into())).expect("made"), 4, &[]),
        ("its target", &|| fs::write(path("target".into()), "").expect("written"), 4, &["50"]),
        ("gone", &|| fs::remove_file(path("17".into())).expect("removed"), 4, &["17"]),
        ("a name less", &|| fs::remove_file(path("50".into())).expect("removed"), 3, &["50"]),
    ];
    for (what, act, looks, closed) in steps {
        act();
        assert_eq!(look(&flags, Observer::Parent), (looks, named(closed)), "{what}");
    }
}
