//! Hooks: what they are told, when they run, and what happens if they fail.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::ground::{Ground, me};

/// A folder with a hook that keeps what it is told.
fn ground() -> Ground {
    let ground = Ground::new();
    ground.program("keep", "cat > told.new && mv told.new told; echo \"told of it\"");
    ground.write(
        "settings.toml",
        "flag = 'maintenance.flag'\nurl = 'https://site.example/'\nhook = ['keep']\n",
    );
    ground
}

fn told(ground: &Ground) -> Option<Value> {
    let text = ground.read("told")?;
    std::fs::remove_file(ground.path("told")).expect("removed");
    Some(serde_json::from_str(&text).expect("JSON"))
}

/// A night, as a hook sees it.
#[test]
fn what_they_are_told() {
    let ground = ground();
    let texts =
        "--title de=Umzug --title en=Move -m de=Bald -m en=Soon --reason v8 --ticket CHG-17";
    let mut id = Value::Null;
    for (line, action, states, times, status) in [
        (
            format!("announce --start 2096-11-24~22:00 --end 2096-11-25~01:30 {texts}"),
            "announce",
            ("open", "announced"),
            (json!("2096-11-24T22:00:00+01:00"), json!("2096-11-25T01:30:00+01:00")),
            "scheduled",
        ),
        (
            "extend --end 2096-11-25~02:30".into(),
            "extend",
            ("announced", "announced"),
            (json!("2096-11-24T22:00:00+01:00"), json!("2096-11-25T02:30:00+01:00")),
            "scheduled",
        ),
        (
            "close --read-only".into(),
            "close",
            ("announced", "read-only"),
            (Value::Null, json!("2096-11-25T02:30:00+01:00")),
            "in_progress",
        ),
        (
            "close".into(),
            "close",
            ("read-only", "closed"),
            (Value::Null, json!("2096-11-25T02:30:00+01:00")),
            "in_progress",
        ),
        (
            "open --percent 10".into(),
            "open",
            ("closed", "reopening"),
            (Value::Null, json!("2096-11-25T02:30:00+01:00")),
            "verifying",
        ),
        (
            "open".into(),
            "open",
            ("reopening", "open"),
            (Value::Null, json!("2096-11-25T02:30:00+01:00")),
            "",
        ),
    ] {
        let said = ground.line(&line);
        assert_eq!(said.code, Some(0), "{line}: {said:?}");
        assert!(said.err.ends_with("told of it\n") && !said.out.contains("told of it"), "{said:?}");
        let told = told(&ground).expect("told");
        assert_eq!(told["action"], action, "{line}");
        assert_eq!(
            (&told["before"], &told["state"]),
            (&states.0.into(), &states.1.into()),
            "{line}"
        );
        assert_eq!((&told["start"], &told["end"]), (&times.0, &times.1), "{line}");
        assert_eq!((&told["title"], &told["message"]), (&"Move".into(), &"Soon".into()), "{line}");
        assert_eq!(told["titles"], json!({ "de": "Umzug", "en": "Move" }), "{line}");
        assert_eq!(told["messages"], json!({ "de": "Bald", "en": "Soon" }), "{line}");
        assert_eq!((&told["public"], &told["host"]), (&true.into(), &"site.example".into()));
        let flag = ground.path("maintenance.flag").display().to_string();
        let private = json!({ "flag": flag, "by": me(), "reason": "v8", "ticket": "CHG-17" });
        assert_eq!(told["private"], private, "{line}");
        assert!(told["at"].as_str().is_some_and(|at| at.starts_with("20")), "{told}");
        if id.is_null() {
            id = told["id"].clone();
        }
        assert_eq!(told["id"], id, "{line}");
        if status.is_empty() {
            assert_eq!((&told["event"], &told["text"]), (&Value::Null, &Value::Null), "{line}");
        } else {
            assert_eq!((&told["event"]["status"], &told["event"]["id"]), (&status.into(), &id));
            assert_eq!(told["text"], ground.line("notice").out, "{line}");
        }
    }
}

/// Without texts, with a flag that cannot be used, and before the public is to know.
#[test]
fn other_flags() {
    for (flag, line, expected) in [
        (
            "",
            "open",
            json!({ "before": "closed", "title": "Down for maintenance", "message": null }),
        ),
        ("x = ", "open --replace", json!({ "before": "closed", "public": true, "end": null })),
        (
            "start = 2096-11-24 22:00\nannounce_from = 2096-11-20 08:00\nmessage = 'x'\n",
            "extend --end 2096-11-25~02:30",
            json!({ "public": false, "event": null, "text": null, "state": "announced" }),
        ),
    ] {
        let ground = ground();
        ground.write("maintenance.flag", flag);
        let said = ground.line(line);
        assert_eq!(said.code, Some(0), "{line}: {said:?}");
        let told = told(&ground).expect("told");
        for (key, value) in expected.as_object().expect("keys") {
            assert_eq!(&told[key], value, "{line}: {key}");
        }
    }
}

#[test]
fn when_they_run() {
    let ground = ground();
    ground.program("other", "touch other.ran");
    assert_eq!(ground.line("close --hook other").code, Some(0));
    assert!(told(&ground).is_some() && ground.read("other.ran").is_some(), "both run");
    assert_eq!(ground.line("close").code, Some(0));
    assert!(told(&ground).is_none(), "the site was closed already");
    assert_eq!(ground.line("close --end soon").code, Some(2));
    assert!(told(&ground).is_none(), "the flag was not written");
    assert_eq!(ground.line("open --no-hooks").code, Some(0));
    assert!(told(&ground).is_none(), "the hooks are off");
    assert_eq!(ground.line("open").code, Some(0));
    assert!(told(&ground).is_none(), "the site was open already");
    // A hook of the settings lies beside them, one of the command line where the command runs.
    std::fs::create_dir(ground.path("else")).expect("a folder");
    let mut command = ground.command(&["close", "--no-hooks", "--hook", "../other"]);
    let said = crate::ground::said(command.current_dir(ground.path("else")).output().expect("run"));
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(ground.path("else/other.ran").exists());
    // Before the wait, whose exit code counts.
    let wait = "close --replace --end +9h --wait --timeout 1s --server http://127.0.0.1:1/x";
    let said = ground.line(wait);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(told(&ground).is_some());
}

/// A hook that fails cannot undo the change, nor keep the others from being told.
#[test]
fn failures() {
    for (script, cause) in [
        ("exit 3", "failed with exit code 3; the change stands"),
        ("kill -9 $$", "was ended by signal 9"),
        ("missing", "does not exist, or its interpreter does not; correct its path"),
        ("plain", "may not be run; make it executable: chmod +x"),
        ("text", "is not a program; begin a script with #!/bin/sh"),
        (
            "(sleep 2; touch late) & sleep 60",
            "did not end within 1 s and was stopped; raise hook_timeout",
        ),
        ("exec sleep 60 < /dev/null", "did not end within 1 s and was stopped"),
    ] {
        let ground = Ground::new();
        ground.program("keep", "cat > told");
        match script {
            "missing" => {}
            "plain" => ground.write("hook", "#!/bin/sh\n"),
            "text" => {
                ground.program("hook", "");
                ground.write("hook", "echo no interpreter\n");
            }
            script => ground.program("hook", script),
        }
        ground.write(
            "settings.toml",
            "flag = 'maintenance.flag'\nhook = ['hook', 'keep']\nhook_timeout = '1s'\n",
        );
        let start = Instant::now();
        let said = ground.line("close");
        assert_eq!(said.code, Some(2), "{script}: {said:?}");
        assert!(start.elapsed() < Duration::from_secs(20), "{script}");
        let hook = ground.path("hook").display().to_string();
        let warning = format!("maintenancectl: warning: the hook {hook} {cause}");
        assert!(said.err.contains(&warning), "{script}: {said:?}");
        assert!(said.out.starts_with("closed: "), "{script}: {said:?}");
        assert!(ground.read("maintenance.flag").is_some(), "{script}: the change stands");
        assert!(told(&ground).is_some(), "{script}: the other hook runs");
        if script.contains("late") {
            thread::sleep(Duration::from_millis(1800));
            assert!(ground.read("late").is_none(), "what the hook has started ends with it");
        }
    }
}

/// A hook need not read what it is told, also if that is more than a pipe holds.
#[test]
fn unread() {
    let ground = Ground::new();
    ground.program("hook", "exit 0");
    let (text, hook) = ("x".repeat(60_000), ground.path("hook").display().to_string());
    let said = ground.run(&["close", "-m", &text, "--hook", &hook]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.err.contains("hook"), "{said:?}");
    ground.program("hook", "sleep 1; wc -c > size");
    let said = ground.run(&["open", "--hook", &hook]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let size: usize = ground.read("size").expect("read").trim().parse().expect("a number");
    assert!(size > 120_000, "{size}: the message, and the message by language");
}

#[test]
fn settings() {
    let ground = Ground::new();
    for (line, cause) in [
        ("hook = 'x'", "invalid type: string \"x\", expected a sequence"),
        ("hook_timeout = 0", "0 leaves no time at all; write 5s"),
        ("hook_timeout = 'soon'", "\"soon\" is not a duration"),
    ] {
        ground.write("settings.toml", format!("flag = 'maintenance.flag'\n{line}\n"));
        let said = ground.line("close");
        assert_eq!(said.code, Some(2), "{line}: {said:?}");
        assert!(said.err.contains(cause), "{line}: {said:?}");
    }
}
