//! The request as the engine handles it.

use std::ffi::{CStr, c_int};

use super::Request;
use crate::events::Events;
use crate::location::Section;
use crate::server::config;
use crate::sys::bindings::{M_GET, M_POST, maintenance_log_debug, maintenance_logs_debug};
use crate::sys::config_vector::config_slot;
use crate::sys::process;
use maintenance_core::allow::Admission;
use maintenance_core::engine;
use maintenance_core::engine::decision::{Decision, PathId};
use maintenance_core::engine::gate::Gate;
use maintenance_core::engine::link::Link;
use maintenance_core::engine::matched::MatchedSections;
use maintenance_core::engine::server::Server;
use maintenance_core::refusal::Answer;
use maintenance_core::refusal::reply::Reply;
use maintenance_core::stats::{TrackedRequest, Worker};
use maintenance_core::text;

// What the SAFETY comments here rest on is said at `Request`.
impl<'r> engine::request::Request<'r> for Request<'r> {
    type Section = Section<'r>;
    type Events = Events;

    #[inline(always)]
    fn server(&self) -> Option<Server<'r, Events>> {
        let config = config(self.server_rec()?)?;
        let (gates, counters) = (config.gates()?, config.counters()?);
        Some(Server { gates, counters, events: Events })
    }

    fn is_subrequest(&self) -> bool {
        !self.rec().main.is_null()
    }

    /// httpd has one number for both (`ap_method_number_of`).
    #[inline(always)]
    fn is_get_or_head(&self) -> bool {
        self.rec().method_number == M_GET as c_int
    }
    fn is_from_client(&self) -> bool {
        self.is_from_client()
    }

    #[inline(always)]
    fn take_invitations(&mut self) -> Option<Link> {
        self.take_invitations()
    }

    fn is_get_or_post(&self) -> bool {
        [M_GET as c_int, M_POST as c_int].contains(&self.rec().method_number)
    }

    /// The path without the scheme and authority of a forward proxy's request, which may contain a
    /// password.
    fn path(&self) -> &[u8] {
        let path = self.rec().parsed_uri.path;
        // SAFETY: null or a C string from the request's pool.
        if path.is_null() { b"" } else { unsafe { CStr::from_ptr(path) }.to_bytes() }
    }

    fn path_id(&self) -> PathId {
        PathId(self.rec().uri.addr())
    }

    fn worker(&self, generation: u8) -> Worker {
        // SAFETY: the connection lives as long as the request.
        let connection = unsafe { (*self.rec().connection).id } as u64;
        Worker { process: process::number(), connection, generation }
    }

    fn is_location_walked(&self) -> bool {
        let defaults = self.server_rec().map(|server| server.lookup_defaults);
        defaults.is_some_and(|defaults| self.rec().per_dir_config != defaults)
    }

    fn section(&self) -> Option<&'r Section<'r>> {
        // SAFETY: null or a result of `create_section` or `merge_sections` in `module`: from the
        // configuration's pool, from the request's pool, or from a child of that, which is cleared
        // together with it (the pool of the request that `ap_internal_fast_redirect` merged into
        // this one).
        unsafe { config_slot(self.rec().per_dir_config).cast::<Section<'r>>().as_ref() }
    }

    fn sections(&mut self) -> MatchedSections<'r, Section<'r>> {
        Request::sections(self)
    }

    fn sections_ahead(&mut self) -> MatchedSections<'r, Section<'r>> {
        Request::sections_ahead(self)
    }

    fn keep_gate(&self, gate: Gate) -> &'r Gate {
        self.own(gate)
    }

    fn keep_answer(&self, answer: Answer<'r>) -> &'r Answer<'r> {
        self.own(answer)
    }

    fn keep_reply(&self, reply: Reply) -> &'r Reply {
        self.own(reply)
    }

    #[inline(always)]
    fn decision(&self) -> Option<&Decision<'r>> {
        // SAFETY: the slot is null or holds a value stored by `set_slot` that lives as long as the
        // request.
        unsafe { self.slot().as_ref().map(|kept| &kept.decision) }
    }

    fn decision_mut(&mut self) -> Option<&mut Decision<'r>> {
        // SAFETY: as above, and only this thread uses the request.
        unsafe { self.slot().as_mut().map(|kept| &mut kept.decision) }
    }

    fn origin_decision(&self) -> Option<Decision<'r>> {
        let before = self.rec().prev;
        self.decision_of(if before.is_null() { self.rec().main } else { before })
    }

    fn main_decision(&self) -> Option<Decision<'r>> {
        self.decision_of(self.rec().main)
    }

    #[inline(always)]
    fn keep(&mut self, decision: Decision<'r>) {
        self.set_decision(decision);
        if let Some(label) = decision.outcome.label() {
            self.tell(label);
            if decision.outcome.is_private() || decision.outcome.is_announced() {
                self.have_answer_marked();
            }
        }
    }

    #[inline(always)]
    fn track(&mut self, tracked: TrackedRequest<'static>) -> &'r TrackedRequest<'static> {
        Request::track(self, tracked)
    }

    fn announce(&mut self, field: &CStr) {
        self.set_announcement(field);
    }

    /// Written at LogLevel debug.
    fn log_admission(&self, admission: &Admission<'_>) {
        // SAFETY: the text is copied before the call returns.
        unsafe {
            if maintenance_logs_debug(self.rec) != 0 {
                let line = format!("allowed by {admission}");
                let line = format!("maintenance: {}", text::shown(&line));
                maintenance_log_debug(self.rec, line.as_ptr().cast(), line.len());
            }
        }
    }

    #[cfg(any(feature = "provoke-panic", feature = "provoke-defect"))]
    fn provoke(&self) {
        #[cfg(feature = "provoke-panic")]
        self.provoke_panic();
        #[cfg(feature = "provoke-defect")]
        crate::provoke::provoke(
            self.headers_in().get(c"X-Provoke-Defect").unwrap_or_default().to_bytes(),
        );
    }
}
