//! The flag file: is it there, and what has to be said when that changes.
//!
//! A flag is looked at with one `stat`. It is never opened, so a FIFO, a folder or a file that
//! nobody may read close the site like any other. What all processes of the server know of a
//! flag stands on the [`board`](crate::board) that they share, so that each change is reported once
//! and not once per child.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use thiserror::Error;

use crate::board::{Key, Slot};

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
enum Known {
    Nothing,
    Absent,
    Present,
}

/// What stands in a flag's slot, as one word: what is known, whether the children's last look
/// failed, and the number of changes that led to it. By that number a look that began before a
/// change is told from one that began after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

impl Word {
    const FAILED: u64 = 4;

    fn known(self) -> Known {
        match self.0 & 3 {
            1 => Known::Absent,
            2 => Known::Present,
            _ => Known::Nothing,
        }
    }

    fn failed(self) -> bool {
        self.0 & Self::FAILED != 0
    }

    /// The word after a change.
    fn next(self, known: Known, failed: bool) -> Self {
        let number = (self.0 >> 3).wrapping_add(1) << 3;
        Self(number | if failed { Self::FAILED } else { 0 } | known as u64)
    }
}

/// The key of a flag's slot on the [`Board`](crate::board::Board).
pub fn key(path: &Path) -> Key {
    Key::of(("flag", path))
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
    /// The parent, which notices changes while no requests come and stands in for children that
    /// may not see the flag. What it cannot see itself is nobody's concern.
    Parent,
    /// A child: its looks decide, and only they begin and end an error.
    Child,
}

/// One flag file of a scope.
#[derive(Debug)]
pub struct Flag<'b> {
    path: PathBuf,
    slot: &'b Slot,
}

impl<'b> Flag<'b> {
    /// A flag whose state is kept in `slot`.
    pub fn new(path: PathBuf, slot: &'b Slot) -> Self {
        Self { path, slot }
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
            let before = self.word();
            let look = fs::metadata(&self.path);
            let (known, failed) = match &look {
                Ok(_) => (Known::Present, false),
                Err(error) if is_absence(error) => (Known::Absent, false),
                Err(_) => (before.known(), true),
            };
            let failed = match observer {
                Observer::Child => failed,
                Observer::Parent => before.failed(),
            };
            let is_news = (known, failed) != (before.known(), before.failed());
            // Where another process was faster, someone has seen a change since `before`: this
            // look may be older than theirs, and is taken again.
            if is_news && !self.replace(before, before.next(known, failed)) {
                continue;
            }
            if is_news {
                self.tell(before, failed, look, report);
            }
            return known != Known::Absent;
        }
    }

    /// Reports what a look has brought; `before` is what was known until then.
    fn tell(
        &self,
        before: Word,
        failed: bool,
        look: io::Result<Metadata>,
        report: &mut dyn FnMut(News<'_>),
    ) {
        let flag = &self.path;
        let was = before.known();
        if before.failed() && !failed {
            report(News::LookRecovered { flag });
        }
        match look {
            Ok(metadata) if was != Known::Present => report(News::Appeared {
                flag,
                since: metadata.modified().ok(),
                owner: metadata.uid(),
            }),
            Ok(_) => {}
            Err(error) if !is_absence(&error) => {
                report(News::LookFailed { flag, error, counts_as_present: was != Known::Absent });
            }
            Err(_) if was == Known::Present => report(News::Gone { flag }),
            Err(_) => {} // the first look, and it is not there: nothing has happened
        }
    }

    fn word(&self) -> Word {
        Word(self.slot.word.load(Ordering::Acquire))
    }

    /// Puts `after` in the place of `before`; false where another process was faster.
    fn replace(&self, before: Word, after: Word) -> bool {
        let word = &self.slot.word;
        word.compare_exchange(before.0, after.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// What was known last, without a look: true unless the flag is known to be absent.
    pub fn was_present(&self) -> bool {
        self.word().known() != Known::Absent
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
}

/// Does the error say that there is nothing?
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, AtomicUsize};
    use std::thread;

    use super::*;
    use crate::board::new_board;

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
        let board = new_board();
        let flag = Flag::new(path.clone(), board.claim(&[key(&path)]).expect("a slot")[0]);
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
        let board = new_board();
        let flag = Flag::new(path.clone(), board.claim(&[key(&path)]).expect("a slot")[0]);
        break_it();
        assert_eq!(look(&flag), (true, vec!["failed"]), "nothing known: closed");
        assert_eq!(look(&flag), (true, vec![]));
        let mut reported = 0;
        flag.is_present(Observer::Parent, &mut |_| reported += 1);
        assert_eq!(reported, 0, "the parent's own error is nobody's concern");
        fs::remove_file(&link).expect("removed");
        flag.is_present(Observer::Parent, &mut |_| reported += 1);
        assert_eq!(reported, 0, "only a child ends the error");
        assert!(!flag.was_present(), "but the parent stands in for the children");
        assert_eq!(look(&flag), (false, vec!["recovered"]));
        break_it();
        assert_eq!(look(&flag), (false, vec!["failed"]), "it was open");
    }

    /// An outage under load is one error and one notice, however many looks overlap its ends.
    #[test]
    fn outages_are_told_once() {
        const OUTAGES: usize = 300;
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("x/flag"), folder.path().join("x"));
        let board = new_board();
        let slot = board.claim(&[key(&path)]).expect("a slot")[0];
        let (failed, recovered) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let over = AtomicI32::new(0);
        let observe = || {
            Flag::new(path.clone(), slot).is_present(Observer::Child, &mut |news| match news {
                News::LookFailed { .. } => drop(failed.fetch_add(1, Ordering::SeqCst)),
                News::LookRecovered { .. } => drop(recovered.fetch_add(1, Ordering::SeqCst)),
                other => panic!("{other:?}"),
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
            for _ in 0..OUTAGES {
                std::os::unix::fs::symlink("x", &link).expect("a link to itself");
                assert!(!observe(), "it was open");
                fs::remove_file(&link).expect("removed");
                assert!(!observe());
            }
            over.store(1, Ordering::SeqCst);
        });
        assert_eq!(failed.into_inner(), OUTAGES);
        assert_eq!(recovered.into_inner(), OUTAGES);
    }

    /// Many observers at a time: never more news than changes, and the last state is right.
    #[test]
    fn observers_race() {
        const CHANGES: usize = 2000;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("flag");
        let board = new_board();
        let slot = board.claim(&[key(&path)]).expect("a slot")[0];
        let (appeared, gone) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let over = AtomicI32::new(0);
        let observe = || {
            Flag::new(path.clone(), slot).is_present(Observer::Child, &mut |news| {
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
