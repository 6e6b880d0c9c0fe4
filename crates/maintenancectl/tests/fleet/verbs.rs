//! The verbs that write the flag, with a store instead of the file.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::etcd::Cluster;
use super::{KEY, Machine};
use crate::ground::{me, said};

/// The content of the key.
fn stored(cluster: &Cluster) -> Option<String> {
    let output = cluster.must(&format!("get {KEY}/flag -w json"));
    let answer: Value = serde_json::from_str(&output).expect("JSON");
    let value = answer["kvs"][0].as_object()?;
    let text = value.get("value").map_or("", |value| value.as_str().expect("text"));
    let bytes = base64(text);
    Some(String::from_utf8(bytes).expect("text"))
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = text.bytes().filter_map(|it| DIGITS.iter().position(|digit| *digit == it));
    let (mut bytes, mut value, mut count) = (vec![], 0_usize, 0);
    for digit in bits {
        (value, count) = (value << 6 | digit, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((value >> count & 255) as u8);
        }
    }
    bytes
}

/// A night: the key has what the file would have, and the history says who did what.
#[test]
fn a_night() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    assert_eq!(machine.must("log").out, "nothing has been changed yet\n");
    let said = machine.must("open");
    assert_eq!(said.out, format!("already open: there is no {KEY}/flag (store)\n"));
    let said = machine.run("extend --end +1h");
    assert_eq!(said.code, Some(1), "{said:?}");
    machine.must("announce --start +1h --end +2h --reason upgrade --ticket CHG-1");
    let content = stored(&cluster).expect("a flag");
    assert!(content.contains("reason = \"upgrade\""), "{content}");
    let said = machine.must("close");
    assert!(said.out.starts_with(&format!("closed: {KEY}/flag (store), by ")), "{said:?}");
    let content = stored(&cluster).expect("a flag");
    assert!(content.contains("end = ") && !content.contains("start = "), "{content}");
    let said = machine.must("close");
    assert!(said.out.starts_with("already closed: "), "{said:?}");
    machine.must("extend --end +5h");
    machine.must("open --percent 10");
    assert!(stored(&cluster).expect("a flag").contains("admit_percent = 10"));
    let said = machine.must("open");
    assert!(said.out.starts_with(&format!("open: removed {KEY}/flag (store), written by ")));
    assert_eq!(stored(&cluster), None);
    let log: Value = serde_json::from_str(&machine.must("log --json").out).expect("JSON");
    let changes = log["changes"].as_array().expect("changes");
    let verbs: Vec<_> = changes.iter().map(|it| it["verb"].as_str().expect("a verb")).collect();
    assert_eq!(verbs, ["announce", "close", "extend", "open", "open"]);
    assert!(changes.iter().all(|change| change["by"] == me().as_str()), "{changes:?}");
    assert_eq!(
        (&changes[0]["reason"], &changes[0]["ticket"]),
        (&"upgrade".into(), &"CHG-1".into())
    );
    let log = machine.must("log").out;
    assert_eq!(log.lines().count(), 5, "{log}");
    assert!(log.lines().next().is_some_and(|line| line.contains("  announce by ")), "{log}");
    assert_eq!(machine.content(), None, "the file is the follower's");
    // `--flag` still means a file.
    machine.must("close --flag local.flag");
    assert!(machine.folder.path().join("local.flag").exists());
    assert_eq!(stored(&cluster), None);
}

/// What somebody else wrote is not touched, nor what etcdctl wrote.
#[test]
fn a_flag_of_somebody_else() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    machine.run_as("bob", "close");
    let author = if me() == "root" { "bob" } else { "me" };
    if author == "bob" {
        for words in ["open", "extend --end +1h", "close"] {
            let said = machine.run_as("anna", words);
            assert_eq!(said.code, Some(1), "{words}: {said:?}");
            assert!(said.err.contains("was written by somebody else: bob on "), "{said:?}");
        }
        let said = machine.run_as("anna", "open --replace");
        assert_eq!(said.code, Some(0), "{said:?}");
    } else {
        machine.must("open");
    }
    cluster.must(&format!("put {KEY}/flag x"));
    let said = machine.run("open");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("cannot be used"), "{said:?}");
    assert!(said.err.contains("written by somebody without maintenancectl (revision "), "{said:?}");
    let log = machine.must("log").out;
    assert!(log.contains("then changed without maintenancectl, at revision "), "{log}");
    machine.must("close --replace");
    machine.must("open");
}

/// Two administrators at once: one wins, and the other one learns who and when.
#[test]
fn two_administrators() {
    let cluster = Cluster::start(3);
    let machine = Machine::of(&cluster);
    let mut lost = 0;
    for round in 0..20 {
        let users = ["anna", "bob", "carl"];
        let run = |user: &'static str| {
            let mut command = machine.command(&["close", "--reason", user]);
            command.env("SUDO_USER", user);
            std::thread::spawn(move || crate::ground::said(command.output().expect("run")))
        };
        let runs: Vec<_> = users.map(run).into_iter().collect();
        let said: Vec<_> = runs.into_iter().map(|run| run.join().expect("run")).collect();
        let content = stored(&cluster).expect("a flag");
        let won: Vec<_> =
            users.iter().zip(&said).filter(|(_, said)| said.code == Some(0)).collect();
        let is_root = me() == "root";
        if is_root {
            assert_eq!(won.len(), 1, "round {round}: {said:?}");
            let winner = won[0].0;
            assert!(content.contains(&format!("reason = \"{winner}\"")), "{content}");
            for said in said.iter().filter(|said| said.code != Some(0)) {
                // Too late, or at the same moment.
                let words = match said.code {
                    Some(1) => format!("was written by somebody else: {winner} on "),
                    Some(2) => format!("was changed meanwhile by {winner} on "),
                    _ => panic!("{said:?}"),
                };
                assert!(said.err.contains(&words), "{said:?}");
                assert!(!said.err.contains(", in "), "{said:?}");
                lost += usize::from(said.code == Some(2));
            }
        }
        machine.must("open --replace");
    }
    if me() == "root" {
        assert!(lost > 0, "nobody was at the same moment");
    }
}

/// The store is not there: nothing is said to be done.
#[test]
fn without_a_store() {
    let machine = Machine::new("[\"http://127.0.0.1:9\", \"http://127.0.0.1:1\"]", "", "");
    for words in ["close", "open", "log", "is-open", "is-closed", "status", "forget x"] {
        let said = machine.run(words);
        assert_eq!(said.code, Some(3), "{words}: {said:?}");
        let text = said.out + &said.err;
        assert!(text.contains("http://127.0.0.1:9 refuses connections; start etcd"), "{text}");
    }
    let machine = Machine::new("[]", "", "");
    let said = machine.run("close");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.contains("[store]: endpoints is empty"), "{said:?}");
}

/// Ctrl-C ends a wait at once, also while the store hangs.
#[test]
fn an_interruption() {
    let cluster = Cluster::start(1);
    let machine = Machine::new(&cluster.endpoints(), "", "timeout = \"1m\"");
    machine.must("close");
    cluster.hang(0, true);
    let mut command = machine.command(&["wait"]);
    let process = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run");
    thread::sleep(Duration::from_secs(1));
    let begin = Instant::now();
    kill_process(Pid::from_child(&process), Signal::INT).expect("a signal");
    let said = said(process.wait_with_output().expect("it ends"));
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.err.contains("interrupted: no longer waiting"), "{said:?}");
    cluster.hang(0, false);
}

/// The history keeps a hundred changes.
#[test]
fn the_history_ends() {
    let cluster = Cluster::start(1);
    let machine = Machine::of(&cluster);
    for round in 0..52 {
        machine.must(&format!("close --reason r{round}"));
        machine.must("open");
    }
    let log: Value = serde_json::from_str(&machine.must("log --json").out).expect("JSON");
    let changes = log["changes"].as_array().expect("changes");
    assert_eq!(changes.len(), 100);
    assert_eq!(changes[0]["reason"], "r2");
}
