//! The allowlist of a scope, compiled for requests.

use std::ffi::CString;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::admission::{Admission, ClientRequest};
use super::entry::Entry;
use super::invitations::{Invitation, Invitations};
use super::nodes::NodeFile;
use super::path::ExemptPath;
use crate::context::Expr;
use crate::file::watched::{FileEvent, Watched};
use crate::flag::Observer;
use crate::net::networks::Networks;

/// A compiled allowlist.
#[derive(Default)]
pub struct Allowlist {
    pub(super) networks: Networks,
    /// The numbers are indexes into `names`.
    pub(super) hosts: Networks,
    pub(super) names: Vec<String>,
    pub(super) files: Vec<Arc<Watched<Networks>>>,
    pub(super) nodes: Vec<Arc<NodeFile>>,
    pub(super) invitations: Vec<Arc<Watched<Invitations>>>,
    pub(super) env: Vec<CString>,
    pub(super) exprs: Vec<(Arc<str>, Expr)>,
    pub(super) paths: Vec<ExemptPath>,
    /// The entries from which the other fields are compiled.
    pub(super) entries: Vec<Entry>,
}

impl Allowlist {
    /// Why the request passes; None if it does not. Rereads files that have changed, and reports
    /// that to `report`.
    pub fn admit(
        &self,
        request: &impl ClientRequest,
        report: &mut dyn FnMut(FileEvent<'_>),
    ) -> Option<Admission<'_>> {
        if self.entries.is_empty() {
            return None;
        }
        request
            .address()
            .and_then(|address| self.admit_address(address, request, report))
            .or_else(|| {
                self.env.iter().find(|name| request.has_env(name)).map(|n| Admission::Env(n))
            })
            .or_else(|| {
                let path = self.paths.iter().find(|path| path.covers(request.target()))?;
                let is_exempt = |path: &[u8]| self.paths.iter().any(|it| it.covers_path(path));
                let stays = is_exempt(request.current_path())
                    && request.rewritten_path().is_none_or(is_exempt);
                stays.then(|| Admission::Path(path.as_str()))
            })
            .or_else(|| {
                let cookie = self.has_invitations().then(|| request.invite_cookie())??;
                let (_, invitation) = self.invitation(cookie.secrets(), request, report)?;
                Some(Admission::Invite(invitation))
            })
            .or_else(|| {
                let (text, _) = self.exprs.iter().find(|(_, expr)| request.satisfies(*expr))?;
                Some(Admission::Expr(text))
            })
    }

    /// Whether the list has invitations.
    pub fn has_invitations(&self) -> bool {
        !self.invitations.is_empty()
    }

    /// The first of these secrets with an invitation that admits the request, by its number, and
    /// the invitation.
    pub fn invitation<'s>(
        &self,
        sent: impl Iterator<Item = &'s [u8]>,
        request: &impl ClientRequest,
        report: &mut dyn FnMut(FileEvent<'_>),
    ) -> Option<(usize, Arc<Invitation>)> {
        for file in &self.invitations {
            file.refresh(report);
        }
        sent.enumerate().find_map(|(number, secret)| {
            let lists = self.invitations.iter().filter_map(|file| file.get());
            let mut found = lists.filter_map(|list| list.find(secret));
            Some((number, found.find(|invitation| admits(invitation, request))?))
        })
    }

    /// Reports which files could not be used at a restart.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        self.invitations.iter().for_each(|file| file.tell_start(report));
        self.files.iter().for_each(|file| file.tell_start(report));
        self.nodes.iter().for_each(|nodes| nodes.tell_start(report));
    }

    /// Rereads files that have changed. With `check`, also tests whether this process may read the
    /// files.
    pub fn refresh(&self, observer: Observer, check: bool, report: &mut dyn FnMut(FileEvent<'_>)) {
        for file in &self.files {
            if check {
                file.check(report);
            }
            file.refresh(report);
        }
        for file in &self.invitations {
            if check {
                file.check(report);
            }
            file.refresh(report);
        }
        for nodes in &self.nodes {
            if check {
                nodes.file().check(report);
            }
            nodes.refresh(observer, report);
        }
    }

    /// The number of entries that have expired at `now`.
    pub fn expired(&self, now: Timestamp) -> usize {
        let lists = self.files.iter().filter_map(|file| file.get());
        let invitations = self.invitations.iter().filter_map(|file| file.get());
        let invitations = invitations.map(|list| list.expired(now)).sum::<usize>();
        invitations + lists.map(|list| list.expired(now)).sum::<usize>()
    }

    /// The first `limit` invitations of each file.
    pub fn first_invitations(&self, limit: usize) -> Vec<Arc<Invitation>> {
        let lists = self.invitations.iter().filter_map(|file| file.get());
        let first = |list: Arc<Invitations>| list.iter().take(limit).cloned().collect::<Vec<_>>();
        lists.flat_map(first).collect()
    }

    /// The names of the environment variables that admit a request.
    pub fn variables(&self) -> &[CString] {
        &self.env
    }

    fn admit_address(
        &self,
        address: IpAddr,
        request: &impl ClientRequest,
        report: &mut dyn FnMut(FileEvent<'_>),
    ) -> Option<Admission<'_>> {
        let now = || request.judged_at();
        if let Some((network, _)) = self.networks.find(address, now) {
            return Some(Admission::Address(network));
        }
        if let Some((network, origin)) = self.hosts.find(address, now) {
            let name = usize::try_from(origin).ok().and_then(|index| self.names.get(index));
            return Some(Admission::Host(name.map_or("", String::as_str), network));
        }
        for file in &self.files {
            file.refresh(report);
            if let Some((network, line)) = file.get().and_then(|list| list.find(address, now)) {
                return Some(Admission::File(file.path(), line, network));
            }
        }
        self.nodes.iter().find_map(|nodes| {
            nodes.refresh(Observer::Child, report);
            let (network, line) = nodes.find(address)?;
            Some(Admission::PluginCfg(nodes.file().path(), line, network))
        })
    }
}

/// Whether the invitation admits this request. The rules for its path are those of `path=`.
fn admits(invitation: &Invitation, request: &impl ClientRequest) -> bool {
    let covers = |path: &ExemptPath| {
        path.covers(request.target())
            && path.covers_path(request.current_path())
            && request.rewritten_path().is_none_or(|rewritten| path.covers_path(rewritten))
    };
    // The clock is read only where it matters.
    let is_expired = invitation.until.is_some() && invitation.is_expired(request.judged_at());
    !is_expired && invitation.path.as_ref().is_none_or(covers)
}
