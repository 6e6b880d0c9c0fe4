//! Thousands of flags and virtual hosts, and the cost for servers with few.

use std::fs;
use std::time::{Duration, Instant};

use maintenance_harness::client::Answer;
use maintenance_harness::{Httpd, Reports, Setup, wait_for};

const MANY: usize = 3000;

fn get(httpd: &Httpd, host: &str) -> Answer {
    let client = httpd.client();
    client.send(client.request("GET", "/").header("Host", host))
}

/// The lines that name flags, without httpd's prefix.
fn named(httpd: &Httpd) -> Vec<String> {
    let log = httpd.log();
    let lines = log.lines().filter_map(|line| line.split_once(" maintenance: looking for "));
    assert!(log.lines().all(|line| line.len() < 8191), "no line is cut");
    lines.map(|(_, names)| names.to_owned()).collect()
}

/// Each virtual host has its own flag, closes individually and is counted individually, also over a
/// restart.
#[test]
fn virtual_hosts() {
    let hosts: String = (0..MANY)
        .map(|n| {
            format!("<VirtualHost *>\nServerName host{n}.test\nMaintenanceFlag flags/{n}.flag\n</VirtualHost>\n")
        })
        .collect();
    let setup = Setup::new(&hosts).directives(Reports::directives());
    fs::create_dir(setup.path("flags")).expect("a folder");
    let (ok, said) = setup.test_config();
    assert!(ok, "{said}");
    let start = Instant::now();
    let httpd = setup.start();
    println!("{MANY} virtual hosts: started in {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    assert!(httpd.log().len() < 64 * 1024, "{} bytes in the error log", httpd.log().len());
    let (first, last) = ("host0.test", format!("host{}.test", MANY - 1));
    for _ in 0..2 {
        fs::write(httpd.path(&format!("flags/{}.flag", MANY - 1)), "").expect("written");
        wait_for("closed", Duration::from_secs(10), || get(&httpd, &last).status == 500);
        assert_eq!(get(&httpd, first).status, 200);
        fs::remove_file(httpd.path(&format!("flags/{}.flag", MANY - 1))).expect("removed");
        wait_for("open", Duration::from_secs(10), || get(&httpd, &last).status == 200);
        let start = Instant::now();
        httpd.restart();
        println!("restarted in {:?}", start.elapsed());
    }
    let report = Reports::of(&httpd).read();
    let refused = |host: &str| -> Vec<u64> {
        let scopes = report.scopes.iter().filter(|scope| scope.server.starts_with(host));
        scopes.map(|scope| scope.totals.refused).collect()
    };
    assert_eq!((refused(first), refused(&last)), (vec![0], vec![2]));
    let named = named(&httpd);
    assert!(named.iter().any(|names| names.contains("/flags/0.flag, ")), "{named:?}");
}

/// With the same number of flags in one server, the log lists all of them or says how many it
/// omits.
#[test]
fn flags_of_one_server() {
    let flags: Vec<_> = (0..MANY).map(|n| format!("flags/flag-with-a-long-name-{n}")).collect();
    let long = "folder".repeat(40);
    let setup = Setup::new(&format!("MaintenanceFlag {} {long}/x", flags.join(" ")));
    fs::create_dir(setup.path("flags")).expect("a folder");
    fs::create_dir(setup.path(&long)).expect("a folder");
    let (ok, said) = setup.test_config();
    assert!(ok, "{said}");
    let start = Instant::now();
    let httpd = setup.start();
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    fs::write(httpd.path(&flags[MANY - 1]), "").expect("written");
    httpd.client().get("/").assert_refused();
    let named = named(&httpd);
    let listed: usize =
        named.iter().map(|names| names.split(", ").filter(|n| n.contains('/')).count()).sum();
    let more: usize = named
        .iter()
        .filter_map(|names| names.split_once(" more flags"))
        .map(|(count, _)| count.parse::<usize>().expect("a number"))
        .sum();
    assert_eq!(listed + more, MANY + 1, "{named:#?}");
    assert!((2..=30).contains(&named.len()), "{}", named.len());
}

/// Without the folder of its flags, a server warns of the folder and not of each flag.
#[test]
fn warnings_of_many_flags() {
    for (folders, lines) in [(1, 1), (10, 10), (MANY, 51)] {
        let flag = |number| format!("MaintenanceFlag gone{}/{number}.flag\n", number % folders);
        let setup = Setup::new(&(0..MANY).map(flag).collect::<String>());
        let (ok, said) = setup.test_config();
        assert!(ok, "{said}");
        let warnings = said.lines().filter(|line| line.contains("does not exist, so")).count();
        let more = said.contains(&format!("{} more folders of flags", folders.max(50) - 50));
        assert_eq!((warnings + usize::from(more), more), (lines, lines > 50), "{said}");
        let mut httpd = setup.start();
        httpd.allow_log("does not exist, so|more folders of flags");
        assert!(httpd.log().len() < 64 * 1024, "{} bytes in the error log", httpd.log().len());
    }
}

/// A figure of a process, in KiB.
fn figure(process: u32, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).expect("a file of /proc");
    let line = text.lines().find(|line| line.starts_with(name)).expect(name);
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// The memory of all processes, except for the code, and the shared memory of the parent, in KiB, with
/// so many virtual hosts that have a flag and an allowlist of their own.
fn memory(hosts: usize, has_module: bool) -> [u64; 2] {
    let host = |n: usize| {
        let own = match has_module {
            true => format!("MaintenanceFlag flags/{n}.flag\nMaintenanceAllow 10.0.{}.1", n % 256),
            false => String::new(),
        };
        format!("<VirtualHost *>\nServerName host{n}.test\n{own}\n</VirtualHost>\n")
    };
    let mut setup = Setup::new(&(0..hosts).map(host).collect::<String>());
    if !has_module {
        setup = setup.before("Define WITHOUT_MODULE");
    }
    fs::create_dir(setup.path("flags")).expect("a folder");
    let httpd = setup.start();
    assert_eq!(httpd.client().get("/").status, 200);
    // The code is also that of other servers on the machine, which share its pages.
    let all = httpd.processes().into_iter().flat_map(|process| {
        ["Pss_Anon:", "Pss_Shmem:"].map(|name| figure(process, "smaps_rollup", name))
    });
    [all.sum(), figure(httpd.pid(), "status", "RssShmem:")]
}

/// What the virtual hosts of a server have in common takes memory once, and the children share what
/// the parent has made.
#[test]
fn memory_of_many() {
    const HOSTS: u64 = 2000;
    let more = |hosts: u64| {
        let [with, without] = [true, false].map(|has_module| memory(hosts as usize, has_module));
        [0, 1].map(|number| with[number].saturating_sub(without[number]))
    };
    let (one, many) = (more(1), more(HOSTS));
    let each = [0, 1].map(|number| many[number].saturating_sub(one[number]) * 1024 / HOSTS);
    println!(
        "each virtual host: {each:?} bytes, of them the second shared; the first: {one:?} KiB"
    );
    assert!(each[0] < 3 * 1024, "{} bytes for each virtual host", each[0]);
    assert!(each[1] < 256, "{} bytes of shared memory for each virtual host", each[1]);
}

/// Memory reserved for many flags is not allocated if it is not used.
#[test]
fn memory_of_few() {
    let httpd = Setup::new("").start();
    assert_eq!(httpd.client().get("/").status, 200);
    let of = |file: &str, name: &str| figure(httpd.pid(), file, name);
    let shared = of("status", "RssShmem:");
    println!(
        "the parent: RSS {} KiB, of it shared memory {shared} KiB, PSS {} KiB, virtual {} KiB",
        of("status", "VmRSS:"),
        of("smaps_rollup", "Pss:"),
        of("status", "VmSize:")
    );
    // httpd's own scoreboard also takes some KiB.
    assert!(shared < 1024, "{shared} KiB");
}
