//! A flag that is rewritten in place, and a flag that replaces another one.

use super::*;

const ANNOUNCED: &str = "start = 2026-11-22T13:00:00Z";

/// Processes that have looked while there was no flag, and therefore have read nothing.
fn processes<'b, const N: usize>(
    path: &Path,
    table: &'b crate::shared::slot::StateTable,
) -> [Flag<'b>; N] {
    let processes = [(); N].map(|()| flag(path, table));
    assert!(processes.iter().all(|process| look(process) == (false, vec![])));
    processes
}

/// Whether the scope is closed for this process, and with which message.
fn answer(flag: &Flag<'_>) -> (bool, Option<String>) {
    let closing =
        flag.look(Observer::Child, time(NOON), &|| time(NOON), &mut |event| panic!("{event:?}"));
    let message = |closing: &ActiveFlag| {
        closing.content.spec().message(None).map(|(text, _)| text.to_owned())
    };
    (closing.is_some(), closing.as_ref().and_then(message))
}

/// Half-written content is not used: a new flag closes its scope, an old one stays as it was.
#[test]
fn somebody_writes_to_the_flag() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, table) = (folder.path().join("flag"), new_state_table());
    let processes = [flag(&path, &table), flag(&path, &table)];
    let [flag, other] = &processes;
    let put = |text: &str| fs::write(&path, text).expect("written");
    let shown = || {
        let closing = flag
            .look(Observer::Child, time(NOON), &|| time(NOON), &mut |event| panic!("{event:?}"));
        closing.and_then(|closing| Some(closing.content.spec().message(None)?.0.to_owned()))
    };
    put("");
    assert_eq!(look(flag), (true, vec!["closed".into()]));
    put("start = 2026-");
    assert_eq!(look(flag), (true, vec![]), "half a line is no mistake yet");
    put("start = 2026-11-22T13:00:00Z");
    thread::sleep(Duration::from_millis(60));
    assert_eq!(look(flag), (false, vec!["open again, announced".into()]), "nothing to protect");
    assert_eq!(look(other), (false, vec![]));
    settle(flag);
    put("");
    assert_eq!(
        (look(flag), look(other)),
        ((false, vec![]), (false, vec![])),
        "announced as before"
    );
    settle(flag);
    assert_eq!(look(flag), (true, vec!["closed".into()]));
    put("message = 'one'");
    settle(flag);
    assert_eq!(look(flag), (true, vec!["changed".into()]));
    put("message = 'two");
    assert_eq!(shown().as_deref(), Some("one"));
    put("message = 'two'");
    assert_eq!(shown().as_deref(), Some("one"));
    settle(flag);
    assert_eq!(look(other), (true, vec!["changed".into()]));
    assert_eq!(shown().as_deref(), Some("two"));
    put("message = 'three");
    settle(flag);
    let cause = "unusable: line 1, column ";
    let (closed, event) = look(flag);
    assert!(closed && event[0] == "changed" && event[1].starts_with(cause), "{event:?}");
    assert_eq!(shown(), None, "nothing of it");
    put("mesage = 'four'\nretry_after = 5");
    settle(flag);
    assert_eq!(
        look(other).1,
        ["changed", "odd: line 1: unknown key \"mesage\"; did you mean message?"]
            .map(str::to_owned)
    );
}

/// A flag that replaces another one is complete, and takes effect at once.
#[test]
fn another_flag_takes_the_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, table) = (folder.path().join("flag"), new_state_table());
    let processes = [flag(&path, &table), flag(&path, &table)];
    let [flag, other] = &processes;
    for (content, closed, event) in [
        (ANNOUNCED, false, "announced"),
        ("", true, "closed"),
        (ANNOUNCED, false, "open again, announced"),
        ("message = 'x", true, "closed"),
        ("message = 'x'", true, "changed"),
        ("end = 2026-11-22T11:00:00Z", true, "changed"),
    ] {
        replace(&path, content);
        let mut told = look(flag);
        told.1.truncate(1);
        assert_eq!(told, (closed, vec![event.to_owned()]), "{content}");
        assert_eq!(look(other), (closed, vec![]), "{content}");
    }
    replace(&path, ANNOUNCED);
    assert_eq!(look(flag).0, look(other).0);
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "").expect("written");
    assert_eq!(look(other), (true, vec!["closed".into()]), "rm and touch");
}

/// A replacement takes effect at once even for a process that has never looked at the previous
/// flag.
#[test]
fn in_the_place_of_a_flag_that_one_process_has_read() {
    type Put = fn(&Path, &str);
    let anew: Put = |path, content| {
        // File system clocks are coarse: this gives two files with the same inode different birth
        // times.
        thread::sleep(Duration::from_millis(30));
        fs::remove_file(path).expect("removed");
        fs::write(path, content).expect("written");
    };
    for (what, put) in [("mv", replace as Put), ("rm, and another one", anew)] {
        for (old, new, event) in [
            (ANNOUNCED, "", "closed"),
            (ANNOUNCED, "message = 'x'", "closed"),
            ("message = 'x'", ANNOUNCED, "open again, announced"),
            ("message = 'x'", "message = 'y'", "changed"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (path, table) = (folder.path().join("flag"), new_state_table());
            let processes: [_; 4] = processes(&path, &table);
            replace(&path, old);
            look(&processes[0]);
            put(&path, new);
            let closes = new != ANNOUNCED;
            let told = (closes, vec![event.to_owned()]);
            assert_eq!(look(&processes[1]), told, "{what}: {old}, {new}");
            let message = new.split('\'').nth(1).map(str::to_owned);
            for process in &processes {
                assert_eq!(answer(process), (closes, message.clone()), "{what}: {old}, {new}");
            }
        }
    }
}

/// A process that cannot know the previous content of a flag that is being rewritten still knows
/// whether it closed its scope.
#[test]
fn one_process_has_read_what_is_rewritten() {
    for (old, new, event) in [
        (ANNOUNCED, "", "closed"),
        (ANNOUNCED, "message = 'x'", "closed"),
        ("message = 'old'", ANNOUNCED, "open again, announced"),
        ("message = 'old'", "message = 'x'", "changed"),
        ("message = 'old'", "message = 'x", "changed"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, table) = (folder.path().join("flag"), new_state_table());
        let [reader, other]: [_; 2] = processes(&path, &table);
        replace(&path, old);
        look(&reader);
        fs::write(&path, new).expect("written");
        let closed = old != ANNOUNCED;
        for _ in 0..2 {
            assert_eq!(answer(&other), (closed, None), "{old}, {new}");
            assert_eq!(answer(&reader).1.as_deref(), closed.then_some("old"), "{old}, {new}");
            let is_read = [&reader, &other].map(|process| process.report().content.is_some());
            assert_eq!(is_read, [true, false], "{old}, {new}");
        }
        thread::sleep(Duration::from_millis(400));
        let (closes, told) = look(&other);
        assert_eq!((closes, &*told[0]), (new != ANNOUNCED, event), "{old}, {new}");
        assert_eq!(answer(&reader), answer(&other), "{old}, {new}");
    }
}

/// A replacement with the same content is not reported, but it is another file.
#[test]
fn a_copy_takes_the_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, table) = (folder.path().join("flag"), new_state_table());
    let [one, other]: [_; 2] = processes(&path, &table);
    let old = "message = 'old'";
    replace(&path, old);
    assert_eq!(look(&one), (true, vec!["closed".into()]));
    assert_eq!(look(&other), (true, vec![]));
    replace(&path, old);
    assert_eq!(look(&one), (true, vec![]));
    fs::write(&path, "message = 'new'").expect("written");
    for process in [&other, &one] {
        assert_eq!(answer(process), (true, Some("old".into())), "rewritten in place");
    }
}

/// While the flag is being rewritten, the previous content still reaches its start and its end.
#[test]
fn time_goes_on_while_somebody_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, table) = (folder.path().join("flag"), new_state_table());
    let [one, other]: [_; 2] = processes(&path, &table);
    replace(&path, ANNOUNCED);
    assert_eq!(look(&one), (false, vec!["announced".into()]));
    fs::write(&path, "start = 2026-11-22T15:00:00Z").expect("written");
    assert_eq!((look(&one), look(&other)), ((false, vec![]), (false, vec![])));
    let start = look_at(&one, Observer::Child, "2026-11-22T13:00:00Z");
    assert_eq!(start, (true, vec!["closed".into()]));
    assert_eq!(look(&other), (true, vec![]), "it cannot know when that was");
}

/// Root leaves new content to its children if other users may not read it.
#[test]
fn content_that_the_children_may_be_unable_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let (path, table) = (folder.path().join("flag"), new_state_table());
    let flag = flag(&path, &table);
    let is_root = nix::unistd::geteuid().is_root();
    for (mode, is_judged) in [(0o600, !is_root), (0o640, !is_root), (0o644, true)] {
        fs::write(&path, "").expect("written");
        look(&flag);
        let new = path.with_extension("new");
        fs::write(&new, ANNOUNCED).expect("written");
        fs::set_permissions(&new, fs::Permissions::from_mode(mode)).expect("permissions");
        fs::rename(&new, &path).expect("renamed");
        let event = look_at(&flag, Observer::Parent, NOON).1;
        let expected: &[&str] = if is_judged { &["open again, announced"] } else { &[] };
        assert_eq!(event, expected, "{mode:o}");
        assert_eq!(flag.was_closing(), !is_judged, "{mode:o}");
        fs::remove_file(&path).expect("removed");
        look(&flag);
    }
}
