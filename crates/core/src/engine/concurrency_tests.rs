//! Threads handle requests and make reports concurrently, while the flag appears and disappears and
//! files change. The threads share what the processes of a server share. The tests are mainly for
//! sanitizers; they also check that no count is lost.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;

use super::fake::{FakeRequest, FakeServer};
use crate::engine::{self, Action, Hook};
use crate::events::EventSink;
use crate::file::watched::{FileEvent, Watched};
use crate::flag::FlagEvent;
use crate::report::{self, Facts, Filter, Report, ScopeFacts, ScopeKind};
use crate::shared::table::Key;
use crate::stats::in_flight::ClosingFlags;
use crate::stats::tests::new_stats;
use crate::stats::{Arrival, Reason, ScopeRef, TrackedRequest, Worker};

const THREADS: u8 = 8;
const ROUNDS: usize = 100;

/// Counts the events of the flag.
#[derive(Default)]
struct Counts {
    closed: AtomicU64,
    open: AtomicU64,
}

impl EventSink for Counts {
    fn flag(&self, event: FlagEvent<'_>) {
        match event {
            FlagEvent::Closed { .. } => self.closed.fetch_add(1, Ordering::SeqCst),
            FlagEvent::Gone { .. } => self.open.fetch_add(1, Ordering::SeqCst),
            other => panic!("{other:?}"),
        };
    }
    fn file(&self, event: FileEvent<'_>) {
        assert!(matches!(event, FileEvent::Read { .. }), "{event:?}");
    }
    fn rendered(&self, _: Option<&Path>, _: &str) {}
}

type Site = FakeServer<Counts>;

/// A server with one flag, an allow file and a page file.
fn site() -> Site {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("list"), "10.0.0.0/30\n").expect("written");
    fs::write(folder.path().join("page.txt.j2"), "closed {{ message }}\n").expect("written");
    let lines =
        "MaintenanceFlag $/flag\nMaintenanceAllow file=$/list\nMaintenancePage $/page.txt.j2";
    FakeServer::new(folder, lines, &[], Counts::default())
}

/// Handles one request completely. Returns whether it was refused.
fn ask(site: &Site, client: u8) -> bool {
    let mut request = FakeRequest::new(site, client, "/");
    for hook in [Hook::Quick, Hook::LocationWalked, Hook::Handler] {
        match engine::handle(&mut request, hook) {
            Action::Decline => {}
            Action::Answer(answer) => {
                assert!(client > 3, "on the allowlist");
                assert!(!answer.content(false).0.is_empty());
                request.end();
                return true;
            }
            other => panic!("{other:?}"),
        }
    }
    request.end();
    false
}

fn report(site: &Site) -> Report<'_> {
    let facts = ScopeFacts {
        kind: ScopeKind::Server,
        reachable: true,
        server: "x.test:80".into(),
        location: None,
        addresses: vec![],
        defined: None,
        gates: vec![site.gates.own()],
        number: Some(site.counters.own),
    };
    let facts = Facts {
        server: "httpd".into(),
        machine: String::new(),
        now: Timestamp::now(),
        check_interval: Duration::ZERO,
        scopes: vec![facts],
        flags: site.flags.iter().map(|flag| &**flag).collect(),
        workers: vec![],
        stats: site.counters.stats,
    };
    Report::new(facts, Filter::default())
}

/// No count is lost, and nothing is in flight at the end.
#[test]
fn requests_while_the_flag_flips() {
    let site = site();
    let (stats, scope, counts) = (site.counters.stats, site.counters.own, &site.events);
    let (over, refused, asked) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|threads| {
        let (site, over) = (&site, &over);
        let (refused, asked) = (&refused, &asked);
        let workers: Vec<_> = (0..THREADS)
            .map(|number| {
                threads.spawn(move || {
                    for _ in 0..ROUNDS {
                        let is_refused = ask(site, number);
                        refused.fetch_add(u64::from(is_refused), Ordering::Relaxed);
                        asked.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        threads.spawn(move || {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                fs::write(site.path("flag"), "").expect("written");
                let list = format!("10.0.0.0/30\n192.0.2.{}\n", number % 200);
                fs::write(site.path("list.new"), list).expect("written");
                let list = site.path("list");
                fs::rename(site.path("list.new"), list).expect("renamed");
                thread::yield_now();
                fs::remove_file(site.path("flag")).expect("removed");
            }
        });
        threads.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let report = report(site);
                let document = report::json(&report, None).expect("a document");
                assert!(document.collect::<Result<String, _>>().is_ok());
                stats.tidy();
            }
        });
        let ends: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        over.store(true, Ordering::Relaxed);
        ends.into_iter().for_each(|end| end.expect("a worker"));
    });
    let totals = stats.totals(scope);
    let let_in = totals.open + totals.allowed.values().sum::<u64>();
    let (refused, asked) = (refused.into_inner(), asked.into_inner());
    assert_eq!(totals.refused.values().sum::<u64>(), refused);
    assert_eq!((let_in + refused, asked), (asked, u64::from(THREADS) * ROUNDS as u64));
    assert_eq!((stats.running().len(), stats.untracked()), (0, 0));
    let (closed, open) = (counts.closed.load(Ordering::SeqCst), counts.open.load(Ordering::SeqCst));
    assert!(closed == open || closed == open + 1, "{closed} {open}");
}

/// A thread that closes a flag and then looks at the entries sees each request that found the flag
/// open, unless it has ended. As in `stats::in_flight`, with a one-bit flag.
#[test]
fn nobody_slips_through() {
    let stats = new_stats();
    let scope = stats.claim(&[Key::of("x")], Timestamp::now())[0];
    let process = std::process::id() as i32;
    let scope_ref = ScopeRef { scope, flags: 1 };
    for _ in 0..ROUNDS {
        let (is_closed, found) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|threads| {
            let (is_closed, found) = (&is_closed, &found);
            let request = threads.spawn(move || {
                let worker = Worker { process, connection: 1, generation: 1 };
                let arrival = Arrival { worker, time: 0, is_safe: false };
                let tracked = TrackedRequest::new(stats, scope_ref, arrival);
                // Relaxed, because a file system guarantees no more.
                let was_open = !is_closed.load(Ordering::Relaxed);
                match was_open {
                    true => tracked.let_in(scope_ref, Reason::Open),
                    false => tracked.forget(),
                }
                // The request runs until the other thread has looked.
                while was_open && found.load(Ordering::Acquire) == 0 {
                    thread::yield_now();
                }
                was_open
            });
            is_closed.store(true, Ordering::Relaxed);
            let running = stats.running();
            let closing = ClosingFlags { all: 1, all_unshared: 1, ..ClosingFlags::default() };
            let seen = running.iter().filter(|running| running.is_from_before(closing, 1)).count();
            found.store(1 + seen as u64, Ordering::Release);
            let was_open = request.join().expect("a request");
            assert!(!was_open || seen == 1, "a request that found it open was not seen");
        });
    }
}

/// A file changes while eight threads read it. Each value is complete, and none is older than a
/// value that was seen before.
#[test]
fn a_file_is_read_while_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, new) = (folder.path().join("file"), folder.path().join("new"));
    fs::write(&path, "0 0").expect("written");
    let parse = |content: &[u8]| -> Result<Vec<u64>, String> {
        let text = str::from_utf8(content).map_err(|error| error.to_string())?;
        let numbers = text.split(' ').map(|word| word.parse().map_err(|_| word.to_owned()));
        numbers.collect()
    };
    let watched = Watched::open(path.clone(), 100, Box::new(parse), None).expect("numbers");
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let mut last = 0;
                while !over.load(Ordering::Relaxed) {
                    watched.refresh(&mut |event| assert!(matches!(event, FileEvent::Read { .. })));
                    let value = watched.get().expect("a value");
                    assert!(value.len() == 2 && value[0] == value[1] && value[0] >= last);
                    last = value[0];
                    assert_eq!(watched.in_force().path, path);
                    watched.remake(Vec::clone);
                }
            });
        }
        for number in 1..=3 {
            fs::write(&new, format!("{number} {number}")).expect("written");
            fs::rename(&new, &path).expect("renamed");
            thread::sleep(Duration::from_millis(700));
        }
        over.store(true, Ordering::Relaxed);
    });
}
