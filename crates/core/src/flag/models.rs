//! Several processes share one flag (`make loom`). Each process has its own [`Flag`], as in the
//! server; they share the slot.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::thread::sleep;

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::thread;
use tempfile::TempDir;

use super::*;

/// The flag is present when there is a link to an old file.
struct Site {
    slot: Slot,
    path: PathBuf,
    closed: AtomicU64,
    gone: AtomicU64,
    other: AtomicU64,
}

/// The folder of a model's flags. A model runs many times.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rested"), "").expect("a file");
    sleep(Duration::from_millis(400));
    folder
}

impl Site {
    fn new(folder: &TempDir) -> Self {
        let path = folder.path().join("flag");
        let _ = fs::remove_file(&path);
        let (slot, closed, gone, other) = Default::default();
        Self { slot, path, closed, gone, other }
    }

    fn close(&self) {
        symlink("rested", &self.path).expect("a link");
    }

    fn open(&self) {
        fs::remove_file(&self.path).expect("removed");
    }

    /// A process's own flag.
    fn flag(&self) -> Flag<'_> {
        Flag::new(self.path.clone(), &self.slot, Duration::ZERO, TimeZone::UTC)
    }

    /// Whether the flag closes its scope. Counts the events.
    fn look(&self, flag: &Flag<'_>) -> bool {
        let now = Timestamp::from_second(2_000_000_000).expect("a time");
        let report = &mut |event: FlagEvent<'_>| {
            let word = match event {
                FlagEvent::Closed { .. } => &self.closed,
                FlagEvent::Gone { opens: true, .. } => &self.gone,
                _ => &self.other,
            };
            word.fetch_add(1, Ordering::Relaxed);
        };
        flag.look(Observer::Child, now, &move || now, report).is_some()
    }

    fn said(&self) -> [u64; 3] {
        [&self.closed, &self.gone, &self.other].map(|word| word.load(Ordering::Relaxed))
    }
}

/// A process, with enough stack for a look.
fn process<T, F>(act: F) -> thread::JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    thread::Builder::new().stack_size(1 << 16).spawn(act).expect("a thread")
}

/// Exploring everything would take too long: no process is preempted more than once.
fn bounded(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(1);
    builder.check(model);
}

static FOLDERS: LazyLock<[TempDir; 2]> = LazyLock::new(|| [folder(), folder()]);

/// A closing is reported once, and applies to all later looks.
#[test]
fn closing() {
    let folder = &FOLDERS[0];
    bounded(|| {
        let site = Arc::new(Site::new(folder));
        let ours = Arc::clone(&site);
        process(move || assert!(!ours.look(&ours.flag()))).join().expect("looked");
        site.close();
        let looks = [(), ()].map(|()| {
            let ours = Arc::clone(&site);
            process(move || ours.look(&ours.flag()))
        });
        assert_eq!(looks.map(|look| look.join().expect("looked")), [true, true]);
        assert_eq!(site.said(), [1, 0, 0]);
    });
}

/// A slow look does not undo what others have seen since: each change is reported once, and the
/// final state is correct.
#[test]
fn opening_and_closing_again() {
    let folder = &FOLDERS[1];
    bounded(|| {
        let site = Arc::new(Site::new(folder));
        site.close();
        let ours = Arc::clone(&site);
        process(move || assert!(ours.look(&ours.flag()))).join().expect("looked");
        site.open();
        let ours = Arc::clone(&site);
        let slow = process(move || ours.look(&ours.flag()));
        let ours = Arc::clone(&site);
        let quick = process(move || {
            let flag = ours.flag();
            assert!(!ours.look(&flag));
            ours.close();
            assert!(ours.look(&flag));
            assert!(flag.was_closing());
        });
        slow.join().expect("looked");
        quick.join().expect("looked");
        assert_eq!(site.said(), [2, 1, 0]);
    });
}

/// With an interval, one process looks at a time, and the next one knows what it has seen.
#[test]
fn one_looks_at_a_time() {
    loom::model(|| {
        let shared = Arc::new((FlagSlot::default(), AtomicU64::new(0)));
        let look = |shared: &(FlagSlot, AtomicU64)| {
            let lease = PollLease::new(&shared.0, Duration::from_secs(3600)).take(|| true);
            assert!(lease.is_some(), "nobody hangs");
            // Two concurrent looks would count as one, and so would two that do not see each other.
            let looks = shared.1.load(Ordering::Relaxed);
            shared.1.store(looks + 1, Ordering::Relaxed);
        };
        let theirs = Arc::clone(&shared);
        let other = thread::spawn(move || look(&theirs));
        look(&shared);
        other.join().expect("looked");
        assert_eq!(shared.1.load(Ordering::Relaxed), 2);
    });
}

/// There is only one look per interval.
#[test]
fn one_looks_in_an_interval() {
    loom::model(|| {
        let slot = Arc::new(FlagSlot::default());
        const HOUR: Duration = Duration::from_secs(3600);
        let look = |slot: &FlagSlot| PollLease::new(slot, HOUR).take(|| false).is_some();
        let theirs = Arc::clone(&slot);
        let other = thread::spawn(move || look(&theirs));
        let looks = [look(&slot), other.join().expect("looked")];
        assert!(looks == [true, false] || looks == [false, true], "{looks:?}");
    });
}
