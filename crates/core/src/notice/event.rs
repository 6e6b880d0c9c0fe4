//! What the public may know of one flag.

use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::texts::Language;
use crate::flag::spec::{FlagSpec, Phase};
use crate::text::time::Moment;

/// Identifies the maintenance of one flag in all formats. It depends on the path of the flag and the
/// name of the server alone: if the times move, the event stays the same one, and the servers of a
/// fleet agree about it. It is a hash, because the path is not public.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

impl EventId {
    /// The identifier for the flag at this path of the server with this name.
    pub fn new(host: &str, flag: &Path) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"mod_maintenance notice\0");
        hash.update((host.len() as u64).to_be_bytes());
        hash.update(host);
        hash.update(flag.as_os_str().as_bytes());
        let digits = hash.finalize().iter().take(12).fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        Self(digits)
    }

    /// The identifier as hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The state of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventState {
    /// `closed = false`, in a flag with a start: it was planned, and will not take place.
    Cancelled,
    /// The scope is open again.
    Over,
    /// The scope is still open.
    Announced,
    /// The scope refuses writes alone.
    ReadOnly,
    /// A share of the clients passes.
    Reopening,
    /// The scope is closed.
    Closed,
}

impl EventState {
    /// The state of a flag that has this content and is in this phase. None if the public is not to
    /// know of the flag yet, or not any more.
    pub fn new(spec: &FlagSpec, phase: Phase, now: Timestamp) -> Option<Self> {
        let is_past = |moment: Moment| moment.at() <= now;
        let is_secret = spec.announce_from().is_some_and(|from| !is_past(from));
        let admits_share = || spec.share().is_some_and(|share| share.percent_at(now) > 0.0);
        Some(match phase {
            Phase::Inactive | Phase::Announced if is_secret => return None,
            Phase::Inactive => {
                // Without a start nothing was planned.
                let last = spec.end().or(spec.start()).filter(|_| spec.start().is_some());
                last.filter(|last| !is_past(*last)).map(|_| Self::Cancelled)?
            }
            Phase::Announced => Self::Announced,
            Phase::Reopened => Self::Over,
            _ if spec.is_read_only() => Self::ReadOnly,
            Phase::Reopening => Self::Reopening,
            Phase::Closed | Phase::Overdue if admits_share() => Self::Reopening,
            Phase::Closed | Phase::Overdue => Self::Closed,
        })
    }
}

/// What the public may know of one flag.
#[derive(Debug)]
pub struct Event<'a> {
    /// The identifier.
    pub id: EventId,
    /// The state.
    pub state: EventState,
    /// The end has passed, and the scope is still closed.
    pub is_overdue: bool,
    /// When the flag was last modified, if that is known.
    pub modified: Option<Timestamp>,
    spec: &'a FlagSpec,
}

impl<'a> Event<'a> {
    /// The event of a flag that has this content and is in this phase. None as for
    /// [`EventState::new`].
    pub fn new(
        id: EventId,
        spec: &'a FlagSpec,
        modified: Option<Timestamp>,
        phase: Phase,
        now: Timestamp,
    ) -> Option<Self> {
        let state = EventState::new(spec, phase, now)?;
        Some(Self { id, state, is_overdue: phase == Phase::Overdue, modified, spec })
    }

    /// The start; None if the flag closes from the moment it appears.
    pub fn start(&self) -> Option<Moment> {
        self.spec.start()
    }

    /// The expected end; None if it is not known.
    pub fn end(&self) -> Option<Moment> {
        self.spec.end()
    }

    /// Whether only changes are refused.
    pub fn is_read_only(&self) -> bool {
        self.spec.is_read_only()
    }

    /// The heading, and its language if it is not known to be that of the texts.
    pub fn title(&self, language: Language) -> (&'a str, Option<&'a str>) {
        self.spec.title(Some(language.tag())).unwrap_or_else(|| {
            let texts = language.texts();
            let is_planned = self.state <= EventState::Announced;
            let title = if is_planned { texts.planned } else { language.page().title };
            (title, Some(language.tag()))
        })
    }

    /// The message, and its language if that is known.
    pub fn message(&self, language: Language) -> Option<(&'a str, Option<&'a str>)> {
        self.spec.message(Some(language.tag()))
    }

    /// What the maintenance means for the reader.
    pub fn lead(&self, language: Language) -> &'static str {
        let (page, texts) = (language.page(), language.texts());
        match self.state {
            EventState::Cancelled => texts.cancelled,
            EventState::Over => texts.nothing,
            EventState::Announced if self.is_read_only() => texts.will_be_read_only,
            EventState::Announced => texts.will_be_closed,
            EventState::ReadOnly => page.read_only,
            EventState::Reopening => texts.reopening,
            EventState::Closed => page.lead,
        }
    }
}
