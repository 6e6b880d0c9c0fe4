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

/// Memory reserved for many flags is not allocated if it is not used.
#[test]
fn memory_of_few() {
    let httpd = Setup::new("").start();
    assert_eq!(httpd.client().get("/").status, 200);
    let read = |name: &str| {
        fs::read_to_string(format!("/proc/{}/{name}", httpd.pid())).expect("a file of /proc")
    };
    let of = |text: &str, name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).expect(name);
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
    };
    let (status, maps) = (read("status"), read("smaps_rollup"));
    let shared = of(&status, "RssShmem:");
    println!(
        "the parent: RSS {} KiB, of it shared memory {shared} KiB, PSS {} KiB, virtual {} KiB",
        of(&status, "VmRSS:"),
        of(&maps, "Pss:"),
        of(&status, "VmSize:")
    );
    // httpd's own scoreboard also takes some KiB.
    assert!(shared < 1024, "{shared} KiB");
}
