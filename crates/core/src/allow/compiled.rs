//! The `MaintenanceAllow` lines of one scope, compiled for requests.

use std::ffi::CString;
use std::sync::Arc;

use super::entry::Entry;
use super::invitations::Invitations;
use super::nodes::NodeFile;
use super::path::ExemptPath;
use super::token::Token;
use crate::context::Expr;
use crate::file::watched::{self, FileEvent, Watched};
use crate::flag::Observer;
use crate::net::hosts::Resolved;
use crate::net::network;
use crate::net::networks::Networks;
use crate::shared::slot::Slot;
use crate::shared::table::Key;

/// The lines of one scope, by the kinds of their entries.
pub struct ScopeList {
    pub(super) networks: Networks,
    /// What most lists do not have, apart, so that a list of addresses alone is small.
    rest: Option<Box<Rest>>,
    /// The entries from which the other fields are compiled.
    pub(super) entries: Arc<Vec<Entry>>,
}

/// The other kinds of entries.
#[derive(Default)]
pub(super) struct Rest {
    /// The numbers are indexes into `names`.
    pub(super) hosts: Networks,
    pub(super) names: Vec<String>,
    pub(super) files: Vec<Arc<Watched<Networks>>>,
    pub(super) nodes: Vec<Arc<NodeFile>>,
    pub(super) invitations: Vec<Arc<Watched<Invitations>>>,
    pub(super) env: Vec<CString>,
    pub(super) exprs: Vec<(Arc<str>, Expr)>,
    pub(super) paths: Vec<ExemptPath>,
}

impl ScopeList {
    /// Compiles these entries. `slot` returns the slot of a file.
    pub(super) fn new(
        entries: &Arc<Vec<Entry>>,
        resolved: &Resolved,
        slot: impl Fn(Key) -> Option<&'static Slot>,
    ) -> Self {
        let (mut networks, mut hosts, mut rest) = (vec![], vec![], Rest::default());
        for Entry { token, .. } in entries.iter() {
            match token {
                Token::Network(network) => networks.push((*network, 0)),
                Token::Host(name) => {
                    let origin = u32::try_from(rest.names.len()).unwrap_or(u32::MAX);
                    rest.names.push(name.clone());
                    let addresses = resolved.get(name).into_iter().flatten();
                    hosts.extend(addresses.map(|address| (network::of_address(*address), origin)));
                }
                Token::File(file) => {
                    if let Some(slot) = slot(watched::key(file.path())) {
                        file.report_through(slot);
                    }
                    rest.files.push(Arc::clone(file));
                }
                Token::PluginCfg(nodes) => {
                    nodes.learn(resolved);
                    if let Some(slot) = slot(watched::key(nodes.file().path())) {
                        nodes.file().report_through(slot);
                    }
                    rest.nodes.push(Arc::clone(nodes));
                }
                Token::Invite(file) => {
                    if let Some(slot) = slot(watched::key(file.path())) {
                        file.report_through(slot);
                    }
                    rest.invitations.push(Arc::clone(file));
                }
                Token::Env(name) => rest.env.push(name.clone()),
                Token::Expr(text, expr) => rest.exprs.push((Arc::clone(text), *expr)),
                Token::Path(path) => rest.paths.push(path.clone()),
            }
        }
        let has_rest = networks.len() < entries.len();
        rest.hosts = hosts.into_iter().collect();
        Self {
            networks: networks.into_iter().collect(),
            rest: has_rest.then(|| Box::new(rest)),
            entries: Arc::clone(entries),
        }
    }

    /// The entries that are neither addresses nor networks.
    pub(super) fn rest(&self) -> Option<&Rest> {
        self.rest.as_deref()
    }

    /// Whether the entries name files.
    pub fn has_files(&self) -> bool {
        let has = |rest: &Rest| {
            !(rest.files.is_empty() && rest.nodes.is_empty() && rest.invitations.is_empty())
        };
        self.rest().is_some_and(has)
    }

    /// Reports which files could not be used at a restart.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        if let Some(Rest { invitations, files, nodes, .. }) = self.rest() {
            invitations.iter().for_each(|file| file.tell_start(report));
            files.iter().for_each(|file| file.tell_start(report));
            nodes.iter().for_each(|nodes| nodes.tell_start(report));
        }
    }

    /// Rereads files that have changed. With `check`, also tests whether this process may read the
    /// files.
    pub fn refresh(&self, observer: Observer, check: bool, report: &mut dyn FnMut(FileEvent<'_>)) {
        let Some(Rest { files, invitations, nodes, .. }) = self.rest() else { return };
        for file in files {
            if check {
                file.check(report);
            }
            file.refresh(report);
        }
        for file in invitations {
            if check {
                file.check(report);
            }
            file.refresh(report);
        }
        for nodes in nodes {
            if check {
                nodes.file().check(report);
            }
            nodes.refresh(observer, report);
        }
    }
}
