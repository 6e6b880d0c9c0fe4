//! What is reported about a file, once for the whole server.

use std::fs;
use std::hash::Hash;
use std::sync::atomic::Ordering;

use super::Watched;
use crate::file::event::{FileEvent, Instead, listed};
use crate::file::kept::{Good, outcome};
use crate::file::{FileError, Version};
use crate::shared::hash;

impl<T: Send> Watched<T> {
    /// Reports once which file could not be used at a restart and what is in force instead. The
    /// parent calls this before it forks.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        let mut state = self.lock();
        if !std::mem::take(&mut state.is_untold) {
            return;
        }
        let slot = self.slot();
        // Keeps the children from reporting it again.
        let version = Version::of(&self.path).unwrap_or(Version::MISSING);
        slot.outcome.store(outcome(version, false), Ordering::Release);
        let last = slot.last_good.load(Ordering::Acquire);
        let Good { word, modified, .. } = state.good;
        let instead = match (word, self.lenient) {
            (0, Some(without)) => without,
            (0, None) if last == 0 => Instead::Nobody,
            _ if self.is_outdated.load(Ordering::Acquire) => Instead::Outdated,
            _ if [0, word].contains(&last) => Instead::LastGood(modified),
            _ => Instead::Older(modified),
        };
        let cause = state.problem.as_deref().unwrap_or_default();
        report(FileEvent::AtRestart { path: &self.path, cause, instead });
    }

    /// Tests whether this process may read the file, and reports if not.
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

    /// Reports names that do not resolve, and their recovery, once for the whole server.
    pub fn tell_names(&self, names: &[String], report: &mut dyn FnMut(FileEvent<'_>)) {
        if names.is_empty() {
            if self.forget_reported() {
                report(FileEvent::Resolved { path: &self.path });
            }
        } else if self.is_new(&names) {
            report(FileEvent::Unresolved { path: &self.path, names: &listed(names, ", ") });
        }
    }

    /// Reports ignored elements of the version in force, once for the whole server.
    pub fn tell_odd(&self, odd: &[String], report: &mut dyn FnMut(FileEvent<'_>)) {
        let hash = if odd.is_empty() { 0 } else { hash::of((self.lock().good.word, odd)).max(1) };
        let was = self.slot().faults.swap(hash, Ordering::AcqRel);
        if hash != 0 && was != hash {
            report(FileEvent::Odd { path: &self.path, what: &listed(odd, "; ") });
        }
    }

    /// Allows reports about the content to be repeated after a restart.
    pub fn forget_told(&self) {
        self.slot().reported.store(0, Ordering::Release);
        self.slot().faults.store(0, Ordering::Release);
    }

    /// Reports why a page cannot be rendered, and its recovery, once for the whole server.
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

    /// Whether this differs from the last report of any process about the file's content.
    fn is_new(&self, what: &impl Hash) -> bool {
        let hash = hash::of(what);
        self.slot().reported.swap(hash, Ordering::AcqRel) != hash
    }

    /// Clears the last report about the file's content. Returns whether there was one.
    fn forget_reported(&self) -> bool {
        self.slot().reported.swap(0, Ordering::AcqRel) != 0
    }
}
