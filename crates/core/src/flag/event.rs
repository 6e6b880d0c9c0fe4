//! Events of flags, each reported once for the whole server.

use std::io;
use std::path::Path;

use super::content::Content;
use super::kind::{FlagFile, Noted};
use super::state::{ContentId, FlagState, Presence};
use crate::flag::spec::{FlagSpec, Phase};
use crate::text::time::Moment;

/// A change of a flag, for the error log.
#[derive(Debug)]
pub enum FlagEvent<'a> {
    /// The flag closes its scope.
    Closed {
        /// The flag.
        flag: &'a Path,
        /// Modification time and owner; None if they cannot be seen now.
        file: Option<FlagFile>,
        /// The content.
        spec: &'a FlagSpec,
    },
    /// The flag exists and will close its scope later.
    Announced {
        /// The flag.
        flag: &'a Path,
        /// When the flag closes its scope.
        start: Moment,
        /// Modification time and owner.
        file: Option<FlagFile>,
        /// Whether the flag closed its scope before.
        opens: bool,
        /// The content.
        spec: &'a FlagSpec,
    },
    /// The flag exists, but its content says that it does not close its scope.
    Inactive {
        /// The flag.
        flag: &'a Path,
        /// Modification time and owner.
        file: Option<FlagFile>,
        /// Whether the flag closed its scope before.
        opens: bool,
    },
    /// The end of the maintenance has passed, and the scope is still closed.
    Overdue {
        /// The flag.
        flag: &'a Path,
        /// The end.
        end: Moment,
    },
    /// The end of the maintenance has passed, and a rising share of the clients passes.
    Reopening {
        /// The flag.
        flag: &'a Path,
        /// The end.
        end: Moment,
        /// When all clients pass.
        until: Moment,
    },
    /// The end of the maintenance has passed, and the scope has been reopened automatically.
    Reopened {
        /// The flag.
        flag: &'a Path,
        /// The end.
        end: Moment,
        /// When the scope was open for all: at the end, or later if it reopened gradually.
        at: Moment,
        /// Whether the flag closed its scope before.
        opens: bool,
    },
    /// The flag has been deleted at its source but is still mounted here, so it still applies.
    Deleted {
        /// The flag.
        flag: &'a Path,
    },
    /// The clock has been set back, and the flag's times are evaluated again.
    ClockSetBack {
        /// The flag.
        flag: &'a Path,
    },
    /// The flag has been removed.
    Gone {
        /// The flag.
        flag: &'a Path,
        /// Whether the flag closed its scope before.
        opens: bool,
    },
    /// The flag still closes its scope, but its content or its owner has changed.
    Changed {
        /// The flag.
        flag: &'a Path,
        /// Modification time and owner.
        file: Option<FlagFile>,
        /// The content.
        spec: &'a FlagSpec,
    },
    /// The content cannot be used, and all of it is ignored.
    Unusable {
        /// The flag.
        flag: &'a Path,
        /// The cause, with line and column if there are any.
        cause: &'a str,
    },
    /// A part of the content is ignored.
    Odd {
        /// The flag.
        flag: &'a Path,
        /// The ignored part, with its line.
        what: &'a str,
    },
    /// The file system does not tell whether the flag exists.
    LookFailed {
        /// The flag.
        flag: &'a Path,
        /// The cause.
        error: &'a io::Error,
        /// Whether the flag closes its scope in the meantime.
        closes: bool,
        /// Whether the parent stands in for its children.
        parent_looks: bool,
    },
    /// The flag exists but cannot be examined, so it closes its scope.
    Denied {
        /// The flag.
        flag: &'a Path,
        /// The cause.
        error: &'a io::Error,
    },
    /// The flag can be examined again. Follows [`FlagEvent::LookFailed`] or [`FlagEvent::Denied`].
    LookRecovered {
        /// The flag.
        flag: &'a Path,
    },
}

/// Reports the events between two states, in order.
pub(super) fn tell(
    flag: &Path,
    was: FlagState,
    is: FlagState,
    (before, file): (Noted, Option<FlagFile>),
    content: Option<&Content>,
    report: &mut dyn FnMut(FlagEvent<'_>),
) {
    if was.failed && !is.failed {
        report(FlagEvent::LookRecovered { flag });
    }
    if let (Presence::Present(before), Presence::Present(now)) = (was.known, is.known)
        && was.content_id == is.content_id
        && now < before
    {
        report(FlagEvent::ClockSetBack { flag });
    }
    let Some(content) = content else {
        if matches!(was.known, Presence::Present(_)) {
            report(FlagEvent::Gone { flag, opens: was.known.closes() });
        }
        return;
    };
    let is_given = before.owner.zip(file).is_some_and(|(before, file)| before != file.owner);
    tell_phase(flag, was, is, (is_given, file), content.spec(), report);
    if before.kind.is_some_and(|before| !before.is_deleted)
        && file.is_some_and(|file| file.kind.is_deleted)
    {
        report(FlagEvent::Deleted { flag });
    }
    if is.content_id != was.content_id && is.content_id == content.content_id() {
        if let Some(cause) = content.error() {
            report(FlagEvent::Unusable { flag, cause });
        }
        for what in content.spec().warnings() {
            report(FlagEvent::Odd { flag, what });
        }
    }
}

/// Whether the content differs from the previous one. Empty content after an unknown one does not
/// count as different.
fn is_another(was: ContentId, is: ContentId, spec: &FlagSpec) -> bool {
    let was_unknown = [ContentId::YOUNG, ContentId::DENIED].contains(&was);
    is != was && is != ContentId::DENIED && !(was_unknown && spec.is_empty())
}

fn tell_phase(
    flag: &Path,
    was: FlagState,
    is: FlagState,
    (is_given, file): (bool, Option<FlagFile>),
    spec: &FlagSpec,
    report: &mut dyn FnMut(FlagEvent<'_>),
) {
    let end = spec.end();
    let closed = was.known != Presence::Unknown && was.known.closes();
    match is.known {
        Presence::Unknown | Presence::Absent => {}
        Presence::Present(Phase::Announced) => {
            let is_news = is_given || (is.known, is.content_id) != (was.known, was.content_id);
            if let Some(start) = spec.start().filter(|_| is_news) {
                report(FlagEvent::Announced { flag, start, file, opens: closed, spec });
            }
        }
        Presence::Present(Phase::Inactive) => {
            if was.known != is.known {
                report(FlagEvent::Inactive { flag, file, opens: closed });
            }
        }
        Presence::Present(phase @ (Phase::Closed | Phase::Overdue | Phase::Reopening)) => {
            if !closed {
                report(FlagEvent::Closed { flag, file, spec });
            } else if is_given || is_another(was.content_id, is.content_id, spec) {
                report(FlagEvent::Changed { flag, file, spec });
            }
            if phase == Phase::Overdue && was.known != is.known {
                end.into_iter().for_each(|end| report(FlagEvent::Overdue { flag, end }));
            }
            if let (Phase::Reopening, Some((end, until))) = (phase, end.zip(spec.open_from()))
                && was.known != is.known
            {
                report(FlagEvent::Reopening { flag, end, until });
            }
        }
        Presence::Present(Phase::Reopened) => {
            let is_news = was.known != is.known;
            if let Some((end, at)) = end.zip(spec.open_from()).filter(|_| is_news) {
                report(FlagEvent::Reopened { flag, end, at, opens: closed });
            }
        }
    }
}
