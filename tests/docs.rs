//! Checks the documentation: each block of directives passes `httpd -t`, each flag content can be
//! used, each command runs, and links, paths and metrics exist.
//!
//! The tests run blocks of `apache`, `toml` and `sh`. Blocks that install or build are `console`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use maintenance_harness::installation::installation;
use maintenance_harness::{Httpd, Maintenancectl, Setup, replace_file, wait_for};
use regex::Regex;
use serde_json::{Value, json};

mod examples;

/// The modules that the blocks of directives need in addition to those of base.conf.
const MODULES: [&str; 13] = [
    "access_compat",
    "alias",
    "authn_core",
    "authz_host",
    "cache",
    "env",
    "filter",
    "headers",
    "proxy",
    "proxy_http",
    "rewrite",
    "setenvif",
    "substitute",
];

/// The administrators and the status page, as in docs/night.md.
const NIGHT: &str = "MaintenanceAllow 127.0.0.1\n<Location /maintenance-status>\n\
    SetHandler maintenance-status\nRequire local\n</Location>";

/// Blocks of `shell` are hooks, which the tests of the command run, and those of `dockerfile` are for
/// packaging/test-containers.sh.
const KINDS: [&str; 10] =
    ["apache", "console", "dockerfile", "json", "rust", "sh", "shell", "text", "toml", "yaml"];

struct Block {
    /// File and line.
    place: String,
    kind: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The documents by their paths in the repository.
fn documents() -> BTreeMap<PathBuf, String> {
    let folders = [root().to_owned(), root().join("docs"), root().join("packaging")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = files.map(|file| file.expect("an entry").path());
    let documents = paths.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    documents
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a document");
            (path.strip_prefix(root()).expect("in the repository").to_owned(), text)
        })
        .collect()
}

fn blocks(kind: &str) -> Vec<Block> {
    let block = Regex::new(r"(?m)^( *)```(\w+)\n((?s:.*?))^ *```$").expect("a pattern");
    let mut found = vec![];
    for (path, text) in documents() {
        for captures in block.captures_iter(&text) {
            let line = text[..captures.get(0).expect("all").start()].lines().count() + 1;
            let indent = captures[1].len();
            let lines = captures[3].lines().map(|line| line.get(indent..).unwrap_or_default());
            found.push(Block {
                place: format!("{}:{line}", path.display()),
                kind: captures[2].to_owned(),
                text: lines.collect::<Vec<_>>().join("\n"),
            });
        }
    }
    for block in &found {
        assert!(KINDS.contains(&block.kind.as_str()), "{}: ```{}", block.place, block.kind);
    }
    found.retain(|block| block.kind == kind);
    assert!(!found.is_empty(), "no block of {kind}");
    found
}

/// The text, with the machine's folders moved below the folder of the test.
fn moved(text: &str, to: &Path) -> String {
    let folders =
        ["/etc/apache2", "/etc/httpd", "/opt/IBM", "/var/lib/maintenance", "/var/www", "/mnt"];
    folders.iter().fold(text.to_owned(), |text, folder| {
        text.replace(folder, &format!("{}{folder}", to.display()))
    })
}

/// Creates the files that the directives name.
fn make_files(setup: &Setup, text: &str) {
    let samples = root().join("httpd-test/plugin-cfg/cluster.xml");
    let file =
        Regex::new(r"(?:plugin-cfg=|file=|invite=|MaintenancePage )([^ \n]+)(?: ([^ \n]+))?")
            .expect("a pattern");
    for captures in file.captures_iter(text) {
        for name in captures.iter().skip(1).flatten() {
            let path = setup.path(name.as_str());
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            match path.extension().and_then(|ending| ending.to_str()) {
                Some("xml") => drop(fs::copy(&samples, &path).expect("a sample")),
                Some("j2") => fs::write(&path, "{\"detail\": {{ message }}}").expect("written"),
                Some("txt")
                    if captures[0].starts_with("file=") || captures[0].starts_with("invite=") =>
                {
                    fs::write(&path, "# nobody\n").expect("written");
                }
                _ => fs::write(&path, "closed\n".repeat(100)).expect("written"),
            }
        }
    }
}

/// The file that the packages install, with all its examples activated.
fn sample() -> Block {
    let path = "httpd-test/maintenance.conf";
    let text = fs::read_to_string(root().join(path)).expect("a file");
    let comments = text.lines().filter_map(|line| line.strip_prefix('#'));
    let is_example = |line: &&str| !line.starts_with(' ') || line.starts_with("    ");
    let lines: Vec<_> = comments.filter(is_example).collect();
    assert!(lines.len() > 10, "{lines:?}");
    Block { place: path.into(), kind: "apache".into(), text: lines.join("\n") }
}

#[test]
fn directives() {
    for Block { place, text, .. } in blocks("apache").into_iter().chain([sample()]) {
        let setup = Setup::new("").modules(&MODULES);
        let text = moved(&text, setup.root());
        make_files(&setup, &text);
        for folder in ["etc/apache2", "var/lib/maintenance", "mnt/shared/maintenance"] {
            fs::create_dir_all(setup.path(folder)).expect("folders");
        }
        // The harness has loaded the modules.
        let lines: Vec<_> =
            text.lines().filter(|line| !line.trim_start().starts_with("LoadModule")).collect();
        let logs = format!("Define APACHE_LOG_DIR {}", setup.path("logs").display());
        let setup = setup.before(&logs).directives(&lines.join("\n"));
        let (is_good, said) = setup.test_config();
        assert!(is_good && !said.contains("maintenance:"), "{place}\n{text}\n{said}");
    }
}

/// The status page shows texts from the content only if the content can be used.
#[test]
fn contents_of_flags() {
    for Block { place, text, .. } in blocks("toml") {
        let mut httpd = Setup::new(NIGHT).modules(&MODULES).start();
        httpd.allow_log("overdue");
        replace_file(&httpd.flag(), &text);
        wait_for(&format!("{place} is in force"), Duration::from_secs(5), || {
            let report = httpd.client().get("/maintenance-status?format=json").body;
            let report: Value = serde_json::from_str(&report).expect("JSON");
            let flag = &report["flags"][0];
            assert_eq!((&flag["error"], &flag["warnings"]), (&Value::Null, &json!([])), "{place}");
            !flag["end"].is_null()
                || !flag["admit_percent"].is_null()
                || flag["messages"] != json!([])
                || flag["refuse"] == "writes"
        });
    }
}

/// A server for the commands of a document, with the flag where Debian has it. Its folder `bin`
/// replaces commands that would act on the whole machine: they act on this server.
struct Machine {
    httpd: Httpd,
    flag: PathBuf,
    command: Maintenancectl,
}

impl Machine {
    fn start(directives: &str) -> Self {
        let setup = Setup::new(NIGHT).modules(&MODULES);
        let etc = setup.path("etc/apache2");
        for folder in [&etc, &setup.path("opt/IBM/HTTPServer")] {
            fs::create_dir_all(folder).expect("folders");
        }
        let flag = etc.join("maintenance.flag");
        let directives = match directives.contains("MaintenanceFlag") {
            true => moved(directives, setup.root()),
            false => format!("MaintenanceFlag {}", flag.display()),
        };
        let httpd = setup.directives(&directives).start();
        let command = Maintenancectl::with(&format!(
            "flag = {flag:?}\nallow = {:?}\ninvitations = {:?}\n[[server]]\nname = 'web1'\nstatus = '{}/maintenance-status'\n",
            etc.join("maintenance-allow.txt"),
            etc.join("maintenance-invitations.txt"),
            httpd.url(),
        ));
        let machine = Self { httpd, flag, command };
        machine.make_commands();
        machine
    }

    fn make_commands(&self) {
        let stubs = self.httpd.path("bin");
        fs::create_dir(&stubs).expect("a folder");
        let binary = installation().binary.display().to_string();
        let (folder, pid) = (self.httpd.path("").display().to_string(), self.httpd.pid());
        let apachectl = format!(
            "case $1 in configtest|-t) LD_PRELOAD=${{MAINTENANCE_PRELOAD-}} \
             {binary} -d {folder} -f {folder}/conf/httpd.conf -t;; \
             graceful|restart) kill -USR1 {pid};; *) exit 2;; esac"
        );
        // Each server of a fleet has its own flag.
        let ssh = format!(
            "shift; case \"$*\" in *\" rm \"*) touch {};; esac; exec sh -c \"$*\"",
            self.flag.display()
        );
        let maintenancectl = self.command.line();
        for (name, body) in [
            ("sudo", "exec \"$@\""),
            ("apachectl", &apachectl),
            ("ssh", &ssh),
            ("maintenancectl", &maintenancectl),
            // It reads the receivers from the mail.
            ("sendmail", "[ \"$*\" = -t ] && grep -q '^To: .*@'"),
        ] {
            let path = stubs.join(name);
            fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
        }
    }

    /// Runs a script against the server at this URL, with a time limit in seconds.
    fn run(&self, script: &str, url: &str, seconds: u32) -> Output {
        let script = moved(script, &self.httpd.path(""))
            .replace("http://localhost", url)
            .replace("http://www.example.com", url)
            .replace("www.example.com", "maintenance.test");
        let search = format!(
            "{}:{}",
            self.httpd.path("bin").display(),
            std::env::var("PATH").expect("PATH")
        );
        let mut shell = Command::new("timeout");
        let shell = shell.args([&seconds.to_string(), "sh", "-euc", &script]).env("PATH", search);
        shell.output().expect("a shell")
    }
}

/// Runs the commands of each document, one block after the other, on one server.
#[test]
fn commands() {
    let mut by_document: BTreeMap<String, Vec<Block>> = BTreeMap::new();
    for block in blocks("sh") {
        let document = block.place.split(':').next().expect("a file").to_owned();
        by_document.entry(document).or_default().push(block);
    }
    for blocks in by_document.into_values() {
        let machine = Machine::start("");
        let etc = machine.flag.parent().expect("a folder");
        for Block { place, text, .. } in blocks {
            let tonight = "start = 2100-01-01T22:00:00+01:00\nend = 2100-01-02T01:30:00+01:00\n";
            fs::write(etc.join("tonight.toml"), tonight).expect("written");
            if text.contains("touch ") || text.contains("rm ") {
                fs::write(&machine.flag, "").expect("written"); // of an earlier step
            }
            if text.contains("maintenancectl extend") {
                fs::write(&machine.flag, "end = 2100-01-02T01:30:00+01:00\n").expect("written");
            }
            if text.contains("is-open") && machine.flag.exists() {
                fs::remove_file(&machine.flag).expect("removed");
            }
            let output = machine.run(&text, &machine.httpd.url(), 60);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{place}\n{text}\n{said}");
        }
    }
}

/// The loops of docs/night.md wait for the public site, and for nothing else.
#[test]
fn loops_wait_for_the_site() {
    let loops: Vec<_> = blocks("sh").into_iter().filter(|it| it.text.contains("until [")).collect();
    assert_eq!(loops.len(), 3, "loops");
    // No request can reach the main server, which is not closed by the virtual host's flag.
    let machine = Machine::start(
        "ServerName idle.test\nMaintenanceFlag /etc/apache2/other.flag\n\
         <VirtualHost *:*>\nServerName maintenance.test\n\
         MaintenanceFlag /etc/apache2/maintenance.flag\n</VirtualHost>",
    );
    let url = machine.httpd.url();
    for Block { place, text, .. } in loops {
        let ends = |url: &str, within| machine.run(&text, url, within).status.success();
        assert!(!ends(&url, 3), "{place}: the site is open");
        fs::write(&machine.flag, "").expect("written");
        assert!(ends(&url, 30), "{place}: the site is closed");
        assert!(!ends("http://127.0.0.1:1", 3), "{place}: nobody answers");
        fs::remove_file(&machine.flag).expect("removed");
        let other = machine.flag.with_file_name("other.flag");
        fs::write(&other, "").expect("written");
        assert!(ends(&url, 30), "{place}: the server's flag closes the site");
        fs::remove_file(other).expect("removed");
    }
}

/// The metrics that the documents name are among those of the status page.
#[test]
fn metrics() {
    let httpd = Setup::new(NIGHT).modules(&MODULES).start();
    let metrics = httpd.client().get("/maintenance-status?format=prometheus").body;
    let named =
        Regex::new(r"\bmaintenance_(?:[a-z]+_)*(?:closes|closing|flight|state|seconds|total)\b")
            .expect("a pattern");
    let documents = documents();
    let names = documents.values().flat_map(|text| named.find_iter(text));
    let names: BTreeSet<_> = names.map(|name| name.as_str()).collect();
    assert!(names.len() > 3, "{names:?}");
    for name in names {
        assert!(metrics.contains(&format!("# TYPE {name} ")), "{name}\n{metrics}");
    }
}

/// Files and folders of the repository that the documents name in code.
#[test]
fn paths() {
    let path = Regex::new(
        r"[`\s(](?:\./)?((?:c-shim|crates|docs|fuzz|httpd-test|packaging|src|tests|tools)/[\w./-]*)",
    )
    .expect("a pattern");
    let mut missing = vec![];
    for (document, text) in documents() {
        for captures in path.captures_iter(&text) {
            let path = captures[1].trim_end_matches('.');
            if !root().join(path).exists() {
                missing.push(format!("{}: {path}", document.display()));
            }
        }
    }
    assert_eq!(missing, vec![""; 0]);
}

/// The anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.collect::<String>().replace(' ', "-")
}

#[test]
fn links() {
    let documents = documents();
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a pattern");
    let fence = Regex::new(r"(?ms)^ *```.*?^ *```$").expect("a pattern");
    let mut dead = vec![];
    for (path, text) in &documents {
        let text = fence.replace_all(text, "");
        for captures in link.captures_iter(&text) {
            let target = &captures[1];
            if target.starts_with("http") || target.starts_with("mailto:") {
                continue;
            }
            let (file, section) = target.split_once('#').unwrap_or((target, ""));
            let folder = path.parent().expect("a folder");
            let file = if file.is_empty() { path.clone() } else { folder.join(file) };
            let file: PathBuf = file.components().fold(PathBuf::new(), |mut all, part| {
                if !(part.as_os_str() == ".." && all.pop()) {
                    all.push(part);
                }
                all
            });
            let is_there = match (section, documents.get(&file)) {
                ("", _) => root().join(&file).exists(),
                (section, Some(text)) => {
                    let text = fence.replace_all(text, "");
                    let mut headings = text.lines().filter(|line| line.starts_with('#'));
                    headings.any(|line| anchor(line) == section)
                }
                _ => false,
            };
            if !is_there {
                dead.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_eq!(dead, vec![""; 0]);
}
