//! The decision: does this request pass?

use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;

use crate::allow::hosts::Resolved;
use crate::allow::{Admission, Allowlist, Visitor};
use crate::board::{Board, BoardFull, Key};
use crate::config::Settings;
use crate::flag::{self, Flag, News, Observer};
use crate::page::Page;
use crate::status::Status;
use crate::watched::FileNews;

/// What was decided for a request, once and for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// No flag is there.
    Open,
    /// Closed, and on the allowlist.
    Allowed(Admission<'a>),
    /// Closed, and not on the allowlist.
    Blocked,
}

/// The label of [`Verdict::Open`].
pub const OPEN: &CStr = c"open";
/// The label of [`Verdict::Blocked`].
pub const BLOCKED: &CStr = c"blocked";

impl Verdict<'_> {
    /// The verdict in one word, as the note `maintenance` and the environment variable
    /// `MAINTENANCE` have it (which exist only while closed).
    pub const fn label(&self) -> &'static CStr {
        match self {
            Self::Open => OPEN,
            Self::Allowed(Admission::Address(..)) => c"allowed:address",
            Self::Allowed(Admission::Host(..)) => c"allowed:host",
            Self::Allowed(Admission::File(..)) => c"allowed:file",
            Self::Allowed(Admission::PluginCfg(..)) => c"allowed:plugin-cfg",
            Self::Allowed(Admission::Env(..)) => c"allowed:env",
            Self::Allowed(Admission::Expr(..)) => c"allowed:expr",
            Self::Allowed(Admission::Path(..)) => c"allowed:path",
            Self::Blocked => BLOCKED,
        }
    }
}

/// Who wants to hear what has changed.
pub trait Journal {
    /// News of a flag.
    fn flag(&self, news: News<'_>);
    /// News of a file of the allowlist.
    fn file(&self, news: FileNews<'_>);
}

/// How those are answered who are refused.
#[derive(Debug)]
pub struct Refusal {
    /// The page.
    pub page: Arc<Page>,
    /// The status.
    pub status: Status,
}

/// The gate of one scope.
pub struct Gate {
    flags: Vec<Flag<'static>>,
    allowlist: Allowlist,
    refusal: Refusal,
}

impl Gate {
    /// The gate that a scope's settings, merged with those around it, describe.
    ///
    /// # Errors
    /// [`BoardFull`]
    pub fn new(
        settings: &Settings,
        server_root: &Path,
        board: &'static Board,
        resolved: &Resolved,
    ) -> Result<Self, BoardFull> {
        let paths = settings.flags(server_root);
        let keys: Vec<Key> = paths.iter().map(|path| flag::key(path)).collect();
        let flags = paths.into_iter().zip(board.claim(&keys)?);
        let slot = |key| board.claim(&[key]).ok()?.first().copied();
        Ok(Self {
            flags: flags.map(|(path, slot)| Flag::new(path, slot)).collect(),
            allowlist: settings.allow().compile(resolved, slot),
            refusal: Refusal { page: settings.page(), status: settings.status() },
        })
    }

    /// Decides for one request.
    pub fn decide(&self, visitor: &impl Visitor, journal: &impl Journal) -> Verdict<'_> {
        let mut flag_news = |news: News<'_>| journal.flag(news);
        if !self.flags.iter().any(|flag| flag.is_present(Observer::Child, &mut flag_news)) {
            return Verdict::Open;
        }
        let mut file_news = |news: FileNews<'_>| journal.file(news);
        self.allowlist.admit(visitor, &mut file_news).map_or(Verdict::Blocked, Verdict::Allowed)
    }

    /// Reads the files of the allowlist that have changed. A child also tries whether it may read
    /// them at all, which is better known at its start than at their next change.
    pub fn refresh(&self, observer: Observer, journal: &impl Journal) {
        self.allowlist.refresh(observer == Observer::Child, &mut |news| journal.file(news));
    }

    /// Was the scope closed when a flag was looked at last? Looks at nothing itself.
    pub fn was_closed(&self) -> bool {
        self.flags.iter().any(Flag::was_present)
    }

    /// How to refuse.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// The flags that close this scope.
    pub fn flags(&self) -> &[Flag<'static>] {
        &self.flags
    }
}
