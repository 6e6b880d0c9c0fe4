//! What the logs say, and how often.

use std::thread;
use std::time::Duration;

use crate::support::{Backend, Httpd, Mpm, Setup, wait_for};

/// One line for each opening and closing, however many children see it at a time.
#[test]
fn one_line_with_sixteen_children() {
    const FLIPS: usize = 30;
    let httpd = Setup::new(
        "StartServers 16\nMinSpareServers 16\nMaxSpareServers 32\nMaxRequestWorkers 32\nServerLimit 32",
    )
    .mpm(Mpm::Prefork)
    .start();
    wait_for("16 children", Duration::from_secs(10), || httpd.processes().len() > 16);
    let everybody = |status: u16| {
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        assert_eq!(httpd.client().get("/").status, status);
                    }
                });
            }
        });
    };
    for flip in 1..=FLIPS {
        httpd.close();
        everybody(500);
        assert_eq!(httpd.count_log("maintenance:notice.*closed by the flag"), flip);
        httpd.open();
        everybody(200);
        assert_eq!(httpd.count_log("maintenance:notice.*open again"), flip);
    }
    assert_eq!(httpd.count_log("maintenance: "), 1 + 2 * FLIPS, "nothing else: {}", httpd.log());
}

#[test]
fn flag_time_and_owner() {
    let httpd = Httpd::start("");
    let a_second = filetime(1_700_000_000);
    httpd.close();
    std::fs::File::options()
        .write(true)
        .open(httpd.flag())
        .and_then(|file| file.set_modified(a_second))
        .expect("a time");
    httpd.client().get("/").assert_refused();
    let owner = match rustix::process::geteuid().is_root() {
        true => "root",
        false => r"\S+",
    };
    let flag = httpd.flag().display().to_string();
    let line = format!(
        r"maintenance:notice.*maintenance: closed by the flag {flag}, there since 2023-11-14 22:13:20 \+00:00, owner {owner}$"
    );
    assert_eq!(httpd.count_log(&line), 1, "{}", httpd.log());
    httpd.open();
    assert_eq!(httpd.client().get("/").status, 200);
    let line = format!("maintenance:notice.*maintenance: open again, the flag {flag} is gone$");
    assert_eq!(httpd.count_log(&line), 1, "{}", httpd.log());
}

fn filetime(seconds: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Without a request the parent sees it.
#[test]
fn without_requests() {
    let servers = Mpm::ALL.map(|mpm| Setup::new("").mpm(mpm).start());
    let limit = Duration::from_secs(15);
    let all = |pattern| servers.iter().all(|httpd| httpd.count_log(pattern) == 1);
    servers.iter().for_each(Httpd::close);
    wait_for("closed is logged", limit, || all("closed by the flag"));
    servers.iter().for_each(Httpd::open);
    wait_for("open is logged", limit, || all("open again"));
}

/// A restart in the middle of the maintenance is no news; a start is.
#[test]
fn over_restarts() {
    let setup = Setup::new("");
    setup.write("maintenance.flag", "");
    let httpd = setup.start();
    assert_eq!(httpd.count_log("closed by the flag"), 1, "{}", httpd.log());
    httpd.client().get("/").assert_refused();
    for _ in 0..3 {
        httpd.restart();
        httpd.client().get("/").assert_refused();
    }
    assert_eq!(httpd.count_log("closed by the flag"), 1, "{}", httpd.log());
    httpd.open();
    httpd.restart();
    assert_eq!(httpd.client().get("/").status, 200);
    assert_eq!(httpd.count_log("open again"), 1, "{}", httpd.log());
}

/// The note and the environment variable, in the log and for the application.
#[test]
fn note_and_environment_variable() {
    let backend = Backend::start();
    let httpd = Setup::new(
        "MaintenanceAllow 127.0.0.2 env=PROBE\nSetEnvIf User-Agent ^probe PROBE\n\
         CustomLog logs/closed_log \"%a %{maintenance}n\" env=MAINTENANCE\n\
         RequestHeader set Maintenance %{MAINTENANCE}e env=MAINTENANCE",
    )
    .modules(&["setenvif", "headers"])
    .proxy_to(&backend)
    .start();
    let client = httpd.client();
    let probe = || client.send(client.request("GET", "/").header("User-Agent", "probe/1"));
    assert_eq!(client.get("/").header("x-maintenance"), None);
    assert_eq!(probe().header("x-maintenance"), None);
    httpd.close();
    client.get("/").assert_refused();
    assert_eq!(probe().header("x-maintenance"), Some("allowed:env"));
    let admitted = httpd.client_from("127.0.0.2").get("/");
    assert_eq!(admitted.header("x-maintenance"), Some("allowed:address"));
    let closed = std::fs::read_to_string(httpd.path("logs/closed_log")).expect("a log");
    assert_eq!(closed, "127.0.0.1 blocked\n127.0.0.1 allowed:env\n127.0.0.2 allowed:address\n");
    let log: Vec<_> = httpd
        .access_log(5)
        .iter()
        .filter_map(|line| Some(line.split_once(" \"")?.0.to_owned()))
        .collect();
    assert_eq!(
        log,
        [
            "127.0.0.1 200 - -",
            "127.0.0.1 200 - -",
            "127.0.0.1 500 blocked blocked",
            "127.0.0.1 200 allowed:env allowed:env",
            "127.0.0.2 200 allowed:address allowed:address",
        ]
    );
}
