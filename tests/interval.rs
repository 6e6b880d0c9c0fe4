//! MaintenanceCheckInterval: flags are checked now and then, by one process for all.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};

use maintenance_harness::{
    Children, Client, Httpd, Mpm, PAGE, Setup, page_with, replace_file, wait_for,
};
use maintenance_harness::{client::Protocol, hanging::HangingFolder, set_mode};

/// A server whose flag is on a file system that can hang.
fn with_hanging_folder(setup: Setup, interval: &str) -> (HangingFolder, Httpd) {
    let mount = setup.path("mount");
    fs::create_dir(&mount).expect("a folder");
    let folder = HangingFolder::at(&mount);
    let lines = format!("MaintenanceFlag mount/flag\nMaintenanceCheckInterval {interval}");
    let mut httpd = setup.directives(&lines).start();
    httpd.allow_log("AH00052"); // a child that hung when the server was stopped
    (folder, httpd)
}

/// Sends many concurrent requests while the file system hangs. Returns how many waited for it.
fn late_requests(folder: &HangingFolder, httpd: &Httpd, status: u16) -> usize {
    const CLIENTS: usize = 24;
    let limit = Duration::from_secs(2);
    let late = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let start = Instant::now();
                let answer = httpd.client().get("/");
                assert_eq!(answer.status, status);
                assert!(status == 200 || answer.body == PAGE, "cut");
                late.fetch_add(usize::from(start.elapsed() > limit), Ordering::SeqCst);
            });
        }
        thread::sleep(2 * limit);
        folder.hang(false);
    });
    late.into_inner()
}

/// Of many concurrent requests at most one waits, whether the site is closed or open, and whether
/// or not the children have looked before.
fn a_hanging_file_system(mpm: Mpm) {
    let (folder, httpd) = with_hanging_folder(Setup::new("StartServers 4").mpm(mpm), "200ms");
    for (status, is_cold) in [(200, false), (500, false), (500, true)] {
        folder.put_flag(status == 500);
        let client = httpd.client();
        wait_for("the state", Duration::from_secs(5), || client.get("/").status == status);
        if is_cold {
            httpd.restart();
        }
        folder.hang(true);
        thread::sleep(Duration::from_millis(300)); // somebody's turn has come
        let late = late_requests(&folder, &httpd, status);
        assert!(late <= 1, "{late} requests waited, {status} {is_cold}");
        assert_eq!(late_requests(&folder, &httpd, status), 0, "it does not hang any more");
    }
}

/// Neither a restart nor the parent's regular check waits for the file system.
#[test]
fn a_restart_while_it_hangs() {
    let (folder, httpd) = with_hanging_folder(Setup::new("").mpm(Mpm::Prefork), "200ms");
    folder.put_flag(true);
    let client = httpd.client();
    wait_for("closed", Duration::from_secs(5), || client.get("/").status == 500);
    folder.hang(true);
    thread::sleep(Duration::from_secs(11)); // the parent looks around every ten seconds
    thread::scope(|scope| {
        scope.spawn(|| client.get("/"));
        thread::sleep(Duration::from_millis(300));
        httpd.restart();
        assert!(late_requests(&folder, &httpd, 500) <= 1);
    });
}

/// The children must see the flag themselves; if they may not, the log says so.
#[test]
fn only_the_parent_may_look() {
    if !rustix::process::geteuid().is_root() {
        return; // parent and children have the same rights
    }
    let setup = Setup::new("MaintenanceFlag secret/flag\nMaintenanceCheckInterval 200ms");
    fs::create_dir(setup.path("secret")).expect("a folder");
    set_mode(&setup.path("secret"), 0o700);
    let mut httpd = setup.start();
    let client = httpd.client();
    thread::sleep(Duration::from_millis(300));
    assert_eq!(client.get("/").status, 200, "the parent has seen it at start");
    httpd.expect_log("maintenance:error.*cannot determine whether the flag .*stay open");
    fs::write(httpd.path("secret/flag"), "").expect("written");
    set_mode(&httpd.path("secret"), 0o711);
    wait_for("closed", Duration::from_secs(5), || client.get("/").status == 500);
    assert_eq!(httpd.count_log("can be seen again"), 1);
}

#[test]
fn a_hanging_file_system_event() {
    a_hanging_file_system(Mpm::Event);
}

#[test]
fn a_hanging_file_system_worker() {
    a_hanging_file_system(Mpm::Worker);
}

#[test]
fn a_hanging_file_system_prefork() {
    a_hanging_file_system(Mpm::Prefork);
}

/// Sixteen children under load look at most twice a second in total.
#[test]
fn looks_per_second() {
    let (folder, httpd) = with_hanging_folder(Children::setup(""), "1s");
    let children = Children::of(&httpd);
    for is_closed in [false, true] {
        folder.put_flag(is_closed);
        for _ in 0..30 {
            children.ask(|client| client.get("/none")); // until all have seen it
            thread::sleep(Duration::from_millis(100));
        }
        let (before, start) = (folder.looks(), Instant::now());
        let requests = AtomicUsize::new(0);
        children.ask(|client| {
            while start.elapsed() < Duration::from_secs(4) {
                let answer = client.get("/none");
                assert_eq!(answer.body == page_with(404), is_closed);
                requests.fetch_add(1, Ordering::Relaxed);
            }
        });
        let looks = folder.looks() - before;
        println!("{} requests, {looks} looks", requests.load(Ordering::Relaxed));
        assert!((3..=8).contains(&looks), "{looks} looks in 4 s");
    }
}

/// Each child sees a change after the interval, with the flag's content.
#[test]
fn changes_reach_every_child() {
    let httpd = Children::setup("MaintenanceCheckInterval 400ms").start();
    let children = Children::of(&httpd);
    let say = |text: &str| replace_file(&httpd.flag(), text);
    let all_show = |what: &str, holds: &(dyn Fn(&str) -> bool + Sync)| {
        wait_for(what, Duration::from_secs(3), || {
            children.ask(|client| holds(&client.get("/none").body)).into_iter().all(|shown| shown)
        });
    };
    all_show("open", &|body| body.contains("Not Found"));
    say("message = 'one'");
    all_show("one", &|body| body.contains(">one<"));
    say("message = 'two'");
    all_show("two", &|body| body.contains(">two<"));
    say("");
    all_show("nothing", &|body| body == page_with(404));
    fs::remove_file(httpd.flag()).expect("removed");
    all_show("open again", &|body| body.contains("Not Found"));
    assert_eq!(httpd.count_log("closed by the flag"), 1);
    assert_eq!(httpd.count_log("open again"), 1);
}

/// The start and the end in a flag take effect exactly, even between two looks.
#[test]
fn times_do_not_wait_for_a_look() {
    let setup = Children::setup("MaintenanceCheckInterval 1h");
    let start = Timestamp::now() + 4.seconds();
    let end = start + 2.seconds();
    setup.write("maintenance.flag", format!("start = {start}\nend = {end}\nreopen = 'auto'"));
    let httpd = setup.start();
    let children = Children::of(&httpd);
    let is_over = AtomicBool::new(false);
    children.ask(|client| {
        while !is_over.load(Ordering::Relaxed) {
            let before = Timestamp::now();
            let is_open = client.get("/none").header("cache-control") != Some("no-store");
            let after = Timestamp::now();
            let slack = 10.milliseconds();
            if after < start - slack || before > end + slack {
                assert!(is_open, "before the start and after the end");
            } else if before > start + slack && after < end - slack {
                assert!(!is_open, "from start to end");
            }
            is_over.store(after > end + 1.second(), Ordering::Relaxed);
        }
    });
    for line in ["closes at", "closed by the flag .*, owner", "open again, the flag"] {
        assert_eq!(httpd.count_log(line), 1, "{line}: {}", httpd.log());
    }
}

/// Without an interval, or with an interval of zero, the next request sees a change.
#[test]
fn zero_is_every_request() {
    for lines in ["", "MaintenanceCheckInterval 0", "MaintenanceCheckInterval 0ms"] {
        let httpd = Httpd::start(lines);
        let client = Client::build(&httpd.url(), Protocol::Http1, None, true);
        for _ in 0..50 {
            httpd.close();
            assert_eq!(client.get("/").status, 500);
            httpd.open();
            assert_eq!(client.get("/").status, 200);
        }
    }
}

/// On a machine that has just booted, the clock is smaller than the interval. A flag that no child
/// has looked at is nevertheless due.
#[test]
fn just_after_boot() {
    let Some(young) = young_machine() else {
        eprintln!("left out: this machine cannot play one that was booted just now (unshare -T)");
        return;
    };
    let words: Vec<_> = young.iter().map(String::as_str).collect();
    let setup = Setup::new("MaintenanceCheckInterval 1h").mpm(Mpm::Prefork).wrapper(&words);
    let httpd = setup.start();
    httpd.close(); // the parent has seen none at start
    httpd.client().get("/").assert_refused();
    assert_eq!(httpd.count_log("closed by the flag"), 1);
    httpd.open(); // not before the interval is over
    httpd.client().get("/").assert_refused();
}

/// A prefix that runs a command as if the machine had booted half a minute ago.
fn young_machine() -> Option<Vec<String>> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let seconds: i64 = uptime.split('.').next()?.parse().ok()?;
    let offset = 30 - seconds;
    let words = ["unshare".into(), "-T".into(), format!("--monotonic={offset}")];
    let words: Vec<_> = words.into_iter().chain([format!("--boottime={offset}")]).collect();
    let mut probe = std::process::Command::new(&words[0]);
    let seen = probe.args(&words[1..]).args(["cat", "/proc/uptime"]).output().ok()?.stdout;
    let seen: f64 = String::from_utf8(seen).ok()?.split(' ').next()?.parse().ok()?;
    (seen < 300.0).then_some(words)
}
