//! `wait` and `close --wait`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fake::{Behaviour, answer, one_scope, report};
use super::{Ran, Servers, answers};

#[test]
fn a_wait_that_ends_well() {
    let steps = [
        one_scope("open", 0),
        one_scope("closed", 2),
        one_scope("closed", 1),
        one_scope("closed", 0),
    ];
    let servers =
        Servers::new(vec![answers(&steps), Behaviour::Answer(report(&one_scope("closed", 0)))]);
    let ran = servers.run("wait --timeout 30s");
    let lines: Vec<_> = ran.err.lines().map(|line| &line[9..]).collect();
    let expected = [
        "1 of 2 servers is closed: web1 is open",
        "2 requests from before still run: 2 on web1 (oldest 41 s)",
        "1 request from before still runs: 1 on web1 (oldest 41 s)",
    ];
    assert_eq!(lines, expected, "{ran:?}");
    let done = "Both servers are closed, and nothing from before the closing runs any more.\n";
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), done));
    let servers = Servers::new(vec![answers(&steps)]);
    let ran = servers.run("wait --closed --timeout 30s");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "The server is closed.\n"));
    let servers = Servers::new(vec![answers(&steps)]);
    let ran = servers.run("wait --json --timeout 30s");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let lines = ran.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let events: Vec<_> = lines
        .map(|line| {
            let before = line["servers"][0]["from_before_closing"].as_u64();
            (line["event"].as_str().expect("an event").to_owned(), before)
        })
        .collect();
    let event = |name: &str, before| (name.to_owned(), before);
    let expected = [
        event("closing", None),
        event("draining", Some(2)),
        event("draining", Some(1)),
        event("done", Some(0)),
    ];
    assert_eq!(events, expected);
}

#[test]
fn a_wait_that_ends_badly() {
    let of = |state: &str, before| Behaviour::Answer(report(&one_scope(state, before)));
    let after = "; nothing was changed\n";
    for (behaviours, words, code, message) in [
        (
            vec![of("closed", 2), of("closed", 1)],
            "",
            1,
            "3 requests from before still run: 2 on web1 (oldest 41 s), 1 on web2 (oldest 41 s)",
        ),
        (
            vec![of("open", 0), of("open", 0)],
            "",
            1,
            "0 of 2 servers are closed: web1 is open, web2 is open",
        ),
        (vec![of("closed", 0), of("open", 0)], "", 2, "1 of 2 servers is closed: web2 is open"),
        (vec![of("read_only", 0)], "", 1, "web1 is read-only"),
        (
            vec![of("closed", 0), Behaviour::Answer(answer(404, "", ""))],
            "",
            3,
            "1 of 2 servers is closed: web2 has no status page at /status (404)",
        ),
        (vec![Behaviour::Hang], "", 3, "web1 gives no answer within 1 s"),
        (
            vec![of("open", 0)],
            " --flag /x",
            1,
            "web1 is open and has no flag /x (it has /run/flag)",
        ),
    ] {
        let servers = Servers::new(behaviours);
        let ran = servers.run(&format!("wait --timeout 1s{words}"));
        let message = format!("maintenancectl: the time is over (1 s): {message}{after}");
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.err.ends_with(&message), "{}\n{message}", ran.err);
        assert_eq!(ran.out, "");
        assert!(ran.time < Duration::from_secs(4), "{ran:?}");
    }
}

#[test]
fn read_only_and_upgraded() {
    let mut upgraded = one_scope("closed", 2);
    upgraded["in_flight"]["upgraded_from_before_closing"] = 1.into();
    upgraded["in_flight"]["streams_from_before_closing"] = 1.into();
    let servers = Servers::of(&[upgraded]);
    let ran = servers.run("wait --timeout 1s");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let ran = servers.run("wait --timeout 1s --ignore-upgraded");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let but = "The server is closed, and nothing but 2 WebSockets or event streams from before runs any more.\n";
    assert_eq!(ran.out, but);
    let servers = Servers::of(&[one_scope("read_only", 0)]);
    let ran = servers.run("wait --timeout 1s --read-only");
    let done = "The server refuses writes, and nothing from before that can write runs any more.\n";
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), done));
}

#[test]
fn an_interrupted_wait() {
    let stays = "the site stays closed; to open it: maintenancectl open";
    for (words, expected) in [
        ("wait", "no longer waiting; nothing was changed".to_owned()),
        ("close --wait --flag ", format!("no longer waiting; {stays}")),
        ("wait --quiet", String::new()),
    ] {
        let expected = match expected.as_str() {
            "" => expected,
            rest => format!("maintenancectl: interrupted: {rest}\n"),
        };
        let servers = Servers::of(&[one_scope("open", 0)]);
        let flag = servers.folder.path().join("flag").display().to_string();
        let words = if words.ends_with(' ') { words.to_owned() + &flag } else { words.to_owned() };
        let mut command = servers.command(&words);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
        let start = Instant::now();
        while servers.fakes[0].requests().is_empty() {
            assert!(start.elapsed() < Duration::from_secs(10), "no request");
            std::thread::sleep(Duration::from_millis(5));
        }
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
        let ran = Ran::of(child.wait_with_output().expect("it ends"), start);
        assert_eq!(ran.code, Some(130), "{ran:?}");
        assert!(ran.err.ends_with(&expected), "{ran:?}");
        assert!(ran.time < Duration::from_secs(5), "{ran:?}");
        assert_eq!(std::path::Path::new(&flag).exists(), words.starts_with("close"));
    }
}

/// `close --wait` writes the flag first. When the wait ends early, the site stays closed, and that
/// is said.
#[test]
fn closing_and_waiting() {
    let steps = [one_scope("open", 0), one_scope("closed", 1), one_scope("closed", 0)];
    let stays = "the site stays closed; to open it: maintenancectl open\n";
    let done = "The server is closed, and nothing from before the closing runs any more.\n";
    let over = format!(" (it has /run/flag); {stays}");
    let open = || Behaviour::Answer(report(&one_scope("open", 0)));
    for (behaviour, words, code, out, err) in [
        (answers(&steps), "--timeout 20s", 0, done, String::new()),
        (open(), "--timeout 1s", 1, "", over),
        (open(), "--timeout 1s --quiet", 1, "", String::new()),
        (
            Behaviour::Close,
            "--timeout 1s",
            3,
            "",
            format!("web1 ends the connection without a whole answer; {stays}"),
        ),
    ] {
        let servers = Servers::new(vec![behaviour]);
        let flag = servers.folder.path().join("flag");
        // The fakes have another flag, so all their scopes count.
        let ran = servers.run(&format!("close --flag {} --wait {words}", flag.display()));
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.out.ends_with(out), "{ran:?}");
        assert!(ran.err.ends_with(&err), "{ran:?}\n{err}");
        assert!(flag.exists(), "{ran:?}");
        if words.contains("--quiet") {
            assert_eq!(ran.out, "");
        }
    }
    // Without a server to ask, nothing is changed.
    let servers = Servers::new(vec![]);
    let flag = servers.folder.path().join("flag");
    let ran = servers.run(&format!("close --flag {} --wait", flag.display()));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(!flag.exists());
    for words in ["close --timeout 1s", "close --json", "close --ignore-upgraded"] {
        let ran = servers.run(words);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains("--wait"), "{ran:?}");
    }
}
