//! Alternating runs, and the cost of the server in them.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;

use crate::client::{Client, Way};
use crate::machine::{self, Side};
use crate::others::{self, Other};
use crate::plans::{Group, Plan, Server};
use crate::report::{Cost, Figures};
use crate::sites;
use maintenance_harness::{Httpd, wait_for};

/// A running server of any kind.
enum Running {
    Httpd(Httpd),
    Other(Other),
}

struct Candidate {
    plan: Plan,
    server: Running,
    client: Client,
    bytes: usize,
    nanoseconds: Vec<f64>,
    per_second: Vec<f64>,
}

/// Measures the candidates of a group alternately, so that other load on the machine affects all of
/// them.
pub fn measure(group: Group, rounds: usize) -> Vec<Cost> {
    let mut candidates: Vec<_> = group.plans.into_iter().map(Candidate::start).collect();
    for round in 0..=rounds {
        for candidate in &mut candidates {
            candidate.run(round > 0); // the first round warms up
        }
    }
    candidates.into_iter().map(|candidate| candidate.cost(group.name)).collect()
}

impl Candidate {
    fn start(plan: Plan) -> Self {
        machine::be_on(Side::Server);
        let server = match &plan.server {
            Server::Httpd(site) => Running::Httpd(site.start()),
            Server::Nginx => Running::Other(others::nginx()),
            Server::Haproxy => Running::Other(others::haproxy()),
        };
        machine::be_on(Side::Client);
        if plan.has_flag {
            server.assert_flag_counts();
        }
        let mut client = Client::new(plan.way, server.address(), plan.coding);
        if let (Running::Httpd(httpd), Way::NewTls | Way::ResumedTls | Way::KeptTls) =
            (&server, plan.way)
        {
            client = client.trust(&sites::certificate(httpd));
        }
        let answer = client.ask(1, plan.status);
        let body = match plan.coding {
            Some(_) => unzip(&answer.body),
            None => answer.body.clone(),
        };
        assert!(plan.body.is(&body), "{}: {}", plan.name, String::from_utf8_lossy(&body));
        let bytes = answer.bytes();
        Self { plan, server, client, bytes, nanoseconds: vec![], per_second: vec![] }
    }

    fn run(&mut self, counts: bool) {
        let requests = self.plan.requests;
        let (before, start) = (self.server.cpu_time(), Instant::now());
        self.client.ask(requests, self.plan.status);
        let (time, spent) = (start.elapsed(), self.server.cpu_time() - before);
        if counts {
            self.nanoseconds.push(spent as f64 / requests as f64);
            self.per_second.push(requests as f64 / time.as_secs_f64());
        }
    }

    fn cost(self, group: &str) -> Cost {
        Cost {
            group: group.to_owned(),
            name: self.plan.name,
            baseline: self.plan.baseline,
            requests: self.plan.requests,
            status: self.plan.status,
            bytes: self.bytes,
            cpu_us: Figures::of(self.nanoseconds.iter().map(|spent| spent / 1000.0)),
            per_second: Figures::of(self.per_second),
        }
    }
}

impl Running {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Httpd(httpd) => httpd.address(),
            Self::Other(other) => other.address(),
        }
    }

    fn processes(&self) -> Vec<u32> {
        match self {
            Self::Httpd(httpd) => httpd.processes(),
            Self::Other(other) => other.processes(),
        }
    }

    /// The server looks for the flag, if only once in a while.
    fn assert_flag_counts(&self) {
        let Self::Httpd(httpd) = self else {
            panic!("only httpd opens and closes");
        };
        let client = httpd.client();
        let becomes = |status| {
            wait_for("the flag counts", Duration::from_secs(20), || {
                client.get("/").status == status
            });
        };
        httpd.close();
        becomes(500);
        httpd.open();
        becomes(200);
    }

    /// Nanoseconds of CPU time of all threads of all processes.
    fn cpu_time(&self) -> u64 {
        let tasks = self.processes().into_iter().flat_map(|pid| {
            fs::read_dir(format!("/proc/{pid}/task")).expect("tasks").map(|task| task.expect("one"))
        });
        let spent = tasks.map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).expect("schedstat");
            text.split(' ').next().and_then(|spent| spent.parse::<u64>().ok()).expect("ns")
        });
        spent.sum()
    }
}

fn unzip(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).expect("gzip");
    plain
}
