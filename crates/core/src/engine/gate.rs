//! The gate of a scope decides whether a request passes.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub use super::active_flags::Blocked;
use super::active_flags::{ActiveFlags, waiting};
use super::looks::Looks;
use super::notice::Notices;
use crate::allow::invitations::Invitation;
use crate::allow::{Admission, AllowKind, Allowlist, ClientRequest};
use crate::directive::Settings;
use crate::events::EventSink;
use crate::file::watched::FileEvent;
use crate::flag::flags::Flags;
use crate::flag::spec::Phase;
use crate::flag::{ActiveFlag, Content, Flag, FlagEvent, Observer};
use crate::health_check::HealthChecks;
use crate::net::hosts::Resolved;
use crate::page::Values;
use crate::refusal::{Answer, Refusal, Refusals, RequestHeaders};
use crate::shared::slot::Slot;
use crate::shared::table::Key;
use crate::stats::Reason;
use crate::text::time;

/// What a gate decides for a request.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// No flag closes the scope.
    Open,
    /// No flag closes the scope yet; this is the content of one that announces it.
    Announced(Arc<Content>),
    /// The scope is closed, and the request is a health check, which the module answers.
    HealthCheck(Blocked<'a>),
    /// The scope is closed, and the request is on the allowlist.
    Allowed(Admission<'a>),
    /// The scope is closed, and the request is not on the allowlist.
    Blocked(Blocked<'a>),
}

/// The label of [`Verdict::Open`].
pub const OPEN: &CStr = c"open";
/// The label of [`Verdict::Announced`].
pub const ANNOUNCED: &CStr = c"announced";
/// The label of [`Verdict::Blocked`].
pub const BLOCKED: &CStr = c"blocked";

impl Verdict<'_> {
    /// The verdict in one word, as used in the note `maintenance` and the environment variable
    /// `MAINTENANCE`, which are set only while the scope is closed or about to close.
    pub const fn label(&self) -> &'static CStr {
        match self {
            Self::Open => OPEN,
            Self::Announced(_) => ANNOUNCED,
            Self::HealthCheck(_) => AllowKind::HealthCheck.label(),
            Self::Allowed(admission) => admission.kind().label(),
            Self::Blocked(..) => BLOCKED,
        }
    }

    /// Whether the scope is open, whether or not a closing is announced.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Announced(_))
    }

    /// Why the request passes; None if it is refused.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Open => Some(Reason::Open),
            Self::Announced(_) => Some(Reason::Announced),
            Self::HealthCheck(_) => Some(Reason::Allowed(AllowKind::HealthCheck)),
            Self::Allowed(admission) => Some(Reason::Allowed(admission.kind())),
            Self::Blocked(..) => None,
        }
    }

    /// Whether the verdict no longer applies when the request is rewritten to another path.
    pub fn is_bound_to_path(&self) -> bool {
        matches!(self, Self::Allowed(admission) if admission.is_bound_to_path())
    }

    /// A greater number is a stricter verdict.
    const fn strictness(&self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Announced(..) => 1,
            Self::Allowed(..) | Self::HealthCheck(..) => 2,
            Self::Blocked(..) => 3,
        }
    }
}

/// The strictest verdict of several gates, and the first of equally strict ones, with the number of
/// its gate: 0 is `first`, followed by the others.
pub fn strictest<'g>(
    first: &'g Gate,
    others: &[&'g Gate],
    decide: impl Fn(&'g Gate) -> Verdict<'g>,
) -> (usize, &'g Gate, Verdict<'g>) {
    let others = (1..).zip(others).map(|(number, gate)| (number, *gate, decide(gate)));
    others.fold((0, first, decide(first)), |before, next| {
        if next.2.strictness() > before.2.strictness() { next } else { before }
    })
}

/// What a gate needs to know about its server.
pub struct ServerContext {
    /// The folder to which relative paths refer.
    pub server_root: PathBuf,
    /// The slots of flags and files in the shared state table.
    pub slots: Slots,
    /// The addresses of host names.
    pub resolved: Resolved,
    /// All flags of the server.
    pub flags: Flags,
    /// How the server's scopes refuse requests.
    pub refusals: Refusals,
    /// The renderings of the public notices.
    pub notices: Arc<Notices>,
    /// The number of gates made for combinations of sections.
    pub combinations: AtomicUsize,
    /// The allowlist of scopes without any rules.
    pub nobody: Arc<Allowlist>,
}

impl ServerContext {
    fn allowlist(&self, settings: &Settings) -> Arc<Allowlist> {
        match settings.allow().is_empty() {
            true => Arc::clone(&self.nobody),
            false => settings.allow().compile(&self.resolved, |key| self.slots.get(&key).copied()),
        }
    }

    fn refusal(&self, settings: &Settings) -> Arc<Refusal> {
        settings.refusal(&self.refusals, |key| self.slots.get(&key).copied())
    }
}

/// The slots of flags and files in the shared state table, by their keys.
pub type Slots = BTreeMap<Key, &'static Slot>;

/// The gate of one scope.
pub struct Gate {
    /// The flags that close the scope, those of the innermost scope last. Gates share them.
    flags: Box<[Arc<Flag<'static>>]>,
    /// The bits of all flags.
    bits: u64,
    allowlist: Arc<Allowlist>,
    /// Only servers and virtual hosts have their own.
    health_checks: HealthChecks,
    refusal: Arc<Refusal>,
}

impl Gate {
    /// The gate for the settings of a server. None if `context` lacks one of its flags.
    pub fn new(settings: &Settings, context: &ServerContext) -> Option<Self> {
        let flags = settings.flags(&context.server_root);
        let flags: Box<[_]> =
            flags.iter().map(|path| context.flags.get(path).cloned()).collect::<Option<_>>()?;
        Some(Self {
            bits: bits(&flags),
            flags,
            allowlist: context.allowlist(settings),
            health_checks: settings.health_checks(),
            refusal: context.refusal(settings),
        })
    }

    /// The gate of a scope inside this gate's scope. `inner` has the scope's own settings; `merged`
    /// has them merged with those of the outer scopes. The gates share whatever `inner` does not
    /// change, so that a hundred scopes do not need a hundred times the memory.
    pub fn for_location(
        &self,
        inner: &Settings,
        merged: &Settings,
        context: &ServerContext,
    ) -> Self {
        let own = inner.own_flags().iter().filter_map(|path| context.flags.get(path));
        let mut flags = self.flags.to_vec();
        for flag in own {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
            flags.push(Arc::clone(flag));
        }
        Self {
            bits: bits(&flags),
            flags: flags.into(),
            allowlist: match inner.allow().is_empty() {
                true => Arc::clone(&self.allowlist),
                false => context.allowlist(merged),
            },
            health_checks: self.health_checks.clone(),
            refusal: match inner.shape_refusals() {
                false => Arc::clone(&self.refusal),
                true => context.refusal(merged),
            },
        }
    }

    /// Looks whether all flags are still absent, as they usually are: then the verdict is
    /// [`Verdict::Open`], and there is nothing to report. Otherwise [`Gate::decide_rest`] has to
    /// decide. Returns how many flags are, from the outermost on.
    #[inline(always)]
    pub fn count_absent(&self) -> usize {
        // What is known of all flags comes first: while one of them is known to be present, none is
        // looked at here.
        match self.flags.iter().all(|flag| flag.was_absent()) {
            true => self.flags.iter().take_while(|flag| flag.confirm_absent()).count(),
            false => 0,
        }
    }

    /// Decides for one request.
    pub fn decide(&self, request: &impl ClientRequest, events: &impl EventSink) -> Verdict<'_> {
        self.decide_rest(request, events, 0)
    }

    /// Decides for one request. The first `absent` flags have just been found absent.
    pub fn decide_rest(
        &self,
        request: &impl ClientRequest,
        events: &impl EventSink,
        absent: usize,
    ) -> Verdict<'_> {
        let flags = self.flags.get(absent..).unwrap_or(&self.flags);
        let closings = active(flags, request, |flag| look(flag, request, events));
        self.admit_or_block(closings, request, events)
    }

    /// Decides for one request, for which `looks` has the looks so far.
    pub fn decide_with<'g>(
        &'g self,
        request: &impl ClientRequest,
        events: &impl EventSink,
        looks: &Looks<'g>,
    ) -> Verdict<'g> {
        let look = |flag| looks.at(flag, || look(flag, request, events));
        self.admit_or_block(active(&self.flags, request, look), request, events)
    }

    /// Decides as if the scope were closed: by the flags that announce a closing, or otherwise by
    /// an empty flag. If the scope is closed, this is the same as [`Gate::decide`].
    pub fn decide_closed(
        &self,
        request: &impl ClientRequest,
        events: &impl EventSink,
    ) -> Verdict<'_> {
        let mut closings = active(&self.flags, request, |flag| look(flag, request, events));
        if closings.is_empty() {
            let announced = self.flags.iter().rev().filter_map(|flag| {
                let report = flag.report();
                let content = report.content.filter(|_| report.phase == Some(Phase::Announced))?;
                let is_read_only = content.spec().is_read_only();
                Some((flag, ActiveFlag { content, is_read_only, ..ActiveFlag::default() }))
            });
            for (flag, closing) in announced {
                closings.add(flag, closing, request);
            }
        }
        if closings.is_empty() {
            closings.refusing = Some(Blocked::default());
        }
        self.admit_or_block(closings, request, events)
    }

    /// Whether a flag announces that it will close the scope.
    pub fn is_announced(&self) -> bool {
        self.flags.iter().any(|flag| flag.report().phase == Some(Phase::Announced))
    }

    fn admit_or_block<'a>(
        &'a self,
        closings: ActiveFlags<'a>,
        request: &impl ClientRequest,
        events: &impl EventSink,
    ) -> Verdict<'a> {
        if closings.is_empty() {
            return closings.announced.map_or(Verdict::Open, Verdict::Announced);
        }
        // While only writes are refused, the application runs and answers for itself.
        let is_read = closings.refusing.is_none()
            && matches!(closings.admission, Some(Admission::SafeMethod(_)));
        if self.health_checks.include(request) && !is_read {
            return Verdict::HealthCheck(closings.shown());
        }
        let mut file_news = |event: FileEvent<'_>| events.file(event);
        if let Some(admission) = self.allowlist.admit(request, &mut file_news) {
            return Verdict::Allowed(admission);
        }
        match (closings.refusing, closings.admission) {
            (None, Some(admission)) => Verdict::Allowed(admission),
            _ if request.is_for_status_page() => Verdict::Allowed(Admission::StatusPage),
            (refusing, _) => {
                let mut blocked = refusing.unwrap_or_default();
                blocked.closing.waiting =
                    waiting(&closings.sharing, !closings.is_unshared, request, blocked.closing.at)
                        .map(Box::new);
                Verdict::Blocked(blocked)
            }
        }
    }

    /// The first of these secrets with an invitation that admits the request, by its number, and
    /// the invitation.
    pub fn invitation<'s>(
        &self,
        sent: impl Iterator<Item = &'s [u8]>,
        request: &impl ClientRequest,
        events: &impl EventSink,
    ) -> Option<(usize, Arc<Invitation>)> {
        self.allowlist.invitation(sent, request, &mut |event| events.file(event))
    }

    /// The answer to a blocked request with these values.
    pub fn refuse(
        &self,
        request: &impl RequestHeaders,
        values: Values<'_>,
        closing: &ActiveFlag,
        events: &dyn EventSink,
    ) -> Option<Answer<'_>> {
        self.refusal.answer(request, values, closing, events)
    }

    /// What the gate shares with those of other scopes.
    pub(super) fn parts(&self) -> (&Arc<Allowlist>, &Arc<Refusal>) {
        (&self.allowlist, &self.refusal)
    }

    /// The allowlist.
    pub fn allowlist(&self) -> &Allowlist {
        &self.allowlist
    }

    /// How the scope refuses requests.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// Whether this gate shares its allowlist and its refusal with `other`.
    #[cfg(test)]
    pub(crate) fn shares_with(&self, other: &Self) -> (bool, bool) {
        let Self { allowlist, refusal, .. } = self;
        (Arc::ptr_eq(allowlist, &other.allowlist), Arc::ptr_eq(refusal, &other.refusal))
    }

    /// The combined bits of all flags.
    pub fn bits(&self) -> u64 {
        self.bits
    }

    /// The flags that close this scope, those of the innermost scope last.
    pub fn flags(&self) -> &[Arc<Flag<'static>>] {
        &self.flags
    }
}

/// A request's look at a flag.
fn look(
    flag: &Flag<'static>,
    request: &impl ClientRequest,
    events: &impl EventSink,
) -> Option<ActiveFlag> {
    let (time, now) = (request.request_time(), time::now);
    let report = &mut |event: FlagEvent<'_>| events.flag(event);
    let look = || flag.look(Observer::Child, time, &now, report);
    flag.confirm_active(time, &now).or_else(look)
}

/// Which of the flags are active, each looked at by `look`.
fn active<'a>(
    flags: &'a [Arc<Flag<'static>>],
    request: &impl ClientRequest,
    look: impl Fn(&'a Flag<'static>) -> Option<ActiveFlag>,
) -> ActiveFlags<'a> {
    let mut closings = ActiveFlags::default();
    for flag in flags.iter().rev() {
        if let Some(closing) = look(flag) {
            closings.add(flag, closing, request);
        } else if closings.announced.is_none() {
            let is_public = |content: &Arc<Content>| {
                let from = content.spec().announce_from();
                from.is_none_or(|from| from.at() <= request.judged_at())
            };
            closings.announced = flag.announcement().filter(is_public);
        }
    }
    closings
}

fn bits(flags: &[Arc<Flag<'static>>]) -> u64 {
    flags.iter().fold(0, |bits, flag| bits | flag.bit())
}
