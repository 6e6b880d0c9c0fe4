//! Graceful restarts: the module is unloaded and loaded each time.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use maintenance_harness::client::Protocol;
use maintenance_harness::{Client, Httpd, Mpm, Setup, sanitizer, wait_for};

const RESTARTS: usize = 50;
const FIRST: usize = 10;

/// Under load, while the site is closed and opened.
fn restarts_under_load(mpm: Mpm) {
    // A large page makes it visible if a configuration is not freed.
    let setup = Setup::new(
        "MaintenanceAllow 10.0.0.0/8 env=X host=localhost6 file=list\n\
         MaintenanceFlag a.flag maintenance.flag\n\
         MaintenancePage large.html ours.json.j2 ours.html.de.j2",
    );
    let networks = (0..10_000).map(|n| format!("10.{}.{}.0/24\n", n / 256, n % 256));
    setup.write("list", networks.collect::<String>());
    setup.write("large.html", "x".repeat(1024 * 1024));
    setup.write("ours.json.j2", "{\"message\": {{ message }}}");
    setup.write("ours.html.de.j2", format!("{{{{ message }}}}{}", "y".repeat(600)));
    let mut httpd = setup.mpm(mpm).start();
    // httpd's own warnings if restarts follow each other faster than children end.
    httpd.allow_log("core:error.*AH00546: no record of generation");
    httpd.allow_log("maintenance:warn.*localhost6 does not resolve"); // where there is no IPv6
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
                0 => std::fs::write(httpd.flag(), "message = 'x'").expect("written"),
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
    // The large page may be in memory once more or once less while its versions change. A sanitizer
    // delays the freeing of memory.
    let once = 1024 + 64;
    let is_steady = grown as f64 <= rss as f64 * 1.05 + f64::from(once) || sanitizer::is_on();
    assert!(is_steady, "the parent grows: {rss} KiB, then {grown} KiB");
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

/// `a2enmod` and a graceful restart: httpd then reads the configuration once, not twice. A child
/// from before the restart may still answer the first request after it.
fn until_refused(httpd: &Httpd) {
    wait_for("the new children", Duration::from_secs(5), || httpd.client().get("/").status == 500);
    httpd.client().get("/").assert_refused();
}

#[test]
fn loaded_by_a_restart() {
    let mut httpd = Setup::new("").before("Define WITHOUT_MODULE").start();
    httpd.close();
    assert_eq!(httpd.client().get("/").status, 200);
    httpd.reconfigure("", "");
    until_refused(&httpd);
    assert_eq!(httpd.count_log("closed by the flag"), 1);
    httpd.open();
    assert_eq!(httpd.client().get("/").status, 200);
}

/// Nothing keeps the module in memory when httpd unloads it: neither templates, whose compiler has
/// thread-local buffers, nor the content of a flag.
#[test]
fn unloaded_by_a_restart() {
    let setup = Setup::new("MaintenancePage ours.html.j2 ours.txt\nMaintenanceAllow file=list");
    setup.write("ours.html.j2", format!("{{{{ message }}}}{}", "x".repeat(600)));
    setup.write("ours.txt", "text ".repeat(200));
    setup.write("list", "127.0.0.2\n");
    setup.write("maintenance.flag", "message = 'x'\nend = 2999-01-01T00:00:00");
    let mut httpd = setup.start();
    let maps = format!("/proc/{}/maps", httpd.pid());
    let is_loaded = || std::fs::read_to_string(&maps).expect("maps").contains("mod_maintenance");
    assert!(is_loaded());
    httpd.restart();
    assert!(httpd.client().get("/").body.starts_with('x'));
    httpd.reconfigure("Define WITHOUT_MODULE", "");
    assert!(!is_loaded());
    // A child from before the restart may have answered the first request.
    wait_for("open", Duration::from_secs(5), || httpd.client().get("/").status == 200);
}

#[test]
fn other_directives_after_a_restart() {
    let mut httpd = Setup::new("MaintenanceAllow 127.0.0.2").start();
    httpd.close();
    let statuses = |httpd: &Httpd| {
        ["127.0.0.2", "127.0.0.3"].map(|address| httpd.client_from(address).get("/").status)
    };
    for (before, directives, expected) in [
        ("", "MaintenanceAllow 127.0.0.2", [200, 500]),
        ("", "MaintenanceAllow 127.0.0.3\nMaintenanceStatus 503", [503, 200]),
        ("", "MaintenanceFlag other.flag", [200, 200]),
        ("", "MaintenanceFlag other.flag maintenance.flag", [500, 500]),
        ("", "MaintenanceEngine Off", [200, 200]),
        ("Define WITHOUT_MODULE", "", [200, 200]),
        ("", "", [500, 500]),
    ] {
        httpd.reconfigure(before, directives);
        // A child from before the restart may still answer the first requests after it.
        wait_for(directives, Duration::from_secs(5), || statuses(&httpd) == expected);
        assert_eq!(statuses(&httpd), expected, "{before} {directives}");
    }
}

/// A child of the previous generation with an open connection looks at the old flag. This must not
/// be taken for a change of the new flag.
#[test]
fn another_flag_while_old_connections_are_open() {
    for mpm in Mpm::ALL {
        let mut httpd = Setup::new("MaintenanceFlag a.flag\nKeepAliveTimeout 15").mpm(mpm).start();
        let old = [(); 3].map(|()| Client::build(&httpd.url(), Protocol::Http1, None, true));
        old.iter().for_each(|client| assert_eq!(client.get("/").status, 200));
        std::fs::write(httpd.path("b.flag"), "").expect("written");
        httpd.reconfigure("", "MaintenanceFlag b.flag");
        for client in &old {
            // httpd may just be closing it, which reqwest does not always see in time.
            let _ = client.try_get("/");
            until_refused(&httpd);
        }
        assert_eq!(httpd.count_log("closed by the flag .*/b.flag"), 1, "{mpm:?}: {}", httpd.log());
        assert_eq!(httpd.count_log("open again"), 0, "{mpm:?}: {}", httpd.log());
    }
}
