//! A fake server and fake requests, for tests without httpd.

use std::cell::RefCell;
use std::ffi::CStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::decision::{Decision, PathId};
use super::gate::{Gate, ServerContext, Slots};
use super::gates::Gates;
use super::gates::tests::{In, section, settings};
use super::link::Link;
use super::matched::MatchedSections;
use super::request::Request;
use super::server::{Counters, Server};
use crate::allow::invitations::cookie::InviteCookie;
use crate::allow::{Admission, ClientRequest};
use crate::context::Expr;
use crate::events::EventSink;
use crate::flag::{self, Flag};
use crate::page::ServerName;
use crate::refusal::reply::Reply;
use crate::refusal::{Answer, RequestHeaders};
use crate::shared::slot::new_state_table;
use crate::shared::table::Key;
use crate::stats::tests::new_stats;
use crate::stats::{TrackedRequest, Worker};

/// A server with a folder for its files.
pub(super) struct FakeServer<E> {
    pub(super) folder: tempfile::TempDir,
    pub(super) gates: Gates,
    pub(super) counters: Counters,
    pub(super) flags: Vec<Arc<Flag<'static>>>,
    pub(super) events: E,
}

impl<E> FakeServer<E> {
    /// A server with these directives, and with sections that have these directives, numbered from
    /// 1. A `$` stands for the folder. Each flag must be named explicitly.
    pub(super) fn new(
        folder: tempfile::TempDir,
        lines: &str,
        sections: &[&str],
        events: E,
    ) -> Self {
        let complete = |lines: &str| lines.replace('$', &folder.path().display().to_string());
        let settings = settings(&complete(lines));
        let sections = sections.iter().map(|lines| section(&complete(lines)));
        let sections: super::gates::Sections = (1..).zip(sections).collect();
        let all = || std::iter::once(&settings).chain(of_sections(&sections));

        let keys: Vec<_> = all().flat_map(|settings| settings.keys()).collect();
        let table = Box::leak(new_state_table()).claim(&keys).expect("slots");
        let slots: Slots = keys.iter().copied().zip(table).collect();
        let new_flag = |(number, path): (usize, &Arc<Path>)| {
            let slot = slots[&flag::key(path)];
            let flag = Flag::new(Arc::clone(path), slot, Duration::ZERO, TimeZone::UTC);
            Arc::new(flag.numbered(number))
        };
        let paths = all().flat_map(|settings| settings.own_flags());
        let flags: Vec<_> = paths.enumerate().map(new_flag).collect();
        let context = ServerContext {
            server_root: folder.path().into(),
            slots,
            resolved: Default::default(),
            flags: flags.iter().cloned().collect(),
            refusals: Default::default(),
            notices: Default::default(),
            combinations: Default::default(),
            nobody: Default::default(),
        };
        let gates = Gates::new(&settings, &sections, &Arc::new(context)).expect("all flags");

        let stats = new_stats();
        let names: Vec<_> = (0..=sections.iter().count()).map(Key::of).collect();
        let scopes = stats.claim(&names, Timestamp::now());
        let counters = Counters {
            stats,
            own: scopes[0],
            sections: (1..).zip(scopes[1..].iter().copied()).collect(),
            generation: stats.generation(),
        };
        Self { folder, gates, counters, flags, events }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn of_sections(
    sections: &super::gates::Sections,
) -> impl Iterator<Item = &crate::directive::Settings> {
    sections.iter().map(|(_, section)| &section.settings)
}

impl<E: EventSink> EventSink for &E {
    fn flag(&self, event: flag::FlagEvent<'_>) {
        E::flag(self, event);
    }
    fn file(&self, event: crate::file::watched::FileEvent<'_>) {
        E::file(self, event);
    }
    fn rendered(&self, page: Option<&std::path::Path>, media: &str) {
        E::rendered(self, page, media);
    }
}

/// What panics during a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Panics {
    Never,
    /// Only the decision.
    Once,
    /// Everything that needs the server.
    Always,
}

/// A client request, unless its fields say otherwise.
pub(super) struct FakeRequest<'r, E> {
    pub(super) server: Option<&'r FakeServer<E>>,
    pub(super) client: u8,
    pub(super) path: &'static str,
    /// The query, with which a link can come.
    pub(super) query: Option<&'static str>,
    /// The field Cookie with an invitation.
    pub(super) cookie: Option<&'static str>,
    pub(super) path_id: usize,
    pub(super) is_get: bool,
    pub(super) method: &'static str,
    /// Further header fields.
    pub(super) headers: Vec<(&'static CStr, String)>,
    pub(super) is_subrequest: bool,
    pub(super) is_for_status_page: bool,
    /// The sections that httpd has found, for each reading of the path.
    pub(super) sections: Vec<Option<&'r In>>,
    /// The sections that httpd will find, until it has found them.
    pub(super) ahead: Option<Vec<Option<&'r In>>>,
    pub(super) origin: Option<Decision<'r>>,
    pub(super) main: Option<Decision<'r>>,
    pub(super) panics: Panics,
    pub(super) admissions: RefCell<Vec<String>>,
    pub(super) decision: Option<Decision<'r>>,
}

impl<'r, E> FakeRequest<'r, E> {
    /// A request from 10.0.0.`client`.
    pub(super) fn new(server: &'r FakeServer<E>, client: u8, path: &'static str) -> Self {
        Self {
            server: Some(server),
            client,
            path,
            query: None,
            cookie: None,
            path_id: 1,
            is_get: true,
            method: "GET",
            headers: vec![],
            is_subrequest: false,
            is_for_status_page: false,
            sections: vec![None],
            ahead: None,
            origin: None,
            main: None,
            panics: Panics::Never,
            admissions: RefCell::default(),
            decision: None,
        }
    }

    /// A subrequest for a part of this request's answer.
    pub(super) fn subrequest(&self, path: &'static str) -> Self {
        let server = self.server.expect("a server");
        let (is_subrequest, origin, main) = (true, self.decision, self.decision);
        let sections = self.sections.clone();
        Self { is_subrequest, origin, main, sections, ..Self::new(server, self.client, path) }
    }

    /// The target of an internal redirect of this request.
    pub(super) fn redirected(&self, path: &'static str) -> Self {
        let server = self.server.expect("a server");
        let (sections, origin) = (self.sections.clone(), self.decision);
        Self { sections, origin, path_id: 2, ..Self::new(server, self.client, path) }
    }

    /// The answer has been sent.
    pub(super) fn end(&self) {
        self.decision.and_then(|decision| decision.tracked).inspect(|tracked| tracked.end());
    }
}

impl<E> ClientRequest for FakeRequest<'_, E> {
    fn address(&self) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, self.client]))
    }
    fn has_env(&self, _: &CStr) -> bool {
        false
    }
    fn satisfies(&self, _: Expr) -> bool {
        false
    }
    fn header(&self, name: &CStr) -> Option<&[u8]> {
        if let Some((_, value)) = self.headers.iter().find(|(own, _)| *own == name) {
            return Some(value.as_bytes());
        }
        match name.to_bytes() {
            b"Accept" if self.client.is_multiple_of(2) => Some(b"text/plain"),
            b"Accept" => Some(b"text/html"),
            b"User-Agent" => Some(b"test"),
            _ => None,
        }
    }
    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }
    fn target(&self) -> &[u8] {
        self.path.as_bytes()
    }
    fn request_time_micros(&self) -> i64 {
        Timestamp::now().as_microsecond()
    }
    fn is_for_status_page(&self) -> bool {
        self.is_for_status_page
    }
    fn invite_cookie(&self) -> Option<InviteCookie<'_>> {
        InviteCookie::find(self.cookie?.as_bytes())
    }
}

impl<E> RequestHeaders for FakeRequest<'_, E> {
    fn is_secure(&self) -> bool {
        false
    }
    fn host(&self) -> &ServerName {
        ServerName::none()
    }
}

impl<'r, E: EventSink> Request<'r> for FakeRequest<'r, E> {
    type Section = In;
    type Events = &'r E;

    fn server(&self) -> Option<Server<'r, &'r E>> {
        assert!(self.panics != Panics::Always || self.decision.is_none(), "provoked again");
        let FakeServer { gates, counters, events, .. } = self.server?;
        Some(Server { gates, counters, events })
    }
    fn is_subrequest(&self) -> bool {
        self.is_subrequest
    }
    fn is_get_or_head(&self) -> bool {
        ["GET", "HEAD"].contains(&self.method)
    }
    fn is_from_client(&self) -> bool {
        !self.is_subrequest && self.origin.is_none()
    }
    fn take_invitations(&mut self) -> Option<Link> {
        let link = Link::take(self.query?.as_bytes(), true)?;
        self.query = None;
        Some(link)
    }
    fn is_get_or_post(&self) -> bool {
        self.is_get
    }
    fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }
    fn path_id(&self) -> PathId {
        PathId(self.path_id)
    }
    fn worker(&self, generation: u8) -> Worker {
        let process = std::process::id().cast_signed();
        Worker { process, connection: self.client.into(), generation }
    }

    fn is_location_walked(&self) -> bool {
        self.ahead.is_none()
    }
    fn section(&self) -> Option<&'r In> {
        if self.is_location_walked() { self.sections[0] } else { None }
    }
    fn sections(&mut self) -> MatchedSections<'r, In> {
        MatchedSections::new(self.section(), self.sections[1..].into())
    }
    fn sections_ahead(&mut self) -> MatchedSections<'r, In> {
        let ahead = self.ahead.as_ref().expect("not found yet");
        MatchedSections::new(ahead[0], ahead[1..].into())
    }
    fn keep_gate(&self, gate: Gate) -> &'r Gate {
        Box::leak(Box::new(gate))
    }
    fn keep_answer(&self, answer: Answer<'r>) -> &'r Answer<'r> {
        Box::leak(Box::new(answer))
    }

    fn keep_reply(&self, reply: Reply) -> &'r Reply {
        Box::leak(Box::new(reply))
    }

    fn decision(&self) -> Option<&Decision<'r>> {
        self.decision.as_ref()
    }
    fn decision_mut(&mut self) -> Option<&mut Decision<'r>> {
        self.decision.as_mut()
    }
    fn origin_decision(&self) -> Option<Decision<'r>> {
        self.origin
    }
    fn main_decision(&self) -> Option<Decision<'r>> {
        self.main
    }
    fn keep(&mut self, decision: Decision<'r>) {
        self.decision = Some(decision);
    }
    fn track(&mut self, tracked: TrackedRequest<'static>) -> &'r TrackedRequest<'static> {
        let tracked = Box::leak(Box::new(tracked));
        let undecided = Decision::undecided(self.path_id());
        self.decision = Some(Decision { tracked: Some(tracked), ..undecided });
        tracked
    }

    fn announce(&mut self, _: &CStr) {}
    fn log_admission(&self, admission: &Admission<'_>) {
        self.admissions.borrow_mut().push(admission.to_string());
    }
    fn provoke(&self) {
        assert!(self.panics == Panics::Never, "provoked");
    }
}
