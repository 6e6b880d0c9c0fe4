//! Graceful restarts: the module is unloaded and loaded each time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{Mpm, Setup, wait_for};

const RESTARTS: usize = 50;
const FIRST: usize = 10;

/// Under load, and with the site closed and opened on the way.
fn restarts_under_load(mpm: Mpm) {
    let httpd =
        Setup::new("MaintenanceAllow 10.0.0.0/8 env=X\nMaintenanceFlag a.flag maintenance.flag")
            .mpm(mpm)
            .start();
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut rss = 0;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let client = httpd.client();
                while !over.load(Ordering::Relaxed) {
                    let answer = client.try_get("/").expect("no failed request");
                    assert!([200, 500].contains(&answer.status), "{answer:?}");
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for restart in 1..=RESTARTS {
            httpd.restart();
            let served = answers.load(Ordering::Relaxed);
            wait_for("answers of the new generation", Duration::from_secs(10), || {
                answers.load(Ordering::Relaxed) > served + 40
            });
            match restart % 4 {
                0 => httpd.close(),
                2 if restart > 2 => httpd.open(),
                _ => {}
            }
            if restart == FIRST {
                rss = httpd.parent_rss();
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    let grown = httpd.parent_rss();
    println!(
        "{mpm:?}: {} answers, RSS of the parent {rss} KiB after {FIRST} restarts, {grown} KiB after {RESTARTS}",
        answers.load(Ordering::Relaxed)
    );
    assert!(grown as f64 <= rss as f64 * 1.05, "the parent grows: {rss} KiB, then {grown} KiB");
}

#[test]
fn restarts_event() {
    restarts_under_load(Mpm::Event);
}

#[test]
fn restarts_worker() {
    restarts_under_load(Mpm::Worker);
}

#[test]
fn restarts_prefork() {
    restarts_under_load(Mpm::Prefork);
}
