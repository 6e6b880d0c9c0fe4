//! Where threads meet: requests that are judged, refused, let in and reported all at once, while the
//! flag comes and goes and files change. What the processes of a server share is shared by threads
//! here. For sanitizers above all; what has to hold is checked as well.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::allow::{ClientRequest, Expr};
use crate::engine::gate::{Gate, ServerContext, Slots, Verdict};
use crate::engine::gates::tests::settings;
use crate::events::EventSink;
use crate::file::watched::{FileEvent, Watched};
use crate::flag::{self, Flag, FlagEvent};
use crate::refusal::RequestHeaders;
use crate::report::{self, Facts, Report, ScopeFacts, ScopeKind};
use crate::shared::table::{Key, StateTable, new_state_table};
use crate::stats::tests::new_stats;
use crate::stats::top_clients::RefusedRequest;
use crate::stats::{Reason, ScopeId, ScopeRef, Stats, TrackedRequest, Worker};

const THREADS: u64 = 8;
const ROUNDS: usize = 100;

/// A client with this number as the end of its address.
struct Client(u8);

impl ClientRequest for Client {
    fn address(&self) -> Option<IpAddr> {
        Some(IpAddr::from([10, 0, 0, self.0]))
    }
    fn has_env(&self, _: &CStr) -> bool {
        false
    }
    fn satisfies(&self, _: Expr) -> bool {
        false
    }
    fn target(&self) -> &[u8] {
        b"/"
    }
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl RequestHeaders for Client {
    fn header(&self, name: &CStr) -> Option<&[u8]> {
        let is_accept = name == c"Accept";
        is_accept.then_some(if self.0.is_multiple_of(2) { b"text/plain" } else { b"text/html" })
    }
    fn host(&self) -> Cow<'_, str> {
        "x.test".into()
    }
}

/// Counts what is said of the flag.
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

/// The gate of a server with one flag, and an allowlist and a page that are files.
struct Site {
    folder: tempfile::TempDir,
    gate: Gate,
    flags: Vec<Arc<Flag<'static>>>,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("list"), "10.0.0.0/30\n").expect("written");
        fs::write(at("page.txt.j2"), "closed {{ message }}\n").expect("written");
        let shown = |path: PathBuf| path.display().to_string();
        let settings = settings(&format!(
            "MaintenanceFlag {}\nMaintenanceAllow file={}\nMaintenancePage {}",
            shown(at("flag")),
            shown(at("list")),
            shown(at("page.txt.j2"))
        ));
        let table: &'static StateTable = Box::leak(new_state_table());
        let keys = settings.keys();
        let slots: Slots = keys.iter().copied().zip(table.claim(&keys).expect("slots")).collect();
        let slot = slots[&flag::key(&at("flag"))];
        let flag = Flag::new(at("flag"), slot, Duration::ZERO, TimeZone::UTC);
        let (flag, resolved) = (Arc::new(flag), Default::default());
        let flags = [(at("flag"), Arc::clone(&flag))].into();
        let (server_root, (refusals, combinations)) = (folder.path().into(), Default::default());
        let place = ServerContext { server_root, slots, resolved, flags, refusals, combinations };
        let gate = Gate::new(&settings, &place).expect("its flag");
        Self { folder, gate, flags: vec![flag] }
    }

    fn flag(&self) -> PathBuf {
        self.folder.path().join("flag")
    }
}

/// One request, from its beginning to its end. True where it was refused.
fn ask(site: &Site, stats: &Stats, scope: ScopeId, worker: Worker, counts: &Counts) -> bool {
    let client = Client(worker.connection as u8);
    let place = ScopeRef { scope, flags: site.gate.bits() };
    let tracked = TrackedRequest::new(stats, worker, place, client.now().as_microsecond());
    if site.gate.is_still_open() {
        tracked.let_in(place, Reason::Open);
        return false;
    }
    let verdict = site.gate.decide(&client, counts);
    match verdict.reason() {
        Some(reason) => tracked.let_in(place, reason),
        None => tracked.forget(),
    }
    let Verdict::Blocked(blocked) = verdict else { return false };
    assert!(worker.connection > 3, "on the allowlist");
    let answer = site.gate.refuse(&client, &blocked.closing, counts).expect("an answer");
    assert!(!answer.content(false).0.is_empty());
    stats.refuse(worker, scope, answer.status.code());
    let (address, time) = (client.address().expect("an address"), client.now());
    let refusal = RefusedRequest { address, path: b"/", agent: b"test", time };
    stats.refused().count(refusal, worker.process);
    true
}

fn report(site: &Site, stats: &Stats, scope: ScopeId) -> Report {
    let facts = ScopeFacts {
        kind: ScopeKind::Server,
        server: "x.test:80".into(),
        location: None,
        addresses: vec![],
        defined: None,
        gates: vec![&site.gate],
        number: Some(scope),
    };
    let facts = Facts {
        server: "httpd".into(),
        now: Timestamp::now(),
        check_interval: Duration::ZERO,
        scopes: vec![facts],
        flags: site.flags.iter().map(|flag| &**flag).collect(),
        stats,
    };
    Report::new(facts, true)
}

/// Nothing that was counted gets lost, and nothing is in flight in the end.
#[test]
fn requests_while_the_flag_flips() {
    let (site, stats, counts) = (Site::new(), new_stats(), Counts::default());
    let scope = stats.claim(&[Key::of("x")], Timestamp::now())[0];
    let process = std::process::id() as i32;
    let (over, refused, asked) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|threads| {
        let (site, counts, over) = (&site, &counts, &over);
        let (refused, asked) = (&refused, &asked);
        let workers: Vec<_> = (0..THREADS)
            .map(|number| {
                threads.spawn(move || {
                    for _ in 0..ROUNDS {
                        let worker = Worker { process, connection: number, generation: 1 };
                        let is_refused = ask(site, stats, scope, worker, counts);
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
                fs::write(site.flag(), "").expect("written");
                let list = format!("10.0.0.0/30\n192.0.2.{}\n", number % 200);
                fs::write(site.folder.path().join("list.new"), list).expect("written");
                let list = site.folder.path().join("list");
                fs::rename(site.folder.path().join("list.new"), list).expect("renamed");
                thread::yield_now();
                fs::remove_file(site.flag()).expect("removed");
            }
        });
        threads.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                let report = report(site, stats, scope);
                report::json(&report, None).expect("a document");
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
    assert_eq!((let_in + refused, asked), (asked, THREADS * ROUNDS as u64));
    assert_eq!((stats.running().len(), stats.untracked()), (0, 0));
    let (closed, open) = (counts.closed.into_inner(), counts.open.into_inner());
    assert!(closed == open || closed == open + 1, "{closed} {open}");
}

/// Whoever closes a flag and then looks sees each request that found it open, or it has ended. As
/// in `stats::in_flight`, with a flag that is one bit.
#[test]
fn nobody_slips_through() {
    let stats = new_stats();
    let scope = stats.claim(&[Key::of("x")], Timestamp::now())[0];
    let process = std::process::id() as i32;
    let place = ScopeRef { scope, flags: 1 };
    for _ in 0..ROUNDS {
        let (is_closed, found) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|threads| {
            let (is_closed, found) = (&is_closed, &found);
            let request = threads.spawn(move || {
                let worker = Worker { process, connection: 1, generation: 1 };
                let tracked = TrackedRequest::new(stats, worker, place, 0);
                // As little as a file system guarantees.
                let was_open = !is_closed.load(Ordering::Relaxed);
                match was_open {
                    true => tracked.let_in(place, Reason::Open),
                    false => tracked.forget(),
                }
                // It goes on until it was looked for.
                while was_open && found.load(Ordering::Acquire) == 0 {
                    thread::yield_now();
                }
                was_open
            });
            is_closed.store(true, Ordering::Relaxed);
            let running = stats.running();
            let seen = running.iter().filter(|running| running.is_from_before(1, 1)).count();
            found.store(1 + seen as u64, Ordering::Release);
            let was_open = request.join().expect("a visitor");
            assert!(!was_open || seen == 1, "a request that found it open was not seen");
        });
    }
}

/// A file that changes while eight threads read it: each value is whole, and none is older than one
/// that was seen before.
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
                    let value = Arc::clone(&watched.get().expect("a value"));
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
