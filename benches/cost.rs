//! What a request costs the server: CPU time of all its processes and threads, over a new
//! connection for each request, in alternating runs. `make bench` runs it;
//! `make bench BASELINE=/path/to/other.so` compares two builds of the module.

#![allow(unreachable_pub)] // a benchmark is one crate: everything in it is unreachable

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use support::{Httpd, Setup};

const ROUNDS: usize = 15;
const REQUESTS: usize = 3000;

const RECIPE: &str = "RewriteEngine On\nRewriteCond %{REMOTE_HOST} !^127\\.0\\.0\\.9$\n\
    RewriteCond %{REMOTE_HOST} !^192\\.168\\.157\\.139$\nRewriteCond %{REMOTE_HOST} !^192\\.168\\.157\\.140$\n\
    RewriteRule !^/upgrading.htm$ /upgrading.htm [L,R=500]\nErrorDocument 500 /upgrading.htm";

/// A candidate: what it is called, and which one it is compared with.
struct Candidate {
    name: &'static str,
    baseline: &'static str,
    httpd: Httpd,
    nanoseconds: Vec<f64>,
}

fn main() {
    let mut candidates = match std::env::var_os("BASELINE") {
        Some(module) => against_another_build(&module.into()),
        None => against_recipes(),
    };
    for round in 0..=ROUNDS {
        for candidate in &mut candidates {
            let before = cpu_time(&candidate.httpd);
            for _ in 0..REQUESTS {
                request(candidate.httpd.address());
            }
            let spent = (cpu_time(&candidate.httpd) - before) as f64 / REQUESTS as f64;
            if round > 0 {
                candidate.nanoseconds.push(spent); // the first round warms up
            }
        }
    }
    print(&candidates);
}

/// The module beside no module, and beside the rules that it takes the place of.
fn against_recipes() -> Vec<Candidate> {
    let message = "message = 'Version 8 is coming.'\nend = 2999-01-01T00:00:00Z";
    let mut page = Vec::new();
    [
        ("open: no module", "open: no module", "Define WITHOUT_MODULE", None),
        ("open: module", "open: no module", "", None),
        ("closed: rewrite recipe", "closed: rewrite recipe", RECIPE, None),
        ("closed: module", "closed: rewrite recipe", "", Some("")),
        ("closed: 10,000 networks", "closed: module", "MaintenanceAllow file=list", Some("")),
        ("closed: with a message", "closed: the same from a file", "", Some(message)),
        ("closed: the same from a file", "closed: module", "MaintenancePage page.html", Some("")),
    ]
    .map(|(name, baseline, directives, content)| {
        let setup = setup();
        setup.write("htdocs/upgrading.htm", "<p>upgrading".repeat(170));
        let networks = (0..10_000).map(|n| format!("10.{}.{}.0/24\n", n / 256, n % 256));
        setup.write("list", networks.collect::<String>());
        setup.write("page.html", &page);
        let (before, after) = match directives.strip_prefix("Define ") {
            Some(name) => (format!("Define {name}"), ""),
            None => (String::new(), directives),
        };
        let httpd = start(setup.before(&before).modules(&["rewrite"]).directives(after), content);
        if content == Some(message) {
            page = body(httpd.address());
        }
        Candidate { name, baseline, httpd, nanoseconds: vec![] }
    })
    .into()
}

/// This build beside the one that BASELINE names, such as that of an earlier commit.
fn against_another_build(other: &PathBuf) -> Vec<Candidate> {
    [
        ("open: the other build", "open: the other build", Some(other), None),
        ("open: this build", "open: the other build", None, None),
        ("closed: the other build", "closed: the other build", Some(other), Some("")),
        ("closed: this build", "closed: the other build", None, Some("")),
        ("allowed: the other build", "allowed: the other build", Some(other), Some("allow")),
        ("allowed: this build", "allowed: the other build", None, Some("allow")),
    ]
    .map(|(name, baseline, module, content)| {
        let mut setup = setup();
        if let Some(module) = module {
            setup = setup.module(module.clone());
        }
        if content == Some("allow") {
            setup = setup.directives("MaintenanceAllow 127.0.0.1");
        }
        let httpd = start(setup, content.map(|_| ""));
        Candidate { name, baseline, httpd, nanoseconds: vec![] }
    })
    .into()
}

/// One child, so that none is started or ended in the middle of a run.
fn setup() -> Setup {
    Setup::new("StartServers 1\nServerLimit 1\nMaxRequestWorkers 25")
}

/// Starts a server, with a flag where that has a content.
fn start(setup: Setup, content: Option<&str>) -> Httpd {
    let mut httpd = setup.start();
    httpd.allow_log("AH10159"); // few workers, on purpose
    if let Some(content) = content {
        fs::write(httpd.flag(), content).expect("the flag");
    }
    httpd
}

fn print(candidates: &[Candidate]) {
    println!(
        "CPU of the whole server per request, {ROUNDS} alternating rounds of {REQUESTS} requests:"
    );
    println!(
        "{:<28} {:>9} {:>9}  ratios: of the minima, median of pairs",
        "", "min us", "median us"
    );
    let minimum = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    for candidate in candidates {
        let baseline = candidates.iter().find(|other| other.name == candidate.baseline);
        let baseline = &baseline.expect("a baseline").nanoseconds;
        let ratios = candidate.nanoseconds.iter().zip(baseline).map(|(a, b)| a / b).collect();
        println!(
            "{:<28} {:>9.1} {:>9.1}  {:.3} {:.3} of \"{}\"",
            candidate.name,
            minimum(&candidate.nanoseconds) / 1000.0,
            median(candidate.nanoseconds.clone()) / 1000.0,
            minimum(&candidate.nanoseconds) / minimum(baseline),
            median(ratios),
            candidate.baseline,
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// As a browser asks, but for the coding, so that all answers are as long as they look.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7\r\n\r\n";

fn request(address: SocketAddr) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(REQUEST).expect("sent");
    let mut answer = Vec::with_capacity(8192);
    stream.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 "));
    answer
}

fn body(address: SocketAddr) -> Vec<u8> {
    let answer = request(address);
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    answer[head + 4..].to_owned()
}

/// Nanoseconds on a processor, of all threads of all processes of the server.
fn cpu_time(httpd: &Httpd) -> u64 {
    let mut total = 0;
    for pid in httpd.processes() {
        for task in fs::read_dir(format!("/proc/{pid}/task")).expect("tasks") {
            let file = task.expect("a task").path().join("schedstat");
            let text = fs::read_to_string(file).expect("schedstat");
            total += text.split_whitespace().next().expect("a number").parse::<u64>().expect("ns");
        }
    }
    total
}
