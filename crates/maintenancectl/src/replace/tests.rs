use std::env;
use std::process::Command;

use super::*;

const STEPS: [Step; 7] = [
    Step::Created,
    Step::HalfWritten,
    Step::Written,
    Step::Synced,
    Step::Renamed,
    Step::Removed,
    Step::FolderSynced,
];

/// Tells the process of a test that it is the one to be killed: folder, step, and what to do.
const VICTIM: &str = "MAINTENANCECTL_VICTIM";

fn replace(path: &Path, content: &[u8], is_new: bool, after: AfterStep<'_>) {
    let lock = Lock::take(path, after).expect("a lock");
    lock.write(content, MODE, is_new, || true).expect("written");
}

/// Not a test of its own: it is killed.
#[test]
fn victim() {
    let Ok(order) = env::var(VICTIM) else { return };
    let words: Vec<_> = order.split(' ').collect();
    let [path, step, what] = words[..] else { panic!("{order}") };
    let step: usize = step.parse().expect("a number");
    let kill = move |done: Step| {
        if done == STEPS[step] {
            let me = rustix::process::getpid();
            rustix::process::kill_process(me, rustix::process::Signal::KILL).expect("killed");
        }
    };
    let path = Path::new(path);
    match what {
        "remove" => {
            let lock = Lock::take(path, &kill).expect("a lock");
            lock.remove(|| true).expect("removed");
        }
        what => replace(path, b"the new content", what == "create", &kill),
    }
}

/// Whatever is killed leaves the old file or the new one, and the next command removes the rest.
#[test]
fn killed_at_each_step() {
    for (what, before, after) in [
        ("create", None, Some("the new content")),
        ("replace", Some("the old content"), Some("the new content")),
        ("remove", Some("the old content"), None),
    ] {
        let mut killed = 0;
        for (index, step) in STEPS.iter().enumerate() {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("flag");
            if let Some(content) = before {
                fs::write(&path, content).expect("written");
            }
            let status = Command::new(env::current_exe().expect("this"))
                .args(["--exact", "replace::tests::victim", "--nocapture"])
                .env(VICTIM, format!("{} {index} {what}", path.display()))
                .output()
                .expect("run")
                .status;
            let is_killed = !status.success();
            killed += usize::from(is_killed);
            let found = fs::read_to_string(&path).ok();
            let is_new = matches!(step, Step::Renamed | Step::Removed | Step::FolderSynced);
            let expected = if is_new || !is_killed { after } else { before };
            assert_eq!(found.as_deref(), expected, "{what}, killed at {step:?}");
            replace(&path, b"next", found.is_none(), &|_| {});
            let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
            assert_eq!(left.len(), 1, "{what}, {step:?}: {left:?}");
            assert_eq!(fs::read(&path).expect("a flag"), b"next");
        }
        assert_eq!(killed, if what == "remove" { 3 } else { 6 }, "{what}");
    }
}

#[test]
fn one_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flag");
    let lock = Lock::take(&path, &|_| {}).expect("a lock");
    let begin = Instant::now();
    assert!(matches!(Lock::take(&path, &|_| {}), Err(ReplaceError::Busy)));
    assert!(begin.elapsed() >= PATIENCE);
    lock.write(b"one", MODE, true, || true).expect("written");
    for _ in 0..20 {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let path = path.clone();
                thread::spawn(move || replace(&path, format!("{n}").as_bytes(), false, &|_| {}))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("written"));
        assert_eq!(fs::read(&path).expect("a flag").len(), 1);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}

#[test]
fn what_is_not_expected_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flag");
    fs::write(&path, "other").expect("written");
    let lock = || Lock::take(&path, &|_| {}).expect("a lock");
    assert!(matches!(lock().write(b"new", MODE, true, || true), Err(ReplaceError::Changed)));
    assert!(matches!(lock().write(b"new", MODE, false, || false), Err(ReplaceError::Changed)));
    assert!(matches!(lock().remove(|| false), Err(ReplaceError::Changed)));
    assert_eq!(fs::read(&path).expect("a flag"), b"other");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    assert_eq!(fs::metadata(&path).expect("a flag").mode() & 0o777, 0o644);
}
