//! Requests that end abnormally do not remain in flight, and do not affect others.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Gauges, MAIN, Site, Via};
use maintenance_harness::{KeepAlive, Mpm, Setup, wait_for};

/// Clients that disconnect. httpd continues with their requests until the backend answers.
fn clients_hang_up(mpm: Mpm, via: Via) {
    let site = via.site(mpm);
    let client = via.client(&site, &site.httpd.url());
    let staying = ["a", "b"].map(|name| site.hold(Arc::clone(&client), &format!("/hold/{name}")));
    let leaving = ["c", "d", "e", "f"].map(|name| {
        let patience = Duration::from_millis(1500);
        site.try_hold(Arc::clone(&client), &format!("/hold/{name}"), patience)
    });
    site.httpd.close();
    for client in leaving {
        client.join().expect("no panic").expect_err("it has hung up");
    }
    for name in ["c", "d", "e", "f"] {
        site.backend.release(name);
    }
    site.shows(&Gauges::of(&[(MAIN, 2, 2)]));
    for (name, left) in [("a", 1), ("b", 0)] {
        site.backend.release(name);
        site.shows(&Gauges::of(&[(MAIN, left, left)]));
    }
    for client in staying {
        assert_eq!(client.join().expect("an answer").status, 200);
    }
}

#[test]
fn hang_ups() {
    for mpm in Mpm::ALL {
        clients_hang_up(mpm, Via::Http1);
    }
}

#[test]
fn http2_hang_ups() {
    for mpm in [Mpm::Event, Mpm::Worker] {
        clients_hang_up(mpm, Via::Http2);
    }
}

#[test]
fn failures_of_the_backend() {
    let mut site = Site::of(Mpm::Event);
    let running = ["a", "b", "c"]
        .map(|name| (name, site.hold(site.httpd.client(), &format!("/hold/{name}?fail"))));
    let whole = site.hold(site.httpd.client(), "/hold/d");
    site.httpd.close();
    for ((name, running), left) in running.into_iter().zip([3, 2, 1]) {
        site.shows(&Gauges::of(&[(MAIN, left + 1, left + 1)]));
        site.backend.release(name);
        assert_eq!(running.join().expect("an answer").status, 502);
    }
    site.shows(&Gauges::of(&[(MAIN, 1, 1)]));
    site.backend.release("d");
    assert_eq!(whole.join().expect("an answer").status, 200);
    site.shows(&Gauges::default());
    assert_eq!(site.reports.read().scopes[0].totals.open, 4);
    site.httpd.expect_log("AH01102: error reading status line from remote server");
    site.httpd.expect_log("AH00898: Error reading from remote server");
}

/// Waiting for a request is not a request.
#[test]
fn idle_connections() {
    for mpm in Mpm::ALL {
        let site = Site::of(mpm);
        let mut clients: Vec<_> = (0..10).map(|_| KeepAlive::new(site.httpd.address())).collect();
        for requests in [10, 20] {
            clients.iter_mut().for_each(|client| assert_eq!(client.get("/index.html"), 200));
            site.shows(&Gauges::default());
            assert_eq!(site.reports.read().scopes[0].totals.open, requests);
        }
        let held = site.hold(site.httpd.client(), "/hold/one");
        site.shows(&Gauges::of(&[(MAIN, 1, 0)]));
        site.backend.release("one");
        held.join().expect("an answer");
        site.shows(&Gauges::default());
        assert!(clients.iter().all(|client| client.connections() == 1), "{mpm:?}");
    }
}

/// Old children finish their requests, which are still counted.
fn graceful_restarts(mpm: Mpm) {
    let mut site = Site::of(mpm);
    // httpd's own warnings if restarts follow each other faster than children end.
    site.httpd.allow_log("core:error.*AH00546: no record of generation");
    let names = ["a", "b", "c", "d", "e", "f"];
    let mut old: Vec<_> = names
        .iter()
        .map(|name| (name, site.hold(site.httpd.client(), &format!("/hold/{name}"))))
        .collect();
    site.httpd.close();
    site.shows(&Gauges::of(&[(MAIN, 6, 6)]));
    site.httpd.restart();
    site.shows(&Gauges::of(&[(MAIN, 6, 6)]));
    let new = site.hold(site.httpd.client_from("127.0.0.2"), "/hold/new");
    site.shows(&Gauges::of(&[(MAIN, 7, 6)]));
    let mut end = |left: u64| {
        let (name, running) = old.pop().expect("one that runs");
        site.backend.release(name);
        assert_eq!(running.join().expect("an answer").status, 200);
        site.shows(&Gauges::of(&[(MAIN, left + 1, left)]));
    };
    end(5);
    end(4);
    site.httpd.restart();
    for left in [3, 2, 1, 0] {
        end(left);
    }
    site.backend.release("new");
    assert_eq!(new.join().expect("an answer").status, 200);
    site.shows(&Gauges::default());
    let totals = &site.reports.read().scopes[0].totals;
    assert_eq!((totals.open, totals.allowed), (6, 1));
}

#[test]
fn restarts_event() {
    graceful_restarts(Mpm::Event);
}

#[test]
fn restarts_worker() {
    graceful_restarts(Mpm::Worker);
}

#[test]
fn restarts_prefork() {
    graceful_restarts(Mpm::Prefork);
}

/// Enough requests are held that each half of the children serves some of them.
const HELD: usize = 12;

fn killed_children(mpm: Mpm, room: &str, killed: usize) {
    let mut site = Site::start(Setup::new(room).mpm(mpm));
    site.httpd.allow_log("core:notice.*exit signal Killed");
    site.httpd.allow_log("AH00161|AH00484|AH03490"); // MaxRequestWorkers: that is how it is set up
    let running: Vec<_> = (0..HELD)
        .map(|number| {
            let patience = Duration::from_secs(60);
            site.try_hold(site.httpd.client(), &format!("/hold/{number}"), patience)
        })
        .collect();
    site.httpd.close();
    let all = HELD as u64;
    site.shows(&Gauges::of(&[(MAIN, all, all)]));
    let children: Vec<_> =
        site.httpd.processes().into_iter().filter(|pid| *pid != site.httpd.pid()).collect();
    let start = Instant::now();
    for pid in &children[..killed] {
        let pid = Pid::from_raw(*pid as i32).expect("a process id");
        kill_process(pid, Signal::KILL).expect("killed");
    }
    thread::sleep(Duration::from_millis(400)); // their clients see it sooner
    let cut = || running.iter().filter(|client| client.is_finished()).count() as u64;
    let left = all - cut();
    assert!((1..all).contains(&left), "{mpm:?}: {left} of {all} are left");
    let limit = Duration::from_secs(2).saturating_sub(start.elapsed());
    wait_for("the dead are not in flight", limit, || {
        site.reports.read().in_flight.from_before_closing == left
    });
    println!("{mpm:?}: {} of {all} are gone after {:?}", cut(), start.elapsed());
    site.shows(&Gauges::of(&[(MAIN, left, left)]));
    assert_eq!(all - cut(), left, "{mpm:?}: no others were cut");
    for number in 0..HELD {
        site.backend.release(&number.to_string());
    }
    let answers: Vec<_> =
        running.into_iter().map(|running| running.join().expect("no panic")).collect();
    let whole = answers.iter().flatten().filter(|answer| answer.status == 200).count();
    assert_eq!(whole as u64, left, "{mpm:?}: {answers:?}");
    site.shows(&Gauges::default());
    assert_eq!(site.reports.read().scopes[0].totals.open, left, "{mpm:?}: those that have ended");
}

#[test]
fn killed_event_and_worker() {
    // Two children, neither of which can take all.
    let room = "StartServers 2\nServerLimit 2\nThreadsPerChild 10\nMaxRequestWorkers 20\n\
        MinSpareThreads 1\nMaxSpareThreads 20";
    for mpm in [Mpm::Event, Mpm::Worker] {
        killed_children(mpm, room, 1);
    }
}

#[test]
fn killed_prefork() {
    let room = "StartServers 16\nServerLimit 16\nMaxRequestWorkers 16\nMinSpareServers 1\n\
        MaxSpareServers 16";
    killed_children(Mpm::Prefork, room, 8);
}
