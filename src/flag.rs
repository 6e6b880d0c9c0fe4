//! The flag file: is it there, and what has to be said when that changes.
//!
//! A flag is looked at with one `stat`. It is never opened, so a FIFO, a folder or a file that
//! nobody may read close the site like any other. What all processes of the server know of a
//! flag stands in a [`FlagState`] in memory that they share, so that each change is reported
//! once and not once per child.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use std::time::SystemTime;

use thiserror::Error;

/// How many different flag files a server can have at a time.
pub const MAX_FLAGS: usize = 1024;

/// Why a word of `MaintenanceFlag` names no flag.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FlagError {
    /// `MaintenanceFlag ""`
    #[error("an empty word names no file")]
    Empty,
    /// Longer than PATH_MAX, or with a component longer than NAME_MAX: it could never be there.
    #[error("the path of {0} characters is longer than the file system allows")]
    TooLong(usize),
}

/// Checks a path of `MaintenanceFlag`, which need not exist.
///
/// # Errors
/// [`FlagError`] where no file of that name can ever exist.
pub fn check_path(path: &Path) -> Result<(), FlagError> {
    if path.as_os_str().is_empty() {
        return Err(FlagError::Empty);
    }
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::InvalidFilename => {
            Err(FlagError::TooLong(path.as_os_str().len()))
        }
        _ => Ok(()),
    }
}

/// What is wrong with the folder that a flag is to be put into; worth a warning at start.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FolderProblem {
    /// `touch` will fail.
    #[error("does not exist, so the flag cannot be created")]
    Missing,
    /// As /tmp is.
    #[error("can be written by everybody, so any local user can close the site")]
    WorldWritable,
}

/// What is known of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
enum Known {
    Nothing = 0,
    Absent = 1,
    Present = 2,
}

/// A state and the number of changes that led to it, as one word: a look that began before a
/// change can thus be told from one that began after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

impl Word {
    fn known(self) -> Known {
        match self.0 & 3 {
            1 => Known::Absent,
            2 => Known::Present,
            _ => Known::Nothing,
        }
    }

    fn next(self, known: Known) -> Self {
        Self((((self.0 >> 2).wrapping_add(1)) << 2) | known as u64)
    }
}

/// What parent and children together know of one flag. All zero is "nothing yet".
#[derive(Debug, Default)]
#[repr(C, align(64))] // a cache line each: flags do not slow each other down
pub struct FlagState {
    /// A hash of the path, 0 where the slot is free.
    key: AtomicU64,
    word: AtomicU64,
    /// The error of the last look that failed, 0 where it went well.
    errno: AtomicI32,
}

impl FlagState {
    fn load(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// Puts `known` in the place of `before`; false where another process was faster.
    fn replace(&self, before: Word, known: Known) -> bool {
        let (old, new) = (before.0, before.next(known).0);
        self.word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The states of all flags, as they lie in shared memory. All zero is an empty table.
#[derive(Debug)]
#[repr(C)]
pub struct FlagTable {
    slots: [FlagState; MAX_FLAGS],
}

/// More than [`MAX_FLAGS`] different flag files.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("more than {MAX_FLAGS} different flag files are configured")]
pub struct TooManyFlags;

impl FlagTable {
    /// Frees the slots of all flags but `paths`, at a restart, before new ones are claimed.
    /// Children of the generation before may still report the change of a flag that went.
    pub fn retain(&self, paths: &[PathBuf]) {
        let keys: Vec<u64> = paths.iter().map(|path| key_of(path)).collect();
        for slot in &self.slots {
            if !keys.contains(&slot.key.load(Ordering::Acquire)) {
                slot.word.store(0, Ordering::Release);
                slot.errno.store(0, Ordering::Release);
                slot.key.store(0, Ordering::Release);
            }
        }
    }

    /// The state of a flag. What was known of it before a restart is still known, so that a
    /// restart in the middle of the maintenance is no news. For the parent, before it forks.
    ///
    /// # Errors
    /// [`TooManyFlags`]
    pub fn claim(&self, path: &Path) -> Result<&FlagState, TooManyFlags> {
        let key = key_of(path);
        let slot = |key| self.slots.iter().find(|slot| slot.key.load(Ordering::Acquire) == key);
        if let Some(known) = slot(key) {
            return Ok(known);
        }
        let free = slot(0).ok_or(TooManyFlags)?;
        free.key.store(key, Ordering::Release);
        Ok(free)
    }
}

/// The same in every process of this build: `DefaultHasher::new` has fixed keys.
fn key_of(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish().max(1)
}

/// Something about a flag that the administrator wants to read in the log, once.
#[derive(Debug)]
pub enum News<'a> {
    /// The flag has appeared.
    Appeared {
        /// Which one.
        flag: &'a Path,
        /// Its time of modification; for `touch`, when that was run.
        since: Option<SystemTime>,
        /// The user id of its owner.
        owner: u32,
    },
    /// The flag is gone.
    Gone {
        /// Which one.
        flag: &'a Path,
    },
    /// The file system does not say whether the flag is there.
    LookFailed {
        /// Which one.
        flag: &'a Path,
        /// Why.
        error: io::Error,
        /// What it is taken for meanwhile.
        counts_as_present: bool,
    },
    /// After [`News::LookFailed`]: it does again.
    LookRecovered {
        /// Which one.
        flag: &'a Path,
    },
}

/// Who looks at a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observer {
    /// The parent, usually root: it sees flags that the children may not.
    Parent,
    /// A child: what it can't see is worth an error, and only what it sees ends that error.
    Child,
}

/// One flag file of a scope.
#[derive(Debug)]
pub struct Flag<'t> {
    path: PathBuf,
    state: &'t FlagState,
}

impl<'t> Flag<'t> {
    /// A flag whose state is kept in `state`.
    pub fn new(path: PathBuf, state: &'t FlagState) -> Self {
        Self { path, state }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Is it there, now? Reports what has changed since any process looked last.
    ///
    /// "Does not exist" (ENOENT, ENOTDIR; also a link to nothing) is absent. Any other error
    /// leaves the last known state, and where nothing is known yet the flag counts as present.
    pub fn is_present(&self, observer: Observer, report: &mut dyn FnMut(News<'_>)) -> bool {
        loop {
            let before = self.state.load();
            let look = fs::metadata(&self.path);
            let seen = match &look {
                Ok(_) => Known::Present,
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                    Known::Absent
                }
                Err(_) => Known::Nothing,
            };
            if seen == Known::Nothing {
                let present = before.known() != Known::Absent;
                if let Err(error) = look {
                    self.note_failure(error, present, report);
                }
                return present;
            }
            if observer == Observer::Child {
                self.note_recovery(report);
            }
            if seen == before.known() {
                return seen == Known::Present;
            }
            // Lost the race: someone has seen a change since `before`, so this look may be older
            // than theirs and is taken again.
            if !self.state.replace(before, seen) {
                continue;
            }
            match look {
                Ok(metadata) => report(News::Appeared {
                    flag: &self.path,
                    since: metadata.modified().ok(),
                    owner: metadata.uid(),
                }),
                Err(_) if before.known() == Known::Present => {
                    report(News::Gone { flag: &self.path });
                }
                Err(_) => {} // the first look, and it is not there: nothing has happened
            }
            return seen == Known::Present;
        }
    }

    /// What was known last, without a look: true unless the flag is known to be absent.
    pub fn was_present(&self) -> bool {
        self.state.load().known() != Known::Absent
    }

    /// What is wrong with the flag's folder, if anything.
    pub fn folder_problem(&self) -> Option<FolderProblem> {
        const WORLD_WRITABLE: u32 = 0o002;
        match fs::metadata(self.path.parent()?) {
            Ok(folder) => {
                (folder.mode() & WORLD_WRITABLE != 0).then_some(FolderProblem::WorldWritable)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Some(FolderProblem::Missing),
            Err(_) => None, // is_present says so
        }
    }

    fn note_failure(&self, error: io::Error, present: bool, report: &mut dyn FnMut(News<'_>)) {
        let errno = error.raw_os_error().unwrap_or(-1);
        if self.state.errno.swap(errno, Ordering::AcqRel) != errno {
            report(News::LookFailed { flag: &self.path, error, counts_as_present: present });
        }
    }

    fn note_recovery(&self, report: &mut dyn FnMut(News<'_>)) {
        let errno = &self.state.errno;
        // Read first: a swap at every request would make all workers write one cache line.
        if errno.load(Ordering::Acquire) != 0 && errno.swap(0, Ordering::AcqRel) != 0 {
            report(News::LookRecovered { flag: &self.path });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    fn table() -> Box<FlagTable> {
        let slots = std::array::from_fn(|_| FlagState::default());
        Box::new(FlagTable { slots })
    }

    /// The news of one look, in short.
    fn look(flag: &Flag<'_>) -> (bool, Vec<&'static str>) {
        let mut news = vec![];
        let present = flag.is_present(Observer::Child, &mut |item| {
            news.push(match item {
                News::Appeared { .. } => "appeared",
                News::Gone { .. } => "gone",
                News::LookFailed { .. } => "failed",
                News::LookRecovered { .. } => "recovered",
            });
        });
        (present, news)
    }

    #[test]
    fn each_change_is_news_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flag");
        let table = table();
        let flag = Flag::new(path.clone(), table.claim(&path).expect("a slot"));
        assert!(flag.was_present(), "closed as long as nothing is known");
        assert_eq!(look(&flag), (false, vec![]));
        assert!(!flag.was_present());
        for _ in 0..3 {
            fs::write(&path, "").expect("written");
            assert_eq!(look(&flag), (true, vec!["appeared"]));
            assert_eq!(look(&flag), (true, vec![]));
            fs::remove_file(&path).expect("removed");
            assert_eq!(look(&flag), (false, vec!["gone"]));
            assert_eq!(look(&flag), (false, vec![]));
        }
    }

    #[test]
    fn errors_leave_the_last_known_state() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("x/flag"), folder.path().join("x"));
        let break_it = || std::os::unix::fs::symlink("x", &link).expect("a link to itself");
        let table = table();
        let flag = Flag::new(path.clone(), table.claim(&path).expect("a slot"));
        break_it();
        assert_eq!(look(&flag), (true, vec!["failed"]), "nothing known: closed");
        assert_eq!(look(&flag), (true, vec![]));
        let mut reported = 0;
        flag.is_present(Observer::Parent, &mut |_| reported += 1);
        assert_eq!(reported, 0, "the parent has the same error");
        fs::remove_file(&link).expect("removed");
        flag.is_present(Observer::Parent, &mut |_| reported += 1);
        assert_eq!(reported, 0, "only a child ends the error");
        assert_eq!(look(&flag), (false, vec!["recovered"]));
        break_it();
        assert_eq!(look(&flag), (false, vec!["failed"]), "it was open");
    }

    #[test]
    fn a_restart_keeps_what_is_known_and_frees_the_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let paths: Vec<_> =
            (0..=MAX_FLAGS).map(|number| folder.path().join(number.to_string())).collect();
        let table = table();
        for path in &paths[..MAX_FLAGS] {
            fs::write(path, "").expect("written");
            let flag = Flag::new(path.clone(), table.claim(path).expect("a slot"));
            assert_eq!(look(&flag), (true, vec!["appeared"]));
        }
        assert_eq!(table.claim(&paths[MAX_FLAGS]).err(), Some(TooManyFlags));
        table.retain(&paths[..1]);
        let kept = Flag::new(paths[0].clone(), table.claim(&paths[0]).expect("a slot"));
        assert_eq!(look(&kept), (true, vec![]));
        let fresh = Flag::new(paths[1].clone(), table.claim(&paths[1]).expect("a slot"));
        assert_eq!(look(&fresh), (true, vec!["appeared"]));
    }

    /// Many observers at a time: never more news than changes, and the last state is right.
    #[test]
    fn observers_race() {
        const CHANGES: usize = 2000;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flag");
        let table = table();
        let state = table.claim(&path).expect("a slot");
        let (appeared, gone) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let over = AtomicI32::new(0);
        let observe = || {
            Flag::new(path.clone(), state).is_present(Observer::Child, &mut |news| {
                let count = if matches!(news, News::Gone { .. }) { &gone } else { &appeared };
                count.fetch_add(1, Ordering::SeqCst);
            })
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
                // Whoever saw it first has said it before anybody's look returns.
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
}
