//! After many requests, none that has ended remains in flight.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::{Gauges, Site, room};
use maintenance_harness::{KeepAlive, Mpm, Setup};

const CLIENTS: u64 = 4;

/// Several clients use persistent connections while the site is closed and opened.
fn many(mpm: Mpm, requests: u64) {
    // A refusal with 404 keeps the connection.
    let setup = Setup::new("MaxKeepAliveRequests 0\nMaintenanceStatus 404");
    let site = Site::start(setup.mpm(mpm).directives(room(mpm)));
    let (left, is_over) = (AtomicU64::new(CLIENTS), AtomicBool::new(false));
    let answers = [AtomicU64::new(0), AtomicU64::new(0)];
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = KeepAlive::new(site.httpd.address());
                for _ in 0..requests / CLIENTS {
                    let status = client.get("/index.html");
                    let which = [200, 404].iter().position(|expected| *expected == status);
                    let which = which.unwrap_or_else(|| panic!("{status}"));
                    answers[which].fetch_add(1, Ordering::Relaxed);
                }
                left.fetch_sub(1, Ordering::Relaxed);
                // Idle connections are not in flight.
                while !is_over.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(10));
                }
            });
        }
        while left.load(Ordering::Relaxed) > 0 {
            match site.httpd.flag().exists() {
                true => site.httpd.open(),
                false => site.httpd.close(),
            }
            let in_flight = site.reports.read().in_flight;
            // A request may arrive while the previous one on its connection is being forgotten.
            assert!(in_flight.requests <= 2 * CLIENTS, "{in_flight:?}");
            thread::sleep(Duration::from_millis(50));
        }
        site.shows(&Gauges::default());
        is_over.store(true, Ordering::Relaxed);
    });
    let totals = &site.reports.read().scopes[0].totals;
    let [passed, refused] = answers.map(AtomicU64::into_inner);
    println!("{mpm:?}: {passed} passed, {refused} were refused");
    assert!(passed > 0 && refused > 0, "{passed} passed, {refused} were refused");
    assert_eq!((totals.open, totals.allowed, totals.refused), (passed, 0, refused));
}

#[test]
fn event() {
    many(Mpm::Event, 100_000);
}

#[test]
fn worker() {
    many(Mpm::Worker, 10_000);
}

#[test]
fn prefork() {
    many(Mpm::Prefork, 10_000);
}
