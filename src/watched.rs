//! A file that is read at start and again whenever it changes, while requests are served.
//!
//! Each child looks for itself, in the requests that need the file: a few times a second at the
//! most, one thread at a time, while the others go on with the version that they have. A version
//! that cannot be used leaves the last good one in force.

use std::fs;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLockReadGuard, TryLockError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use once_cell::sync::OnceCell;

use crate::board::{Key, Slot};
use crate::file::{self, FileError, Version};
use crate::hash;
use crate::settle::Settling;
use crate::stack;
use crate::two_places::TwoPlaces;

/// How often a file is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// So often a file that is being written at start is looked at again.
const TRIES: usize = 5;

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
    /// The file cannot be used, and this process has an older version than the last good one.
    Outdated {
        /// Which one.
        path: &'a Path,
    },
    /// A page that cannot be rendered with what a flag says; the built-in one is sent instead.
    Unrendered {
        /// Which one.
        path: &'a Path,
        /// Why.
        cause: &'a str,
    },
    /// After [`FileNews::Unrendered`]: it can be rendered again.
    Rendered {
        /// Which one.
        path: &'a Path,
    },
    /// Names in the file that do not resolve.
    Unresolved {
        /// Which file.
        path: &'a Path,
        /// The names.
        names: &'a str,
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
    /// The version in force is not the last good one, and that cannot be had any more.
    is_outdated: AtomicBool,
    is_lenient: bool,
}

struct State {
    /// The version that was read last, whatever came of it; None asks for reading it again.
    read: Option<Version>,
    /// The version that is in force.
    good: Version,
    /// When that was read.
    since: SystemTime,
    settling: Settling,
}

/// Which version of a file is in force in this process.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Which file.
    pub path: PathBuf,
    /// When that version was written.
    pub modified: Option<SystemTime>,
    /// When it was read.
    pub read: SystemTime,
    /// Is it the last one that was seen? Else that cannot be used, or was not read yet.
    pub is_last: bool,
}

impl<T: Send> Watched<T> {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(path: PathBuf, max_size: u64, parse: Box<Parse<T>>) -> Result<Self, String> {
        let mut read = file::read(&path, max_size);
        for _ in 0..TRIES {
            if matches!(read, Err(FileError::Changing)) {
                thread::sleep(INTERVAL);
                read = file::read(&path, max_size);
            }
        }
        let (content, version) = read.map_err(|cause| cause.to_string())?;
        let value = parse(&content)?;
        Ok(Self {
            path,
            max_size,
            parse,
            value: TwoPlaces::new(value),
            state: Mutex::new(State {
                read: Some(version),
                good: version,
                since: SystemTime::now(),
                settling: Settling::default(),
            }),
            is_outdated: AtomicBool::new(false),
            due: AtomicU64::new(0),
            born: Instant::now(),
            slot: OnceCell::new(),
            is_lenient: false,
        })
    }

    /// An old version is better than none, for those who have missed the last good one.
    pub fn lenient(self) -> Self {
        Self { is_lenient: true, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reports through this slot from now on, so that all processes together report once.
    pub fn report_through(&self, slot: &'static Slot) {
        if self.slot.set(slot).is_ok() {
            // For the parent: what was read at start needs no words.
            let good = outcome(self.lock().good, true);
            slot.word.store(good, Ordering::Release);
            slot.good.store(good, Ordering::Release);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value that is in force. Never waits. None where this process started from an old
    /// version and the last good one is not to be had any more.
    pub fn get(&self) -> Option<RwLockReadGuard<'_, Arc<T>>> {
        (!self.is_outdated.load(Ordering::Acquire)).then(|| self.value.get())
    }

    /// The value that is in force, however old it is. Never waits.
    pub fn value(&self) -> RwLockReadGuard<'_, Arc<T>> {
        self.value.get()
    }

    /// Tries whether this process may read the file at all, and reports if not.
    pub fn check(&self, report: &mut dyn FnMut(FileNews<'_>)) {
        if let Err(cause) = fs::File::open(&self.path) {
            let version = Version::of(&self.path).unwrap_or(Version::MISSING);
            let told = self.slot.get().map_or(0, |slot| slot.word.load(Ordering::Acquire));
            if self.tell(told, outcome(version, false)).is_ok() {
                let cause = FileError::from(cause).to_string();
                report(FileNews::Broken { path: &self.path, cause: &cause });
            }
        }
    }

    /// Reports names that do not resolve, once for the whole server.
    pub fn tell_names(&self, names: &[String], report: &mut dyn FnMut(FileNews<'_>)) {
        if self.is_new(&names) {
            report(FileNews::Unresolved { path: &self.path, names: &names.join(", ") });
        }
    }

    /// Reports why a page cannot be rendered, and that it can again, once for the whole server.
    pub fn tell_rendered(&self, failed: Option<&str>, report: &mut dyn FnMut(FileNews<'_>)) {
        match failed {
            Some(cause) if self.is_new(&(self.lock().good, cause)) => {
                report(FileNews::Unrendered { path: &self.path, cause });
            }
            None if self
                .slot
                .get()
                .is_some_and(|slot| slot.told.swap(0, Ordering::AcqRel) != 0) =>
            {
                report(FileNews::Rendered { path: &self.path });
            }
            _ => {}
        }
    }

    /// Is it something else than what any process has told last of the file's content?
    fn is_new(&self, what: &impl Hash) -> bool {
        let hash = hash::of(what);
        let was = self.slot.get().map(|slot| slot.told.swap(hash, Ordering::AcqRel));
        was != Some(hash)
    }

    /// Reads the file again at once, changed or not, without a word; for the time before there
    /// are requests.
    pub fn reread(&self) {
        let mut state = self.lock();
        if let Ok((content, version)) = file::read(&self.path, self.max_size)
            && let Ok(value) = (self.parse)(&content)
            && self.value.put(value)
        {
            state.read = Some(version);
            state.good = version;
            state.since = SystemTime::now();
        }
    }

    /// Which version is in force.
    pub fn in_force(&self) -> InForce {
        let is_outdated = self.is_outdated.load(Ordering::Acquire);
        let state = self.lock();
        InForce {
            path: self.path.clone(),
            modified: state.good.modified(),
            read: state.since,
            is_last: state.read == Some(state.good) && !is_outdated,
        }
    }

    /// Asks for the file to be read again at the next look, changed or not.
    pub fn expire(&self) {
        self.lock().read = None;
        self.due.store(0, Ordering::Release);
    }

    /// Looks for a new version, if it is time and no other thread does so. True where one was
    /// put in force.
    pub fn refresh(&self, report: &mut dyn FnMut(FileNews<'_>)) -> bool {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        if now < self.due.load(Ordering::Acquire) {
            return false;
        }
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return false, // another thread is at it
        };
        self.due.store(now.saturating_add(INTERVAL.as_millis() as u64), Ordering::Release);
        self.look(&mut state, report)
    }

    fn look(&self, state: &mut State, report: &mut dyn FnMut(FileNews<'_>)) -> bool {
        let told = self.slot.get().map_or(0, |slot| slot.word.load(Ordering::Acquire));
        // In the middle of a replacement the file may be gone for a moment.
        let version = Version::of(&self.path).unwrap_or(Version::MISSING);
        if state.read == Some(version) {
            state.settling.rest();
            return false;
        }
        if !state.settling.is_settled(version) {
            return false;
        }
        let (content, cause) = match file::read(&self.path, self.max_size) {
            Err(FileError::Changing) => return false,
            // Younger than what is settled: wait for that, too.
            Ok((_, read)) if read != version => return false,
            Ok((content, _)) => (Some(content), String::new()),
            Err(cause) => (None, cause.to_string()),
        };
        // Why it could not be read may pass, and says nothing of the version.
        state.read = content.is_some().then_some(version);
        let parse = &*self.parse;
        let value = match content {
            Some(content) => match stack::deep(|| parse(&content)) {
                Some(value) => value,
                None => {
                    state.read = None; // once more at the next look
                    return false;
                }
            },
            None => Err(cause),
        };
        let (good, cause) = match value.map(|value| self.value.put(value)) {
            Ok(true) => (true, String::new()),
            // A reader is still at the version before the last: once more at the next look.
            Ok(false) => {
                state.read = None;
                return false;
            }
            Err(cause) => (false, cause),
        };
        if good {
            state.good = version;
            state.since = SystemTime::now();
        }
        self.compare(state, good, report);
        let outcome = outcome(version, good);
        match self.tell(told, outcome) {
            Err(other) if other == outcome => {} // another process has said it
            Err(_) => state.read = None,         // and another version at that: look again
            Ok(()) if good => report(FileNews::Read { path: &self.path }),
            Ok(()) => report(FileNews::Broken { path: &self.path, cause: &cause }),
        }
        good
    }

    /// Is the version in force the last good one of the server? A child that was forked from a
    /// parent with an older one must not bring that back.
    fn compare(&self, state: &State, is_new: bool, report: &mut dyn FnMut(FileNews<'_>)) {
        let Some(slot) = self.slot.get().filter(|_| !self.is_lenient) else { return };
        let mine = outcome(state.good, true);
        if is_new {
            slot.good.store(mine, Ordering::Release);
            self.is_outdated.store(false, Ordering::Release);
        } else if slot.good.load(Ordering::Acquire) != mine
            && !self.is_outdated.swap(true, Ordering::AcqRel)
        {
            report(FileNews::Outdated { path: &self.path });
        }
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
    hash::of((version, good)).max(1)
}

#[cfg(test)]
mod tests;
