//! A file that is read at start and again whenever it changes, while requests are served.
//!
//! Each child looks for itself, in the requests that need the file: a few times a second at the
//! most, one thread at a time, while the others go on with the version that they have. A version
//! that cannot be used leaves the last good one in force.

use std::fs;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use once_cell::sync::OnceCell;

use crate::file::debounce::{LastLook, LastSeen};
pub use crate::file::event::{FileEvent, Instead, listed};
use crate::file::kept::{Good, Keeping, outcome};
use crate::file::{self, FileError, Version};
use crate::shared::arc_cell::ArcCell;
use crate::shared::hash;
use crate::shared::slot::{FileSlot, Sightings, Slot};
use crate::shared::table::Key;
use crate::stack;

/// How often a file is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// So often a file that is being written at start is looked at again.
const TRIES: usize = 5;

/// What makes the value of a file's content; the error names the cause, and the line where
/// there is one.
pub type Parse<T> = dyn Fn(&[u8]) -> Result<T, String> + Send + Sync;

/// The key of a file's slot on the [`StateTable`](crate::shared::slot::StateTable).
pub fn key(path: &Path) -> Key {
    Key::of(("file", path))
}

/// A value that is made of a file.
pub struct Watched<T> {
    path: PathBuf,
    max_size: u64,
    parse: Box<Parse<T>>,
    /// May more follow this content? Then it counts only once the file is at rest.
    is_unfinished: fn(&[u8]) -> bool,
    value: ArcCell<T>,
    state: Mutex<State>,
    /// When to look again, in milliseconds since `born`.
    due: AtomicU64,
    born: Instant,
    /// What all processes know of the file together.
    shared: OnceCell<&'static FileSlot>,
    /// In its place before that is there.
    own: FileSlot,
    /// Those of this process alone: no other one can keep it from taking a version.
    sightings: Sightings,
    last_look: LastLook,
    /// The version in force is not the last good one, and that cannot be had any more.
    is_outdated: AtomicBool,
    is_lenient: bool,
    keeping: Option<Keeping<T>>,
}

struct State {
    /// The version that was read last, whatever came of it; None asks for reading it again.
    read: Option<Version>,
    /// The version that is in force.
    good: Good,
    /// Why the version that was seen last cannot be used.
    problem: Option<String>,
    /// Of what was found at a restart it has still to be said that it cannot be used.
    is_untold: bool,
}

/// Which version of a file is in force in this process.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Which file.
    pub path: PathBuf,
    /// When that version was written.
    pub modified: Option<SystemTime>,
    /// When it was read.
    pub read: Option<SystemTime>,
    /// Is it the last one that was seen? Else that cannot be used, or was not read yet.
    pub is_last: bool,
    /// Why the last one that was seen cannot be used.
    pub problem: Option<String>,
}

impl<T: Send> Watched<T> {
    /// Reads the file for the first time. At a restart one that cannot be used is no error: its last
    /// good version, which was kept, goes on, or nothing where there is none.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn open(
        path: PathBuf,
        max_size: u64,
        parse: Box<Parse<T>>,
        keeping: Option<Keeping<T>>,
    ) -> Result<Self, String> {
        Self::open_at_rest(path, max_size, parse, |_| false, keeping)
    }

    /// The same for a file of whose content `is_unfinished` says whether more may follow: that
    /// counts only once the file is at rest. Waits for it a second at the most.
    ///
    /// # Errors
    /// Why it cannot be used.
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
            born: Instant::now(),
            shared: OnceCell::new(),
            own,
            sightings,
            last_look,
            is_lenient: false,
            keeping,
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
        let slot = &slot.file;
        if self.shared.set(slot).is_err() {
            return;
        }
        // For the parent: what was read at start needs no words.
        let state = self.lock();
        let word = state.good.word;
        if !state.is_untold {
            slot.outcome.store(word, Ordering::Release);
            slot.last_good.store(word, Ordering::Release);
            return;
        }
        // A child may have read, and have judged by, a newer version than the one that was kept.
        let last = slot.last_good.load(Ordering::Acquire);
        if last == 0 {
            slot.last_good.store(word, Ordering::Release);
        }
        let is_last = word != 0 && [0, word].contains(&last);
        self.is_outdated.store(!is_last && !self.is_lenient, Ordering::Release);
    }

    /// Says what could not be used at a restart, once, and what is in force instead; for the parent,
    /// before it forks.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        let mut state = self.lock();
        if !std::mem::take(&mut state.is_untold) {
            return;
        }
        let slot = self.slot();
        // So that nobody reports it once more.
        let version = Version::of(&self.path).unwrap_or(Version::MISSING);
        slot.outcome.store(outcome(version, false), Ordering::Release);
        let last = slot.last_good.load(Ordering::Acquire);
        let Good { word, modified, .. } = state.good;
        let instead = match word {
            0 if self.is_lenient => Instead::BuiltIn,
            0 if last == 0 => Instead::Nobody,
            _ if self.is_outdated.load(Ordering::Acquire) => Instead::Outdated,
            _ if [0, word].contains(&last) => Instead::LastGood(modified),
            _ => Instead::Older(modified),
        };
        let cause = state.problem.as_deref().unwrap_or_default();
        report(FileEvent::AtRestart { path: &self.path, cause, instead });
    }

    fn slot(&self) -> &FileSlot {
        self.shared.get().copied().unwrap_or(&self.own)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value that is in force. Does not wait for a look or for parsing. None where this process
    /// started from an old version and cannot get the last good one any more.
    pub fn get(&self) -> Option<Arc<T>> {
        (!self.is_outdated.load(Ordering::Acquire)).then(|| self.value.get())
    }

    /// The value that is in force, however old it is. Does not wait for a look or for parsing.
    pub fn value(&self) -> Arc<T> {
        self.value.get()
    }

    /// Tries whether this process may read the file at all, and reports if not.
    pub fn check(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        if let Err(cause) = fs::File::open(&self.path) {
            let version = Version::of(&self.path).unwrap_or(Version::MISSING);
            let told = self.slot().outcome.load(Ordering::Acquire);
            if self.tell(told, outcome(version, false)).is_ok() {
                let cause = FileError::from(cause).to_string();
                report(FileEvent::Broken { path: &self.path, cause: &cause });
            }
        }
    }

    /// Reports names that do not resolve, and that all do again, once for the whole server.
    pub fn tell_names(&self, names: &[String], report: &mut dyn FnMut(FileEvent<'_>)) {
        if names.is_empty() {
            if self.forget_reported() {
                report(FileEvent::Resolved { path: &self.path });
            }
        } else if self.is_new(&names) {
            report(FileEvent::Unresolved { path: &self.path, names: &listed(names, ", ") });
        }
    }

    /// Reports what in the version in force is of no use, once for the whole server.
    pub fn tell_odd(&self, odd: &[String], report: &mut dyn FnMut(FileEvent<'_>)) {
        let hash = if odd.is_empty() { 0 } else { hash::of((self.lock().good.word, odd)).max(1) };
        let was = self.slot().faults.swap(hash, Ordering::AcqRel);
        if hash != 0 && was != hash {
            report(FileEvent::Odd { path: &self.path, what: &listed(odd, "; ") });
        }
    }

    /// Has what is told of the content told once more: at a restart.
    pub fn forget_told(&self) {
        self.slot().reported.store(0, Ordering::Release);
        self.slot().faults.store(0, Ordering::Release);
    }

    /// Reports why a page cannot be rendered, and that it can again, once for the whole server.
    pub fn tell_rendered(&self, failed: Option<&str>, report: &mut dyn FnMut(FileEvent<'_>)) {
        match failed {
            Some(cause) if self.is_new(&(self.lock().good.word, cause)) => {
                report(FileEvent::Unrendered { path: &self.path, cause });
            }
            None if self.forget_reported() => {
                report(FileEvent::Rendered { path: &self.path });
            }
            _ => {}
        }
    }

    /// Is it something else than what any process has told last of the file's content?
    fn is_new(&self, what: &impl Hash) -> bool {
        let hash = hash::of(what);
        self.slot().reported.swap(hash, Ordering::AcqRel) != hash
    }

    /// True where something was reported of the file's content, which does not count any more.
    fn forget_reported(&self) -> bool {
        self.slot().reported.swap(0, Ordering::AcqRel) != 0
    }

    /// Makes another value of the one that is in force, of the same version.
    pub fn remake(&self, make: impl FnOnce(&T) -> T) {
        let _state = self.lock();
        self.value.set(make(&self.value.get()));
    }

    /// Which version is in force.
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

    /// Looks for a new version, if it is time and no other thread does so. True where one was
    /// put in force.
    pub fn refresh(&self, report: &mut dyn FnMut(FileEvent<'_>)) -> bool {
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

    fn look(&self, state: &mut State, report: &mut dyn FnMut(FileEvent<'_>)) -> bool {
        let slot = self.slot();
        let (told, seen) = (slot.outcome.load(Ordering::Acquire), LastSeen::of(&self.sightings));
        let unseen = self.last_look.unseen(Timestamp::now());
        // In the middle of a replacement the file may be gone for a moment.
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
        // Why it could not be read may pass, and says nothing of the version.
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
            Err(other) if other == outcome => {} // another process has said it
            Err(_) => state.read = None,         // and another version at that: look again
            Ok(()) => report(match &state.problem {
                None => FileEvent::Read { path: &self.path },
                Some(cause) => FileEvent::Broken { path: &self.path, cause },
            }),
        }
        good
    }

    /// Is the version in force the last good one of the server? A child that was forked from a
    /// parent with an older one must not bring that back.
    fn compare(&self, state: &State, is_new: bool, report: &mut dyn FnMut(FileEvent<'_>)) {
        let slot = self.slot();
        let mine = state.good.word;
        if is_new {
            slot.last_good.store(mine, Ordering::Release);
            self.is_outdated.store(false, Ordering::Release);
        } else if !self.is_lenient
            && slot.last_good.load(Ordering::Acquire) != mine
            && !self.is_outdated.swap(true, Ordering::AcqRel)
        {
            report(FileEvent::Outdated { path: &self.path });
        }
    }

    /// Puts an outcome in the place of `told`, for all processes. An error is what stands there.
    fn tell(&self, told: u64, outcome: u64) -> Result<(), u64> {
        if told == outcome {
            return Err(outcome);
        }
        let word = &self.slot().outcome;
        word.compare_exchange(told, outcome, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }
}

/// The content that a file has at start, once nobody is writing to it.
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
