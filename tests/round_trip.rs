//! The very next request sees a closing or an opening, and no answer is ever truncated.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use maintenance_harness::{Backend, Client, Httpd, Mpm, PAGE, Setup, client::Protocol};

fn round_trip(mpm: Mpm) {
    const REQUESTS: usize = 1000;
    let httpd = Setup::new("").mpm(mpm).start();
    let (new, kept) = (httpd.client(), Client::build(&httpd.url(), Protocol::Http1, None, true));
    for client in [&new, &kept] {
        assert_eq!(client.get("/").status, 200);
        httpd.close();
        for _ in 0..REQUESTS {
            client.get("/").assert_refused();
        }
        httpd.open();
        for _ in 0..REQUESTS {
            let answer = client.get("/");
            assert_eq!((answer.status, answer.body.as_str()), (200, "hello from httpd\n"));
        }
    }
    assert_eq!(httpd.count_log("closed by the flag"), 2);
    assert_eq!(httpd.count_log("open again"), 2);
}

/// Each change is followed by a request from another client, so that the change must have been
/// seen.
fn flips_under_load(mpm: Mpm, length: Duration) {
    const CLIENTS: usize = 8;
    let backend = Backend::start();
    let httpd = Setup::new("").mpm(mpm).proxy_to(&backend).start();
    let (passed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let over = AtomicBool::new(false);
    let flips = thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (httpd, passed, refused, over) = (&httpd, &passed, &refused, &over);
            scope.spawn(move || {
                let path = format!("/{number}");
                let page = Backend::page_of(&path);
                let client = Client::build(&httpd.url(), Protocol::Http1, None, number % 2 == 0);
                while !over.load(Ordering::Relaxed) {
                    let answer = client.get(&path);
                    match answer.status {
                        200 => assert!(answer.body == page, "a cut page of the backend"),
                        500 => assert!(answer.body == PAGE, "a cut maintenance page"),
                        _ => panic!("neither passed nor refused: {answer:?}"),
                    }
                    let count = if answer.status == 200 { passed } else { refused };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (start, client) = (Instant::now(), httpd.client());
        let mut flips = 0;
        while start.elapsed() < length {
            httpd.close();
            client.get("/").assert_refused();
            httpd.open();
            assert_eq!(client.get("/").status, 200);
            flips += 1;
        }
        over.store(true, Ordering::Relaxed);
        flips
    });
    let (passed, refused) = (passed.into_inner(), refused.into_inner());
    println!("{mpm:?}: {flips} flips, {passed} passed, {refused} refused");
    assert!(passed > 100 && refused > 100 && flips > 10, "hardly any load");
    assert_eq!(httpd.count_log("closed by the flag"), flips);
    assert_eq!(httpd.count_log("open again"), flips);
}

#[test]
fn round_trip_event() {
    round_trip(Mpm::Event);
}

#[test]
fn round_trip_worker() {
    round_trip(Mpm::Worker);
}

#[test]
fn round_trip_prefork() {
    round_trip(Mpm::Prefork);
}

const LENGTH: Duration = Duration::from_secs(20);

#[test]
fn flips_under_load_event() {
    flips_under_load(Mpm::Event, LENGTH);
}

#[test]
fn flips_under_load_worker() {
    flips_under_load(Mpm::Worker, LENGTH);
}

#[test]
fn flips_under_load_prefork() {
    flips_under_load(Mpm::Prefork, LENGTH);
}

#[test]
fn default_flag_and_page_with_nothing_but_load_module() {
    let httpd = Httpd::start("");
    assert_eq!(httpd.client().get("/").body, "hello from httpd\n");
    httpd.close();
    httpd.client().get("/").assert_refused();
    httpd.client().get("/does-not-exist").assert_refused();
    httpd.open();
    assert_eq!(httpd.client().get("/does-not-exist").status, 404);
}
