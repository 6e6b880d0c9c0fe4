//! What is still running, and where: the requests that one waits for.

use std::cmp::Reverse;

use serde::Serialize;

use super::facts::BusyWorker;
use super::flight::Flight;
use super::judged::Scope;
use crate::stats::in_flight::Running;
use crate::stats::{Lasting, ScopeId, Stats};
use crate::text;

/// The maximum number of requests listed.
const LISTED: usize = 10;

/// A running request.
#[derive(Debug, Serialize)]
pub(super) struct RunningView {
    /// The path without the query; None if httpd's scoreboard does not have it.
    pub(super) path: Option<String>,
    pub(super) kind: Option<Lasting>,
    /// In seconds.
    age: u64,
    pub(super) from_before_closing: bool,
    /// None for a scope that a restart has removed.
    server: Option<String>,
    location: Option<String>,
}

/// The requests from before the closing, and otherwise all, of the scopes for which `is_wanted`
/// returns true; the oldest first, a few.
pub(super) fn oldest(
    flight: &Flight,
    is_wanted: impl Fn(ScopeId) -> bool,
    workers: &[BusyWorker],
    scopes: &[Scope<'_>],
) -> Vec<RunningView> {
    let wanted = flight.running.iter().filter(|(_, running)| is_wanted(running.scope));
    let mut all: Vec<_> = wanted.collect();
    all.sort_by_key(|(_, running)| (Reverse(flight.is_from_before(running)), running.began));
    let view = |(line, running): &(usize, Running)| {
        let scope = scopes.iter().find(|scope| scope.facts.number == Some(running.scope));
        let scope = scope.map(|scope| &scope.facts);
        RunningView {
            path: worker_of(running, *line, workers).and_then(|worker| path(&worker.request)),
            kind: running.lasting,
            age: flight.age(running),
            from_before_closing: flight.is_from_before(running),
            server: scope.map(|scope| scope.server.clone()),
            location: scope.and_then(|scope| scope.location.clone()),
        }
    };
    all.into_iter().take(LISTED).map(view).collect()
}

/// The worker that serves a request. Others of the process can have the same line; then the worker
/// that began at about that time is taken.
fn worker_of<'w>(
    running: &Running,
    line: usize,
    workers: &'w [BusyWorker],
) -> Option<&'w BusyWorker> {
    let is_possible = |busy: &&BusyWorker| {
        busy.worker.process == running.process && Stats::line_of(busy.worker) == line
    };
    let distance =
        |busy: &&BusyWorker| (busy.began.as_microsecond() - running.began.as_microsecond()).abs();
    workers.iter().filter(is_possible).min_by_key(distance)
}

/// The path in the beginning of a request line, with a mark if the path is cut.
fn path(request: &[u8]) -> Option<String> {
    let mut words = request.split(|byte| *byte == b' ');
    let (target, is_cut) = (words.nth(1)?, words.next().is_none());
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let is_cut = is_cut && path.len() == target.len();
    if !path.starts_with(b"/") {
        return None;
    }
    let shown = String::from_utf8_lossy(path);
    Some(format!("{}{}", text::shown(&shown), if is_cut { "…" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (request, expected) in [
            ("GET /events?token=secret HTTP/1.1", Some("/events")),
            ("GET /events?token=sec", Some("/events")),
            ("GET / HTTP/1.1", Some("/")),
            ("GET /a/very/long/pa", Some("/a/very/long/pa…")),
            ("GET http://x/y HTTP/1.1", None),
            ("OPTIONS * HTTP/1.1", None),
            ("/the/end/of/it HTTP/1.1", None),
            ("GET", None),
            ("", None),
        ] {
            assert_eq!(path(request.as_bytes()).as_deref(), expected, "{request}");
        }
        assert_eq!(path(b"GET /\xff\x1b HTTP/1.1").as_deref(), Some("/\u{fffd}\\u{1b}"));
    }
}
