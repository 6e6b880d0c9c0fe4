//! The allowlist of a scope, compiled for requests.

use std::ffi::{CStr, CString};
use std::iter;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use jiff::Timestamp;

use super::admission::{Admission, ClientRequest};
use super::compiled::{Rest, ScopeList};
use super::invitations::{Invitation, Invitations};
use super::path::ExemptPath;
use crate::file::watched::FileEvent;
use crate::flag::Observer;
use crate::net::networks::Networks;

/// A compiled allowlist: the lists of the scopes whose rules apply, the outermost first. Scopes share
/// them.
#[derive(Default)]
pub struct Allowlist(Box<[Arc<ScopeList>]>);

impl FromIterator<Arc<ScopeList>> for Allowlist {
    fn from_iter<I: IntoIterator<Item = Arc<ScopeList>>>(lists: I) -> Self {
        Self(lists.into_iter().collect())
    }
}

impl Allowlist {
    /// Why the request passes; None if it does not. Rereads files that have changed, and reports
    /// that to `report`.
    pub fn admit(
        &self,
        request: &impl ClientRequest,
        report: &mut dyn FnMut(FileEvent<'_>),
    ) -> Option<Admission<'_>> {
        if self.0.is_empty() {
            return None;
        }
        let admission = request.address().and_then(|address| self.admit_network(address, request));
        if admission.is_some() || self.rests().next().is_none() {
            return admission;
        }
        request
            .address()
            .and_then(|address| self.admit_address(address, request, report))
            .or_else(|| {
                let mut env = self.rests().flat_map(|rest| &rest.env);
                env.find(|name| request.has_env(name)).map(|name| Admission::Env(name))
            })
            .or_else(|| {
                let mut paths = self.rests().flat_map(|rest| &rest.paths);
                let path = paths.find(|path| path.covers(request.target()))?;
                let is_exempt = |path: &[u8]| {
                    self.rests().flat_map(|rest| &rest.paths).any(|it| it.covers_path(path))
                };
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
                let mut exprs = self.rests().flat_map(|rest| &rest.exprs);
                let (text, _) = exprs.find(|(_, expr)| request.satisfies(*expr))?;
                Some(Admission::Expr(text))
            })
    }

    /// The lists of the scopes, the outermost first.
    pub fn lists(&self) -> &[Arc<ScopeList>] {
        &self.0
    }

    fn rests(&self) -> impl Iterator<Item = &Rest> {
        self.0.iter().filter_map(|list| list.rest())
    }

    /// Whether the list has invitations.
    pub fn has_invitations(&self) -> bool {
        self.rests().any(|rest| !rest.invitations.is_empty())
    }

    /// The first of these secrets with an invitation that admits the request, by its number, and
    /// the invitation.
    pub fn invitation<'s>(
        &self,
        sent: impl Iterator<Item = &'s [u8]>,
        request: &impl ClientRequest,
        report: &mut dyn FnMut(FileEvent<'_>),
    ) -> Option<(usize, Arc<Invitation>)> {
        for file in self.rests().flat_map(|rest| &rest.invitations) {
            file.refresh(report);
        }
        sent.enumerate().find_map(|(number, secret)| {
            let files = self.rests().flat_map(|rest| &rest.invitations);
            let lists = files.filter_map(|file| file.get());
            let mut found = lists.filter_map(|list| list.find(secret));
            Some((number, found.find(|invitation| admits(invitation, request))?))
        })
    }

    /// The number of entries that have expired at `now`.
    pub fn expired(&self, now: Timestamp) -> usize {
        let files = self.rests().flat_map(|rest| &rest.files);
        let lists = files.filter_map(|file| file.get());
        let invitations = self.rests().flat_map(|rest| &rest.invitations);
        let invitations = invitations.filter_map(|file| file.get());
        let invitations = invitations.map(|list| list.expired(now)).sum::<usize>();
        invitations + lists.map(|list| list.expired(now)).sum::<usize>()
    }

    /// Whether the last version of a file cannot be used.
    pub fn has_problem(&self) -> bool {
        self.rests().any(|rest| {
            rest.files.iter().any(|file| file.has_problem())
                || rest.nodes.iter().any(|nodes| nodes.file().has_problem())
                || rest.invitations.iter().any(|file| file.has_problem())
        })
    }

    /// The first `limit` invitations of each file.
    pub fn first_invitations(&self, limit: usize) -> Vec<Arc<Invitation>> {
        let files = self.rests().flat_map(|rest| &rest.invitations);
        let lists = files.filter_map(|file| file.get());
        let first = |list: Arc<Invitations>| list.iter().take(limit).cloned().collect::<Vec<_>>();
        lists.flat_map(first).collect()
    }

    /// The names of the environment variables that admit a request.
    pub fn variables(&self) -> impl Iterator<Item = &CStr> {
        self.rests().flat_map(|rest| &rest.env).map(CString::as_c_str)
    }

    fn admit_network(
        &self,
        address: IpAddr,
        request: &impl ClientRequest,
    ) -> Option<Admission<'_>> {
        let networks = self.0.iter().map(|list| &list.networks);
        let (network, _, ()) = narrowest(networks.zip(iter::repeat(())), address, request)?;
        Some(Admission::Address(network))
    }

    fn admit_address(
        &self,
        address: IpAddr,
        request: &impl ClientRequest,
        report: &mut dyn FnMut(FileEvent<'_>),
    ) -> Option<Admission<'_>> {
        let hosts = self.rests().map(|rest| (&rest.hosts, &rest.names));
        if let Some((network, origin, names)) = narrowest(hosts, address, request) {
            let name = usize::try_from(origin).ok().and_then(|index| names.get(index));
            return Some(Admission::Host(name.map_or("", String::as_str), network));
        }
        for file in self.rests().flat_map(|rest| &rest.files) {
            file.refresh(report);
            let found = |list: Arc<Networks>| list.find(address, || request.judged_at());
            if let Some((network, line)) = file.get().and_then(found) {
                return Some(Admission::File(file.path(), line, network));
            }
        }
        self.rests().flat_map(|rest| &rest.nodes).find_map(|nodes| {
            nodes.refresh(Observer::Child, report);
            let (network, line) = nodes.find(address)?;
            Some(Admission::PluginCfg(nodes.file().path(), line, network))
        })
    }
}

/// The narrowest network with the address in several sets, and the first of equally narrow ones.
fn narrowest<'a, T>(
    sets: impl Iterator<Item = (&'a Networks, T)>,
    address: IpAddr,
    request: &impl ClientRequest,
) -> Option<(IpNet, u32, T)> {
    let mut narrowest: Option<(IpNet, u32, T)> = None;
    for (networks, of) in sets {
        if let Some((network, origin)) = networks.find(address, || request.judged_at())
            && narrowest.as_ref().is_none_or(|(it, ..)| it.prefix_len() < network.prefix_len())
        {
            narrowest = Some((network, origin, of));
        }
    }
    narrowest
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
