//! A file that is read at start and again whenever it changes, while requests are served.
//!
//! Each child looks for itself, in the requests that need the file: a few times a second at the
//! most, one thread at a time, while the others go on with the version that they have. A version
//! that cannot be used leaves the last good one in force.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::{Duration, Instant};

use once_cell::sync::OnceCell;

use crate::board::{Key, Slot};
use crate::file::{self, FileError, Version};

/// How often a file is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// A version is taken when it is so old: whoever writes it has probably finished.
const SETTLED: Duration = Duration::from_millis(300);

/// What makes the value of a file's content; the error names the cause, and the line where
/// there is one.
pub type Parse<T> = dyn Fn(&[u8]) -> Result<T, String> + Send + Sync;

/// What a new version of a file has brought; for the log, once for the whole server.
#[derive(Debug)]
pub enum FileNews<'a> {
    /// The file has changed and was read.
    Read {
        /// Which one.
        path: &'a Path,
    },
    /// The file cannot be used; the last good version stays in force.
    Broken {
        /// Which one.
        path: &'a Path,
        /// Why.
        cause: &'a str,
    },
}

/// The key of a file's slot on the [`Board`](crate::board::Board).
pub fn key(path: &Path) -> Key {
    Key::of(("file", path))
}

/// A value that is made of a file.
pub struct Watched<T> {
    path: PathBuf,
    max_size: u64,
    parse: Box<Parse<T>>,
    value: TwoPlaces<T>,
    state: Mutex<State>,
    /// When to look again, in milliseconds since `born`.
    due: AtomicU64,
    born: Instant,
    slot: OnceCell<&'static Slot>,
}

struct State {
    /// The version that was read last, whatever came of it; None asks for reading it again.
    read: Option<Version>,
    /// A version that is too young to be read, and since when it has been there.
    young: Option<(Version, Instant)>,
}

impl<T> Watched<T> {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(path: PathBuf, max_size: u64, parse: Box<Parse<T>>) -> Result<Self, String> {
        let (content, version) = file::read(&path, max_size).map_err(|cause| cause.to_string())?;
        let value = parse(&content)?;
        Ok(Self {
            path,
            max_size,
            parse,
            value: TwoPlaces::new(value),
            state: Mutex::new(State { read: Some(version), young: None }),
            due: AtomicU64::new(0),
            born: Instant::now(),
            slot: OnceCell::new(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reports through this slot from now on, so that all processes together report once.
    pub fn report_through(&self, slot: &'static Slot) {
        if self.slot.set(slot).is_ok() {
            // For the parent: what was read at start needs no words.
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let version = state.read.unwrap_or(Version::MISSING);
            slot.word.store(outcome(version, true), Ordering::Release);
        }
    }

    /// The value that is in force. Never waits.
    pub fn get(&self) -> RwLockReadGuard<'_, Arc<T>> {
        self.value.get()
    }

    /// Reads the file again at once, changed or not, without a word; for the time before there
    /// are requests.
    pub fn reread(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok((content, version)) = file::read(&self.path, self.max_size)
            && let Ok(value) = (self.parse)(&content)
            && self.value.put(value)
        {
            state.read = Some(version);
        }
    }

    /// Asks for the file to be read again at the next look, changed or not.
    pub fn expire(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).read = None;
        self.due.store(0, Ordering::Release);
    }

    /// Looks for a new version, if it is time and no other thread does so. True where one was
    /// put in force.
    pub fn refresh(&self, report: &mut dyn FnMut(FileNews<'_>)) -> bool {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now < self.due.load(Ordering::Acquire) {
            return false;
        }
        let Ok(mut state) = self.state.try_lock() else {
            return false; // another thread is at it
        };
        self.due.store(now.saturating_add(INTERVAL.as_millis() as u64), Ordering::Release);
        self.look(&mut state, report)
    }

    fn look(&self, state: &mut State, report: &mut dyn FnMut(FileNews<'_>)) -> bool {
        let told = self.slot.get().map_or(0, |slot| slot.word.load(Ordering::Acquire));
        // In the middle of a replacement the file may be gone for a moment.
        let version = Version::of(&self.path).unwrap_or(Version::MISSING);
        if state.read == Some(version) {
            state.young = None;
            return false;
        }
        if !is_settled(version, &mut state.young) {
            return false;
        }
        let (version, value) = match file::read(&self.path, self.max_size) {
            Ok((content, version)) => (version, (self.parse)(&content)),
            Err(FileError::Changing) => return false,
            Err(cause) => (version, Err(cause.to_string())),
        };
        state.read = Some(version);
        let (good, cause) = match value.map(|value| self.value.put(value)) {
            Ok(true) => (true, String::new()),
            // A reader is still at the version before the last: once more at the next look.
            Ok(false) => {
                state.read = None;
                return false;
            }
            Err(cause) => (false, cause),
        };
        let outcome = outcome(version, good);
        match self.tell(told, outcome) {
            Err(other) if other == outcome => {} // another process has said it
            Err(_) => state.read = None,         // and another version at that: look again
            Ok(()) if good => report(FileNews::Read { path: &self.path }),
            Ok(()) => report(FileNews::Broken { path: &self.path, cause: &cause }),
        }
        good
    }

    /// Puts an outcome on the board in the place of `told`. An error is what stands there.
    fn tell(&self, told: u64, outcome: u64) -> Result<(), u64> {
        match self.slot.get() {
            _ if told == outcome => Err(outcome),
            None => Ok(()),
            Some(slot) => slot
                .word
                .compare_exchange(told, outcome, Ordering::AcqRel, Ordering::Acquire)
                .map(drop),
        }
    }
}

/// What came of a version, as one word.
fn outcome(version: Version, good: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (version, good).hash(&mut hasher);
    hasher.finish().max(1)
}

/// Has the version been there for long enough? By the file's own times, or, where its clock is
/// not ours, by what was seen before.
fn is_settled(version: Version, young: &mut Option<(Version, Instant)>) -> bool {
    match young {
        Some((seen, since)) if *seen == version => {
            since.elapsed() >= SETTLED || version.age().is_some_and(|age| age >= SETTLED)
        }
        _ => {
            *young = Some((version, Instant::now()));
            version.age().is_some_and(|age| age >= SETTLED)
        }
    }
}

/// A value that is read without waiting and replaced now and then: of two places one is in
/// force. A new value goes into the other one, if nobody reads the value before the last there.
///
/// Not arc-swap: what that keeps for each thread would hold the module in memory when httpd
/// unloads it, and a new version of the module would not be loaded by a restart.
struct TwoPlaces<T> {
    places: [RwLock<Arc<T>>; 2],
    in_force: AtomicUsize,
}

impl<T> TwoPlaces<T> {
    fn new(value: T) -> Self {
        let value = Arc::new(value);
        Self { places: [Arc::clone(&value), value].map(RwLock::new), in_force: 0.into() }
    }

    fn place(&self, index: usize) -> &RwLock<Arc<T>> {
        let [even, odd] = &self.places;
        if index.is_multiple_of(2) { even } else { odd }
    }

    fn get(&self) -> RwLockReadGuard<'_, Arc<T>> {
        loop {
            match self.place(self.in_force.load(Ordering::Acquire)).try_read() {
                Ok(value) => return value,
                Err(TryLockError::Poisoned(error)) => return error.into_inner(),
                // Two values have come since the line above: the other place is in force.
                Err(TryLockError::WouldBlock) => {}
            }
        }
    }

    /// For one thread at a time. False where the place is not free.
    fn put(&self, value: T) -> bool {
        let value = Arc::new(value);
        let old = self.in_force.load(Ordering::Acquire);
        match self.place(old + 1).try_write() {
            Ok(mut place) => *place = Arc::clone(&value),
            Err(_) => return false,
        }
        self.in_force.store((old + 1) % 2, Ordering::Release);
        // The old value's memory is free now, or when the next value comes.
        if let Ok(mut place) = self.place(old).try_write() {
            *place = value;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread::sleep;

    use super::*;
    use crate::board::new_board;

    fn number(content: &[u8]) -> Result<u32, String> {
        let text = str::from_utf8(content).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|error| format!("line 1: {error}"))
    }

    /// Looks until nothing new has come for a second; the news, in short.
    fn settle(watched: &Watched<u32>) -> Vec<String> {
        let mut news = vec![];
        for _ in 0..14 {
            watched.refresh(&mut |item| {
                news.push(match item {
                    FileNews::Read { .. } => "read".into(),
                    FileNews::Broken { cause, .. } => cause.to_owned(),
                });
            });
            sleep(Duration::from_millis(50));
        }
        news
    }

    #[test]
    fn versions_come_and_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let put = |text: &str| fs::write(&path, text).expect("written");
        let open = || Watched::open(path.clone(), 100, Box::new(number));
        assert!(open().is_err_and(|cause| cause.starts_with("cannot be read: No such file")));
        put("x");
        assert!(open().is_err_and(|cause| cause.starts_with("line 1: invalid digit")));
        put("1");
        let board = Box::leak(new_board());
        let slot = board.claim(&[key(&path)]).expect("a slot")[0];
        // Two processes: what one has said the other keeps to itself.
        let [first, second] = [open(), open()].map(|watched| watched.expect("a number"));
        first.report_through(slot);
        second.report_through(slot);
        assert_eq!((**first.get(), settle(&first)), (1, vec![]));

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
            (
                "too large",
                &|| put(&"1".repeat(101)),
                4,
                "has 101 bytes, more than the 100 that are allowed",
            ),
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
        for (what, change, value, news) in steps {
            change();
            assert_eq!(settle(&first), [news], "{what}");
            assert_eq!(settle(&second), Vec::<String>::new(), "{what}");
            assert_eq!((**first.get(), **second.get()), (value, value), "{what}");
        }
    }

    /// A file that is being written is left alone.
    #[test]
    fn half_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "1").expect("written");
        let watched = Watched::open(path.clone(), 100, Box::new(number)).expect("a number");
        for step in 0..20 {
            let text = if step % 2 == 0 { "" } else { "12" };
            fs::write(&path, text).expect("written");
            watched.refresh(&mut |news| panic!("{news:?}"));
            sleep(Duration::from_millis(50));
            assert_eq!(**watched.get(), 1);
        }
        assert_eq!((settle(&watched), **watched.get()), (vec!["read".to_owned()], 12));
    }

    #[test]
    fn reading_while_values_come() {
        let two = TwoPlaces::new([0_u64; 64]);
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !over.load(Ordering::Relaxed) {
                        let value = two.get();
                        assert!(value.iter().all(|part| *part == value[0]) && value[0] >= last);
                        last = value[0];
                    }
                });
            }
            let mut count = 0;
            for number in 1..=100_000 {
                count += usize::from(two.put([number; 64]));
            }
            over.store(true, Ordering::Relaxed);
            assert!(count > 1000, "{count}");
        });
    }
}
