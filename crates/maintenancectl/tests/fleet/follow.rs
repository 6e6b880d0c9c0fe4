//! The follower: what is in the file, whatever happens to the store.

use std::fs;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::etcd::Cluster;
use super::{Follower, KEY, Machine, wait_for_content, wait_until};

/// Each content comes as it is, and a flag without one closes, too.
#[test]
fn contents() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    let follower = machine.follow("web1");
    follower.wait_for_line("maintenance.flag is up to date, revision 0");
    cluster.must(&format!("put {KEY}/flag "));
    wait_for_content(&machine, &follower, Some(""));
    machine.must("close --replace --reason x");
    wait_until(|| follower.log(), || machine.content().is_some_and(|it| it.contains("reason")));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(machine.flag()).expect("a flag").permissions(),
    );
    assert_eq!(mode & 0o777, 0o644);
    // A content that cannot be used closes, which is said loudly.
    cluster.must(&format!("put {KEY}/flag start=soon"));
    wait_for_content(&machine, &follower, Some("start=soon"));
    follower.wait_for_line("maintenance.flag closes, but cannot be used: ");
    assert_eq!(follower.count("cannot be used"), 1);
    cluster.must(&format!("del {KEY}/flag"));
    wait_for_content(&machine, &follower, None);
    assert_eq!(follower.end(), Some(0));
}

/// What the follower finds at its start goes only after a read.
#[test]
fn a_store_that_is_not_there_at_the_start() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    for content in ["", "reason = \"x\"\n"] {
        cluster.kill_member(0);
        fs::write(machine.flag(), content).expect("written");
        let follower = machine.follow("web1");
        follower.wait_for_line("refuses connections; start etcd");
        thread::sleep(Duration::from_secs(3));
        assert_eq!(machine.content().as_deref(), Some(content));
        let said = follower.count("stays as it is");
        assert_eq!(said, 1, "it is said once: {}", follower.log());
        cluster.start_member(0);
        wait_for_content(&machine, &follower, None);
        follower.wait_for_line("the store answers again");
    }
}

/// A follower that was killed goes on, also with what a killed one has left behind.
#[test]
fn kills() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    for round in 0..10 {
        let follower = machine.follow("web1");
        let content = format!("reason = \"{round}\"\n");
        fs::write(machine.folder.path().join("content"), &content).expect("written");
        machine.must("close --replace");
        wait_until(|| follower.log(), || machine.content().is_some_and(|it| it.contains("by")));
        let before = machine.content();
        fs::write(machine.folder.path().join(".maintenance.flag.maintenancectl"), "half")
            .expect("x");
        drop(follower); // kill -9
        assert_eq!(machine.content(), before);
        machine.must("open");
        assert_eq!(machine.content(), before, "nobody follows");
        let follower = machine.follow("web1");
        wait_for_content(&machine, &follower, None);
        assert_eq!(follower.end(), Some(0));
    }
}

/// What happens while the follower is cut off is compacted: it begins anew.
#[test]
fn compaction() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    let follower = machine.follow("web1");
    follower.wait_for_line("is up to date");
    follower.signal(Signal::STOP);
    for _ in 0..5 {
        machine.must("close");
        machine.must("open");
    }
    machine.must("close --reason last");
    let answer = cluster.must(&format!("get {KEY}/flag -w json"));
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    // A member that begins anew has no watch any more.
    cluster.must(&format!("compaction {}", answer["header"]["revision"]));
    cluster.kill_member(0);
    cluster.start_member(0);
    cluster.wait_until_ready();
    follower.signal(Signal::CONT);
    wait_until(|| follower.log(), || machine.content().is_some_and(|it| it.contains("last")));
}

/// A store that is not the one that was followed may close, but not open, until somebody changes the
/// flag there.
#[test]
fn another_store() {
    let key = |text: &str| text.replace(KEY, "/maintenance/other");
    for case in ["set up anew", "restored", "another key"] {
        for is_restarted in [false, true] {
            let what = format!("{case}, restarted: {is_restarted}");
            let cluster = Cluster::start(1);
            let machine = Machine::of(&cluster);
            let (settings, data) = (machine.folder.path().join("settings.toml"), cluster.folder());
            let (data, copy) = (data.join("m0"), data.join("copy"));
            let mut follower = machine.follow("web1");
            machine.must("close");
            machine.must("open");
            cluster.kill_member(0);
            let copied = std::process::Command::new("cp").arg("-r").args([&data, &copy]).status();
            assert!(copied.expect("cp").success());
            cluster.start_member(0);
            cluster.wait_until_ready();
            machine.must("close");
            wait_until(|| follower.log(), || machine.content().is_some());
            follower.wait_for_line("(close by ");
            if is_restarted || case == "another key" {
                assert_eq!(follower.end(), Some(0));
                follower = Follower::start(std::process::Command::new("true"));
            }
            match case {
                "another key" => {
                    let text = fs::read_to_string(&settings).expect("settings");
                    fs::write(&settings, key(&text)).expect("written");
                }
                _ => {
                    cluster.kill_member(0);
                    fs::remove_dir_all(&data).expect("removed");
                    if case == "restored" {
                        fs::rename(&copy, &data).expect("restored");
                    }
                    cluster.start_member(0);
                    cluster.wait_until_ready();
                }
            }
            if is_restarted || case == "another key" {
                follower = machine.follow("web1");
            }
            follower.wait_for_line("cannot apply revision ");
            thread::sleep(Duration::from_secs(3));
            assert!(machine.content().is_some(), "{what}: {}", follower.log());
            assert_eq!(follower.count("it would open; to open, run"), 1, "{}", follower.log());
            wait_until(
                || machine.run("status").out,
                || machine.run("status").out.contains("web1 cannot apply revision "),
            );
            assert_eq!(machine.run("is-closed").code, Some(3));
            machine.must("close");
            follower.wait_for_line("(close by ");
            machine.must("open");
            wait_for_content(&machine, &follower, None);
            // What closes is never doubted.
            machine.must("close");
            wait_until(|| follower.log(), || machine.content().is_some());
        }
    }
}

/// The member that the follower is connected to hangs or dies, whichever it is.
#[test]
fn members_that_fail() {
    let cluster = Cluster::start(3);
    let machine = Machine::of(&cluster);
    let follower = machine.follow("web1");
    follower.wait_for_line("is up to date");
    for round in 0..3 {
        let closes = |line: &str, expected: bool| {
            machine.must(line);
            let begin = std::time::Instant::now();
            wait_until(|| follower.log(), || machine.content().is_some() == expected);
            assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
        };
        cluster.hang(round, true);
        closes("close", true);
        cluster.hang(round, false);
        closes("open", false);
        cluster.kill_member(round);
        closes("close", true);
        cluster.start_member(round);
        cluster.wait_until_ready();
        closes("open", false);
    }
    // Without a majority nothing is read, and so nothing is changed.
    machine.must("close");
    wait_until(|| follower.log(), || machine.content().is_some());
    cluster.kill_member(0);
    cluster.kill_member(1);
    follower.wait_for_line("the store cannot be reached");
    let said = machine.run("open");
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(machine.content().is_some());
    cluster.start_member(0);
    cluster.wait_until_ready();
    follower.wait_for_line("the store answers again");
    assert!(machine.content().is_some());
    machine.must("open");
    wait_for_content(&machine, &follower, None);
}

/// Somebody else changes the file: it is put in step again, unless the store is not there.
#[test]
fn a_file_that_somebody_changes() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    let follower = machine.follow("web1");
    follower.wait_for_line("is up to date");
    fs::write(machine.flag(), "").expect("written");
    wait_for_content(&machine, &follower, None);
    machine.must("close");
    wait_until(|| follower.log(), || machine.content().is_some());
    fs::remove_file(machine.flag()).expect("removed");
    wait_until(|| follower.log(), || machine.content().is_some());
    follower.wait_for_line("somebody else has changed ");
    cluster.kill_member(0);
    follower.wait_for_line("stays as it is");
    fs::remove_file(machine.flag()).expect("removed");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(machine.content(), None, "{}", follower.log());
    cluster.start_member(0);
    wait_until(|| follower.log(), || machine.content().is_some());
}

/// A folder that cannot be written: said once, tried again, and done when it can be.
#[test]
fn an_obstacle() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    fs::create_dir(machine.flag()).expect("a folder");
    machine.must("close");
    let follower = machine.follow("web1");
    follower.wait_for_line("cannot apply revision ");
    thread::sleep(Duration::from_secs(3));
    assert_eq!(follower.count("cannot apply"), 1, "{}", follower.log());
    fs::remove_dir(machine.flag()).expect("removed");
    wait_until(|| follower.log(), || machine.content().is_some());
}

/// systemd learns that the follower is ready, what it does, and that it lives.
#[test]
fn systemd() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    let path = machine.folder.path().join("socket");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
    let mut command = machine.command(&["follow", "--node", "web1"]);
    command.env("NOTIFY_SOCKET", &path).env("JOURNAL_STREAM", "8:1");
    let follower = Follower::start(command);
    let mut seen = String::new();
    let mut buffer = [0; 4096];
    while !(seen.contains("READY=1\n") && seen.matches("WATCHDOG=1\n").count() > 2) {
        let length = socket.recv(&mut buffer).expect("a message");
        seen += &String::from_utf8_lossy(&buffer[..length]);
        seen.push('\n');
    }
    assert!(seen.contains("STATUS=") && seen.contains("maintenance.flag is up to date"), "{seen}");
    follower.wait_for_line("<6>web1 follows /maintenance/test/flag and keeps ");
    follower.wait_for_line("<4>no status page is known");
    assert_eq!(follower.end(), Some(0));
    while !seen.contains("STOPPING=1\n") {
        let length = socket.recv(&mut buffer).expect("a message");
        seen += &String::from_utf8_lossy(&buffer[..length]);
        seen.push('\n');
    }
}
