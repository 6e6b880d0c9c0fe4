//! A fleet: six servers with followers, and a cluster of etcd of three members. Random acts and faults,
//! and an oracle that compares what the store says, what the servers report and what they answer.
//!
//! FLEET=10m makes it last longer, and SEED repeats the order.

mod disk;
mod faults;
mod oracle;
mod site;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use faults::Fault;
use site::{KEY, Site, faketime};

/// How long it lasts without FLEET.
const SHORT: Duration = Duration::from_secs(60);

/// The times of a run, sorted.
fn figures(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let (Some(most), count) = (times.last(), times.len()) else { return };
    let median = times[count / 2];
    println!("{name}: median {median:.1?}, at most {most:.1?}, of {count}");
}

fn length() -> Duration {
    let Ok(text) = std::env::var("FLEET") else { return SHORT };
    let (number, unit) = text.split_at(text.len() - 1);
    let number: u64 = number.parse().expect("FLEET=10m");
    Duration::from_secs(number * if unit == "m" { 60 } else { 1 })
}

#[test]
#[ignore = "takes a minute at least, and much of the machine; make test runs it alone"]
fn random_acts_and_faults() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut site = Site::start();
    let (begin, length) = (Instant::now(), length());
    let (mut acts, mut faults) = (0, vec![]);
    // Each fault once at least, and then any of them.
    let mut due = Fault::ALL.to_vec();
    random.shuffle(&mut due);
    while begin.elapsed() < length || !due.is_empty() {
        let any = || loop {
            let fault = random.choice(Fault::ALL).expect("a fault");
            // The longest of them would fill a short run.
            if length > SHORT || !fault.is_without_store() {
                return fault;
            }
        };
        let fault = due.pop().unwrap_or_else(any);
        site.log(&format!("{fault:?}"));
        fault.inject(&mut site, &mut random);
        if !fault.is_without_store() {
            for _ in 0..random.usize(1..4) {
                site.act(&mut random);
                acts += 1;
                site.settle();
                site.judge_reports();
            }
        }
        fault.heal(&mut site);
        site.settle();
        site.act(&mut random);
        acts += 1;
        site.settle();
        site.judge_reports();
        faults.push(format!("{fault:?}"));
    }
    assert!(site.saw_clock || faketime().is_none(), "nothing says that a clock is wrong");
    let answers = site.end();
    faults.sort_unstable();
    println!("{acts} acts, {} faults, {answers} answers were judged", faults.len());
    println!("{} reports were compared with an answer", site.compared);
    figures("from the act to the last server", &mut site.times);
    assert!(site.compared > acts, "too few reports: {}", site.compared);
}

/// A server that reports what it does not do, so that the run above would fail.
#[test]
#[ignore = "as above"]
fn a_lie_is_found() {
    let mut site = Site::start();
    site.judge_reports();
    site.nodes[1].kill_follower();
    let report = site.cluster.must(&format!("get {KEY}/reports/web1 --print-value-only"));
    let lie = report.trim().replacen("\"open\"", "\"closed\"", 1);
    assert_ne!(lie, report.trim());
    site.cluster.put(&format!("{KEY}/reports/web1"), &lie);
    let judged = catch_unwind(AssertUnwindSafe(|| site.judge_reports()));
    let said = judged.expect_err("it is found");
    let said = said.downcast_ref::<String>().expect("a message");
    assert!(said.contains("web1 reports closed, and answers 200"), "{said}");
    site.oracle.stop();
}

/// From `close` to the last server, and to the last report.
#[test]
#[ignore = "a measurement; make soak-fleet runs it"]
fn from_close_to_the_last_report() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(10);
    let mut site = Site::start();
    let (mut closed, mut reported) = (vec![], vec![]);
    for _ in 0..rounds {
        let begin = Instant::now();
        site.must("close --replace");
        let done = Instant::now();
        site.wait_until_all(true);
        closed.push(done.elapsed());
        site.must("wait --closed --quiet --timeout 20s");
        reported.push(begin.elapsed());
        site.judge_reports();
        site.must("open --replace");
        site.wait_until_all(false);
    }
    site.end();
    figures("from the end of close to the last server", &mut closed);
    figures("from the start of close to the last report", &mut reported);
}
