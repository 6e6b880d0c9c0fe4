//! A file that is read at start and reread whenever it changes, while requests are served.
//!
//! Each child checks for changes in the requests that need the file: at most a few times a second
//! and by one thread at a time, while other threads use the current version. If a new version
//! cannot be used, the last good version stays in force.

mod reports;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use once_cell::sync::OnceCell;

use crate::file::debounce::{LastLook, LastSeen};
pub use crate::file::event::{FileEvent, Instead, listed};
use crate::file::kept::{Good, Keeping, outcome};
use crate::file::{self, FileError, Version};
use crate::shared::arc_cell::ArcCell;
use crate::shared::slot::{FileSlot, Sightings, Slot};
use crate::shared::table::Key;
use crate::stack;

/// How often a process checks the file.
const INTERVAL: Duration = Duration::from_millis(200);

/// How often a file that is being written at start is read again.
const TRIES: usize = 5;

/// Parses the content of a file into a value. The error names the cause, and the line if there is
/// one.
pub type Parse<T> = dyn Fn(&[u8]) -> Result<T, String> + Send + Sync;

/// The key of a file's slot in the [`StateTable`](crate::shared::slot::StateTable).
pub fn key(path: &Path) -> Key {
    Key::of(("file", path))
}

/// A value parsed from a file.
pub struct Watched<T> {
    path: PathBuf,
    max_size: u64,
    parse: Box<Parse<T>>,
    /// Whether the content may be incomplete. Incomplete content takes effect only once it is
    /// unchanged.
    is_unfinished: fn(&[u8]) -> bool,
    value: ArcCell<T>,
    state: Mutex<State>,
    /// When to check again, in milliseconds of the monotonic clock.
    due: AtomicU64,
    /// What all processes know about the file.
    shared: OnceCell<&'static FileSlot>,
    /// Used until `shared` is set.
    own: FileSlot,
    /// Sightings of this process only, so that no other process can keep it from using a version.
    sightings: Sightings,
    last_look: LastLook,
    /// The version in force is not the last good one, and the last good one is lost.
    is_outdated: AtomicBool,
    /// See [`Watched::lenient`].
    lenient: Option<Instead>,
    keeping: Option<Keeping<T>>,
}

struct State {
    /// The version that was read last, whatever the outcome. None requests another read.
    read: Option<Version>,
    /// The version in force.
    good: Good,
    /// Why the version that was seen last cannot be used.
    problem: Option<String>,
    /// The problem found at a restart has not been reported yet.
    is_untold: bool,
}

/// The version of a file that is in force in this process.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The path of the file.
    pub path: PathBuf,
    /// When this version was written.
    pub modified: Option<SystemTime>,
    /// When this version was read.
    pub read: Option<SystemTime>,
    /// Whether this is the last version that was seen. If not, the last one cannot be used or has
    /// not been read yet.
    pub is_last: bool,
    /// Why the last version that was seen cannot be used.
    pub problem: Option<String>,
}

impl<T: Send> Watched<T> {
    /// Reads the file for the first time. At a restart, an unusable file is not an error: its last
    /// good version, which was kept, stays in force, or no content if there is none.
    ///
    /// # Errors
    /// The reason why the file cannot be used.
    pub fn open(
        path: PathBuf,
        max_size: u64,
        parse: Box<Parse<T>>,
        keeping: Option<Keeping<T>>,
    ) -> Result<Self, String> {
        Self::open_at_rest(path, max_size, parse, |_| false, keeping)
    }

    /// Like [`Watched::open`], for a file that may be incomplete. Content for which `is_unfinished`
    /// returns true takes effect only once it is unchanged. Waits for that for at most a second.
    ///
    /// # Errors
    /// The reason why the file cannot be used.
    pub fn open_at_rest(
        path: PathBuf,
        max_size: u64,
        parse: Box<Parse<T>>,
        is_unfinished: fn(&[u8]) -> bool,
        keeping: Option<Keeping<T>>,
    ) -> Result<Self, String> {
        let (own, sightings) = (FileSlot::default(), Sightings::default());
        let last_look = LastLook::default();
        let found = read_first(&path, max_size, is_unfinished, (&sightings, &last_look))
            .map_err(|cause| cause.to_string())
            .and_then(|(content, version)| Ok((parse(&content)?, content, version)));
        let at_restart = keeping.as_ref().filter(|keeping| keeping.keeper.is_restart());
        let (value, read, good, problem) = match (found, at_restart) {
            (Ok((value, content, version)), _) => {
                let good = Good::now(version);
                if let Some(Keeping { keeper, of, .. }) = keeping {
                    keeper.keep(of, &path, &content, good);
                }
                (value, Some(version), good, None)
            }
            (Err(problem), Some(Keeping { keeper, of, nothing })) => {
                let kept = keeper.kept(*of, &path);
                let kept = kept.and_then(|kept| Some((parse(&kept.content).ok()?, kept.good)));
                let (value, good) = kept.unwrap_or_else(|| (nothing(), Good::NONE));
                (value, None, good, Some(problem))
            }
            (Err(problem), None) => return Err(problem),
        };
        own.last_good.store(good.word, Ordering::Release);
        let is_untold = problem.is_some();
        Ok(Self {
            path,
            max_size,
            parse,
            is_unfinished,
            value: ArcCell::new(value),
            state: Mutex::new(State { read, good, problem, is_untold }),
            is_outdated: AtomicBool::new(false),
            due: AtomicU64::new(0),
            shared: OnceCell::new(),
            own,
            sightings,
            last_look,
            lenient: None,
            keeping,
        })
    }

    /// Makes an old version count if a process has missed the last good one, since it is better
    /// than none. `without` is what is in force if there is no version at all.
    pub fn lenient(self, without: Instead) -> Self {
        Self { lenient: Some(without), ..self }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Uses this slot for reports from now on, so that all processes together report once.
    pub fn report_through(&self, slot: &'static Slot) {
        let slot = &slot.file;
        if self.shared.set(slot).is_err() {
            return;
        }
        // For the parent: reading the file at start is not reported.
        let state = self.lock();
        let word = state.good.word;
        if !state.is_untold {
            slot.outcome.store(word, Ordering::Release);
            slot.last_good.store(word, Ordering::Release);
            return;
        }
        // A child may have read and used a newer version than the one that was kept.
        let last = slot.last_good.load(Ordering::Acquire);
        if last == 0 {
            slot.last_good.store(word, Ordering::Release);
        }
        let is_last = word != 0 && [0, word].contains(&last);
        self.is_outdated.store(!is_last && self.lenient.is_none(), Ordering::Release);
    }

    fn slot(&self) -> &FileSlot {
        self.shared.get().copied().unwrap_or(&self.own)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value in force. Does not wait for a check or for parsing. None if this process started
    /// with an old version and can no longer get the last good one.
    pub fn get(&self) -> Option<Arc<T>> {
        (!self.is_outdated.load(Ordering::Acquire)).then(|| self.value.get())
    }

    /// The value in force, however old it is. Does not wait for a check or for parsing.
    pub fn value(&self) -> Arc<T> {
        self.value.get()
    }

    /// Replaces the value in force by another value for the same version.
    pub fn remake(&self, make: impl FnOnce(&T) -> T) {
        let _state = self.lock();
        self.value.set(make(&self.value.get()));
    }

    /// The version in force.
    pub fn in_force(&self) -> InForce {
        let is_outdated = self.is_outdated.load(Ordering::Acquire);
        let state = self.lock();
        InForce {
            path: self.path.clone(),
            modified: state.good.modified,
            read: state.good.read,
            is_last: state.read.is_some_and(|read| outcome(read, true) == state.good.word)
                && !is_outdated,
            problem: state.problem.clone(),
        }
    }

    /// Whether the last version that was seen cannot be used.
    pub fn has_problem(&self) -> bool {
        self.lock().problem.is_some()
    }

    /// Checks for a new version, if it is time to and no other thread is doing so. Returns whether
    /// a new version was put in force.
    pub fn refresh(&self, report: &mut dyn FnMut(FileEvent<'_>)) -> bool {
        let now = milliseconds();
        if now < self.due.load(Ordering::Acquire) {
            return false;
        }
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return false, // another thread is checking
        };
        self.due.store(now.saturating_add(INTERVAL.as_millis() as u64), Ordering::Release);
        self.look(&mut state, report)
    }

    fn look(&self, state: &mut State, report: &mut dyn FnMut(FileEvent<'_>)) -> bool {
        let slot = self.slot();
        let (told, seen) = (slot.outcome.load(Ordering::Acquire), LastSeen::of(&self.sightings));
        let unseen = self.last_look.unseen(Timestamp::now());
        // The file may be missing for a moment while it is being replaced.
        let version = Version::of(&self.path).unwrap_or(Version::MISSING);
        let is_stable = seen.is_stable(&self.sightings, version, unseen).unwrap_or(false);
        if state.read == Some(version) || !is_stable {
            return false;
        }
        let content = match file::read_version(&self.path, self.max_size, version) {
            Err(FileError::Changing) => return false,
            read => read.map_err(|cause| cause.to_string()),
        };
        if content.as_deref().is_ok_and(self.is_unfinished)
            && !LastSeen::of(&self.sightings).is_quiet()
        {
            return false;
        }
        // A failure to read may be temporary and says nothing about the version.
        state.read = content.is_ok().then_some(version);
        let parse = &*self.parse;
        let value = match &content {
            Ok(content) => match stack::deep(|| parse(content)) {
                Some(value) => value,
                None => {
                    state.read = None; // once more at the next look
                    return false;
                }
            },
            Err(cause) => Err(cause.clone()),
        };
        state.problem = value.map(|value| self.value.set(value)).err();
        let good = state.problem.is_none();
        if good {
            state.good = Good::now(version);
            if let Some((Keeping { keeper, of, .. }, content)) =
                self.keeping.as_ref().zip(content.ok())
            {
                keeper.keep(*of, &self.path, &content, state.good);
            }
        }
        self.compare(state, good, report);
        let outcome = outcome(version, good);
        match self.tell(told, outcome) {
            Err(other) if other == outcome => {} // another process has reported it
            Err(_) => state.read = None,         // for another version: check again
            Ok(()) => report(match &state.problem {
                None => FileEvent::Read { path: &self.path },
                Some(cause) => FileEvent::Broken { path: &self.path, cause },
            }),
        }
        good
    }

    /// Checks whether the version in force is the last good one of the server. A child that was
    /// forked from a parent with an older version must not bring that version back.
    fn compare(&self, state: &State, is_new: bool, report: &mut dyn FnMut(FileEvent<'_>)) {
        let slot = self.slot();
        let mine = state.good.word;
        if is_new {
            slot.last_good.store(mine, Ordering::Release);
            self.is_outdated.store(false, Ordering::Release);
        } else if self.lenient.is_none()
            && slot.last_good.load(Ordering::Acquire) != mine
            && !self.is_outdated.swap(true, Ordering::AcqRel)
        {
            report(FileEvent::Outdated { path: &self.path });
        }
    }

    /// Replaces the outcome `told` for all processes. The error is the current outcome.
    fn tell(&self, told: u64, outcome: u64) -> Result<(), u64> {
        if told == outcome {
            return Err(outcome);
        }
        let word = &self.slot().outcome;
        word.compare_exchange(told, outcome, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }
}

/// The monotonic clock in steps of a few milliseconds, which takes few instructions.
fn milliseconds() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE).map(Duration::from);
    time.map_or(u64::MAX, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// The content of a file at start, once nobody is writing to it.
fn read_first(
    path: &Path,
    max_size: u64,
    is_unfinished: fn(&[u8]) -> bool,
    (sightings, last_look): (&Sightings, &LastLook),
) -> Result<(Vec<u8>, Version), FileError> {
    let read = || {
        let seen = LastSeen::of(sightings);
        let (content, version) = file::read(path, max_size)?;
        if is_unfinished(&content) {
            seen.is_stable(sightings, version, last_look.unseen(Timestamp::now()));
            if !LastSeen::of(sightings).is_quiet() {
                return Err(FileError::Changing);
            }
        }
        Ok((content, version))
    };
    for _ in 0..TRIES {
        match read() {
            Err(FileError::Changing) => thread::sleep(INTERVAL),
            other => return other,
        }
    }
    read()
}

#[cfg(test)]
mod tests;
