//! The flag file: whether it exists, whether it closes its scope now, and what is reported when
//! that changes.
//!
//! A look at a flag is one `stat`. The file is opened only if it is a regular file with content,
//! and only when it has changed. A FIFO, a folder or an unreadable file closes the site like any
//! other flag. What the processes of the server know about a flag is in the shared state
//! [`table`](crate::shared::table), so that each change is reported once and not once per child.
//! With an interval they also share the looks.

mod confirm;
mod content;
mod event;
pub mod flags;
mod judge;
mod kind;
mod lease;
pub(crate) mod look;
mod naming;
mod place;
mod report;
mod secret;
mod share;
mod site_state;
pub mod spec;
mod state;
mod ticket;
mod word;

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

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
use look::{Look, is_absence};
pub use naming::lists;
pub use place::{FolderProblem, folder_problems, is_folder_missing};
pub use report::FlagReport;
pub use secret::{SecretError, ShareSecret};
pub use share::{Client, Position, Rise, Share, ShareKey, Turn, Waiting};
pub use site_state::SiteState;
use state::{ContentId, FlagState, PackedState, Presence};
pub use ticket::Ticket;
pub use word::{FlagError, check_path, check_word};

/// If the clock is set back by less, it is being adjusted and soon reaches its previous value.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// The key of a flag's slot in the [`StateTable`](crate::shared::slot::StateTable).
pub fn key(path: &Path) -> Key {
    Key::of(("flag", path))
}

/// The process that looks at a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observer {
    /// The parent, which notices changes while there are no requests, and stands in for children
    /// that may not see the flag. A flag that the parent itself cannot see is not reported.
    Parent,
    /// A child. The looks of children decide, and only they begin and end an error.
    Child,
}

/// An active flag, which closes its scope.
#[derive(Clone, Debug, Default)]
pub struct ActiveFlag {
    /// The content of the flag.
    pub content: Arc<Content>,
    /// The end of the maintenance has passed.
    pub is_overdue: bool,
    /// The flag refuses writes alone, so the client can read.
    pub is_read_only: bool,
    /// A share of the clients is admitted.
    pub is_reopening: bool,
    /// What the client is told if a share of the clients is admitted.
    pub waiting: Option<Box<Waiting>>,
    /// The time of the decision: the later one of the two that [`Flag::look`] is given.
    pub at: Timestamp,
}

impl ActiveFlag {
    /// None if a flag with this content does not close its scope in this phase.
    fn new(content: &Arc<Content>, phase: Phase, at: Timestamp) -> Option<Self> {
        let spec = content.spec();
        let admits_share = || spec.share().is_some_and(|share| share.percent_at(at) > 0.0);
        Presence::Present(phase).closes().then(|| Self {
            content: Arc::clone(content),
            is_overdue: phase == Phase::Overdue,
            is_read_only: spec.is_read_only(),
            is_reopening: phase == Phase::Reopening || admits_share(),
            waiting: None,
            at,
        })
    }

    /// What the site does because of the flag.
    pub fn state(&self) -> SiteState {
        match () {
            () if self.is_read_only => SiteState::ReadOnly,
            () if self.is_reopening => SiteState::Reopening,
            () => SiteState::Closed,
        }
    }

    /// The value of the response header field `Maintenance`.
    pub fn state_field(&self) -> &CStr {
        self.content.state_field(self.state())
    }
}

/// The times used for a look.
#[derive(Clone, Copy)]
struct Moment {
    /// The time of the clock, used for the state that all processes share.
    clock: Timestamp,
    /// See [`ActiveFlag::at`]. Used for the current request.
    request: Timestamp,
}

/// One flag file of a scope.
pub struct Flag<'b> {
    path: Arc<Path>,
    /// The path for system calls; None if it contains a NUL.
    c_path: Option<CString>,
    /// Distinguishes most flags from each other.
    number: usize,
    slot: &'b FlagSlot,
    poll_lease: PollLease<'b>,
    reader: Reader,
    mounts: Mounts,
    share_key: ShareKey,
}

/// The result of a look at the file.
struct Seen {
    /// The new state.
    is: FlagState,
    /// The phase that applies to the current request.
    phase: Option<Phase>,
    /// None if the flag is absent.
    content: Option<Arc<Content>>,
}

impl<'b> Flag<'b> {
    /// A flag whose state is kept in `slot`. It is looked at once per `interval`, or at every
    /// request if the interval is zero. Times without an offset in its content are in `zone`.
    pub fn new(
        path: impl Into<Arc<Path>>,
        slot: &'b Slot,
        interval: Duration,
        zone: TimeZone,
    ) -> Self {
        let path = path.into();
        let c_path = CString::new(path.as_os_str().as_bytes()).ok();
        let slot = &slot.flag;
        let (poll_lease, reader) = (PollLease::new(slot, interval), Reader::new(zone));
        let (share_key, mounts) = (ShareKey::new(&path, b""), Mounts::default());
        Self { path, c_path, number: 0, slot, poll_lease, reader, mounts, share_key }
    }

    /// Sets the secret on which the positions of clients depend, in addition to the path.
    pub fn sharing(self, secret: &[u8]) -> Self {
        Self { share_key: ShareKey::new(&self.path, secret), ..self }
    }

    /// The key of the positions of clients.
    pub fn share_key(&self) -> &ShareKey {
        &self.share_key
    }

    /// Sets the flag's number, which must be unique among all flags.
    pub fn numbered(self, number: usize) -> Self {
        Self { number, ..self }
    }

    /// The flag's bit, which stays the same over restarts. The first 64 flags have a bit of their
    /// own; the others share these bits.
    pub fn bit(&self) -> u64 {
        1 << (self.number % u64::BITS as usize)
    }

    /// Prepares the flag in a child that starts: forgets the content that the parent has read,
    /// which the child may not be allowed to read, and looks at the flag unless looks are rare.
    pub fn begin(
        &self,
        clock: &dyn Fn() -> Timestamp,
        report: &mut dyn FnMut(FlagEvent<'_>),
    ) -> Option<ActiveFlag> {
        self.forget_content(Observer::Child);
        let look = || self.look(Observer::Child, Timestamp::MIN, clock, report);
        self.poll_lease.has_no_interval().then(look).flatten()
    }

    /// See [`Flag::begin`].
    fn forget_content(&self, observer: Observer) {
        if observer == Observer::Child {
            self.reader.forget();
        }
    }

    /// Whether nothing is known about the flag, not even that it cannot be seen.
    pub fn is_unknown(&self) -> bool {
        let FlagState { known, failed, .. } = self.word().state();
        known == Presence::Unknown && !failed
    }

    /// The path of the flag.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the flag was absent at the last look.
    pub fn was_absent(&self) -> bool {
        self.word().is_absent()
    }

    /// Whether the flag closes its scope for a request that arrived at `request_time` and is
    /// decided now. The later of the two times applies: usually that is now, since a header can be
    /// completed long after the request arrived, but the clock may have been set back since then.
    /// Reports what has changed since the last look of any process.
    ///
    /// A file that does not exist (ENOENT, ENOTDIR, or a dangling symbolic link) is absent. A file
    /// that cannot be examined in a searchable folder is present (`Look::Denied`). After any other
    /// error the last known state applies; if there is none, the scope is closed. The last known
    /// state also applies between two looks.
    pub fn look(
        &self,
        observer: Observer,
        request_time: Timestamp,
        clock: &dyn Fn() -> Timestamp,
        report: &mut dyn FnMut(FlagEvent<'_>),
    ) -> Option<ActiveFlag> {
        let lease = match observer {
            Observer::Child => self.poll_lease.take(|| self.is_look_wanted(clock)),
            // If looks are rare, the parent leaves them to its children after the first one, so
            // that it does not hang when the file system does.
            Observer::Parent if !self.poll_lease.has_no_interval() && !self.is_unknown() => {
                return None;
            }
            Observer::Parent => Some(Lease::unclaimed()),
        };
        loop {
            let (before, last_seen) = (self.word(), LastSeen::of(&self.slot.sightings));
            let was = before.state();
            let look_at = match was.known {
                Presence::Present(_) => Look::again_at,
                Presence::Unknown | Presence::Absent => Look::at,
            };
            let look = lease.as_ref().map(|_| look_at(&self.path, &self.mounts));
            // Read after the state word: the state was known before this time, unless the clock was
            // set back.
            let clock = clock();
            let moment = Moment { clock, request: clock.max(request_time) };
            let seen = self.judge(look.as_ref(), last_seen, was, observer, moment);
            let failed = match (observer, &look) {
                (Observer::Child, Some(Err(error))) => !is_absence(error),
                (Observer::Child, Some(Ok(look))) => matches!(look, Look::Denied(_)),
                (Observer::Child, None) | (Observer::Parent, _) => was.failed,
            };
            let is = FlagState { failed, ..seen.is };
            if is != was {
                // Another process has seen a change since `before`. This look may be older, so it
                // is repeated.
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
            return ActiveFlag::new(&content, phase, moment.request);
        }
    }

    /// Whether this process does not know the current content, or has something to report.
    fn is_look_wanted(&self, clock: &dyn Fn() -> Timestamp) -> bool {
        let FlagState { known, content_id, failed, .. } = self.word().state();
        match known {
            _ if failed => false, // the next look that is due reports it
            Presence::Unknown => true,
            Presence::Absent => false,
            Presence::Present(_) if [ContentId::YOUNG, content::empty()].contains(&content_id) => {
                false
            }
            Presence::Present(phase) => {
                let Some(last) = self.reader.last() else { return true };
                let spec = last.content.spec();
                content_id != last.content.content_id() || next_phase(spec, clock(), phase) != phase
            }
        }
    }

    /// Reports a failed look.
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
                let (closes, parent_looks) = (is.known.closes(), self.poll_lease.has_no_interval());
                report(FlagEvent::LookFailed { flag, error, closes, parent_looks });
            }
            _ => {}
        }
    }

    /// What is known about the flag, without an access to the file system.
    pub fn report(&self) -> FlagReport {
        FlagReport::new(self.word().state(), self.slot, self.reader.last().as_deref())
    }

    /// Whether every request looks at the flag. If not, its file system may hang.
    pub fn is_looked_at_always(&self) -> bool {
        self.poll_lease.has_no_interval()
    }

    fn word(&self) -> PackedState {
        PackedState(self.slot.state.load(Ordering::Acquire))
    }

    /// Replaces `before` by `after`. Returns false if another process was faster.
    fn replace(&self, before: PackedState, after: PackedState) -> bool {
        let word = &self.slot.state;
        word.compare_exchange(before.0, after.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The content, if the flag announced at the last look that it will close its scope.
    pub fn announcement(&self) -> Option<Arc<Content>> {
        let FlagState { known, content_id, .. } = self.word().state();
        let is_announced = known == Presence::Present(Phase::Announced);
        is_announced.then(|| self.reader.content_of(content_id))
    }

    /// Whether the flag closed its scope at the last look, without a new look. True if nothing is
    /// known.
    pub fn was_closing(&self) -> bool {
        self.word().state().known.closes()
    }
}

/// The phase now, given an earlier phase of the same content. If the clock is set back, the phase
/// goes back too, unless the step is small.
fn next_phase(spec: &FlagSpec, now: Timestamp, known: Phase) -> Phase {
    let phase = spec.phase(now);
    let later = || now.checked_add(CLOCK_STEP).map_or(known, |later| spec.phase(later));
    if phase < known && later() >= known { known } else { phase }
}

#[cfg(test)]
mod tests;

#[cfg(all(test, loom))]
mod models;
