//! The verbs that ask servers, run as a user runs them: exit codes and output.

#[path = "../src/servers/fake.rs"]
#[allow(dead_code, unreachable_pub)]
pub(crate) mod fake;
mod wait;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fake::{Behaviour, Fake, answer, one_scope, report};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Servers web1, web2 and so on, and the settings that name them.
struct Servers {
    folder: TempDir,
    fakes: Vec<Fake>,
}

impl Servers {
    fn new(behaviours: Vec<Behaviour>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let fakes: Vec<_> = behaviours.into_iter().map(Fake::start).collect();
        let servers = fakes.iter().zip(1..).map(|(fake, number)| {
            format!("[[server]]\nname = \"web{number}\"\nstatus = \"{}\"\n", fake.url())
        });
        let settings = "timeout = \"1s\"\n".to_owned() + &servers.collect::<String>();
        fs::write(folder.path().join("settings.toml"), settings).expect("written");
        Self { folder, fakes }
    }

    /// Servers with these reports.
    fn of(reports: &[Value]) -> Self {
        Self::new(reports.iter().map(|value| Behaviour::Answer(report(value))).collect())
    }

    fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_maintenancectl"));
        command.arg("--config").arg(self.folder.path().join("settings.toml"));
        command.args(words.split(' ')).stdin(Stdio::null());
        command.env("TZ", "UTC0").env("LC_ALL", "C.UTF-8").env_remove("NO_COLOR");
        command
    }

    fn run(&self, words: &str) -> Ran {
        let start = Instant::now();
        Ran::of(self.command(words).output().expect("it runs"), start)
    }
}

#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
    time: Duration,
}

impl Ran {
    fn of(output: Output, start: Instant) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (out, err) = (text(output.stdout), text(output.stderr));
        Self { code: output.status.code(), out, err, time: start.elapsed() }
    }
}

fn answers(reports: &[Value]) -> Behaviour {
    Behaviour::Answers(reports.iter().map(report).collect())
}

const STATES: [&str; 7] =
    ["off", "open", "announced", "read_only", "reopening", "closed", "overdue"];

/// Exit codes of one server in each state, and of servers that differ or give no report.
#[test]
fn exit_codes() {
    let fault = || Behaviour::Answer(answer(401, "", ""));
    let of = |state: &str| Behaviour::Answer(report(&one_scope(state, 0)));
    // The states, and the codes of is-open, is-closed, wait --closed, status and status --nagios.
    let mut cases: Vec<(Vec<Behaviour>, [i32; 5])> = vec![];
    for state in STATES {
        let codes = match state {
            "off" | "open" | "announced" => [0, 1, 1, 0, 0],
            "read_only" | "reopening" => [1, 1, 1, 0, 1],
            "closed" => [1, 0, 0, 0, 1],
            _ => [1, 0, 0, 0, 2],
        };
        cases.push((vec![of(state)], codes));
    }
    cases.push((vec![of("open"), of("closed")], [2, 2, 2, 2, 2]));
    cases.push((vec![of("closed"), of("closed")], [1, 0, 0, 0, 1]));
    cases.push((vec![of("closed"), fault()], [3, 3, 3, 3, 3]));
    cases.push((vec![of("open"), of("closed"), fault()], [3, 3, 3, 3, 2]));
    cases.push((vec![fault(), Behaviour::Close], [3, 3, 3, 3, 3]));
    let check = |(behaviours, expected): (Vec<Behaviour>, [i32; 5])| {
        let servers = Servers::new(behaviours);
        let questions =
            ["is-open", "is-closed", "wait --closed --timeout 1s", "status", "status --nagios"];
        for (words, code) in questions.iter().zip(expected) {
            let ran = servers.run(words);
            assert_eq!(ran.code, Some(code), "{words}: {ran:?}");
        }
        for words in ["is-open --quiet", "wait --closed --timeout 1s --quiet"] {
            let ran = servers.run(words);
            assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""), "{words}");
        }
    };
    // They wait most of the time.
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| check(case));
        }
    });
}

#[test]
fn without_servers() {
    let servers = Servers::new(vec![]);
    let none = "maintenancectl: no server to ask; write [[server]] with status = \"URL\"";
    for (words, code, out, err) in [
        ("status", 2, "", none),
        ("wait", 2, "", none),
        ("explain --client ::1", 2, "", none),
        ("status --nagios", 3, "MAINTENANCE UNKNOWN - no server to ask; write", ""),
        ("is-open", 2, "", "maintenancectl: no server and no flag to look at; write flag = \"FIL"),
        (
            "status --server web1",
            2,
            "",
            "maintenancectl: no server is called \"web1\", and the sett",
        ),
        ("status --server ftp://x/", 2, "", "maintenancectl: \"ftp://x/\" begins with ftp://"),
        ("explain", 2, "", "error: the following required arguments were not provided:"),
        ("explain ::1", 2, "", none),
        ("explain ::1 --client ::1", 2, "", "error: the argument '[ADDR]' cannot be used with"),
        ("explain --client web1", 2, "", "error: invalid value 'web1' for '--client <ADDR>'"),
        ("explain --client ::1 --path x", 2, "", "error: invalid value 'x' for '--path <PATH>'"),
        ("wait --timeout 5", 2, "", "error: invalid value '5' for '--timeout <TIME>': 5 has no u"),
    ] {
        let ran = servers.run(words);
        assert_eq!(ran.code, Some(code), "{words}: {ran:?}");
        assert!(ran.out.starts_with(out), "{words}: {ran:?}");
        assert!(ran.err.starts_with(err), "{words}: {ran:?}");
    }
}

#[test]
fn the_screen() {
    let mut closed = one_scope("closed", 3);
    closed["flags"][0]["modified"] = "2026-01-02T03:00:00Z".into();
    closed["flags"][0]["ticket"] = "CHG-1".into();
    closed["refused"]["clients"] = json!([{
        "address": "10.1.2.3", "count": 1204, "error": 0, "path": "/monitor", "user_agent": "probe",
        "time": null,
    }]);
    let mut second = closed.clone();
    second["running"] = json!([
        { "path": "/export", "kind": null, "age": 41, "from_before_closing": true },
        { "path": null, "kind": null, "age": 40, "from_before_closing": true },
        { "path": "/admin", "kind": null, "age": 99, "from_before_closing": false },
    ]);
    second["version"] = "0.0.9".into();
    let servers = Servers::new(vec![
        Behaviour::Answer(report(&closed)),
        Behaviour::Answer(report(&second)),
        Behaviour::Answer(answer(403, "", "")),
    ]);
    let ran = servers.run("status");
    let expected = "Closed on web1, web2; no report from web3\n\
        \x20 /run/flag closes the site; last written Fri 2 Jan 2026 03:00 UTC, AGO ago\n\
        \x20   by anna: upgrade, CHG-1\n\
        \n\
        SERVER  STATE      RUNNING  FROM BEFORE  REFUSED  MODULE\n\
        web1    closed     3        3 (41 s)     7        0.1.0\n\
        web2    closed     3        3 (41 s)     7        0.0.9\n\
        web3    no report\n\
        \n\
        6 requests from before the closing still run, the oldest for 41 s.\n\
        \x20 41 s on web2: /export\n\
        \x20 40 s on web2: path unknown (see ExtendedStatus)\n\
        \n\
        REFUSED MOST  COUNT  LAST PATH  USER-AGENT\n\
        10.1.2.3      2408   /monitor   probe\n\
        \n\
        web3 forbids its status page to this machine (403); add this machine to its Require\n\
        web2 has version 0.0.9 of the module, the others 0.1.0\n";
    let line = ran.out.lines().nth(1).expect("a line about the flag");
    let (_, ago) = line.split_once("UTC, ").expect("a distance");
    let (ago, _) = ago.split_once(" ago").expect("a distance");
    let year = if line.contains(" Jan 2026") { "" } else { " 2026" };
    let expected = expected
        .replace("AGO", ago)
        .replace(" Jan 2026", &format!(" Jan{}", &" 2026"[year.len()..]));
    assert_eq!(ran.out, expected, "{ran:?}");
    assert!(!ran.out.contains('\x1b'), "no colours without a terminal");
    let json: Value = serde_json::from_str(&servers.run("status --json").out).expect("JSON");
    assert_eq!(json["servers"][0]["state"], "closed");
    assert_eq!(json["servers"][2]["error"]["kind"], "forbidden");
    assert_eq!(json["in_flight"]["from_before_closing"], 6);
    let line = servers.run("status --nagios").out;
    let expected = "MAINTENANCE UNKNOWN - closed on web1, web2; no report from web3; web3 forbids its \
        status page to this machine (403); add this machine to its Require; web2 has version 0.0.9 of \
        the module, the others 0.1.0 | closed=2;;;0;3 unknown=1;;;0;3 requests=6;;;0 before=6;;;0 \
        upgraded=0;;;0 refused=14c;;;0\n";
    assert_eq!(line, expected);
}

/// What the screen says about a flag. `END` and `OPEN` are times in the future.
#[test]
fn what_a_flag_does() {
    let now = jiff::Timestamp::now();
    let at = |seconds: i64| (now + jiff::SignedDuration::from_secs(seconds)).to_string();
    for (state, members, expected) in [
        ("closed", json!({}), &["closes the site; last written "][..]),
        ("closed", json!({ "start": at(-60), "modified": at(-90) }), &["closes the site, from "]),
        ("closed", json!({ "start": at(-60), "modified": at(-9) }), &["; last written "]),
        ("read_only", json!({ "refuse": "writes" }), &["/run/flag refuses writes; last written "]),
        (
            "announced",
            json!({ "start": at(3600) }),
            &["/run/flag will close the site ", "in 59 min"],
        ),
        ("overdue", json!({ "end": at(-60) }), &["closes the site; ", "should have ended "]),
        (
            "reopening",
            json!({ "end": at(-60), "over": 900, "share": 10.11 }),
            &[
                "/run/flag has been reopening since ",
                "    10 % of the clients pass now, and all of them from ",
                "in 13 min, by anna",
            ],
        ),
        (
            "reopening",
            json!({ "share": 10.0 }),
            &["closes the site; last written ", "    10 % of the clients pass, by anna"],
        ),
        (
            "closed",
            json!({ "warnings": ["line 1: unknown key \"ends\"; did you mean end?"] }),
            &["\nweb1: /run/flag: line 1: unknown key \"ends\"; did you mean end?\n"],
        ),
    ] {
        let mut value = one_scope(state, 0);
        for (key, member) in members.as_object().expect("members") {
            value["flags"][0][key] = member.clone();
        }
        let ran = Servers::of(&[value]).run("status");
        for part in expected {
            assert!(ran.out.contains(part), "{part}: {state} {members}: {}", ran.out);
        }
        let is_overdue = ran.out.contains("should have ended");
        assert_eq!(is_overdue, state == "overdue", "{members}: {}", ran.out);
    }
}

#[test]
fn a_client_is_explained() {
    let verdict = |verdict: &str, reason: &str| {
        let status = (verdict == "blocked").then_some(503);
        json!({ "verdict": verdict, "status": status, "reason": reason, "unless_env": [] })
    };
    let with = |now: Value, while_closed: Value| {
        let mut value = one_scope("open", 0);
        value["preflight"] = json!({
            "client": "10.0.0.1", "path": "/a%20b", "host": null, "is_known_host": true,
            "answers": [{
                "server": "www.example.com:443", "location": "<Location /a>",
                "now": now, "while_closed": while_closed,
            }],
        });
        value
    };
    let open = || verdict("open", "no flag closes the scope");
    let allowed = || verdict("allowed:file", "allowed by 10.0.0.0/8 in line 3");
    let blocked = || verdict("blocked", "no token admits the client");
    let passes = with(open(), allowed());
    let words = "explain --client 10.0.0.1 --path /a%20b --host www.example.com:443";
    for (reports, code) in [
        (vec![passes.clone(), passes.clone()], 0),
        (vec![with(open(), blocked())], 1),
        (vec![passes.clone(), with(open(), blocked())], 2),
        (vec![one_scope("open", 0)], 3),
        (vec![with(open(), verdict("waved-through", "?"))], 1),
    ] {
        assert_eq!(Servers::of(&reports).run(words).code, Some(code), "{reports:?}");
    }
    let servers = Servers::of(&[passes.clone(), passes, with(blocked(), blocked())]);
    let ran = servers.run(words);
    let expected = "10.0.0.1 /a%20b at www.example.com:443\n\
        \n\
        web1, web2:\n\
        \x20 www.example.com:443 <Location /a>\n\
        \x20   now:          passes (open): no flag closes the scope\n\
        \x20   while closed: passes (allowed:file): allowed by 10.0.0.0/8 in line 3\n\
        \n\
        web3:\n\
        \x20 www.example.com:443 <Location /a>\n\
        \x20   now:          is refused with 503: no token admits the client\n";
    assert_eq!(ran.out, expected, "{ran:?}");
    assert_eq!(servers.run(&words.replace("--client ", "")).out, expected);
    let ran = Servers::of(&[with(blocked(), blocked())]).run("explain 10.0.0.1");
    let hint = "\n10.0.0.1 is on no allowlist; to let it in: maintenancectl allow 10.0.0.1 --for 2h \
        --file FILE\n";
    assert!(ran.out.ends_with(hint), "{ran:?}");
    let request = servers.fakes[0].requests().remove(0);
    let target =
        "GET /status?format=json&client=10.0.0.1&path=%2Fa%2520b&host=www.example.com%3A443 ";
    assert!(request.starts_with(target), "{request}");
    let json: Value =
        serde_json::from_str(&servers.run(&format!("{words} --json")).out).expect("JSON");
    assert_eq!(json["servers"][2]["answers"][0]["while_closed"]["passes"], false);
}

#[test]
fn the_flag_alone() {
    let servers = Servers::new(vec![]);
    let flag = servers.folder.path().join("flag");
    let path = flag.display();
    // The content, the codes of is-open and is-closed, and what is said.
    for (content, codes, text) in [
        (None, [0, 1], format!("open: there is no flag {path}\n")),
        (Some(""), [1, 0], format!("closed: {path}\n")),
        (Some("message = \"x\""), [1, 0], format!("closed: {path}\n")),
        (Some("closed = false"), [0, 1], format!("open: {path} has closed = false\n")),
        (Some("refuse = \"writes\""), [1, 1], format!("read-only: {path}\n")),
        (Some("admit_percent = 20"), [1, 1], format!("reopening: {path}\n")),
        (
            Some("end = 2020-01-01T00:00:00Z"),
            [1, 0],
            format!("closed: {path}, whose end has passed\n"),
        ),
        (
            Some("end = 2020-01-01T00:00:00Z\nreopen = \"auto\""),
            [0, 1],
            format!("open: the end in {path} has passed\n"),
        ),
        (
            Some("start = 2120-01-01T00:00:00Z"),
            [0, 1],
            format!("open: {path} announces a closing, Mon 1 Jan 2120 00:00 UTC, in "),
        ),
        (Some("start = soon"), [1, 0], format!("closed: {path}\n")),
    ] {
        if let Some(content) = content {
            fs::write(&flag, content).expect("written");
        }
        for (question, code) in ["is-open", "is-closed"].iter().zip(codes) {
            let ran = servers.run(&format!("{question} --flag {path}"));
            assert_eq!(ran.code, Some(code), "{question} {content:?}: {ran:?}");
            assert!(ran.out.starts_with(&text), "{content:?}: {ran:?}");
            assert_eq!(ran.err.is_empty(), content != Some("start = soon"), "{ran:?}");
        }
    }
    // A FIFO closes as well, and nobody waits until somebody writes into it.
    fs::remove_file(&flag).expect("removed");
    assert!(Command::new("mkfifo").arg(&flag).status().expect("mkfifo").success());
    let question = servers.command(&format!("is-closed --flag {path}"));
    let mut limited = Command::new("timeout");
    limited.arg("5").arg(question.get_program()).args(question.get_args());
    assert_eq!(limited.status().expect("it runs").code(), Some(0));
    // So does a folder.
    fs::remove_file(&flag).expect("removed");
    fs::create_dir(&flag).expect("made");
    assert_eq!(servers.run(&format!("is-closed --flag {path}")).code, Some(0));
    // Nothing can be below a file.
    fs::remove_dir(&flag).expect("removed");
    fs::write(&flag, "").expect("written");
    assert_eq!(servers.run(&format!("is-open --flag {path}/x")).code, Some(0));
}

#[test]
fn fifty_servers_of_which_five_hang() {
    let whole = Behaviour::Answer(report(&one_scope("closed", 0)));
    let behaviours =
        (0..50).map(|number| if number % 10 == 7 { Behaviour::Hang } else { whole.clone() });
    let servers = Servers::new(behaviours.collect());
    let ran = servers.run("status");
    assert!(ran.time < Duration::from_millis(1500), "{ran:?}");
    assert_eq!(ran.code, Some(3));
    let lines = |text: &str| ran.out.lines().filter(|line| line.contains(text)).count();
    assert_eq!((lines("  closed "), lines("  no report")), (45, 5), "{}", ran.out);
    assert_eq!(lines(" gives no answer within 1 s; "), 5, "{}", ran.out);
}

#[test]
fn watching() {
    let servers = Servers::of(&[one_scope("open", 0)]);
    let mut command = servers.command("status --json --watch=1s");
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let lines = BufReader::new(child.stdout.take().expect("stdout")).lines().take(2);
    let states: Vec<_> = lines
        .map(|line| {
            serde_json::from_str::<Value>(&line.expect("text")).expect("JSON")["state"].clone()
        })
        .collect();
    assert_eq!(states, ["open", "open"]);
    // Nobody reads any more, so it ends at the next screen.
    let end = Instant::now() + Duration::from_secs(10);
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break Some(status),
            None if Instant::now() > end => break None,
            None => thread::sleep(Duration::from_millis(50)),
        }
    };
    let _ = child.kill();
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}
