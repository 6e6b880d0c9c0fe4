//! `make soak`: runs one httpd under load for minutes or hours, while faults are injected one after
//! the other and an oracle judges every single answer.
//!
//! - SOAK: the duration, in seconds or as `30m` or `2h` (default: 5 minutes)
//! - SEED: repeats the order of the faults
//! - ONLY: only faults whose name has this prefix, such as `child:`
//! - SOAK_LIE: the oracle gets wrong information and must notice

#![allow(unreachable_pub)] // a test is one crate: everything in it is unreachable

mod content;
mod faults;
mod figures;
mod journal;
mod load;
mod memory;
mod oracle;
mod site;
mod timeline;
mod world;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::{Resource, Rlimit, setrlimit};

use faults::clock::{Clock, ClockKind};
use faults::{Disk, Injector};
use figures::Figures;
use journal::Journal;
use load::{Common, Kind, Way};
use maintenance_harness::{Httpd, wait_for};
use memory::Memory;
use oracle::Oracle;
use world::World;

/// How often memory is measured.
const SAMPLE: Duration = Duration::from_secs(3);

/// At what age, in seconds, children are compared. On one server they are replaced all the time.
const SHORT_LIVED: Range<u64> = 3..30;
const LONG_LIVED: Range<u64> = 60..u64::MAX;

/// How often progress is printed.
const PROGRESS: Duration = Duration::from_secs(30);

/// One of the servers, and its helpers.
struct Server {
    httpd: Arc<Httpd>,
    journal: Arc<Journal>,
    memory: Memory,
    common: Arc<Common>,
}

impl Server {
    fn new(
        (name, ages): (&'static str, Range<u64>),
        mut httpd: Httpd,
        figures: &Arc<Figures>,
        over: &Arc<AtomicBool>,
    ) -> Self {
        httpd.leave_log_to_caller();
        let journal = Journal::new(&httpd, Arc::clone(figures));
        let oracle = Arc::new(Oracle::new(Arc::new(World::new())));
        let (figures, over) = (Arc::clone(figures), Arc::clone(over));
        Self {
            httpd: Arc::new(httpd),
            journal: Arc::new(journal),
            memory: Memory::new(name, ages),
            common: Arc::new(Common { oracle, figures, over }),
        }
    }

    /// The module takes the secrets out of the requests, so that the log of requests with a secret
    /// has nothing but one in another parameter.
    fn check_secrets(&self) {
        const OTHER: &str = "/?other=soak-secret-of-the-soak";
        let log = || fs::read_to_string(self.httpd.path("logs/secrets")).expect("a log");
        self.httpd.client().get(OTHER);
        wait_for("the last request in the log", Duration::from_secs(10), || log().contains(OTHER));
        if let Some(line) = log().lines().find(|line| !line.contains(OTHER)) {
            self.common.figures.violation("a secret in the access log", || format!("  {line}"));
        }
    }

    fn sample(&self) {
        let parent = self.httpd.pid();
        let mut pids = self.httpd.processes();
        if !pids.contains(&parent) && !self.common.over.swap(true, Ordering::AcqRel) {
            self.common.figures.violation("httpd has ended", String::new);
        }
        pids.retain(|pid| *pid != parent);
        self.memory.sample(parent, &pids);
    }
}

fn main() -> ExitCode {
    let length = std::env::var("SOAK").map_or(Ok(300), |text| seconds(&text));
    let length = Duration::from_secs(length.expect("SOAK is seconds, or a number with m or h"));
    let seed = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    oracle::self_test();
    println!("{} s, SEED={seed}", length.as_secs());
    // Children that are killed must not leave core dumps.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).expect("no core files");

    let figures = Arc::new(Figures::new(seed));
    let over = Arc::new(AtomicBool::new(false));
    let mut random = Rng::with_seed(seed);
    let (httpd, tls, denied) = site::main_server();
    let main = Server::new(("main:", SHORT_LIVED), httpd, &figures, &over);
    let disk = disk(&main.httpd, &figures);
    let clocks: Vec<_> = [ClockKind::EACH_TIME, ClockKind::NOW_AND_THEN]
        .into_iter()
        .filter_map(|kind| {
            let (httpd, hand) = site::clock_server(kind.directives)?;
            Some((Server::new((kind.name, LONG_LIVED), httpd, &figures, &over), hand, kind))
        })
        .collect();
    if clocks.is_empty() {
        figures.leave_out("the clock: there is no libfaketime");
    }

    let mut injector = Injector {
        httpd: Arc::clone(&main.httpd),
        world: Arc::clone(&main.common.oracle.world),
        figures: Arc::clone(&figures),
        journal: Arc::clone(&main.journal),
        disk,
        denied,
        random: random.fork(),
        number: 0,
        only: std::env::var("ONLY").unwrap_or_default(),
        lies: std::env::var_os("SOAK_LIE").is_some(),
    };
    let clients = load::start(&ways(&main, &tls), &main.common, random.u64(..));
    let interrupted = Arc::clone(&over);
    clients.spawn(async move {
        // The run then ends as after its full time, and cleans up.
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.store(true, Ordering::Release);
        }
    });
    let ends = Instant::now() + length;
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let (over, stopped) = (&over, &stopped);
        scope.spawn(|| main.journal.run(stopped));
        let mut injectors = vec![scope.spawn(|| injector.run(over))];
        let mut runtimes = vec![clients];
        for (server, hand, kind) in &clocks {
            scope.spawn(|| server.journal.run(stopped));
            let ways = clock_ways(server, kind);
            runtimes.push(load::start(&ways, &server.common, random.u64(..)));
            let clock = Clock {
                httpd: Arc::clone(&server.httpd),
                world: Arc::clone(&server.common.oracle.world),
                figures: Arc::clone(&figures),
                random: random.fork(),
                hand: hand.clone(),
                kind: *kind,
                number: 0,
            };
            injectors.push(scope.spawn(move || clock.run(over)));
        }
        watch(&main, &clocks.iter().map(|(server, ..)| server).collect::<Vec<_>>(), ends);
        over.store(true, Ordering::Release);
        for injector in injectors {
            if injector.join().is_err() {
                figures.violation("an injector has panicked", String::new);
            }
        }
        for runtime in runtimes {
            runtime.shutdown_timeout(Duration::from_secs(5));
        }
        stopped.store(true, Ordering::Release);
    });

    main.check_secrets();
    clocks.iter().for_each(|(server, ..)| server.check_secrets());
    let mut trends = main.memory.trends();
    trends.extend(clocks.iter().flat_map(|(server, ..)| server.memory.trends()));
    for trend in trends.iter().filter(|trend| trend.is_too_much()) {
        figures.violation("the server grows", || format!("  {trend}"));
    }
    drop((injector, main, clocks));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    figures.finish(&trends, &target.join("soak.json"));
    match figures.violations() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Watches the servers until the end.
fn watch(main: &Server, clocks: &[&Server], ends: Instant) {
    let figures = &main.common.figures;
    let mut told = Instant::now();
    while Instant::now() < ends && !main.common.over.load(Ordering::Acquire) {
        main.sample();
        clocks.iter().for_each(|server| server.sample());
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            println!(
                "{} answers, {} faults, {} violations, {} s to go",
                figures.answers(),
                figures.faults(),
                figures.violations(),
                ends.saturating_duration_since(told).as_secs()
            );
        }
        thread::sleep(SAMPLE.min(ends.saturating_duration_since(Instant::now())));
    }
}

/// The disk of the flag, if there can be one.
fn disk(httpd: &Httpd, figures: &Figures) -> Option<Disk> {
    let folder: &Path = &httpd.path("flags");
    let disk = Disk::at(folder);
    disk.map_err(|error| {
        figures.leave_out(&format!("a full and a read-only disk: cannot mount one, {error}"));
    })
    .ok()
}

fn ways(main: &Server, tls: &site::Tls) -> Vec<Way> {
    let plain = |name, kind, clients| Way {
        name,
        address: main.httpd.address(),
        tls: None,
        kind,
        refused_with: 500,
        clients,
        pause: Duration::ZERO,
    };
    let secure = |name, kind, clients| {
        let config = if matches!(kind, Kind::Http2(_)) { &tls.http2 } else { &tls.http1 };
        let tls_config = Some(Arc::clone(config));
        Way {
            tls: tls_config,
            address: tls.address,
            refused_with: 429,
            ..plain(name, kind, clients)
        }
    };
    vec![
        plain("http/1.1, new", Kind::New, 4),
        plain("http/1.1, keep-alive", Kind::KeepAlive, 6),
        plain("http/2", Kind::Http2(10), 3),
        secure("tls, http/1.1, new", Kind::New, 1),
        secure("tls, http/1.1, kept", Kind::KeepAlive, 6),
        secure("tls, http/2", Kind::Http2(10), 3),
    ]
}

/// Few clients: each look at the clock makes libfaketime look at its file.
fn clock_ways(server: &Server, kind: &ClockKind) -> Vec<Way> {
    vec![Way {
        name: kind.way,
        address: server.httpd.address(),
        tls: None,
        kind: Kind::New,
        refused_with: 429,
        clients: 2,
        pause: Duration::from_millis(10),
    }]
}

/// `90`, `90s`, `30m`, `2h`
fn seconds(text: &str) -> Result<u64, std::num::ParseIntError> {
    let unit = |name| text.strip_suffix(name);
    match (unit('h'), unit('m'), unit('s')) {
        (Some(hours), ..) => hours.parse::<u64>().map(|hours| hours * 3600),
        (_, Some(minutes), _) => minutes.parse::<u64>().map(|minutes| minutes * 60),
        (.., Some(seconds)) => seconds.parse(),
        _ => text.parse(),
    }
}
