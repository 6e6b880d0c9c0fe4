//! A compromised child can write anything into the shared memory. The operations of the other
//! processes must nevertheless terminate soon, and what they see of the file system must still
//! apply.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::flag::{self, Flag, Observer};
use crate::report::{self, Facts, Report, ScopeFacts, ScopeKind};
use crate::shared::slot::{MAX_SLOTS, StateTable, new_state_table};
use crate::shared::table::{Key, Keyed};
use crate::shared::words::Words;
use crate::stats::tests::new_stats;
use crate::stats::top_clients::RefusedRequest;
use crate::stats::{Arrival, Reason, ScopeId, ScopeRef, Stats, TrackedRequest, Worker};

/// The time limit for all operations on the statistics or on a flag.
const SOON: Duration = Duration::from_secs(30);

/// The value to write, by the number of the word.
type Fill = fn(u64) -> u64;

const FILLS: [(&str, Fill); 6] = [
    ("ones", |_| u64::MAX),
    ("the highest that is signed", |_| i64::MAX as u64),
    ("low numbers", |number| number % 7),
    ("our process", |number| u64::from(std::process::id()) | number << 22),
    ("a lock of ours, or a huge number", |number| {
        u64::from(std::process::id()) | u64::MAX << 32 | number << 40
    }),
    ("anything", |_| fastrand::u64(..)),
];

/// Overwrites a whole structure.
fn fill(shared: &impl Words, fill: Fill) {
    fill_first(shared, u64::MAX, fill);
}

/// Overwrites the start of the shared state table, which contains the test's flag.
fn fill_start(table: &StateTable, fill: Fill) {
    fill_first(table, 65_536, fill);
}

fn fill_first(shared: &impl Words, count: u64, fill: Fill) {
    let mut number = 0;
    shared.for_each(&mut |word| {
        if number < count {
            word.store(fill(number), Ordering::Relaxed);
        }
        number += 1;
    });
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = act();
    assert!(start.elapsed() < SOON, "{what}: {:?}", start.elapsed());
    result
}

fn serve(stats: &'static Stats, scope: ScopeId) {
    let here = i32::try_from(std::process::id()).expect("a number");
    for connection in 0..100 {
        let worker = Worker { process: here, connection, generation: 1 };
        let scope_ref = ScopeRef { scope, flags: 1 };
        let arrival = Arrival { worker, time: now().as_microsecond(), is_safe: false };
        let tracked = TrackedRequest::new(stats, scope_ref, arrival);
        tracked.let_in(scope_ref, Reason::Open);
        tracked.let_in(ScopeRef { scope: ScopeId::OTHERS, ..scope_ref }, Reason::Open);
        tracked.end();
        stats.refuse(worker, scope, 500 + connection as u16 % 10);
        let address = [10, 0, 0, connection as u8].into();
        let refusal = RefusedRequest { address, path: b"/", agent: b"", time: now() };
        stats.refused().count(refusal, here);
    }
}

fn report(stats: &'static Stats, number: ScopeId) {
    let scope = ScopeFacts {
        kind: ScopeKind::Server,
        reachable: true,
        server: "www.example.com:80".into(),
        location: None,
        addresses: vec![],
        defined: None,
        gates: vec![],
        number: Some(number),
    };
    let (server, check_interval) = ("Apache".into(), Duration::ZERO);
    let scopes = vec![scope];
    let facts = Facts {
        server,
        machine: String::new(),
        now: now(),
        check_interval,
        scopes,
        flags: vec![],
        workers: vec![],
        stats,
    };
    let query = report::Query::parse("", None).expect("a query");
    let report = Report::new(facts, query.filter.clone());
    report::page(&report, &query, None).expect("a page");
    let whole = |pieces: report::Pieces<'_>| pieces.collect::<Result<String, _>>();
    report::json(&report, None).and_then(whole).expect("a document");
    whole(report::metrics(&report)).expect("metrics");
    report::short_lines(&report);
    report::html_section(&report);
}

#[test]
fn stats() {
    let stats = new_stats();
    let key = [Key::of("scope")];
    for (what, with) in FILLS {
        let mut scope = ScopeId::OTHERS;
        for act in ["serve", "report", "forget", "tidy", "clear", "claim"] {
            fill(stats, with);
            timed(&format!("{act}, {what}"), || match act {
                "serve" => serve(stats, scope),
                "report" => report(stats, scope),
                "forget" => stats.forget(1),
                "tidy" => stats.tidy(),
                "clear" => stats.refused().clear(now()),
                _ => scope = stats.claim(&key, now())[0],
            });
        }
        timed(what, || {
            serve(stats, scope);
            report(stats, scope);
        });
    }
}

fn looks(flag: &Flag<'_>) -> [bool; 3] {
    [Observer::Child, Observer::Parent, Observer::Child]
        .map(|observer| flag.look(observer, now(), &now, &mut |_| ()).is_some())
}

fn flag_at<'b>(table: &'b StateTable, path: &Path, interval: Duration) -> Flag<'b> {
    Flag::new(path, &table.places()[0], interval, TimeZone::UTC)
}

/// If every request looks at the flag, an absent flag closes nothing, whatever the shared state
/// table says.
#[test]
fn an_absent_flag() {
    let table = new_state_table();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flag");
    for (what, with) in FILLS {
        fill_start(&table, with);
        let flag = flag_at(&table, &path, Duration::ZERO);
        assert_eq!(timed(what, || looks(&flag)), [false; 3], "{what}");
        fill_start(&table, with);
        timed(what, || flag.report());
    }
}

/// A flag that this child has read, and that has been unchanged long enough, closes the scope.
#[test]
fn a_flag_that_was_read() {
    let table = new_state_table();
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("empty", ""), ("full", "message = \"x\"")] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a flag");
        std::thread::sleep(Duration::from_millis(400));
        fill_start(&table, |_| 0);
        let flag = flag_at(&table, &path, Duration::ZERO);
        assert!(flag.look(Observer::Child, now(), &now, &mut |_| ()).is_some());
        for (what, with) in FILLS {
            // Every state with any content, including that of a flag that has reopened.
            for known in 0..8 {
                fill_start(&table, with);
                let word = &table.places()[0].flag.state;
                word.store(word.load(Ordering::SeqCst) & !15 | known, Ordering::SeqCst);
                let found = timed(what, || flag.look(Observer::Child, now(), &now, &mut |_| ()));
                assert!(found.is_some(), "{name}, {what}, {known}");
            }
        }
    }
}

/// With an interval the shared state is used, true or not, but nothing waits for long.
#[test]
fn with_an_interval() {
    let table = new_state_table();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("flag");
    for (what, with) in FILLS {
        fill_start(&table, with);
        let flag = flag_at(&table, &path, Duration::from_secs(3600));
        timed(what, || looks(&flag));
    }
    let flag = flag_at(&table, &path, Duration::from_secs(3600));
    fill_start(&table, |_| 0);
    assert_eq!(looks(&flag), [false; 3], "it is absent");
    for (known, closes) in [(1, false), (3, true), (2, false), (4, true), (5, false)] {
        table.places()[0].flag.state.store(known, Ordering::SeqCst);
        assert_eq!(flag.was_closing(), closes);
    }
}

/// A restart finds places for everything in the configuration.
#[test]
fn claims() {
    let table = new_state_table();
    let keys = [1, 2, 3].map(|number| flag::key(Path::new(&format!("/flag/{number}"))));
    for (what, with) in FILLS {
        fill(&*table, with);
        timed(what, || table.claim(&keys)).expect(what);
        let places: Vec<_> = keys.iter().map(|key| table.position(*key)).collect();
        assert!(places.iter().all(|place| place.is_some_and(|place| place < MAX_SLOTS)), "{what}");
    }
    // All places have the same key, which is wanted.
    let key = table.claim(&keys).expect("places")[0].key().load(Ordering::SeqCst);
    table.places().iter().for_each(|place| place.key().store(key, Ordering::SeqCst));
    table.claim(&keys).expect("places");
}
