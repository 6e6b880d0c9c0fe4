//! The flag file: is it there, does it close its scope now, and what has to be said when that
//! changes.
//!
//! A flag is looked at with one `stat`. It is opened only if it is a regular file with something
//! in it, and only when it has changed: a FIFO, a folder or a file that nobody may read close the
//! site like any other. What all processes of the server know of a flag stands on the
//! [`table`](crate::shared::table) that they share, so that each change is reported once and not once per
//! child. With an interval they also share the looks.

mod content;
mod event;
mod kind;
mod lease;
mod look;
mod naming;
mod place;
mod report;
pub mod spec;
mod state;
mod word;

use std::ffi::CString;
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nix::errno::Errno;
use nix::sys::stat::stat;

use crate::file::debounce::LastSeen;
use crate::flag::spec::{FlagSpec, Phase};
use crate::shared::slot::{FlagSlot, Slot};
use crate::shared::table::Key;
pub use content::Content;
use content::Reader;
pub use event::FlagEvent;
use kind::Mounts;
pub use kind::{FileForm, FileKind, FlagFile};
use lease::{Lease, PollLease};
use look::Look;
pub use naming::lists;
pub use place::{FolderProblem, folder_problems};
pub use report::FlagReport;
use state::{ContentId, FlagState, PackedState, Presence};
pub use word::{FlagError, check_path, check_word};

/// A clock that is set back by less is being adjusted, and soon comes to where it was.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// The key of a flag's slot on the [`StateTable`](crate::shared::slot::StateTable).
pub fn key(path: &Path) -> Key {
    Key::of(("flag", path))
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

/// A flag closes its scope.
#[derive(Clone, Debug, Default)]
pub struct ActiveFlag {
    /// What the flag says.
    pub content: Arc<Content>,
    /// It should be open again.
    pub is_overdue: bool,
    /// The moment at which that was decided: that of the clock, or that at which the request came
    /// where that is later, as the clock may have been set back.
    pub at: Timestamp,
}

/// The moments that a look goes by.
#[derive(Clone, Copy)]
struct Moment {
    /// The clock's, which counts for what all processes know.
    clock: Timestamp,
    /// See [`ActiveFlag::at`]: it counts for the request at hand.
    request: Timestamp,
}

/// One flag file of a scope.
pub struct Flag<'b> {
    path: PathBuf,
    /// The same for system calls; None if it has a NUL in it.
    c_path: Option<CString>,
    /// Tells it from others, mostly.
    number: usize,
    slot: &'b FlagSlot,
    poll_lease: PollLease<'b>,
    reader: Reader,
    mounts: Mounts,
}

/// What a look at the file has brought.
struct Seen {
    /// What is known now.
    is: FlagState,
    /// What counts for the request at hand.
    phase: Option<Phase>,
    /// None where the flag is absent.
    content: Option<Arc<Content>>,
}

impl<'b> Flag<'b> {
    /// A flag whose state is kept in `slot` and which is looked at once in an `interval`, or each
    /// time where that is zero; times without an offset in its content are in `zone`.
    pub fn new(path: PathBuf, slot: &'b Slot, interval: Duration, zone: TimeZone) -> Self {
        let c_path = CString::new(path.as_os_str().as_bytes()).ok();
        let slot = &slot.flag;
        let (poll_lease, reader) = (PollLease::new(slot, interval), Reader::new(zone));
        Self { path, c_path, number: 0, slot, poll_lease, reader, mounts: Mounts::default() }
    }

    /// The same with this number, which is its own among all flags.
    pub fn numbered(self, number: usize) -> Self {
        Self { number, ..self }
    }

    /// A bit of its own among the first 64 flags, over restarts, too; further ones share theirs.
    pub fn bit(&self) -> u64 {
        1 << (self.number % u64::BITS as usize)
    }

    /// For a child that starts: forgets what the parent has read, which the child may not be able
    /// to, and looks for itself, unless looks are rare.
    pub fn begin(
        &self,
        clock: &dyn Fn() -> Timestamp,
        report: &mut dyn FnMut(FlagEvent<'_>),
    ) -> Option<ActiveFlag> {
        self.reader.forget();
        let look = || self.look(Observer::Child, Timestamp::MIN, clock, report);
        self.poll_lease.is_free().then(look).flatten()
    }

    /// Is nothing known of it, not even that it cannot be seen?
    pub fn is_unknown(&self) -> bool {
        let FlagState { known, failed, .. } = self.word().state();
        known == Presence::Nothing && !failed
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Was it absent when it was looked at last?
    pub fn was_absent(&self) -> bool {
        self.word().is_absent()
    }

    /// Is it still absent? Then there is nothing to report, and no more to do than to ask the file
    /// system whether the name exists.
    #[inline(always)]
    pub fn is_still_absent(&self) -> bool {
        let is_gone = |path: &CString| stat(path.as_c_str()).err() == Some(Errno::ENOENT);
        self.was_absent()
            && match self.poll_lease.is_free() {
                true => self.c_path.as_ref().is_some_and(is_gone),
                false => !self.poll_lease.is_due(),
            }
    }

    /// Does it close its scope for a request that `came` at some moment and is decided now? The
    /// later of the two counts: its header may have been completed late. Reports what has changed
    /// since any process looked last.
    ///
    /// "Does not exist" (ENOENT, ENOTDIR; also a link to nothing) is absent, and what may not be
    /// looked at in a folder that can be searched is present (`Look::Denied`). Any other error
    /// leaves the last known state, and where nothing is known yet the scope is closed. That state
    /// also counts between two looks.
    pub fn look(
        &self,
        observer: Observer,
        came: Timestamp,
        clock: &dyn Fn() -> Timestamp,
        report: &mut dyn FnMut(FlagEvent<'_>),
    ) -> Option<ActiveFlag> {
        let lease = match observer {
            Observer::Child => self.poll_lease.take(|| self.is_look_wanted(clock)),
            // Where looks are rare the parent leaves them to its children after the first one: it
            // is not to hang where the file system does.
            Observer::Parent if !self.poll_lease.is_free() && !self.is_unknown() => return None,
            Observer::Parent => Some(Lease::unclaimed()),
        };
        loop {
            let (before, last_seen) = (self.word(), LastSeen::of(&self.slot.sightings));
            let was = before.state();
            let look = lease.as_ref().map(|_| Look::at(&self.path, &self.mounts));
            // After the word was read: what it says was known before this moment, unless the clock
            // was set back.
            let clock = clock();
            let moment = Moment { clock, request: clock.max(came) };
            let seen = self.judge(look.as_ref(), last_seen, was, observer, moment);
            let failed = match (observer, &look) {
                (Observer::Child, Some(Err(error))) => !is_absence(error),
                (Observer::Child, Some(Ok(look))) => matches!(look, Look::Denied(_)),
                (Observer::Child, None) | (Observer::Parent, _) => was.failed,
            };
            let is = FlagState { failed, ..seen.is };
            if is != was {
                // Where another process was faster, someone has seen a change since `before`:
                // this look may be older than theirs, and is taken again.
                if !self.replace(before, before.next(is)) {
                    continue;
                }
                let file = |look: &Look| look.file(self.reader.zone());
                let file = look.as_ref().and_then(|look| look.as_ref().ok().map(file));
                let before = report::note(self.slot, file, was, is, moment.clock);
                let content = seen.content.as_deref();
                event::tell(&self.path, was, is, (before, file.flatten()), content, report);
                self.tell_look(was, is, look.as_ref(), report);
            }
            let (phase, content) = seen.phase.zip(seen.content)?;
            let is_overdue = phase == Phase::Overdue;
            let closing = ActiveFlag { content, is_overdue, at: moment.request };
            return Presence::Present(phase).closes().then_some(closing);
        }
    }

    /// Is there something to see that this process does not know, or something to report?
    fn is_look_wanted(&self, clock: &dyn Fn() -> Timestamp) -> bool {
        let FlagState { known, content_id, failed, .. } = self.word().state();
        match known {
            _ if failed => false, // the next one that is due tells
            Presence::Nothing => true,
            Presence::Absent => false,
            Presence::Present(_) if [ContentId::YOUNG, content::empty()].contains(&content_id) => {
                false
            }
            Presence::Present(phase) => {
                let last = self.reader.last();
                let window = last.content.window();
                content_id != last.content.content_id()
                    || next_phase(window, clock(), phase) != phase
            }
        }
    }

    fn judge(
        &self,
        look: Option<&io::Result<Look>>,
        last_seen: LastSeen,
        was: FlagState,
        observer: Observer,
        moment: Moment,
    ) -> Seen {
        match look {
            Some(Ok(Look::Seen(metadata, kind))) => {
                self.judge_present((metadata, *kind), last_seen, was, observer, moment)
            }
            Some(Ok(Look::Denied(_))) if observer == Observer::Child => {
                let content = Some(self.reader.content_of(ContentId::DENIED));
                Seen { is: FlagState::DENIED, phase: Some(Phase::Closed), content }
            }
            Some(Err(error)) if is_absence(error) => {
                Seen { is: FlagState::ABSENT, phase: None, content: None }
            }
            Some(Ok(Look::Denied(_)) | Err(_)) | None => self.judge_as_before(was, moment),
        }
    }

    /// Time goes on between two looks, while the file system does not answer, and while somebody
    /// writes to the flag. A content that this process has not read says nothing.
    fn judge_as_before(&self, was: FlagState, moment: Moment) -> Seen {
        let content = self.reader.content_of(was.content_id);
        let (known, phase) = match was.known {
            Presence::Nothing => (was.known, Some(Phase::Closed)),
            Presence::Absent => (was.known, None),
            Presence::Present(phase) if content.content_id() == was.content_id => {
                let phase = next_phase(content.window(), moment.clock, phase);
                let of_request = next_phase(content.window(), moment.request, phase);
                (Presence::Present(phase), Some(of_request))
            }
            Presence::Present(phase) => (was.known, Some(phase)),
        };
        Seen { is: FlagState { known, ..was }, phase, content: Some(content) }
    }

    fn judge_present(
        &self,
        (metadata, kind): (&Metadata, FileKind),
        last_seen: LastSeen,
        was: FlagState,
        observer: Observer,
        moment: Moment,
    ) -> Seen {
        let reading = self.reader.read(
            &self.path,
            metadata,
            (&self.slot.sightings, last_seen),
            was.content_id,
            moment.clock,
        );
        let (content, file) = (&reading.content, reading.file);
        let file = if kind.is_deleted { file.deleted() } else { file };
        let (window, content_id) = (content.window(), content.content_id());
        let seen = |is: FlagState, known: Phase| {
            let phase = Some(next_phase(window, moment.request, known));
            Seen { is, phase, content: Some(Arc::clone(content)) }
        };
        // What only the parent or only its children may read is for the children to judge.
        if observer == Observer::Parent
            && content_id != was.content_id
            && ([content_id, was.content_id].contains(&content::unreadable())
                || was.content_id == ContentId::DENIED)
        {
            return seen(was, window.phase(moment.request));
        }
        let known = match was.known {
            Presence::Present(known) if was.content_id == content_id => {
                next_phase(window, moment.clock, known)
            }
            // Somebody is at work on the file: what it said before still counts.
            Presence::Present(_)
                if was.content_id != ContentId::YOUNG && !reading.is_stable && was.file == file =>
            {
                return self.judge_as_before(was, moment);
            }
            _ => window.phase(moment.clock),
        };
        let is_young = content.is_void() && !reading.is_stable && was.content_id != content_id;
        let content_id = if is_young { ContentId::YOUNG } else { content_id };
        seen(FlagState { known: Presence::Present(known), content_id, file, ..was }, known)
    }

    /// Reports that a look has failed.
    fn tell_look(
        &self,
        was: FlagState,
        is: FlagState,
        look: Option<&io::Result<Look>>,
        report: &mut dyn FnMut(FlagEvent<'_>),
    ) {
        let flag = &self.path;
        match look {
            Some(Ok(Look::Denied(error))) if is.content_id != was.content_id => {
                report(FlagEvent::Denied { flag, error });
            }
            Some(Err(error)) if is.failed && !was.failed => {
                let (closes, parent_looks) = (is.known.closes(), self.poll_lease.is_free());
                report(FlagEvent::LookFailed { flag, error, closes, parent_looks });
            }
            _ => {}
        }
    }

    /// What is known of it. Looks at nothing but the folder of a flag that is absent.
    pub fn report(&self) -> FlagReport {
        FlagReport::new(self.word().state(), self.slot, &self.reader.last(), || {
            self.poll_lease.is_free() && place::is_folder_missing(&self.path)
        })
    }

    fn word(&self) -> PackedState {
        PackedState(self.slot.state.load(Ordering::Acquire))
    }

    /// Puts `after` in the place of `before`; false where another process was faster.
    fn replace(&self, before: PackedState, after: PackedState) -> bool {
        let word = &self.slot.state;
        word.compare_exchange(before.0, after.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Did it close its scope when it was looked at last? Looks at nothing; true where nothing is
    /// known.
    pub fn was_closing(&self) -> bool {
        self.word().state().known.closes()
    }
}

/// The phase at this moment, where that of the same content is known of an earlier one. A clock that
/// was set back takes it back, unless that was by little.
fn next_phase(window: &FlagSpec, now: Timestamp, known: Phase) -> Phase {
    let phase = window.phase(now);
    let later = || now.checked_add(CLOCK_STEP).map_or(known, |later| window.phase(later));
    if phase < known && later() >= known { known } else { phase }
}

/// Does the error say that there is nothing?
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests;

#[cfg(all(test, loom))]
mod models;
