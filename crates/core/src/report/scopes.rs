//! The scopes in the report.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use jiff::Timestamp;
use serde::Serialize;

use super::facts::{ScopeFacts, ScopeKind};
use super::state::ScopeState;
use super::time::{file_time, time};
use crate::allow::invitations::Invitation;
use crate::allow::{AllowEntry, AllowInvitation, AllowKind, Allowlist};
use crate::engine::gate::Gate;
use crate::file::watched::InForce;
use crate::flag::FlagReport;
use crate::flag::spec::Phase;
use crate::page::Page;
use crate::stats::in_flight::{ClosingFlags, Running};
use crate::stats::{Lasting, ScopeTotals, Stats};

/// The maximum number of networks listed per entry.
const LISTED: usize = 256;

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
    /// Expired entries of the allowlist, for the metrics.
    #[serde(skip)]
    pub(super) expired: usize,
    pub(super) in_flight: InFlightView,
    pub(super) totals: TotalsView,
}

/// Admitted requests that have not ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct InFlightView {
    pub(super) requests: u64,
    /// The number of these requests that were admitted before their scope was closed, and would be
    /// refused now.
    pub(super) from_before_closing: u64,
    /// The number of the latter that may write.
    pub(super) writing_from_before_closing: u64,
    /// The number of `requests` whose connection has switched to another protocol.
    pub(super) upgraded: u64,
    /// The number of `requests` that are event streams.
    pub(super) streams: u64,
    /// Those of `upgraded` that are from before the closing.
    pub(super) upgraded_from_before_closing: u64,
    /// Those of `streams` that are from before the closing.
    pub(super) streams_from_before_closing: u64,
    /// The age of the oldest request, in seconds.
    pub(super) oldest: Option<u64>,
    /// The age of the oldest request from before the closing, in seconds.
    pub(super) oldest_from_before_closing: Option<u64>,
    /// The number of running requests that could not be tracked for lack of room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) untracked: Option<u64>,
}

/// Requests that have ended since counting began.
#[derive(Debug, Default, Serialize)]
pub(super) struct TotalsView {
    /// Admitted while the scope was open.
    pub(super) open: u64,
    /// Admitted while the scope was closed.
    pub(super) allowed: u64,
    pub(super) refused: u64,
    /// By kind of token, without zeros.
    pub(super) allowed_by: BTreeMap<&'static str, u64>,
    /// By status.
    pub(super) refused_with: BTreeMap<String, u64>,
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

/// The running requests, and the data that tells which of them are from before a closing.
pub(super) struct Flight {
    /// The flags that close now.
    pub(super) closing: ClosingFlags,
    /// The current generation of the configuration.
    pub(super) generation: u8,
    pub(super) running: Vec<Running>,
    pub(super) now: Timestamp,
}

impl Flight {
    pub(super) fn is_from_before(&self, running: &Running) -> bool {
        running.is_from_before(self.closing, self.generation)
    }

    /// The age of a request, in seconds.
    pub(super) fn age(&self, running: &Running) -> u64 {
        u64::try_from(self.now.as_second() - running.began.as_second()).unwrap_or(0)
    }
}

impl ScopeView {
    pub(super) fn new(
        scope: &ScopeFacts<'_>,
        stats: &Stats,
        flight: &Flight,
        details: bool,
    ) -> Self {
        let gate = scope.gates.first();
        let shown = gate.filter(|_| details);
        let (number, now) = (scope.number, flight.now);
        let mut flags: Vec<_> = scope.gates.iter().flat_map(|gate| gate.flags()).collect();
        flags.reverse(); // so that the innermost of duplicates is kept
        let mut seen = BTreeSet::new();
        flags.retain(|flag| seen.insert(flag.path()));
        flags.reverse();
        Self {
            kind: scope.kind,
            server: scope.server.clone(),
            location: scope.location.clone(),
            reachable: scope.reachable,
            addresses: scope.addresses.clone(),
            defined: scope.defined.clone(),
            state: scope.gates.iter().map(|gate| state(gate, now)).max().unwrap_or(ScopeState::Off),
            flags: flags.iter().map(|flag| flag.path().display().to_string()).collect(),
            statuses: gate.map(|gate| gate.refusal().statuses().collect()).unwrap_or_default(),
            pages: shown.map(|gate| pages(gate, now)).unwrap_or_default(),
            allow: shown
                .map(|gate| gate.allowlist().report(LISTED, now))
                .into_iter()
                .flatten()
                .map(|entry| AllowView::new(entry, stats, now))
                .collect(),
            expired: gate.map_or(0, |gate| gate.allowlist().expired(now)),
            in_flight: InFlightView::new(flight, |running| number == Some(running.scope)),
            totals: number.map(|id| TotalsView::new(stats.totals(id))).unwrap_or_default(),
        }
    }
}

fn state(gate: &Gate, now: Timestamp) -> ScopeState {
    let of_flag = |report: FlagReport| match report.phase {
        _ if report.closes && report.is_read_only() => ScopeState::ReadOnly,
        Some(Phase::Reopening) => ScopeState::Reopening,
        _ if report.admits_share(now) => ScopeState::Reopening,
        Some(Phase::Overdue) => ScopeState::Overdue,
        _ if report.closes => ScopeState::Closed,
        Some(Phase::Announced) => ScopeState::Announced,
        _ => ScopeState::Open,
    };
    let reports = gate.flags().iter().map(|flag| flag.report());
    reports.map(of_flag).max().unwrap_or(ScopeState::Open)
}

impl InFlightView {
    fn new(flight: &Flight, is_own: impl Fn(&&Running) -> bool) -> Self {
        let own = || flight.running.iter().filter(&is_own);
        let before = || own().filter(|running| flight.is_from_before(running));
        let age = |running: &Running| flight.age(running);
        let is = |kind: Lasting| move |running: &&Running| running.lasting == Some(kind);
        Self {
            requests: own().count() as u64,
            from_before_closing: before().count() as u64,
            writing_from_before_closing: before()
                .filter(|running| !running.admitted.is_safe)
                .count() as u64,
            upgraded: own().filter(is(Lasting::Upgraded)).count() as u64,
            streams: own().filter(is(Lasting::Stream)).count() as u64,
            upgraded_from_before_closing: before().filter(is(Lasting::Upgraded)).count() as u64,
            streams_from_before_closing: before().filter(is(Lasting::Stream)).count() as u64,
            oldest: own().map(age).max(),
            oldest_from_before_closing: before().map(age).max(),
            untracked: None,
        }
    }

    /// The running requests of all scopes together, including scopes that a restart has removed.
    pub(super) fn of_all(flight: &Flight, untracked: u64) -> Self {
        Self { untracked: Some(untracked), ..Self::new(flight, |_| true) }
    }
}

/// Adds up values from shared memory, which can be anything. Therefore the sum saturates.
pub(super) fn sum<'c>(counts: impl IntoIterator<Item = &'c u64>) -> u64 {
    counts.into_iter().fold(0, |sum, count| sum.saturating_add(*count))
}

impl TotalsView {
    fn new(totals: ScopeTotals) -> Self {
        let mut refused_with: BTreeMap<_, _> =
            totals.refused.iter().map(|(status, count)| (status.to_string(), *count)).collect();
        if totals.refused_otherwise > 0 {
            refused_with.insert("other".into(), totals.refused_otherwise);
        }
        let allowed_by: BTreeMap<_, _> = totals
            .allowed
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| (AllowKind::name(*kind), *count))
            .collect();
        Self {
            open: totals.open,
            allowed: sum(allowed_by.values()),
            refused: sum(refused_with.values()),
            allowed_by,
            refused_with,
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

/// Writes a network as in a directive: an address has no prefix length.
pub(super) fn network(network: IpNet) -> String {
    match network.prefix_len() == network.max_prefix_len() {
        true => network.addr().to_string(),
        false => network.to_string(),
    }
}

/// How often each invitation of these allowlists was used, by its name. Allowlists share files, so
/// each invitation counts once.
pub(super) fn invitations<'a>(
    lists: impl Iterator<Item = &'a Allowlist>,
    stats: &Stats,
) -> BTreeMap<String, u64> {
    let mut seen = BTreeSet::new();
    let mut uses = BTreeMap::new();
    for invitation in lists.flat_map(|list| list.first_invitations(LISTED)) {
        if seen.insert(invitation.id) {
            let count = uses.entry(invitation.name.clone()).or_insert(0u64);
            *count = count.saturating_add(stats.invitations().of(invitation.id).count);
        }
    }
    uses
}
