//! What the servers report, and what the verbs make of it.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::etcd::Cluster;
use super::{KEY, Machine, wait_until};
use crate::servers::fake::{Behaviour, Fake, one_scope, report};

/// A report about the flag of a machine.
fn of(machine: &Machine, state: &str, before: u64) -> Value {
    let mut value = one_scope(state, before);
    let flag = machine.flag().display().to_string();
    value["flags"][0]["path"] = flag.as_str().into();
    value["scopes"][0]["flags"] = json!([flag]);
    value
}

/// A machine whose server has this state.
fn server(cluster: &Cluster, state: &str, before: u64) -> (Machine, Fake) {
    let machine = Machine::of(cluster);
    let fake = Fake::start(Behaviour::Answer(report(&of(&machine, state, before))));
    let settings = format!("timeout = \"1s\"\n[[server]]\nstatus = \"{}\"\n", fake.url());
    let with = Machine { folder: machine.folder };
    let text = std::fs::read_to_string(with.folder.path().join("settings.toml")).expect("settings");
    let text = text.replace("\n\n[store]", &format!("\n{settings}\n[store]"));
    std::fs::write(with.folder.path().join("settings.toml"), text).expect("written");
    (with, fake)
}

/// The names of those that report, with the revision they have applied.
fn reports(cluster: &Cluster) -> Vec<String> {
    let keys = cluster.must(&format!("get --prefix --keys-only {KEY}/reports/"));
    keys.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn states() {
    let cluster = Cluster::start(1);
    let (first, _fake) = server(&cluster, "closed", 0);
    let (second, _other) = server(&cluster, "closed", 2);
    let admin = Machine::of(&cluster);
    let said = admin.run("status");
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.out.contains("the fleet has no server; start maintenancectl follow"), "{said:?}");
    admin.must("close");
    let one = first.follow("web1");
    let two = second.follow("web2");
    wait_until(|| admin.run("status").out, || admin.run("status").code == Some(0));
    let said = admin.must("status");
    for part in ["Closed on both servers", "SERVER  STATE", "COMMAND  REVISION", "web1", "web2"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert_eq!(admin.must("is-closed").out, "closed on both servers\n");
    admin.must("wait --closed --timeout 5s");
    let said = admin.run("wait --timeout 2s");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("2 requests from before still run: 2 on web2 (oldest 41 s)"));
    let json: Value = serde_json::from_str(&admin.must("status --json").out).expect("JSON");
    assert_eq!(json["servers"][1]["name"], "web2");
    assert_eq!(json["servers"][1]["is_behind"], false);
    // A follower that hangs has not applied what comes then.
    two.signal(Signal::STOP);
    admin.must("extend --end +1h");
    let said = admin.run("close --wait --timeout 3s");
    assert_ne!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("web2 is closed and has not applied revision "), "{said:?}");
    assert_eq!(admin.run("is-closed").code, Some(3));
    // Then its report goes, and it is still expected.
    wait_until(|| format!("{:?}", reports(&cluster)), || reports(&cluster).len() == 1);
    let said = admin.run("is-closed");
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.err.contains("web2 does not report to the store; start maintenancectl follow"));
    let said = admin.run("forget web1");
    assert_eq!((said.code, said.err.contains("web1 still reports")), (Some(1), true), "{said:?}");
    assert_eq!(admin.run("forget web3").code, Some(1));
    admin.must("forget web2");
    assert_eq!(admin.must("is-closed").out, "closed\n");
    // It comes back.
    two.signal(Signal::CONT);
    wait_until(|| two.log(), || admin.run("is-closed").out == "closed on both servers\n");
    // The report goes at once when the follower ends.
    assert_eq!(one.end(), Some(0));
    let said = admin.run("status");
    assert!(said.out.contains("no report from web1"), "{said:?}");
}

/// A follower that is killed: its report goes with its lease.
#[test]
fn a_killed_follower() {
    let cluster = Cluster::start(1);
    let (machine, _fake) = server(&cluster, "closed", 0);
    let admin = Machine::of(&cluster);
    admin.must("close");
    let follower = machine.follow("web1");
    wait_until(|| follower.log(), || admin.run("is-closed").code == Some(0));
    let begin = Instant::now();
    drop(follower);
    wait_until(|| format!("{:?}", reports(&cluster)), || reports(&cluster).is_empty());
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    assert_eq!(admin.run("is-closed").code, Some(3));
    // The next one reports at once.
    let follower = machine.follow("web1");
    wait_until(|| follower.log(), || admin.run("is-closed").code == Some(0));
}

/// A report lives as long as its follower, and does not stay what it was at first. An administrator
/// can revoke its lease or remove its key.
#[test]
fn a_long_night() {
    let cluster = Cluster::start(1);
    let (machine, _fake) = server(&cluster, "closed", 0);
    let admin = Machine::of(&cluster);
    admin.must("close");
    let follower = machine.follow("web1");
    let is_closed = || admin.run("is-closed").code == Some(0);
    wait_until(|| follower.log(), is_closed);
    // Longer than the lease.
    thread::sleep(Duration::from_secs(12));
    assert!(is_closed(), "{}", follower.log());
    let leases = cluster.must("lease list");
    let lease = leases.lines().last().expect("a lease");
    let report = format!("{KEY}/reports/web1");
    for (what, remove) in [
        ("change", "get x".to_owned()),
        ("revoked lease", format!("lease revoke {lease}")),
        ("removed report", format!("del {report}")),
        ("removed server", format!("del {KEY}/nodes/web1")),
    ] {
        cluster.must(&remove);
        admin.must("extend --end +1h");
        wait_until(|| format!("{what}: {}", follower.log()), is_closed);
        thread::sleep(Duration::from_secs(4));
        assert!(is_closed(), "{what}: {}", follower.log());
    }
    assert_eq!(follower.count("cannot report"), 0, "{}", follower.log());
    drop(follower);
}

/// To write a report does not keep its lease alive: it does not end while there is a lot to report.
#[test]
fn many_changes() {
    let cluster = Cluster::start(1);
    let (machine, _fake) = server(&cluster, "closed", 0);
    let admin = Machine::of(&cluster);
    admin.must("close");
    let follower = machine.follow("web1");
    wait_until(|| follower.log(), || admin.run("is-closed").code == Some(0));
    let begin = Instant::now();
    for round in 0.. {
        if begin.elapsed() > Duration::from_secs(15) {
            break;
        }
        admin.must(&format!("close --replace --reason {round}"));
        thread::sleep(Duration::from_millis(200));
        assert_eq!(reports(&cluster).len(), 1, "{:?}: {}", begin.elapsed(), follower.log());
    }
}

/// Servers that say nothing, and why.
#[test]
fn faults() {
    let cluster = Cluster::start(1);
    let admin = Machine::of(&cluster);
    admin.must("close");
    let blind = Machine::of(&cluster);
    let refusing = Machine::new(
        &cluster.endpoints(),
        "[[server]]\nname = \"x\"\nstatus = \"http://127.0.0.1:9/status\"",
        "",
    );
    let wrong = Machine::of(&cluster);
    std::fs::create_dir(wrong.flag()).expect("a folder");
    let followers = [blind.follow("a"), refusing.follow("b"), wrong.follow("c")];
    let seen = || admin.run("status").out;
    for expected in [
        "a keeps its flag, but its follower knows no status page; write [[server]]",
        "b refuses connections; start httpd, or correct the port in the URL",
        "c cannot apply revision ",
        "is not a regular file; remove it, or name another flag; and it keeps its flag, but",
    ] {
        wait_until(seen, || seen().contains(expected));
    }
    assert_eq!(admin.run("is-closed").code, Some(3));
    drop(followers);
}

/// Two machines with one name: the second one does not lie about the first one.
#[test]
fn two_of_one_name() {
    let cluster = Cluster::start(1);
    let (first, _fake) = server(&cluster, "closed", 0);
    let (second, _other) = server(&cluster, "open", 0);
    let admin = Machine::of(&cluster);
    admin.must("close");
    let one = first.follow("web1");
    wait_until(|| one.log(), || admin.run("is-closed").code == Some(0));
    let two = second.follow("web1");
    two.wait_for_line("reports with the same name; write another node");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(admin.run("is-closed").code, Some(0), "{}", two.log());
    assert_eq!(second.content(), first.content(), "it follows all the same");
    // A copy of the first machine, with the same identifier, replaces its report. The two do not take
    // turns, and one of them says so.
    let copy = first.follow("web1");
    wait_until(
        || format!("{}\n{}", one.log(), copy.log()),
        || one.count("with the same name") + copy.count("with the same name") > 0,
    );
    drop((two, copy));
    // Its report is gone after a while, and the first one reports again.
    one.wait_for_line("the store takes reports again");
}

/// The reports of a large fleet are longer than a message of gRPC usually may be, which is 4 MiB.
#[test]
fn a_large_fleet() {
    let cluster = Cluster::start(1);
    let (machine, _fake) = server(&cluster, "closed", 0);
    let admin = Machine::of(&cluster);
    admin.must("close");
    let follower = machine.follow("web1");
    wait_until(|| follower.log(), || admin.run("is-closed").code == Some(0));
    let key = |name: &str| format!("{KEY}/reports/{name}");
    let value = cluster.must(&format!("get --print-value-only {}", key("web1")));
    let mut value: Value = serde_json::from_str(&value).expect("JSON");
    value["problem"] = "x".repeat(100_000).into();
    let value = value.to_string().replace(' ', "\\u0020"); // a blank separates words
    for number in 2..=60 {
        cluster.must(&format!("put {} {value}", key(&format!("web{number}"))));
    }
    assert_eq!(admin.must("is-closed").out, "closed on all 60 servers\n");
}

/// What others write into the store controls no terminal.
#[test]
fn escapes() {
    let cluster = Cluster::start(1);
    let (machine, _fake) = server(&cluster, "closed", 0);
    let admin = Machine::of(&cluster);
    admin.must("close");
    let follower = machine.follow("web1");
    wait_until(|| follower.log(), || admin.run("is-closed").code == Some(0));
    drop(follower);
    let key = |name: &str| format!("{KEY}/{name}");
    for name in ["reports/web1", "change", "history"] {
        let value = cluster.must(&format!("get --print-value-only {}", key(name)));
        let mut value: Value = serde_json::from_str(&value).expect("JSON");
        let texts = if name == "history" { &mut value[0] } else { &mut value };
        for member in ["by", "machine", "verb", "problem", "command"] {
            texts[member] = "\u{1b}[31mred".into();
        }
        cluster.must(&format!("put {} {value}", key(name)));
    }
    cluster.must(&format!("put {} {{}}", key("nodes/\u{1b}[31mred")));
    for line in ["status --json", "log --json", "open --flag x", "close --read-only", "forget x"] {
        let said = admin.run(line);
        let text = said.out + &said.err;
        assert!(!text.contains('\u{1b}') && !text.contains("\\u001b"), "{line}: {text}");
    }
    assert!(admin.run("status").out.contains("\\u{1b}[31mred"), "{}", admin.run("status").out);
}
