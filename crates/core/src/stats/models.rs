//! Concurrent access to the statistics by threads and processes (`make loom`).

use loom::sync::Arc;
use loom::thread;

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::in_flight::{Admitted, Among, InFlight, Running};
use super::*;
use crate::shared::atomics::AtomicU64;
use crate::shared::process::Living;
use crate::shared::table::Key;

/// A process of this server.
fn here() -> i32 {
    i32::try_from(std::process::id()).expect("a number")
}

const OPEN: Admitted = Admitted { among: Among::All, is_safe: false };

/// A process that is not of this server.
const DEAD: i32 = 1;

fn worker(process: i32) -> Worker {
    Worker { process, connection: 1, generation: 1 }
}

/// Values that identify a request in every field.
fn running(number: u16) -> Running {
    Running {
        process: here(),
        scope: ScopeId::new(number.into()),
        admitted: OPEN,
        began: at(number),
        flags: u64::from(number) + 10,
        generation: 1,
        lasting: None,
    }
}

fn at(second: u16) -> Timestamp {
    Timestamp::from_second(second.into()).expect("a time")
}

fn enter<'r>(in_flight: &'r InFlight, process: i32, of: Running) -> in_flight::Held<'r> {
    let worker = worker(process);
    let arrival = Arrival { worker, time: of.began.as_microsecond(), is_safe: false };
    in_flight.enter(of.scope, of.flags, arrival)
}

fn all(in_flight: &InFlight) -> Vec<Running> {
    let running = in_flight.running(&mut Living::default());
    running.into_iter().map(|(_, running)| running).collect()
}

/// Handles a request that is admitted if it finds the site open.
fn request(in_flight: &InFlight, flag: &AtomicU64, of: Running) -> bool {
    let held = enter(in_flight, here(), of);
    let is_open = flag.load(Ordering::Relaxed) == 0;
    match is_open {
        true => held.let_in(of.scope, of.flags, OPEN.among),
        false => held.leave(),
    }
    is_open
}

/// Exploring everything would take too long: no thread is preempted more than twice.
fn bounded(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}

/// A thread that closes a flag and then looks finds every request that was admitted before.
#[test]
fn found_after_closing() {
    loom::model(|| {
        let shared = Arc::new((InFlight::default(), AtomicU64::default()));
        let theirs = Arc::clone(&shared);
        let asking = thread::spawn(move || request(&theirs.0, &theirs.1, running(1)));
        shared.1.store(1, Ordering::Relaxed);
        let found = all(&shared.0);
        let expected = if asking.join().expect("judged") { vec![running(1)] } else { vec![] };
        assert_eq!(found, expected);
    });
}

/// The same holds for a thread that sees that another thread has closed the flag.
#[test]
fn found_after_a_closing_that_was_seen() {
    loom::model(|| {
        let shared = Arc::new((InFlight::default(), AtomicU64::default()));
        let theirs = Arc::clone(&shared);
        let asking = thread::spawn(move || request(&theirs.0, &theirs.1, running(1)));
        let theirs = Arc::clone(&shared);
        let closing = thread::spawn(move || theirs.1.store(1, Ordering::Release));
        let found = (shared.1.load(Ordering::Acquire) != 0).then(|| all(&shared.0));
        let was_let_in = asking.join().expect("judged");
        closing.join().expect("closed");
        if let Some(found) = found {
            assert_eq!(found, if was_let_in { vec![running(1)] } else { vec![] });
        }
    });
}

/// An entry belongs to one request.
#[test]
fn two_enter() {
    loom::model(|| {
        let shared = Arc::new(InFlight::default());
        let let_in = |in_flight: &InFlight, number| {
            let of = running(number);
            enter(in_flight, here(), of).let_in(of.scope, of.flags, OPEN.among);
        };
        let theirs = Arc::clone(&shared);
        let other = thread::spawn(move || let_in(&theirs, 1));
        let_in(&shared, 0);
        other.join().expect("let in");
        let mut found = all(&shared);
        found.sort_by_key(|running| running.began);
        assert_eq!(found, [running(0), running(1)]);
    });
}

/// The data read from an entry belongs to one request, even if that request ends and another one
/// starts.
#[test]
fn one_after_the_other() {
    bounded(|| {
        let shared = Arc::new(InFlight::default());
        let theirs = Arc::clone(&shared);
        let requests = thread::spawn(move || {
            for of in [running(0), running(1)] {
                let held = enter(&theirs, here(), of);
                held.let_in(of.scope, of.flags, OPEN.among);
                held.leave();
            }
        });
        let found = all(&shared);
        assert!(found.iter().all(|one| [running(0), running(1)].contains(one)), "{found:?}");
        requests.join().expect("served");
        assert_eq!(all(&shared), []);
    });
}

/// The same while the request enters another scope.
#[test]
fn into_another_scope() {
    loom::model(|| {
        let shared = Arc::new(InFlight::default());
        let theirs = Arc::clone(&shared);
        let came = running(0);
        let went = Running { began: came.began, ..running(1) };
        let moving = thread::spawn(move || {
            let held = enter(&theirs, here(), came);
            held.let_in(came.scope, came.flags, OPEN.among);
            held.let_in(went.scope, went.flags, OPEN.among);
        });
        let found = all(&shared);
        assert!([vec![], vec![came], vec![went]].contains(&found), "{found:?}");
        moving.join().expect("served");
        assert_eq!(all(&shared), [went]);
    });
}

/// An entry that was freed because its process is dead is not freed again by that process.
#[test]
fn late_owner() {
    loom::model(|| {
        let shared = Arc::new(InFlight::default());
        let (theirs, of) = (Arc::clone(&shared), running(0));
        let dying = thread::spawn(move || {
            let held = enter(&theirs, DEAD, of);
            held.let_in(of.scope, of.flags, OPEN.among);
            held.leave();
        });
        shared.free_where(|process| process == DEAD);
        let of = running(1);
        enter(&shared, here(), of).let_in(of.scope, of.flags, OPEN.among);
        dying.join().expect("dead");
        let found: Vec<_> =
            all(&shared).iter().map(|found| (found.process, found.scope, found.admitted)).collect();
        assert_eq!(found, [(of.process, of.scope, OPEN)]);
    });
}

/// No count is lost, each status has one column, and nothing remains in flight.
#[test]
fn counted() {
    bounded(|| {
        let stats = Arc::new(Stats::default());
        let scope = ScopeId::new(0);
        let serve = move |stats: &Stats, status| {
            let scope_ref = ScopeRef { scope, flags: 1 };
            let worker = worker(here());
            let arrival = Arrival { worker, time: at(1).as_microsecond(), is_safe: false };
            let tracked = TrackedRequest::new(stats, scope_ref, arrival);
            tracked.let_in(scope_ref, Reason::Open);
            drop(tracked);
            stats.refuse(worker, scope, status);
        };
        let theirs = Arc::clone(&stats);
        let other = thread::spawn(move || serve(&theirs, 503));
        serve(&stats, 500);
        other.join().expect("served");
        let totals = stats.totals(scope);
        assert_eq!((totals.open, totals.refused), (2, [(500, 1), (503, 1)].into()));
        assert_eq!((stats.running(), stats.untracked()), (vec![], 0));
    });
}

/// A child from before a restart continues to count, and its counts are not lost.
#[test]
fn counted_over_a_restart() {
    loom::model(|| {
        let stats = Arc::new(Stats::default());
        let keys = [Key::of("scope")];
        let scope = stats.claim(&keys, at(1))[0];
        let theirs = Arc::clone(&stats);
        let old = thread::spawn(move || theirs.refuse(worker(here()), scope, 500));
        assert_eq!(stats.claim(&keys, at(2)), [scope]);
        old.join().expect("counted");
        assert_eq!(stats.totals(scope).refused, [(500, 1)].into());
    });
}
