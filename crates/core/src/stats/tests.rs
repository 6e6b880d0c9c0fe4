use std::collections::BTreeMap;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::in_flight::{Admitted, Among, ClosingFlags, Running};
use super::*;
use crate::allow::AllowKind;
use crate::shared::table::Key;

pub(crate) fn new_stats() -> &'static Stats {
    Box::leak(crate::shared::words::zeroed())
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time")
}

fn keys(names: &[&str]) -> Vec<Key> {
    names.iter().map(Key::of).collect()
}

fn here() -> Worker {
    Worker { process: std::process::id() as i32, connection: 7, generation: 1 }
}

fn arrival(worker: Worker, time: Timestamp) -> Arrival {
    Arrival { worker, time: time.as_microsecond(), is_safe: false }
}

fn admitted(was_open: bool) -> Admitted {
    Admitted { among: if was_open { Among::All } else { Among::Chosen }, is_safe: false }
}

fn at_scope(scope: ScopeId) -> ScopeRef {
    ScopeRef { scope, flags: 1 << scope.index() }
}

/// An admitted request.
fn tracked(
    stats: &'static Stats,
    worker: Worker,
    scope: ScopeId,
    reason: Reason,
    began: Timestamp,
) -> TrackedRequest<'static> {
    let tracked = TrackedRequest::new(stats, at_scope(scope), arrival(worker, began));
    tracked.let_in(at_scope(scope), reason);
    tracked
}

const OPEN: Reason = Reason::Open;
const ALLOWED: Reason = Reason::Allowed(AllowKind::File);

#[test]
fn each_request_counts_once() {
    let stats = new_stats();
    let [one, two] = stats.claim(&keys(&["one", "two"]), at(0))[..] else { panic!() };
    assert_eq!(stats.begun(), Some(at(0)));
    drop(tracked(stats, here(), one, OPEN, at(1)));
    let moved = tracked(stats, here(), one, OPEN, at(2));
    moved.let_in(at_scope(two), ALLOWED);
    let refused = tracked(stats, here(), one, OPEN, at(3));
    refused.forget();
    stats.refuse(here(), two, 503);
    let running = |was_open, scope, began| Running {
        process: here().process,
        scope,
        admitted: admitted(was_open),
        began: at(began),
        flags: at_scope(scope).flags,
        generation: 1,
        lasting: None,
    };
    assert_eq!(stats.running(), [running(false, two, 2)]);
    let other = tracked(stats, here(), one, OPEN, at(4));
    assert_eq!(stats.running(), [running(false, two, 2), running(true, one, 4)]);
    other.leave_flight();
    assert_eq!(stats.running(), [running(false, two, 2)]);
    drop((moved, refused, other));
    assert_eq!(stats.running(), []);
    let totals = stats.totals(one);
    assert_eq!((totals.open, totals.refused), (2, BTreeMap::new()));
    let totals = stats.totals(two);
    assert_eq!((totals.open, totals.allowed[&AllowKind::File]), (0, 1));
    assert_eq!(totals.refused, [(503, 1)].into());
}

/// Each scope has counters for some statuses, and one for all others.
#[test]
fn statuses() {
    let stats = new_stats();
    let scope = stats.claim(&keys(&["one"]), at(0))[0];
    for (status, times) in (500..510).zip(1..) {
        for connection in 0..times {
            stats.refuse(Worker { connection, ..here() }, scope, status);
        }
    }
    let totals = stats.totals(scope);
    let expected = (500..506).zip(1..).collect();
    assert_eq!((totals.refused, totals.refused_otherwise), (expected, 7 + 8 + 9 + 10));
}

/// Scopes that stay keep their counts. A scope that gets the place of another one does not inherit
/// its counts.
#[test]
fn restarts() {
    let stats = new_stats();
    let many: Vec<_> = (0..=scope::MAX_SCOPES).map(Key::of).collect();
    let ids = stats.claim(&many, at(0));
    assert_eq!(*ids.last().expect("one"), ScopeId::OTHERS, "there is no place for it");
    for id in &ids {
        stats.refuse(here(), *id, 500);
    }
    let new = stats.claim(&[&many[1..10], &keys(&["new"])].concat(), at(9));
    assert_eq!(stats.begun(), Some(at(0)));
    assert_eq!(new[..9], ids[1..10]);
    let refused = |id| stats.totals(id).refused.get(&500).copied();
    assert!(new[..9].iter().all(|id| refused(*id) == Some(1)));
    assert_eq!(refused(new[9]), None);
    assert_eq!(stats.totals(ScopeId::OTHERS).refused, [(500, 1)].into());
}

#[test]
fn the_dead_are_not_in_flight() {
    let stats = new_stats();
    let scope = stats.claim(&keys(&["one"]), at(0))[0];
    let mut child = Command::new("sleep").arg("60").spawn().expect("sleep");
    let process = i32::try_from(child.id()).expect("a number");
    let requests = [process, here().process, process]
        .map(|process| tracked(stats, Worker { process, ..here() }, scope, OPEN, at(1)));
    assert_eq!(stats.running().len(), 3);
    child.kill().expect("killed");
    child.wait().expect("dead");
    assert_eq!(stats.running().len(), 1, "those of the dead do not count");
    let again = tracked(stats, Worker { process, ..here() }, scope, OPEN, at(2));
    stats.forget(here().process);
    drop((requests, again));
    assert_eq!(stats.running(), [], "and what others have in their places stays theirs");
    assert_eq!(stats.totals(scope).open, 4);
}

/// Requests for which there is no room are admitted, and reported as untracked.
#[test]
fn too_many() {
    const ROOM: u64 = 4096 * 4;
    let stats = new_stats();
    let scope = stats.claim(&keys(&["one"]), at(0))[0];
    let new = |connection| tracked(stats, Worker { connection, ..here() }, scope, OPEN, at(1));
    let requests: Vec<_> = (0..ROOM).map(new).collect();
    let untracked = stats.untracked();
    assert_eq!(stats.running().len() as u64 + untracked, ROOM);
    assert!(untracked < ROOM / 100, "{untracked} without need");
    let more: Vec<_> = (0..ROOM).map(new).collect();
    assert!(stats.untracked() >= ROOM, "{}", stats.untracked());
    drop((requests, more));
    assert_eq!((stats.running(), stats.untracked()), (vec![], 0));
    assert_eq!(stats.totals(scope).open, 2 * ROOM);
}

/// Threads that share connections and scopes lose no counts.
#[test]
fn many_threads() {
    const ROUNDS: u64 = 20_000;
    let stats = new_stats();
    let ids = stats.claim(&keys(&["one", "two"]), at(0));
    thread::scope(|scope| {
        for thread in 0..4 {
            let ids = &ids;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let worker = Worker { connection: round % 3, ..here() };
                    let tracked = tracked(stats, worker, ids[0], OPEN, at(1));
                    if round % 2 == 0 {
                        tracked.let_in(at_scope(ids[1]), ALLOWED);
                    }
                    if round % 10 == thread {
                        stats.refuse(worker, ids[1], 500);
                    }
                }
            });
        }
    });
    let (one, two) = (stats.totals(ids[0]), stats.totals(ids[1]));
    assert_eq!((one.open, two.allowed[&AllowKind::File]), (2 * ROUNDS, 2 * ROUNDS));
    assert_eq!(two.refused, [(500, 4 * ROUNDS / 10)].into());
    assert_eq!((stats.running().len(), stats.untracked()), (0, 0));
}

/// A report waits for a request that is being decided, and counts it as admitted if that takes too
/// long.
#[test]
fn being_judged() {
    let stats = new_stats();
    let scope = stats.claim(&keys(&["one"]), at(0))[0];
    let new = || TrackedRequest::new(stats, at_scope(scope), arrival(here(), at(1)));
    let lasting = new();
    assert_eq!(
        stats.running().iter().map(|one| one.admitted).collect::<Vec<_>>(),
        [admitted(true)]
    );
    drop(lasting);
    for reason in [None, Some(OPEN), Some(ALLOWED)] {
        // On a busy machine, the thread can take longer than the report waits.
        let found = std::iter::repeat_with(|| {
            let (judging, judged) = std::sync::mpsc::channel();
            let begin = Instant::now();
            let found: Vec<_> = thread::scope(|threads| {
                threads.spawn(move || {
                    let arrival = new();
                    judging.send(()).expect("a reader");
                    thread::sleep(Duration::from_millis(20));
                    reason.into_iter().for_each(|reason| arrival.let_in(at_scope(scope), reason));
                    match reason {
                        None => drop(arrival),
                        Some(_) => std::mem::forget(arrival),
                    }
                });
                judged.recv().expect("a request");
                stats.running().iter().map(|running| running.admitted).collect()
            });
            stats.forget(here().process);
            (begin.elapsed() < Duration::from_millis(90)).then_some(found)
        });
        let found = found.flatten().next().expect("a round in time");
        let expected = reason.map(|reason| admitted(reason == OPEN));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
    assert_eq!(stats.totals(scope).open, 0);
}

/// The flags of the request's scope tell whether it is closed. With an earlier configuration the
/// request may have been in another scope.
#[test]
fn from_before() {
    let running = |flags, was_open, generation| Running {
        process: 1,
        scope: ScopeId::OTHERS,
        admitted: admitted(was_open),
        began: at(0),
        flags,
        generation,
        lasting: None,
    };
    for (flags, was_open, generation, all, expected) in [
        (0b01, true, 2, 0b01, true),
        (0b01, true, 2, 0b10, false),
        (0b11, true, 2, 0b10, true),
        (0b01, false, 2, 0b01, false),
        (0b01, true, 1, 0b10, true),
        (0b01, true, 1, 0, false),
        (0b01, false, 1, 0b10, false),
    ] {
        let running = running(flags, was_open, generation);
        let closing = ClosingFlags { all, all_unshared: all, ..ClosingFlags::default() };
        assert_eq!(running.is_from_before(closing, 2), expected, "{running:?} {closing:?}");
    }
}

/// While a scope is read-only, what may still write counts. When it is then closed for all, those
/// count too that came in to read.
#[test]
fn from_before_read_only() {
    let none = ClosingFlags::default();
    let read_only = ClosingFlags { writes: 1, writes_unshared: 1, ..none };
    let closed = ClosingFlags { all: 1, all_unshared: 1, ..none };
    let shared = ClosingFlags { all: 1, ..none };
    for (among, is_safe, expected) in [
        (Among::All, false, [true, true, true]),
        (Among::All, true, [false, true, true]),
        (Among::Some, false, [true, true, false]),
        (Among::Some, true, [false, true, false]),
        (Among::Chosen, false, [false, false, false]),
        (Among::Chosen, true, [false, false, false]),
    ] {
        let running = Running {
            process: 1,
            scope: ScopeId::OTHERS,
            admitted: Admitted { among, is_safe },
            began: at(0),
            flags: 1,
            generation: 2,
            lasting: None,
        };
        let found = [read_only, closed, shared].map(|closing| running.is_from_before(closing, 2));
        assert_eq!(found, expected, "{among:?} {is_safe}");
    }
}

/// How a request came in, and what it does, is kept in the table.
#[test]
fn how_it_was_admitted() {
    let stats = new_stats();
    let scope = stats.claim(&keys(&["one"]), at(0))[0];
    let safe_method = Reason::Allowed(AllowKind::SafeMethod);
    for (reason, among) in [
        (OPEN, Among::All),
        (Reason::Announced, Among::All),
        (ALLOWED, Among::Chosen),
        (safe_method, Among::Some),
    ] {
        for is_safe in [false, true] {
            let arrival = Arrival { worker: here(), time: 1, is_safe };
            let tracked = TrackedRequest::new(stats, at_scope(scope), arrival);
            tracked.let_in(at_scope(scope), reason);
            let [running] = stats.running()[..] else { panic!("one") };
            assert_eq!(running.admitted, Admitted { among, is_safe });
            assert_eq!((running.scope, running.generation), (scope, 1));
        }
    }
}
