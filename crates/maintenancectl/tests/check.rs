//! check: a table of files, and how the findings are shown.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::ground::{Ground, said};
use files::{CONFIGS, FLAGS, INVITATIONS, LISTS, PAGES};

mod files;

const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const OTHER_HASH: &str = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";

#[test]
fn sixty_files() {
    let all = [FLAGS, PAGES, LISTS, CONFIGS, INVITATIONS];
    assert!(all.iter().map(|cases| cases.len()).sum::<usize>() >= 60);
    for (name, content, is_usable, parts) in all.into_iter().flatten() {
        let ground = Ground::new();
        let content = match str::from_utf8(content) {
            Ok(text) => text.replace("HASH", HASH).replace("OTHER", OTHER_HASH).into_bytes(),
            Err(_) => content.to_vec(),
        };
        ground.write(name, &content);
        let said = ground.run(&["check", name]);
        let place = format!("{}: {said:?}", String::from_utf8_lossy(&content));
        assert_eq!(said.code, Some(if *is_usable { 0 } else { 2 }), "{place}");
        assert!(said.err.is_empty(), "{place}");
        for part in *parts {
            match part.strip_prefix("=@") {
                Some(rest) => assert_eq!(said.out, format!("{name}{rest}"), "{place}"),
                None => {
                    let part = part.replace('@', name);
                    assert!(said.out.contains(&part), "{part:?}: {place}\n{}", said.out);
                }
            }
        }
        assert!(!said.out.contains('\u{1b}'), "no colours: {place}");
        let is_secret = |secret: &str| said.out.contains(secret);
        assert!(![HASH, OTHER_HASH, "c2VjcmV0"].into_iter().any(is_secret), "{place}");
    }
}

#[test]
fn as_a_compiler_shows_it() {
    let ground = Ground::new();
    ground.write("a.flag", "# tonight\nstart = soon\nends = 2026-11-29 01:30\n");
    let said = ground.line("check a.flag");
    assert_eq!(
        said.out,
        "error: this is not a date with a time\n --> a.flag:2:9\n  |\n2 | start = soon\n  |         \
         ^^^^\n  |\n  = help: write 2026-11-22T23:00:00+01:00\n\nwarning: unknown key \"ends\"\n \
         --> a.flag:3:1\n  |\n3 | ends = 2026-11-29 01:30\n  | ^^^^\n  |\n  = help: did you mean \
         end?\n\n1 error, 1 warning in 1 file\n"
    );
    let mut command = ground.command(&["check", "a.flag"]);
    let coloured = command.env("CLICOLOR_FORCE", "1").output().expect("run");
    assert!(String::from_utf8(coloured.stdout).expect("text").contains("\u{1b}["));
}

#[test]
fn as_json() {
    let ground = Ground::new();
    ground.write("a.flag", "by = 'gr\u{fc}n'; start = soon\nends = 2026-11-29 01:30\n");
    ground.write("b.flag", "start = soon\n");
    ground.write("list", "10.0.0.1\n");
    let said = ground.line("check --json b.flag list nowhere");
    assert_eq!(said.code, Some(2), "{said:?}");
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!((&json["errors"], &json["warnings"]), (&2.into(), &0.into()));
    let [flag, list, nowhere] = &json["files"].as_array().expect("files")[..] else {
        panic!("{json}")
    };
    assert_eq!(
        *flag,
        serde_json::json!({
            "file": "b.flag",
            "kind": "flag",
            "summary": null,
            "findings": [{
                "severity": "error",
                "message": "this is not a date with a time",
                "help": "write 2026-11-22T23:00:00+01:00",
                "line": 1,
                "column": 9,
                "end_line": 1,
                "end_column": 13,
            }],
        })
    );
    assert_eq!(list["summary"], "1 address or network");
    assert_eq!(nowhere["findings"][0]["severity"], "error");
    assert_eq!(nowhere["findings"][0]["line"], serde_json::Value::Null);
}

#[test]
fn kinds_and_inputs() {
    let ground = Ground::new();
    ground.write("a", "by = 'x'\n");
    ground.write("b", "nothing certain\n");
    ground.write("c.flag", "message = '\"'\nvars = {n = 'x'}\n");
    ground.write("d.json.j2", "{\"a\": {{ vars.n }}, \"b\": \"{{ message|safe }}\"}");
    for (line, code, part) in [
        ("check a", 0, "a: closes at once"),
        ("check --kind flag a", 0, "a: closes at once"),
        ("check --kind allow a", 2, "error: \"by\" is neither an address nor a network"),
        ("check b", 2, "error: b: the kind of the file is not certain"),
        ("check b", 2, "= help: add --kind flag, page, allow, plugin-cfg, invitations or settings"),
        (
            "check --kind nothing a",
            2,
            "possible values: flag, page, allow, plugin-cfg, invitations, settings",
        ),
        ("check .", 2, "error: .: the file is not a regular file"),
        ("check nowhere", 2, "error: nowhere: the file cannot be read: No such file"),
        // the files of the settings, of which the flag need not exist
        ("check", 0, "settings.toml: settings of maintenancectl, 0 servers\n"),
        ("check a c.flag", 0, "0 errors, 0 warnings in 2 files\n"),
        // rendered with the first flag
        ("check d.json.j2", 0, "d.json.j2: a template\n"),
        ("check d.json.j2 c.flag", 2, "error: d.json.j2: the file is not valid JSON"),
    ] {
        let said = ground.line(line);
        assert_eq!(said.code, Some(code), "{line}: {said:?}");
        let all = said.out + &said.err;
        assert!(all.contains(part), "{line}: {all}");
    }
    for (content, words, code, part) in [
        ("by = 'x'\n", &["check", "-"][..], 0, "<stdin>: closes at once\n"),
        ("10.0.0.1\n", &["check", "-"], 0, "<stdin>: 1 address or network\n"),
        ("10.0.0.300\n", &["check", "-", "--kind", "allow"], 2, " --> <stdin>:1:1\n"),
        ("<html>{{ mesage }}", &["check", "-"], 2, " --> <stdin>:1:10\n"),
        ("", &["check", "-"], 2, "the kind of the file is not certain"),
        ("", &["check", "-", "--kind", "flag"], 0, "<stdin>: closes at once\n"),
    ] {
        let mut command = ground.command(words);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("run");
        child.stdin.take().expect("input").write_all(content.as_bytes()).expect("written");
        let said = said(child.wait_with_output().expect("done"));
        assert_eq!(said.code, Some(code), "{content}: {said:?}");
        assert!(said.out.contains(part), "{content}: {}", said.out);
    }
    let mode = |mode| fs::Permissions::from_mode(mode);
    fs::set_permissions(ground.path("c.flag"), mode(0o600)).expect("a mode");
    let said = ground.line("check c.flag");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.out.contains("warning: c.flag: the file is not readable for everybody"),
        "{said:?}"
    );
    assert!(said.out.contains("= help: run chmod 644"), "{said:?}");
    // The settings name files, and do not pass for a flag.
    ground.write("list", "10.0.0.300\n");
    ground.write("settings.toml", "flag = 'c.flag'\nallow = 'list'\ninvitations = 'nowhere'\n");
    let said = ground.line("check");
    assert_eq!(said.code, Some(2), "{said:?}");
    for part in ["c.flag: closes at once\n", "list:1:1\n", "nowhere: the file cannot be read: No"] {
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
    assert!(said.out.ends_with("2 errors, 1 warning in 4 files\n"), "{said:?}");
    ground.write("maintenancectl.toml", "flga = 'x'\n\n[[server]]\nstatus = 'x'\n");
    let said = ground.line("check maintenancectl.toml");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.out.contains("error: unknown key \"flga\"\n --> maintenancectl.toml:1:1\n"),
        "{said:?}"
    );
    assert!(said.out.contains("= help: did you mean flag?"), "{said:?}");
    let said = ground.line("check --kind settings list");
    assert!(said.out.contains(" --> list:1:11\n"), "{said:?}");
    // The settings know the kind.
    ground.write("settings.toml", "allow = 'b'\n");
    let said = ground.line("check b");
    assert!(said.out.contains("\"nothing\" is neither an address nor a network"), "{said:?}");
}
