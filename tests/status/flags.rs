//! Flags in all their states, and the states of the scopes that they close.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{ONE_CHILD, STATUS, report, scope};
use maintenance_harness::{Httpd, Setup, replace_file, set_mode, wait_for};

/// The report's flag of this name.
#[track_caller]
fn flag<'r>(report: &'r Value, name: &str) -> &'r Value {
    let is_it = |flag: &&Value| {
        flag["path"].as_str().is_some_and(|path| path.ends_with(&format!("/{name}")))
    };
    let found: Vec<_> = report["flags"].as_array().expect("a list").iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{name}: {report:#}");
    found[0]
}

/// Whether `part` has these members.
#[track_caller]
fn assert_members(part: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("members") {
        assert_eq!(&part[name], value, "{name}: {part:#}");
    }
}

fn user() -> String {
    let id = rustix::process::geteuid().as_raw().to_string();
    let users = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields.filter(|fields| fields[2] == id).map(|fields| fields[0].to_owned()).next().expect("me")
}

/// A content, the state of the flag, the state of its scope, and other members of the flag.
fn contents() -> Vec<(String, &'static str, &'static str, Value)> {
    let nothing = json!({
        "start": null, "end": null, "reopens": false, "retry_after": null, "messages": [],
        "allow": [], "error": null, "warnings": []
    });
    let with = |more: Value| {
        let mut all = nothing.clone();
        let members = more.as_object().expect("members").clone();
        all.as_object_mut().expect("members").extend(members);
        all
    };
    vec![
        (String::new(), "closed", "closed", with(json!({}))),
        (
            "start = 2099-01-02T03:04:05+01:00\nend = 2099-01-02 05:00:00Z".into(),
            "announced",
            "announced",
            with(json!({
                "start": "2099-01-02T03:04:05+01:00", "end": "2099-01-02T05:00:00+00:00"
            })),
        ),
        (
            "end = 2020-01-01T00:00:00Z".into(),
            "overdue",
            "overdue",
            with(json!({"end": "2020-01-01T00:00:00+00:00"})),
        ),
        (
            "end = 2020-01-01T00:00:00Z\nreopen = 'auto'".into(),
            "reopened",
            "open",
            with(json!({"end": "2020-01-01T00:00:00+00:00", "reopens": true})),
        ),
        (
            "message = '<b>\"soon\" & \\ {{ 7 }}</b>'\nretry_after = '10m'".into(),
            "closed",
            "closed",
            with(json!({
                "messages": [{"language": null, "text": "<b>\"soon\" & \\ {{ 7 }}</b>"}],
                "retry_after": 600
            })),
        ),
        (
            "allow = ['10.0.0.0/8', '2001:db8::7', '192.0.2']\nmessage = {en = 'a', de = 'ä'}"
                .into(),
            "closed",
            "closed",
            with(json!({
                "allow": ["10.0.0.0/8", "192.0.2.0/24", "2001:db8::7"],
                "messages": [{"language": "de", "text": "ä"}, {"language": "en", "text": "a"}]
            })),
        ),
        (
            "colour = 'red'\n".into(),
            "closed",
            "closed",
            with(json!({"warnings": ["line 1: unknown key \"colour\""]})),
        ),
    ]
}

#[test]
fn what_they_say() {
    let mut httpd =
        Httpd::start(&format!("MaintenanceFlag site.flag other.flag\n{ONE_CHILD}{STATUS}"));
    httpd.allow_log("overdue: the flag|unknown key");
    let path = httpd.path("site.flag");
    for (content, state, scope_state, members) in contents() {
        // The report has whole seconds, and the clock of files is some milliseconds late.
        let before = Timestamp::now() - 2.seconds();
        replace_file(&path, &content);
        let report = report(&httpd.client());
        let flag = flag(&report, "site.flag");
        let closes = ["closed", "overdue"].contains(&state);
        assert_members(flag, &json!({"state": state, "closes": closes, "owner": user()}));
        assert_members(flag, &members);
        for name in ["changed", "modified"] {
            let at: Timestamp = flag[name].as_str().expect(name).parse().expect("a time");
            assert!((before..=Timestamp::now()).contains(&at), "{name}: {content}: {flag:#}");
        }
        assert_eq!(report["state"], scope_state, "{content}");
        for location in [None, Some("<Location /status>")] {
            let scope = scope(&report, "maintenance.test", location);
            let flags = ["site.flag", "other.flag"].map(|name| httpd.path(name));
            assert_members(scope, &json!({"state": scope_state, "flags": flags}));
        }
        assert_members(
            self::flag(&report, "other.flag"),
            &json!({"state": "absent", "closes": false, "modified": null, "owner": null}),
        );
    }
    fs::remove_file(&path).expect("removed");
    let report = report(&httpd.client());
    assert_members(
        flag(&report, "site.flag"),
        &json!({"state": "absent", "closes": false, "modified": null, "owner": null, "end": null}),
    );
}

/// Flags that cannot be read, or not even be seen.
#[test]
fn errors() {
    let setup = Setup::new("MaintenanceFlag site.flag loop/x.flag hidden/y.flag")
        .directives(STATUS)
        .directives(ONE_CHILD);
    symlink("loop", setup.path("loop")).expect("a loop");
    fs::create_dir(setup.path("hidden")).expect("a folder");
    set_mode(&setup.path("hidden"), 0o700);
    let mut httpd = setup.start();
    httpd.expect_log("cannot determine whether the flag .*/loop/x.flag");
    httpd.allow_log("cannot determine whether the flag|the content of the flag");
    let unseen = json!("cannot be seen; see the error log");
    let seen = report(&httpd.client());
    assert_eq!(seen["state"], "closed");
    assert_members(
        flag(&seen, "x.flag"),
        &json!({"state": "unknown", "closes": true, "error": unseen, "modified": null}),
    );
    // If the parent is root, it sees for its children that there is no flag.
    if rustix::process::geteuid().is_root() {
        let hidden = json!({"state": "absent", "closes": false, "error": unseen});
        assert_members(flag(&seen, "y.flag"), &hidden);
    }
    for (content, error) in [
        ("end = ", "line 1, column 7"),
        ("message = 7", "line 1"),
        ("start = 2026-01-02T00:00:00Z\nend = 2026-01-01T00:00:00Z", "end"),
    ] {
        replace_file(&httpd.path("site.flag"), content);
        let flag = flag_with_error(&httpd, error);
        assert_members(&flag, &json!({"state": "closed", "closes": true, "messages": []}));
    }
    if rustix::process::geteuid().is_root() {
        let (flag_file, new) = (httpd.path("site.flag"), httpd.path("new"));
        fs::write(&new, "message = 'secret'").expect("written");
        set_mode(&new, 0o600);
        fs::rename(new, flag_file).expect("moved");
        let flag = flag_with_error(&httpd, "ermission denied");
        assert_members(&flag, &json!({"state": "closed", "messages": [], "owner": user()}));
    }
}

/// Waits until the report has the error of site.flag, because the file may count as incomplete
/// before.
fn flag_with_error(httpd: &Httpd, error: &str) -> Value {
    let seen = || flag(&report(&httpd.client()), "site.flag").clone();
    wait_for(error, Duration::from_secs(10), || {
        seen()["error"].as_str().is_some_and(|text| text.contains(error))
    });
    seen()
}

/// Each scope has the state of its flags, and the overall state is the most restrictive one.
#[test]
fn states_of_scopes() {
    let hosts = "MaintenanceFlag all.flag
        <Location /app>\nMaintenanceFlag app.flag\n</Location>
        <VirtualHost *>\nServerName plain.test\n</VirtualHost>
        <VirtualHost *>\nServerName own.test\nMaintenanceFlag own.flag\n</VirtualHost>
        <VirtualHost *>\nServerName off.test\nMaintenanceEngine Off\n</VirtualHost>";
    let mut httpd = Httpd::start(&format!("{ONE_CHILD}{STATUS}{hosts}"));
    httpd.allow_log("overdue: the flag");
    let (announced, overdue) = ("start = 2099-01-01T00:00:00Z", "end = 2020-01-01T00:00:00Z");
    // The server, plain.test, own.test, /app in own.test, and the overall state.
    for (flags, states) in [
        (&[][..], ["open"; 5]),
        (&[("own.flag", announced)], ["open", "open", "announced", "announced", "announced"]),
        (&[("own.flag", "")], ["open", "open", "closed", "closed", "closed"]),
        (&[("app.flag", overdue)], ["open", "open", "open", "overdue", "overdue"]),
        (
            &[("all.flag", announced), ("own.flag", "")],
            ["announced", "announced", "closed", "closed", "closed"],
        ),
        (
            &[("all.flag", ""), ("app.flag", overdue)],
            ["closed", "closed", "closed", "overdue", "overdue"],
        ),
    ] {
        for (name, content) in flags {
            replace_file(&httpd.path(name), content);
        }
        let report = report(&httpd.client());
        let of = |server, location| scope(&report, server, location)["state"].clone();
        let seen = [
            of("maintenance.test", None),
            of("plain.test", None),
            of("own.test", None),
            of("own.test", Some("<Location /app>")),
            report["state"].clone(),
        ];
        assert_eq!(seen, states, "{flags:?}");
        assert_eq!(of("off.test", None), "off");
        let off = scope(&report, "off.test", None);
        assert_members(off, &json!({"flags": [], "allow": [], "pages": [], "statuses": []}));
        for (name, _) in flags {
            fs::remove_file(httpd.path(name)).expect("removed");
        }
        // Look now, before the next file gets the same inode.
        assert_eq!(super::report(&httpd.client())["state"], "open");
    }
}
