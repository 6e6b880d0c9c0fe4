//! What an allowlist admits, for the status handler.

use std::sync::Arc;

use ipnet::IpNet;

use super::admission::AllowKind;
use super::allowlist::Allowlist;
use super::entry::Entry;
use super::token::Token;
use crate::file::watched::InForce;

/// One entry of an allowlist, for the status handler.
#[derive(Clone, Debug)]
pub struct AllowEntry {
    /// The token as written: `host=node1.example.com`.
    pub word: Arc<str>,
    /// The kind of token.
    pub kind: AllowKind,
    /// File and line of the directive, if known.
    pub from: Option<Arc<str>>,
    /// The first networks and addresses that the entry currently admits, each with its line in the
    /// file.
    pub networks: Vec<(IpNet, Option<u32>)>,
    /// The total number of networks.
    pub count: usize,
    /// The version of the entry's file that is in force.
    pub file: Option<InForce>,
    /// Names that did not resolve.
    pub unresolved: Vec<String>,
    /// Elements of the entry's file that admit nobody.
    pub warnings: Vec<String>,
}

impl Allowlist {
    /// All entries, each with at most `limit` of the networks that it currently admits.
    pub fn report(&self, limit: usize) -> Vec<AllowEntry> {
        self.entries.iter().map(|entry| self.report_entry(entry, limit)).collect()
    }

    fn report_entry(&self, entry: &Entry, limit: usize) -> AllowEntry {
        let Entry { token, word, from } = entry;
        let mut report = AllowEntry {
            word: Arc::clone(word),
            kind: token.kind(),
            from: from.clone(),
            networks: vec![],
            count: 0,
            file: None,
            unresolved: vec![],
            warnings: vec![],
        };
        match token {
            Token::Network(network) => report.networks.push((*network, None)),
            Token::Host(name) => {
                let is_mine = |number: u32| {
                    let index = usize::try_from(number).ok();
                    index.and_then(|index| self.names.get(index)) == Some(name)
                };
                let found = self.hosts.iter().filter(|(_, number)| is_mine(*number));
                report.networks = found.map(|(network, _)| (network, None)).collect();
                report.unresolved.extend(report.networks.is_empty().then(|| name.clone()));
            }
            Token::File(file) => {
                if let Some(list) = file.get() {
                    report.count = list.len();
                    report.networks = list.first(limit);
                }
                report.file = Some(file.in_force());
            }
            Token::PluginCfg(nodes) => {
                (report.networks, report.count) = nodes.first(limit);
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
