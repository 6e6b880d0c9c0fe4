//! What is known about a flag, for the status report.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::content::{Content, Reading};
use super::kind::{FileKind, FlagFile, Noted};
use super::state::{ContentId, FlagState, Presence};
use crate::flag::spec::Phase;
use crate::shared::atomics::AtomicU64;
use crate::shared::slot::FlagSlot;

/// What all processes know about a flag, and what this process knows about its content.
#[derive(Clone, Debug)]
pub struct FlagReport {
    /// The phase at the last look; None if the flag is absent or nothing is known.
    pub phase: Option<Phase>,
    /// Whether the flag closes its scope.
    pub closes: bool,
    /// The file system did not tell whether the flag exists.
    pub is_unseen: bool,
    /// The flag exists but cannot be examined.
    pub is_denied: bool,
    /// When the last change was noticed.
    pub changed: Option<Timestamp>,
    /// The modification time. For a file created by `touch`, the time of that command.
    pub modified: Option<Timestamp>,
    /// The user ID of the file's owner.
    pub owner: Option<u32>,
    /// The kind of file.
    pub kind: Option<FileKind>,
    /// The content, if this process has read it.
    pub content: Option<Arc<Content>>,
}

impl FlagReport {
    /// The share of the clients that a closing flag admits at this time, in per cent; None if it
    /// admits none in this way.
    pub fn percent_at(&self, now: Timestamp) -> Option<f64> {
        let share = self.content.as_ref().filter(|_| self.closes)?.spec().share()?;
        Some(share.percent_at(now))
    }

    /// Whether the flag admits some of the clients at this time.
    pub fn admits_share(&self, now: Timestamp) -> bool {
        self.percent_at(now).is_some_and(|percent| percent > 0.0)
    }

    /// Whether the flag refuses writes alone. False if its content is not known.
    pub fn is_read_only(&self) -> bool {
        self.content.as_ref().is_some_and(|content| content.spec().is_read_only())
    }

    /// Combines the shared state with the content that this process has read last. Content that
    /// only another process has read is not available.
    pub(super) fn new(state: FlagState, slot: &FlagSlot, last: Option<&Reading>) -> Self {
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
                Presence::Unknown | Presence::Absent => None,
            },
            closes: known.closes(),
            is_unseen: failed && content_id != ContentId::DENIED,
            is_denied: content_id == ContentId::DENIED,
            changed: time(changed),
            modified: time(modified).filter(|_| is_there),
            owner: u32::try_from(owner.load(Ordering::Acquire)).ok().filter(|_| is_there),
            kind: FileKind::of_word(kind.load(Ordering::Acquire)).filter(|_| is_there),
            content: last
                .filter(|_| is_there)
                .and_then(|last| last.content_of(content_id))
                .cloned(),
        }
    }
}

/// Records a new state for reports: the time of a change and, after a successful look, the file.
/// Returns what was recorded before.
pub(super) fn note(
    slot: &FlagSlot,
    file: Option<Option<FlagFile>>,
    was: FlagState,
    is: FlagState,
    now: Timestamp,
) -> Noted {
    let FlagSlot { changed, modified, owner, kind, .. } = slot;
    // The end of a new flag's debounce is not a change.
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
