//! What an allowlist admits, for the status handler.

use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use super::admission::AllowKind;
use super::allowlist::Allowlist;
use super::compiled::{Rest, ScopeList};
use super::entry::Entry;
use super::invitations::Invitation;
use super::token::Token;
use crate::file::watched::InForce;
use crate::net::networks;

/// One entry of an allowlist, for the status handler.
#[derive(Clone, Debug)]
pub struct AllowEntry {
    /// The token as written: `host=node1.example.com`.
    pub word: Arc<str>,
    /// The kind of token.
    pub kind: AllowKind,
    /// File and line of the directive, if known.
    pub from: Option<Arc<str>>,
    /// The first networks and addresses of the entry.
    pub networks: Vec<AllowNetwork>,
    /// The first invitations of the entry.
    pub invitations: Vec<AllowInvitation>,
    /// The total number of networks or invitations.
    pub count: usize,
    /// How many of them have expired.
    pub expired: usize,
    /// The version of the entry's file that is in force.
    pub file: Option<InForce>,
    /// Names that did not resolve.
    pub unresolved: Vec<String>,
    /// Elements of the entry's file that admit nobody.
    pub warnings: Vec<String>,
}

/// A network or an address of an entry.
#[derive(Clone, Copy, Debug)]
pub struct AllowNetwork {
    /// The network.
    pub network: IpNet,
    /// Its line in the entry's file.
    pub line: Option<u32>,
    /// From this moment on it admits nobody.
    pub until: Option<Timestamp>,
    /// Whether that moment has passed.
    pub is_expired: bool,
}

/// An invitation of an entry.
#[derive(Clone, Debug)]
pub struct AllowInvitation {
    /// The invitation.
    pub invitation: Arc<Invitation>,
    /// Whether it has ended.
    pub is_expired: bool,
}

impl AllowNetwork {
    fn new(entry: networks::Entry, now: Timestamp) -> Self {
        let networks::Entry { network, origin, until } = entry;
        Self { network, line: Some(origin), until, is_expired: entry.is_expired(now) }
    }

    fn of(network: IpNet) -> Self {
        Self { network, line: None, until: None, is_expired: false }
    }
}

impl Allowlist {
    /// All entries at `now`, each with at most `limit` of its networks.
    pub fn report(&self, limit: usize, now: Timestamp) -> Vec<AllowEntry> {
        let entry = |list: &ScopeList| {
            let entries = list.entries.iter();
            entries.map(|entry| list.report_entry(entry, limit, now)).collect::<Vec<_>>()
        };
        self.lists().iter().flat_map(|list| entry(list)).collect()
    }
}

impl ScopeList {
    fn report_entry(&self, entry: &Entry, limit: usize, now: Timestamp) -> AllowEntry {
        let Entry { token, word, from } = entry;
        let mut report = AllowEntry {
            word: Arc::clone(word),
            kind: token.kind(),
            from: from.clone(),
            networks: vec![],
            invitations: vec![],
            count: 0,
            expired: 0,
            file: None,
            unresolved: vec![],
            warnings: vec![],
        };
        match token {
            Token::Network(network) => report.networks.push(AllowNetwork::of(*network)),
            Token::Host(name) => {
                let is_mine = |rest: &Rest, number: u32| {
                    let index = usize::try_from(number).ok();
                    index.and_then(|index| rest.names.get(index)) == Some(name)
                };
                let found = self.rest().into_iter().flat_map(|rest| {
                    rest.hosts.iter().filter(move |entry| is_mine(rest, entry.origin))
                });
                report.networks = found.map(|entry| AllowNetwork::of(entry.network)).collect();
                report.unresolved.extend(report.networks.is_empty().then(|| name.clone()));
            }
            Token::File(file) => {
                if let Some(list) = file.get() {
                    report.count = list.len();
                    report.expired = list.expired(now);
                    let first = list.iter().take(limit);
                    report.networks = first.map(|entry| AllowNetwork::new(entry, now)).collect();
                }
                report.file = Some(file.in_force());
            }
            Token::Invite(file) => {
                if let Some(list) = file.get() {
                    let view = |invitation: &Arc<Invitation>| AllowInvitation {
                        is_expired: invitation.is_expired(now),
                        invitation: Arc::clone(invitation),
                    };
                    report.invitations = list.iter().take(limit).map(view).collect();
                    (report.count, report.expired) = (list.len(), list.expired(now));
                }
                report.file = Some(file.in_force());
            }
            Token::PluginCfg(nodes) => {
                let (first, count) = nodes.first(limit);
                let first = first.into_iter().map(|entry| AllowNetwork::new(entry, now));
                (report.networks, report.count) = (first.collect(), count);
                report.file = Some(nodes.file().in_force());
                report.unresolved = nodes.unknown_names();
                report.warnings = nodes.odd().iter().take(limit).cloned().collect();
            }
            Token::Env(_) | Token::Expr(..) | Token::Path(_) => {}
        }
        report.count = report.count.max(report.networks.len());
        report
    }
}
