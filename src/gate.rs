//! The decision: does this request pass?

use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;

use crate::allow::{Admission, Allowlist, Visitor};
use crate::board::{Board, BoardFull, Key};
use crate::config::Settings;
use crate::flag::{self, Flag, News, Observer};
use crate::page::Page;
use crate::status::Status;

/// What was decided for a request, once and for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No flag is there.
    Open,
    /// Closed, and on the allowlist.
    Allowed(Admission),
    /// Closed, and not on the allowlist.
    Blocked,
}

impl Verdict {
    /// The same verdict for as long as the module is loaded.
    pub const fn as_static(self) -> &'static Self {
        match self {
            Self::Open => &Self::Open,
            Self::Allowed(Admission::Address) => &Self::Allowed(Admission::Address),
            Self::Allowed(Admission::Env) => &Self::Allowed(Admission::Env),
            Self::Blocked => &Self::Blocked,
        }
    }

    /// The value of the note `maintenance` and of the environment variable `MAINTENANCE`, which
    /// exist only while closed.
    pub const fn label(self) -> Option<&'static CStr> {
        match self {
            Self::Open => None,
            Self::Allowed(Admission::Address) => Some(c"allowed:address"),
            Self::Allowed(Admission::Env) => Some(c"allowed:env"),
            Self::Blocked => Some(c"blocked"),
        }
    }
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
#[derive(Debug)]
pub struct Gate<'b> {
    flags: Vec<Flag<'b>>,
    allowlist: Allowlist,
    refusal: Refusal,
}

impl<'b> Gate<'b> {
    /// The gate that a scope's settings, merged with those around it, describe.
    ///
    /// # Errors
    /// [`BoardFull`]
    pub fn new(
        settings: &Settings,
        server_root: &Path,
        board: &'b Board,
    ) -> Result<Self, BoardFull> {
        let paths = settings.flags(server_root);
        let keys: Vec<Key> = paths.iter().map(|path| flag::key(path)).collect();
        let flags = paths.into_iter().zip(board.claim(&keys)?);
        Ok(Self {
            flags: flags.map(|(path, slot)| Flag::new(path, slot)).collect(),
            allowlist: settings.allow().compile(),
            refusal: Refusal { page: settings.page(), status: settings.status() },
        })
    }

    /// Decides for one request. News of the flags go to `report`.
    pub fn decide(&self, visitor: &impl Visitor, report: &mut dyn FnMut(News<'_>)) -> Verdict {
        if !self.flags.iter().any(|flag| flag.is_present(Observer::Child, report)) {
            return Verdict::Open;
        }
        self.allowlist.admit(visitor).map_or(Verdict::Blocked, Verdict::Allowed)
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
    pub fn flags(&self) -> &[Flag<'b>] {
        &self.flags
    }
}
