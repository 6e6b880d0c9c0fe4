//! What there is to say about a flag, once for the whole server.

use std::io;
use std::path::Path;

use super::content::Content;
use super::kind::{FlagFile, Noted};
use super::state::{ContentId, FlagState, Presence};
use crate::flag::spec::{FlagSpec, Phase};
use crate::text::time::Moment;

/// Something about a flag that the administrator wants to read in the log, once.
#[derive(Debug)]
pub enum FlagEvent<'a> {
    /// The flag closes its scope from now on.
    Closed {
        /// Which one.
        flag: &'a Path,
        /// Since when it is there and whose it is; None where nobody can see that now.
        file: Option<FlagFile>,
        /// When it is to be over.
        end: Option<Moment>,
    },
    /// The flag is there, and closes its scope later.
    Announced {
        /// Which one.
        flag: &'a Path,
        /// When it does.
        start: Moment,
        /// Since when it is there and whose it is.
        file: Option<FlagFile>,
        /// It closed its scope before.
        opens: bool,
    },
    /// The end has passed, and the scope is still closed.
    Overdue {
        /// Which one.
        flag: &'a Path,
        /// When it should have been over.
        end: Moment,
    },
    /// The end has passed, and the scope is open again by itself.
    Reopened {
        /// Which one.
        flag: &'a Path,
        /// When it was over.
        end: Moment,
    },
    /// The flag was deleted where it comes from, and is still mounted here, so it counts as before.
    Deleted {
        /// Which one.
        flag: &'a Path,
    },
    /// The clock was set back, by which what the flag says is judged anew.
    ClockSetBack {
        /// Which one.
        flag: &'a Path,
    },
    /// The flag is gone.
    Gone {
        /// Which one.
        flag: &'a Path,
        /// Whether it closed its scope until then.
        opens: bool,
    },
    /// The flag closes its scope as before, and its content or its owner has changed.
    Changed {
        /// Which one.
        flag: &'a Path,
        /// Since when it is there and whose it is.
        file: Option<FlagFile>,
        /// When it is to be over.
        end: Option<Moment>,
    },
    /// The content cannot be used, and nothing of it is.
    Unusable {
        /// Which one.
        flag: &'a Path,
        /// Why, with line and column where there are any.
        cause: &'a str,
    },
    /// Something in the content does not count.
    Odd {
        /// Which one.
        flag: &'a Path,
        /// What, with its line.
        what: &'a str,
    },
    /// The file system does not say whether the flag is there.
    LookFailed {
        /// Which one.
        flag: &'a Path,
        /// Why.
        error: &'a io::Error,
        /// Does it close its scope meanwhile?
        closes: bool,
        /// The parent stands in for its children.
        parent_looks: bool,
    },
    /// The flag is there, but may not be looked at, and so it closes its scope.
    Denied {
        /// Which one.
        flag: &'a Path,
        /// Why.
        error: &'a io::Error,
    },
    /// After [`FlagEvent::LookFailed`] or [`FlagEvent::Denied`]: it can be looked at again.
    LookRecovered {
        /// Which one.
        flag: &'a Path,
    },
}

/// What happened between two states, in the order in which it is to be told.
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
    tell_phase(flag, was, is, (is_given, file), content.window(), report);
    if before.kind.is_some_and(|before| !before.is_deleted)
        && file.is_some_and(|file| file.kind.is_deleted)
    {
        report(FlagEvent::Deleted { flag });
    }
    if is.content_id != was.content_id && is.content_id == content.content_id() {
        if let Some(cause) = content.error() {
            report(FlagEvent::Unusable { flag, cause });
        }
        for what in content.window().warnings() {
            report(FlagEvent::Odd { flag, what });
        }
    }
}

/// Does it say something else than before? Not, where that was not known, and it says nothing now.
fn is_another(was: ContentId, is: ContentId, window: &FlagSpec) -> bool {
    let was_unknown = [ContentId::YOUNG, ContentId::DENIED].contains(&was);
    is != was && is != ContentId::DENIED && !(was_unknown && window.is_silent())
}

fn tell_phase(
    flag: &Path,
    was: FlagState,
    is: FlagState,
    (is_given, file): (bool, Option<FlagFile>),
    window: &FlagSpec,
    report: &mut dyn FnMut(FlagEvent<'_>),
) {
    let end = window.end();
    let closed = was.known != Presence::Nothing && was.known.closes();
    match is.known {
        Presence::Nothing | Presence::Absent => {}
        Presence::Present(Phase::Announced) => {
            let is_news = is_given || (is.known, is.content_id) != (was.known, was.content_id);
            if let Some(start) = window.start().filter(|_| is_news) {
                report(FlagEvent::Announced { flag, start, file, opens: closed });
            }
        }
        Presence::Present(phase @ (Phase::Closed | Phase::Overdue)) => {
            if !closed {
                report(FlagEvent::Closed { flag, file, end });
            } else if is_given || is_another(was.content_id, is.content_id, window) {
                report(FlagEvent::Changed { flag, file, end });
            }
            if phase == Phase::Overdue && was.known != is.known {
                end.into_iter().for_each(|end| report(FlagEvent::Overdue { flag, end }));
            }
        }
        Presence::Present(Phase::Reopened) => {
            if let Some(end) = end.filter(|_| was.known != is.known) {
                report(FlagEvent::Reopened { flag, end });
            }
        }
    }
}
