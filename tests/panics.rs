//! A panic in the request path, as a build with the feature `provoke-panic` has it on demand.

use std::thread;
use std::time::Duration;

use maintenance_harness::{Backend, Httpd, Mpm, Setup, installation::debug_module, wait_for};

/// One child with threads: if it died, it would take the slow request with it.
fn start(backend: &Backend, errors: &str) -> Httpd {
    let mut httpd = Setup::new(
        "StartServers 1\nServerLimit 1\nThreadsPerChild 60\nThreadLimit 64\nMaxRequestWorkers 60\nMinSpareThreads 2\nMaxSpareThreads 60\nMaintenanceAllow 127.0.0.2",
    )
    .directives(errors)
    .mpm(Mpm::Event)
    .module(debug_module())
    .proxy_to(backend)
    .start();
    httpd.allow_log("maintenance:error.*internal error, please report it: provoked");
    // Rust's own message, and the note on backtraces.
    httpd.allow_log("^$|^thread .* panicked at|^provoked( again)?$|^note: run with");
    httpd
}

#[test]
fn the_child_lives_on() {
    let backend = Backend::start();
    let httpd = start(&backend, "ErrorDocument 500 /error");
    httpd.client().get("/");
    let before = httpd.processes();

    let provoke = |status: u16| {
        let client = httpd.client();
        let answer = client.send(client.request("GET", "/").header("X-Provoke-Panic", "1"));
        assert_eq!(answer.status, status, "{answer:?}");
        answer
    };
    for closed in [false, true] {
        let received = backend.received();
        if closed {
            httpd.close();
            // The last known state decides, so it must be known.
            httpd.client().get("/").assert_refused();
        }
        thread::scope(|scope| {
            let slow = scope.spawn(|| httpd.client_from("127.0.0.2").get("/slow/1500"));
            wait_for("the slow request", Duration::from_secs(5), || backend.received() > received);
            for _ in 0..50 {
                if closed {
                    let answer = provoke(500);
                    assert!(answer.body.contains("closed for maintenance"), "{answer:?}");
                    assert_eq!(answer.header("cache-control"), Some("no-store"));
                } else {
                    assert_eq!(provoke(200).body, Backend::page_of("/"));
                }
            }
            let slow = slow.join().expect("no failure");
            assert_eq!((slow.status, slow.body), (200, Backend::page_of("/slow/1500")));
        });
        if closed {
            assert_eq!(backend.received(), received + 1, "only the slow one, no ErrorDocument");
        }
    }
    assert_eq!(httpd.processes(), before, "a child has died");
    assert_eq!(httpd.count_log("internal error, please report it: provoked"), 100);
}

/// The code that runs after a panic may panic, too. The state of the site is not known then.
#[test]
fn the_child_survives_a_second_panic() {
    let backend = Backend::start();
    let httpd = start(&backend, "");
    httpd.client().get("/");
    let (before, received) = (httpd.processes(), backend.received());
    thread::scope(|scope| {
        let slow = scope.spawn(|| httpd.client_from("127.0.0.2").get("/slow/1500"));
        wait_for("the slow request", Duration::from_secs(5), || backend.received() > received);
        for closed in [false, true] {
            if closed {
                httpd.close();
            }
            for _ in 0..20 {
                let client = httpd.client();
                let request = client.request("GET", "/").header("X-Provoke-Panic", "twice");
                assert_eq!(client.send(request).status, 500);
            }
        }
        assert_eq!(slow.join().expect("no failure").status, 200);
    });
    assert_eq!(backend.received(), received + 1, "only the slow one");
    assert_eq!(httpd.processes(), before, "a child has died");
    assert_eq!(httpd.count_log("internal error, please report it: provoked again"), 40);
}
