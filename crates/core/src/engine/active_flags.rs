//! The active flags of a scope, and why each of them admits or refuses a request.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::allow::{Admission, ClientRequest, method};
use crate::flag::{ActiveFlag, Client, Content, Flag, Share, ShareKey, Ticket, Waiting};

/// Why a request is blocked.
#[derive(Debug, Default)]
pub struct Blocked<'a> {
    /// The active flag. If several flags are active, the one whose content is shown.
    pub closing: ActiveFlag,
    /// The path of that flag; None in a dry run that assumes a flag.
    pub flag: Option<&'a Path>,
}

/// The active flags of a scope, those of the innermost scope first. A request must pass each of
/// them.
#[derive(Default)]
pub(super) struct ActiveFlags<'a> {
    /// The flag that is shown, of those that refuse the request.
    pub(super) refusing: Option<Blocked<'a>>,
    /// The flag that is shown, of those that admit the request.
    admitting: Option<Blocked<'a>>,
    /// The content of the innermost flag that does not close its scope yet.
    pub(super) announced: Option<Arc<Content>>,
    /// The narrowest reason why one of the flags admits the request.
    pub(super) admission: Option<Admission<'a>>,
    /// The flags with a share that refuse the request.
    pub(super) sharing: Vec<(&'a ShareKey, Share)>,
    /// A flag without a share refuses the request.
    pub(super) is_unshared: bool,
}

impl<'a> ActiveFlags<'a> {
    pub(super) fn add(
        &mut self,
        flag: &'a Flag<'_>,
        closing: ActiveFlag,
        request: &impl ClientRequest,
    ) {
        let admission = admission(flag, &closing, request);
        let blocked = Blocked { closing, flag: Some(flag.path()) };
        match admission {
            Some(next) => {
                show(&mut self.admitting, blocked);
                // The narrowest admission applies, since the request has to pass all flags.
                let is_narrower =
                    |before: &Admission<'_>| next.kind().breadth() < before.kind().breadth();
                if self.admission.as_ref().is_none_or(is_narrower) {
                    self.admission = Some(next);
                }
            }
            None => {
                match blocked.closing.content.spec().share() {
                    Some(share) => self.sharing.push((flag.share_key(), share)),
                    None => self.is_unshared = true,
                }
                show(&mut self.refusing, blocked);
            }
        }
    }

    /// Whether no flag is active.
    pub(super) fn is_empty(&self) -> bool {
        self.refusing.is_none() && self.admitting.is_none()
    }

    /// The flag that is shown.
    pub(super) fn shown(self) -> Blocked<'a> {
        let mut shown = self.refusing;
        if let Some(admitting) = self.admitting {
            show(&mut shown, admitting);
        }
        shown.unwrap_or_default()
    }
}

/// Of several flags, the innermost is shown, or the next one that has content. But a more restrictive
/// flag comes first: its text is true for all of them.
fn show<'a>(shown: &mut Option<Blocked<'a>>, next: Blocked<'a>) {
    let is_silent = |blocked: &Blocked<'_>| blocked.closing.content.spec().is_silent();
    let replaces =
        shown.as_ref().is_none_or(|shown| match shown.closing.state().cmp(&next.closing.state()) {
            Ordering::Less => true,
            Ordering::Equal => is_silent(shown),
            Ordering::Greater => false,
        });
    if replaces {
        *shown = Some(next);
    }
}

/// Why an active flag lets the request pass; None if it refuses the request.
fn admission<'a>(
    flag: &'a Flag<'_>,
    closing: &ActiveFlag,
    request: &impl ClientRequest,
) -> Option<Admission<'a>> {
    let spec = closing.content.spec();
    let find = |address| spec.allow().find(address, || request.judged_at());
    let network = request.address().and_then(find);
    if let Some((network, _)) = network {
        return Some(Admission::Flag(flag.path(), network));
    }
    if closing.is_read_only && method::is_safe(request.method()) {
        return Some(Admission::SafeMethod(flag.path()));
    }
    let share = spec.share()?;
    let position = flag.share_key().position(client(request));
    let passes = share.turn(position).has_come(closing.at);
    passes.then(|| Admission::Share(flag.path(), position.hundredths()))
}

/// What identifies the client of a request.
fn client(request: &impl ClientRequest) -> Client {
    let ticket = request.header(c"Cookie").and_then(Ticket::parse);
    ticket.map_or_else(|| Client::Address(request.address()), Client::Ticket)
}

/// What a refused client is told if a share of the clients is admitted. Browsers keep cookies, and so
/// do clients that send one.
#[cold]
pub(super) fn waiting(
    flags: &[(&ShareKey, Share)],
    is_all: bool,
    request: &impl ClientRequest,
    now: Timestamp,
) -> Option<Waiting> {
    let is_browser = || {
        let accept = request.header(c"Accept").unwrap_or_default();
        accept.windows(b"text/html".len()).any(|part| part == b"text/html")
    };
    let keeps_cookies = || request.header(c"Cookie").is_some() || is_browser();
    (!flags.is_empty()).then(|| Waiting::new(flags, is_all, client(request), keeps_cookies(), now))
}
