//! What is known of a flag, for those who ask.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::content::{Content, Reading};
use super::kind::{FileKind, FlagFile, Noted};
use super::state::{ContentId, FlagState, Presence};
use crate::flag::spec::Phase;
use crate::shared::atomics::AtomicU64;
use crate::shared::slot::FlagSlot;

/// What all processes know of a flag together, and this one of its content.
#[derive(Clone, Debug)]
pub struct FlagReport {
    /// Where the moment of the last look lies in its window; None where it is absent, or nothing is
    /// known.
    pub phase: Option<Phase>,
    /// Does it close its scope?
    pub closes: bool,
    /// The file system did not say whether it is there.
    pub is_unseen: bool,
    /// It is there, and may not be looked at.
    pub is_denied: bool,
    /// When the last change was noticed.
    pub changed: Option<Timestamp>,
    /// Its time of modification; for `touch`, when that was run.
    pub modified: Option<Timestamp>,
    /// The user id of its owner.
    pub owner: Option<u32>,
    /// It is absent, and so is its folder. Not known where looks are rare: the file system that it
    /// is on may hang.
    pub is_folder_missing: bool,
    /// What lies there.
    pub kind: Option<FileKind>,
    /// What it says, where this process has read that.
    pub content: Option<Arc<Content>>,
}

impl FlagReport {
    /// From what all processes know and what this one has read last. What another process alone has read
    /// is not known.
    pub(super) fn new(
        state: FlagState,
        slot: &FlagSlot,
        last: &Reading,
        is_folder_missing: impl FnOnce() -> bool,
    ) -> Self {
        let FlagState { known, content_id, failed, .. } = state;
        let time = |word: &AtomicU64| {
            let millis = i64::try_from(word.load(Ordering::Acquire)).ok().filter(|at| *at > 0);
            millis.and_then(|at| Timestamp::from_millisecond(at).ok())
        };
        let FlagSlot { changed, modified, owner, kind, .. } = slot;
        let is_there = matches!(known, Presence::Present(_));
        Self {
            phase: match known {
                Presence::Present(phase) => Some(phase),
                Presence::Nothing | Presence::Absent => None,
            },
            closes: known.closes(),
            is_unseen: failed && content_id != ContentId::DENIED,
            is_denied: content_id == ContentId::DENIED,
            changed: time(changed),
            modified: time(modified).filter(|_| is_there),
            owner: u32::try_from(owner.load(Ordering::Acquire)).ok().filter(|_| is_there),
            is_folder_missing: known == Presence::Absent && is_folder_missing(),
            kind: FileKind::of_word(kind.load(Ordering::Acquire)).filter(|_| is_there),
            content: last.content_of(content_id).filter(|_| is_there).cloned(),
        }
    }
}

/// Notes what is known now, for a report: that the state has changed, and, of a look that has seen
/// something, which file. Returns what was noted before.
pub(super) fn note(
    slot: &FlagSlot,
    file: Option<Option<FlagFile>>,
    was: FlagState,
    is: FlagState,
    now: Timestamp,
) -> Noted {
    let FlagSlot { changed, modified, owner, kind, .. } = slot;
    // That the debounce of a new flag is over is none.
    let is_change =
        is.known != was.known || ![is.content_id, ContentId::YOUNG].contains(&was.content_id);
    if is_change {
        changed.store(u64::try_from(now.as_millisecond()).unwrap_or(0), Ordering::Release);
    }
    if let Some(file) = file {
        let written = file.and_then(|file| file.since);
        let millis = written.and_then(|at| u64::try_from(at.at().as_millisecond()).ok());
        modified.store(millis.unwrap_or(0), Ordering::Release);
        let (uid, of_kind) = match file {
            Some(file) => (file.owner.into(), file.kind.word()),
            None => (u64::MAX, 0),
        };
        let (uid, of_kind) =
            (owner.swap(uid, Ordering::AcqRel), kind.swap(of_kind, Ordering::AcqRel));
        if matches!(was.known, Presence::Present(_)) {
            return Noted { owner: u32::try_from(uid).ok(), kind: FileKind::of_word(of_kind) };
        }
    }
    Noted::default()
}
