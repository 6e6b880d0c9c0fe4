//! The totals: each client request is counted once, according to its answer.

mod attribution;
mod restarts;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use maintenance_harness::client::{Answer, Protocol};
use maintenance_harness::{Client, Httpd, Mpm, Reports, Setup, page_with, wait_for, without_host};

/// The main server, a virtual host without directives of its own, and one with some, each with a
/// location. An answer names the entry that admitted the request while its scope was closed.
const DIRECTIVES: &str = "MaintenanceAllow 127.0.0.2 env=FRIEND path=/free
SetEnvIf X-Friend . FRIEND
Header always set X-Verdict \"%{MAINTENANCE}e\" env=MAINTENANCE
<Location /shop>
    MaintenanceFlag shop.flag
    MaintenanceStatus 503
</Location>
Listen ${ADDRESS}:9081
<VirtualHost ${ADDRESS}:9081>
    ServerName plain.test
</VirtualHost>
Listen ${ADDRESS}:9083
<VirtualHost ${ADDRESS}:9083>
    ServerName own.test
    MaintenanceFlag own.flag
    MaintenanceStatus 404
</VirtualHost>";

const MAIN: &str = "maintenance.test";
const SHOP: &str = "maintenance.test <Location /shop>";
const OWN: &str = "own.test";

const FLAGS: [&str; 3] = ["maintenance.flag", "shop.flag", "own.flag"];

/// The ports of the servers, and their names.
const SERVERS: [(u16, &str); 3] = [(8080, MAIN), (9081, "plain.test"), (9083, OWN)];

fn setup(mpm: Mpm) -> Setup {
    let setup = Setup::new(DIRECTIVES).mpm(mpm).modules(&["headers", "setenvif"]);
    setup.directives(Reports::directives())
}

/// The numbers of requests by scope and outcome, as seen by the clients or as reported.
type Tally = BTreeMap<(String, String), u64>;

fn add(tally: &mut Tally, scope: &str, fate: &str, count: u64) {
    if count > 0 {
        *tally.entry((scope.to_owned(), fate.to_owned())).or_default() += count;
    }
}

/// The outcome of a request according to its answer: the status of a refusal, `allowed:` with the
/// kind, or `open`.
/// `open`.
fn fate(answer: &Answer) -> String {
    match answer.header("X-Verdict") {
        _ if without_host(&answer.body) == without_host(&page_with(answer.status)) => {
            answer.status.to_string()
        }
        Some(allowed) => allowed.to_owned(),
        None => "open".to_owned(),
    }
}

/// Counts one request with this outcome.
fn one(scope: &str, fate: &str) -> Tally {
    Tally::from([((scope.to_owned(), fate.to_owned()), 1)])
}

fn join(tally: &mut Tally, more: &Tally) {
    for ((scope, fate), count) in more {
        add(tally, scope, fate, *count);
    }
}

fn reported(reports: &Reports) -> Tally {
    let mut tally = Tally::new();
    for (scope, totals) in reports.read().by_name(|scope| scope.totals.clone()) {
        add(&mut tally, &scope, "open", totals.open);
        for (kind, count) in totals.allowed_by {
            add(&mut tally, &scope, &format!("allowed:{kind}"), count);
        }
        for (status, count) in totals.refused_with {
            add(&mut tally, &scope, &status, count);
        }
    }
    tally
}

/// Waits until the report agrees with what was seen: a request ends a little after its answer.
#[track_caller]
fn assert_counted(reports: &Reports, seen: &Tally) {
    let start = Instant::now();
    while reported(reports) != *seen {
        let is_patient = start.elapsed() < Duration::from_secs(5);
        assert!(is_patient, "reported: {:#?}\nseen: {seen:#?}", reported(reports));
        thread::sleep(Duration::from_millis(20));
    }
}

/// Clients of all kinds for all servers.
struct Clients(Vec<(&'static str, [Client; 2])>);

impl Clients {
    fn of(httpd: &Httpd, protocol: Protocol) -> Self {
        let ip = httpd.address().ip();
        let clients = |(port, name)| {
            let base = format!("http://{ip}:{port}");
            let client = |address: &str| {
                let address = address.parse().expect("an address");
                Client::build(&base, protocol, Some(address), protocol == Protocol::Http2)
            };
            (name, ["127.0.0.1", "127.0.0.2"].map(client))
        };
        Self(SERVERS.map(clients).into())
    }

    /// Sends one of the possible requests, and records its outcome.
    fn ask(&self, number: usize, tally: &mut Tally) {
        const PATHS: [(&str, &str); 4] =
            [("/", ""), ("/missing", ""), ("/free", ""), ("/shop/x", " <Location /shop>")];
        let (server, clients) = &self.0[number % 3];
        let (path, section) = PATHS[number / 3 % 4];
        let client = &clients[number / 12 % 2];
        let mut request = client.request("GET", path);
        if number / 24 % 3 == 1 {
            request = request.header("X-Friend", "yes");
        }
        let answer = client.send(request);
        add(tally, &format!("{server}{section}"), &fate(&answer), 1);
    }
}

/// Under load, with changing flags and with restarts, all three numbers are those seen by the
/// clients.
fn load(mpm: Mpm, protocol: Protocol) {
    let setup = match protocol {
        Protocol::Http1 => setup(mpm),
        Protocol::Http2 => setup(mpm).modules(&["http2"]).directives("Protocols h2c http/1.1"),
    };
    let mut httpd = setup.start();
    // httpd's own warnings if restarts follow each other faster than children end.
    httpd.allow_log("core:error.*AH00546: no record of generation");
    let reports = Reports::of(&httpd);
    let (is_over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = Mutex::new(Tally::new());
    // At a restart mod_http2 closes idle connections, even if a request is on its way.
    let generation = RwLock::new(0);
    thread::scope(|scope| {
        for first in 0..4 {
            let (httpd, is_over, answers) = (&httpd, &is_over, &answers);
            let (seen, generation) = (&seen, &generation);
            scope.spawn(move || {
                let mut clients = (0, Clients::of(httpd, protocol));
                let mut own = Tally::new();
                for number in (first..).step_by(5) {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let generation = generation.read().expect("the generation");
                    if protocol == Protocol::Http2 && clients.0 != *generation {
                        clients = (*generation, Clients::of(httpd, protocol));
                    }
                    clients.1.ask(number, &mut own);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                join(&mut seen.lock().expect("the tally"), &own);
            });
        }
        for step in 0..24 {
            let so_far = answers.load(Ordering::Relaxed);
            wait_for("answers", Duration::from_secs(20), || {
                answers.load(Ordering::Relaxed) > so_far + 60
            });
            let flag = httpd.path(FLAGS[step % 3]);
            match flag.exists() {
                true => std::fs::remove_file(flag).expect("it was there"),
                false => std::fs::write(flag, "").expect("written"),
            }
            match protocol {
                _ if step % 5 != 2 => {}
                Protocol::Http1 => httpd.restart(),
                Protocol::Http2 => {
                    let mut generation = generation.write().expect("the generation");
                    httpd.restart();
                    *generation += 1;
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let seen = seen.into_inner().expect("the tally");
    let count: u64 = seen.values().sum();
    println!("{mpm:?}, {protocol:?}: {count} answers, with {} different fates", seen.len());
    assert_eq!(count, answers.into_inner() as u64);
    for fate in ["open", "allowed:address", "allowed:env", "allowed:path", "500", "503", "404"] {
        assert!(seen.keys().any(|(_, other)| other == fate), "no {fate}: {seen:#?}");
    }
    assert_counted(&reports, &seen);
}

#[test]
fn event() {
    load(Mpm::Event, Protocol::Http1);
}

#[test]
fn worker() {
    load(Mpm::Worker, Protocol::Http1);
}

#[test]
fn prefork() {
    load(Mpm::Prefork, Protocol::Http1);
}

#[test]
fn http2_event() {
    load(Mpm::Event, Protocol::Http2);
}

#[test]
fn http2_worker() {
    load(Mpm::Worker, Protocol::Http2);
}
