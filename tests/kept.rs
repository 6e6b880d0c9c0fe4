//! Restarts while a page, an allow file or a plugin-cfg.xml cannot be used: the last good version
//! stays in force, although the module is unloaded.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use maintenance_harness::httpd::MISSED_SIGNAL;
use maintenance_harness::{Httpd, Mpm, Reports, Setup, replace_file, wait_for};

const SECONDS: Duration = Duration::from_secs(20);

/// A hard restart with prefork. With event a child dies in it now and then, with or without the
/// module (`close_worker_sockets`).
const RESTARTS: [(Signal, Mpm); 2] = [(Signal::USR1, Mpm::Event), (Signal::HUP, Mpm::Prefork)];

const FILES: [&str; 4] = ["ours.html", "ours.txt.j2", "list", "cfg.xml"];

fn good(file: &str, version: u8) -> String {
    match file {
        "ours.html" => format!("<p>{version}</p>{}", "x".repeat(600)),
        "ours.txt.j2" => format!("{version} {{{{ message }}}}\n"),
        "list" => format!("127.0.0.{version}/32\n"),
        _ => config(&format!("<Transport Hostname=\"127.0.1.{version}\"/>")),
    }
}

fn config(transports: &str) -> String {
    format!("<Config>\n<Server>\n{transports}\n</Server>\n</Config>\n")
}

fn setup() -> Setup {
    let setup = Setup::new(
        "MaintenancePage ours.html ours.txt.j2\nMaintenanceAllow file=list plugin-cfg=cfg.xml",
    )
    .directives(Reports::directives());
    for file in FILES {
        setup.write(file, good(file, 2));
    }
    setup.write("maintenance.flag", "message = 'M'");
    setup
}

/// Whether exactly this version is in force.
fn is_in_force(httpd: &Httpd, version: u8) -> bool {
    let page = |media: &str| {
        let client = httpd.client_from("127.0.0.99");
        client.send(client.request("GET", "/").header("Accept", media)).body
    };
    let status = |address: String| httpd.client_from(&address).get("/").status;
    page("text/html").starts_with(&format!("<p>{version}</p>"))
        && page("text/plain") == format!("{version} M\n")
        && (2..=4).all(|last| {
            let expected = if last == version { 200 } else { 500 };
            [format!("127.0.0.{last}"), format!("127.0.1.{last}")]
                .into_iter()
                .all(|address| status(address) == expected)
        })
}

/// The report's entry for a file of the main server.
fn file(httpd: &Httpd, name: &str) -> Value {
    let report = Reports::of(httpd).json();
    let scope = &report["scopes"][0];
    let items = ["pages", "allow"].map(|list| scope[list].as_array().expect("a list").clone());
    let files = items.concat().into_iter().map(|item| item["file"].clone());
    let is_it = |file: &Value| file["path"].as_str().is_some_and(|path| path.ends_with(name));
    files.into_iter().find(is_it).expect(name)
}

type Break = fn(&Path, &str);

/// How a file becomes unusable, and what the log says about it.
const BREAKS: [(&str, Break, &str); 5] = [
    ("gone", |path, _| fs::remove_file(path).expect("removed"), "cannot be read: No such file"),
    ("malformed", |path, _| replace_file(path, [b'{', b'{', 0xff, b'\n']), ""),
    ("empty", |path, _| replace_file(path, ""), "is (empty|not an XML document)"),
    (
        "half written",
        |path, text| {
            // Half of a fixed page would still be a page, and half of an address a network.
            let half = match path.file_name().and_then(|name| name.to_str()) {
                Some("ours.html") => &b"\xff"[..],
                Some("list") => text.trim_end_matches("2\n").as_bytes(),
                _ => &text.as_bytes()[..text.len() / 2],
            };
            replace_file(path, half);
        },
        "",
    ),
    (
        "a folder",
        |path, _| {
            fs::remove_file(path).expect("removed");
            fs::create_dir(path).expect("made");
        },
        "is not a regular file",
    ),
];

fn repair(httpd: &Httpd, file: &str, version: u8) {
    let path = httpd.path(file);
    if path.is_dir() {
        fs::remove_dir(&path).expect("removed");
    }
    replace_file(&path, good(file, version));
}

/// Breaks all files at once, in each way, over two restarts of each kind, and then repairs them.
fn broken_over_restarts(mpm: Mpm, signal: Signal) {
    let mut httpd = setup().mpm(mpm).start();
    httpd.allow_log("maintenance:error.*; the last good version");
    httpd.allow_log("AH00546: no record of generation");
    httpd.allow_log(MISSED_SIGNAL);
    let mut version = 2;
    for (how, break_it, said) in BREAKS {
        for name in FILES {
            break_it(&httpd.path(name), &good(name, version));
        }
        let log = httpd.log().len();
        for restart in 1..=2 {
            httpd.restart_by(signal);
            wait_for(&format!("{how}, restart {restart}"), SECONDS, || {
                is_in_force(&httpd, version)
            });
            for name in FILES {
                let new = httpd.log()[log..].to_owned();
                let line = format!(
                    "error.*/{name}\" {said}.*; the last good version, of .*, stays in force"
                );
                let line = regex::Regex::new(&line).expect("a pattern");
                let count = new.lines().filter(|text| line.is_match(text)).count();
                assert_eq!(count, restart, "{how}, {name}: once for each restart: {new}");
                let file = file(&httpd, name);
                assert_eq!(file["is_last"], false, "{how}: {file:#}");
                assert!(file["problem"].is_string() && file["modified"].is_string(), "{file:#}");
            }
        }
        assert!(Reports::of(&httpd).html().contains("cannot be used"));
        version = if version == 2 { 3 } else { 2 };
        FILES.iter().for_each(|name| repair(&httpd, name, version));
        wait_for("good again", SECONDS, || is_in_force(&httpd, version));
        for name in FILES {
            let line = format!("notice.*/{name} has changed and was read");
            wait_for(&line, SECONDS, || httpd.count_log(&line) > 0);
            wait_for(name, SECONDS, || {
                let file = file(&httpd, name);
                file["is_last"] == true && file["problem"].is_null()
            });
        }
        // From now on the new version is in force.
        httpd.restart_by(signal);
        wait_for("after the restart", SECONDS, || is_in_force(&httpd, version));
    }
}

#[test]
fn broken_over_graceful_restarts() {
    broken_over_restarts(Mpm::Event, Signal::USR1);
}

#[test]
fn broken_over_hard_restarts() {
    broken_over_restarts(Mpm::Prefork, Signal::HUP);
}

/// At a first start nothing has been kept, and `httpd -t` never uses kept contents.
#[test]
fn broken_at_a_first_start() {
    for name in FILES {
        let setup = setup();
        setup.write(name, b"\xff");
        let (ok, said) = setup.test_config();
        assert!(!ok && said.contains(&format!("/{name}\"")), "{said}");
    }
}

/// A child has read a newer version than the parent, and then the file broke. The parent's version
/// must not admit clients that the newer one had removed.
#[test]
fn removed_from_the_list_before_it_broke() {
    for (signal, mpm) in RESTARTS {
        let mut httpd = setup().mpm(mpm).start();
        httpd.allow_log(MISSED_SIGNAL);
        httpd.allow_log("maintenance:error.*/list\"");
        let status = |address: &str| httpd.client_from(address).get("/").status;
        assert_eq!([status("127.0.0.2"), status("127.0.0.3")], [200, 500]);
        replace_file(&httpd.path("list"), "127.0.0.3\n");
        wait_for("the new list", SECONDS, || status("127.0.0.3") == 200);
        fs::write(httpd.path("list"), "garbage\n").expect("written");
        for _ in 0..2 {
            httpd.restart_by(signal);
            let is_said =
                || httpd.count_log("error.*/list\" .*it admits nobody until it can be used") > 0;
            // The parent may have looked in between, and then has the newer version.
            wait_for("the restart", SECONDS, || is_said() || status("127.0.0.3") == 200);
            for _ in 0..20 {
                assert_eq!(status("127.0.0.2"), 500, "{}", httpd.log());
            }
            assert_eq!(status("127.0.1.2"), 200, "the other file is not touched by it");
        }
        repair(&httpd, "list", 2);
        wait_for("good again", SECONDS, || status("127.0.0.2") == 200);
    }
}

/// A child has read a newer version of a page than the parent. After the restart the older version
/// is sent, and the log says that it is older.
#[test]
fn an_older_page() {
    let mut httpd = setup().start();
    httpd.allow_log("maintenance:error.*/ours.html\" is empty");
    replace_file(&httpd.path("ours.html"), good("ours.html", 3));
    let page = || {
        let client = httpd.client_from("127.0.0.99");
        client.send(client.request("GET", "/").header("Accept", "text/html")).body
    };
    wait_for("the new page", SECONDS, || page().starts_with("<p>3</p>"));
    fs::write(httpd.path("ours.html"), "").expect("written");
    httpd.restart();
    let said = |what: &str| httpd.count_log(&format!("ours.html\" is empty; {what}")) > 0;
    let is_older = || said("the last good version is lost, and an older one");
    // The parent may have looked in between, and then has the newer version.
    let is_newer = || said("the last good version, of .*, stays") && page().starts_with("<p>3</p>");
    wait_for("the restart", SECONDS, || is_older() || is_newer());
    assert!(is_newer() || page().starts_with("<p>2</p>"), "{}", httpd.log());
}

/// A directive that is new at a restart, with a file that has never been valid: httpd continues.
/// The list admits nobody, and the page is the built-in one.
#[test]
fn never_good() {
    for (signal, mpm) in RESTARTS {
        let mut httpd = Setup::new("").mpm(mpm).start();
        httpd.allow_log(MISSED_SIGNAL);
        httpd.close();
        for name in ["ours.html", "ours.json", "ours.json.de", "ours.txt.sv", "list", "cfg.xml"] {
            fs::write(httpd.path(name), [0xff]).expect("written");
        }
        let lines = format!(
            "MaintenancePage ours.html ours.json ours.json.de ours.txt.sv\nMaintenanceAllow file=list plugin-cfg=cfg.xml 127.0.0.9\n{}",
            Reports::directives()
        );
        httpd.reconfigure_by(signal, "", &lines);
        httpd.expect_log("error.*/ours.html\" .*; the built-in page is sent instead");
        httpd.allow_log("error.*/ours.(json|txt).*\" .*; the built-in page is sent instead");
        httpd.expect_log("error.*/list\" .*; it admits nobody until it can be used");
        httpd.expect_log("error.*/cfg.xml\" .*; it admits nobody until it can be used");
        wait_for("the new children", SECONDS, || {
            httpd.client_from("127.0.0.9").get("/").status == 200
        });
        httpd.client().get("/").assert_refused();
        // Each page in its own type and language.
        for (accept, language, start) in [
            ("text/html", "de", "<!DOCTYPE html>\n<html lang=\"en\""),
            ("application/json", "de", "{\"detail\":\"Während"),
            ("application/json", "fr", "{\"detail\":\""),
            ("text/plain", "sv", "Down for maintenance"),
        ] {
            let client = httpd.client();
            let request = client.request("GET", "/").header("Accept", accept);
            let answer = client.send(request.header("Accept-Language", language));
            assert!(answer.body.starts_with(start), "{accept} {language}: {answer:?}");
            let expected =
                if (accept, language) == ("application/json", "de") { "de" } else { "en" };
            assert_eq!(answer.header("Content-Language"), Some(expected), "{accept} {language}");
        }
        for name in ["ours.html", "list", "cfg.xml"] {
            let file = file(&httpd, name);
            assert!(file["problem"].is_string() && file["modified"].is_null(), "{file:#}");
        }
        for name in ["ours.html", "list", "cfg.xml"] {
            repair(&httpd, name, 2);
        }
        let is_good = || {
            ["127.0.0.2", "127.0.1.2"].iter().all(|at| httpd.client_from(at).get("/").status == 200)
                && httpd.client().get("/").body.starts_with("<p>2</p>")
        };
        wait_for("good", SECONDS, is_good);
        httpd.restart_by(signal);
        wait_for("good after a restart", SECONDS, is_good);
    }
}

/// Names in kept contents are resolved again.
#[test]
fn names_in_a_kept_plugin_cfg() {
    let setup = Setup::new("MaintenanceAllow plugin-cfg=cfg.xml").mpm(Mpm::Prefork);
    setup.write("cfg.xml", config("<Transport Hostname=\"localhost\"/>"));
    let mut httpd = setup.start();
    httpd.allow_log("error.*/cfg.xml\" .*; the last good version.* stays in force");
    httpd.allow_log(MISSED_SIGNAL);
    httpd.close();
    fs::remove_file(httpd.path("cfg.xml")).expect("removed");
    for _ in 0..2 {
        httpd.restart_by(Signal::HUP);
        assert_eq!(httpd.client_from("127.0.0.1").get("/").status, 200);
        assert_eq!(httpd.client_from("127.0.0.2").get("/").status, 500);
    }
}

/// Contents of files that the configuration no longer names are dropped, and all contents are
/// dropped while the module is not loaded, because the files are not watched then.
#[test]
fn dropped_with_its_directive() {
    for before in ["", "Define WITHOUT_MODULE"] {
        let setup = Setup::new("MaintenanceAllow file=list");
        setup.write("list", good("list", 2));
        let mut httpd = setup.start();
        httpd.close();
        let status = |httpd: &Httpd| httpd.client_from("127.0.0.2").get("/").status;
        assert_eq!(status(&httpd), 200);
        httpd.reconfigure(before, "");
        fs::write(httpd.path("list"), "garbage\n").expect("written");
        httpd.reconfigure("", "MaintenanceAllow file=list");
        httpd.expect_log("error.*/list\" .*it admits nobody until it can be used");
        wait_for("the new children", SECONDS, || status(&httpd) == 500);
    }
}
