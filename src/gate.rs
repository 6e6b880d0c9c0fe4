//! The decision: does this request pass?

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::allow::hosts::Resolved;
use crate::allow::{Admission, Allowlist, Visitor};
use crate::board::Board;
use crate::config::Settings;
use crate::flag::{Closing, Flag, Observer};
use crate::journal::Journal;
use crate::refusal::{Answer, Asker, Refusal};
use crate::watched::FileNews;

/// What was decided for a request, once and for good.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// No flag closes the scope.
    Open,
    /// Closed, and on the allowlist.
    Allowed(Admission<'a>),
    /// Closed, and not on the allowlist: by which flag, of several by the one whose content is to
    /// be shown.
    Blocked(Closing),
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
            Self::Allowed(Admission::Flag(..)) => c"allowed:flag",
            Self::Blocked(..) => BLOCKED,
        }
    }
}

/// What a gate needs to know of the server around it.
pub struct Place {
    /// Where relative paths begin.
    pub server_root: PathBuf,
    /// The memory that all processes share.
    pub board: &'static Board,
    /// What names resolve to.
    pub resolved: Resolved,
    /// All flags of the server.
    pub flags: Flags,
}

impl Place {
    fn allowlist(&self, settings: &Settings) -> Allowlist {
        settings.allow().compile(&self.resolved, |key| self.board.find(key))
    }

    fn refusal(&self, settings: &Settings) -> Refusal {
        settings.refusal(|key| self.board.find(key))
    }
}

/// The flags of a server, by their paths.
pub type Flags = BTreeMap<PathBuf, Arc<Flag<'static>>>;

/// The gate of one scope.
pub struct Gate {
    /// The innermost scope's last; each is shared with the other gates that it closes.
    flags: Vec<Arc<Flag<'static>>>,
    allowlist: Arc<Allowlist>,
    refusal: Arc<Refusal>,
}

impl Gate {
    /// The gate that the settings of a server describe. None where one of its flags is not among
    /// those of `place`.
    pub fn new(settings: &Settings, place: &Place) -> Option<Self> {
        let flags = settings.flags(&place.server_root);
        Some(Self {
            flags: flags
                .iter()
                .map(|path| place.flags.get(path).cloned())
                .collect::<Option<_>>()?,
            allowlist: Arc::new(place.allowlist(settings)),
            refusal: Arc::new(place.refusal(settings)),
        })
    }

    /// The gate of a scope inside this one's: with `inner`, what the scope itself says, and
    /// `merged`, the same merged with what is around it. What it does not speak of is shared, so
    /// that a hundred scopes do not take a hundred times the memory.
    pub fn narrowed(&self, inner: &Settings, merged: &Settings, place: &Place) -> Self {
        let own = inner.own_flags().iter().filter_map(|path| place.flags.get(path));
        let mut flags = self.flags.clone();
        for flag in own {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
            flags.push(Arc::clone(flag));
        }
        Self {
            flags,
            allowlist: match inner.allow().is_empty() {
                true => Arc::clone(&self.allowlist),
                false => Arc::new(place.allowlist(merged)),
            },
            refusal: match inner.shape_refusals() {
                false => Arc::clone(&self.refusal),
                true => Arc::new(place.refusal(merged)),
            },
        }
    }

    /// Decides for one request.
    pub fn decide(&self, visitor: &impl Visitor, journal: &impl Journal) -> Verdict<'_> {
        let now = visitor.now();
        let mut shown: Option<Closing> = None;
        let mut invited = None;
        let mut is_invited = true;
        for flag in self.flags.iter().rev() {
            let Some(closing) = flag.look(Observer::Child, now, &mut |news| journal.flag(news))
            else {
                continue;
            };
            // Each flag closes, so each has to let the client pass.
            let window = closing.content.window();
            let network = visitor.address().and_then(|address| window.allow().find(address));
            is_invited &= network.is_some();
            invited = invited.or_else(|| Some(Admission::Flag(flag.path(), network?.0)));
            // The innermost scope's content is shown, if it has any.
            if shown.as_ref().is_none_or(|shown| shown.content.window().is_silent()) {
                shown = Some(closing);
            }
        }
        let Some(closing) = shown else {
            return Verdict::Open;
        };
        let mut file_news = |news: FileNews<'_>| journal.file(news);
        let admission = self.allowlist.admit(visitor, &mut file_news);
        let admission = admission.or(invited.filter(|_| is_invited));
        admission.map_or(Verdict::Blocked(closing), Verdict::Allowed)
    }

    /// The answer for a request that is blocked.
    pub fn refuse(
        &self,
        asker: &impl Asker,
        closing: &Closing,
        journal: &dyn Journal,
    ) -> Option<Answer<'_>> {
        self.refusal.answer(asker, closing, asker.now(), journal)
    }

    /// Reads the files of the allowlist and the pages that have changed. A child also tries
    /// whether it may read them at all, which is better known at its start than at their next
    /// change.
    pub fn refresh(&self, observer: Observer, journal: &impl Journal) {
        let check = observer == Observer::Child;
        self.allowlist.refresh(check, &mut |news| journal.file(news));
        self.refusal.pages().refresh(check, journal);
    }

    /// Was the scope closed when a flag was looked at last? Looks at nothing itself.
    pub fn was_closed(&self) -> bool {
        self.flags.iter().any(|flag| flag.was_closing())
    }

    /// How it refuses.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Is the allowlist the same as the other's, and the way of refusing?
    #[cfg(test)]
    pub(crate) fn shares_with(&self, other: &Self) -> (bool, bool) {
        let Self { allowlist, refusal, .. } = self;
        (Arc::ptr_eq(allowlist, &other.allowlist), Arc::ptr_eq(refusal, &other.refusal))
    }

    /// The flags that close this scope, the innermost scope's last.
    pub fn flags(&self) -> &[Arc<Flag<'static>>] {
        &self.flags
    }
}
