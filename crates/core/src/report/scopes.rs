//! The scopes in the report.

use jiff::Timestamp;
use serde::Serialize;

use super::facts::ScopeKind;
use super::flight::InFlightView;
use super::judged::Scope;
use super::network::network;
use super::state::ScopeState;
use super::time::{file_time, time};
use super::totals::TotalsView;
use crate::allow::invitations::Invitation;
use crate::allow::{AllowEntry, AllowInvitation};
use crate::engine::gate::Gate;
use crate::file::watched::InForce;
use crate::page::Page;
use crate::stats::Stats;

/// The maximum number of networks listed per entry.
pub(super) const LISTED: usize = 256;

/// A server, a virtual host, or a location in one of them.
#[derive(Debug, Serialize)]
pub(super) struct ScopeView {
    pub(super) kind: ScopeKind,
    pub(super) server: String,
    pub(super) location: Option<String>,
    /// Whether a request can reach the scope.
    pub(super) reachable: bool,
    addresses: Vec<String>,
    defined: Option<String>,
    pub(super) state: ScopeState,
    /// The paths of the flags that close the scope, those of the innermost scope last.
    flags: Vec<String>,
    /// The statuses that the scope's refusals can have.
    pub(super) statuses: Vec<u16>,
    pages: Vec<PageView>,
    allow: Vec<AllowView>,
    pub(super) in_flight: InFlightView,
    pub(super) totals: TotalsView,
}

#[derive(Debug, Serialize)]
struct AllowView {
    /// The token as written.
    token: String,
    kind: &'static str,
    /// File and line of the directive.
    defined: Option<String>,
    networks: Vec<NetworkView>,
    invitations: Vec<InvitationView>,
    /// The number of all networks or invitations, listed or not.
    count: usize,
    /// How many of them have expired.
    expired: usize,
    file: Option<FileView>,
    unresolved: Vec<String>,
    /// Elements of the entry's file that admit nobody.
    warnings: Vec<String>,
}

/// An invitation. Neither its secret nor the hash of it is shown.
#[derive(Debug, Serialize)]
struct InvitationView {
    name: String,
    /// From this moment on the invitation admits nobody.
    until: Option<String>,
    /// Whether that moment has passed.
    expired: bool,
    path: Option<String>,
    /// The line in the entry's file.
    line: u32,
    /// The number of requests that the invitation has admitted.
    uses: u64,
    last_used: Option<String>,
}

#[derive(Debug, Serialize)]
struct NetworkView {
    network: String,
    /// The line in the entry's file.
    line: Option<u32>,
    /// From this moment on the network admits nobody.
    until: Option<String>,
    /// Whether that moment has passed.
    expired: bool,
}

#[derive(Debug, Serialize)]
struct FileView {
    path: String,
    /// When the version in force was written.
    modified: Option<String>,
    /// The number of seconds since then.
    age: Option<u64>,
    /// When this process, or the parent before it, read the file.
    read: Option<String>,
    /// False if a newer version exists that cannot be used, or that has not been read yet.
    is_last: bool,
    /// Why the newest version cannot be used.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct PageView {
    #[serde(rename = "type")]
    media: String,
    language: Option<String>,
    /// None for the built-in page, which exists in several languages.
    file: Option<FileView>,
}

impl ScopeView {
    pub(super) fn new(scope: &Scope<'_>, stats: &Stats, now: Timestamp) -> Self {
        let facts = &scope.facts;
        let gate = facts.gates.first();
        Self {
            kind: facts.kind,
            server: facts.server.clone(),
            location: facts.location.clone(),
            reachable: facts.reachable,
            addresses: facts.addresses.clone(),
            defined: facts.defined.clone(),
            state: scope.state,
            flags: scope.flags().iter().map(|flag| flag.path().display().to_string()).collect(),
            statuses: scope.statuses(),
            pages: gate.map(|gate| pages(gate, now)).unwrap_or_default(),
            allow: gate
                .map(|gate| gate.allowlist().report(LISTED, now))
                .into_iter()
                .flatten()
                .map(|entry| AllowView::new(entry, stats, now))
                .collect(),
            in_flight: scope.in_flight.clone(),
            totals: scope.totals(stats),
        }
    }
}

impl AllowView {
    fn new(entry: AllowEntry, stats: &Stats, now: Timestamp) -> Self {
        let listed = entry.networks.iter();
        Self {
            token: entry.word.to_string(),
            kind: entry.kind.name(),
            defined: entry.from.as_deref().map(str::to_owned),
            networks: listed
                .map(|listed| NetworkView {
                    network: network(listed.network),
                    line: listed.line,
                    until: listed.until.map(time),
                    expired: listed.is_expired,
                })
                .collect(),
            invitations: entry
                .invitations
                .iter()
                .map(|listed| InvitationView::new(listed, stats))
                .collect(),
            count: entry.count,
            expired: entry.expired,
            file: entry.file.map(|file| FileView::new(file, now)),
            unresolved: entry.unresolved,
            warnings: entry.warnings,
        }
    }
}

impl InvitationView {
    fn new(listed: &AllowInvitation, stats: &Stats) -> Self {
        let Invitation { name, until, path, line, id } = &*listed.invitation;
        let uses = stats.invitations().of(*id);
        Self {
            name: name.clone(),
            until: until.map(time),
            expired: listed.is_expired,
            path: path.as_ref().map(|path| path.as_str().to_owned()),
            line: *line,
            uses: uses.count,
            last_used: uses.last.map(time),
        }
    }
}

impl FileView {
    fn new(file: InForce, now: Timestamp) -> Self {
        let modified = file.modified.and_then(|at| Timestamp::try_from(at).ok());
        let age = |at: Timestamp| u64::try_from(now.as_second() - at.as_second()).unwrap_or(0);
        Self {
            path: file.path.display().to_string(),
            modified: modified.map(time),
            age: modified.map(age),
            read: file.read.and_then(file_time),
            is_last: file.is_last,
            problem: file.problem,
        }
    }
}

fn pages(gate: &Gate, now: Timestamp) -> Vec<PageView> {
    let view = |page: &Page| {
        let file = page.in_force().map(|file| FileView::new(file, now));
        PageView {
            media: page.content_type().to_string_lossy().into_owned(),
            language: page.language().filter(|_| file.is_some()).map(str::to_owned),
            file,
        }
    };
    let mut views: Vec<_> = gate.refusal().pages().all().map(view).collect();
    views.dedup_by(|view, before| view.file.is_none() && view.media == before.media);
    views
}
