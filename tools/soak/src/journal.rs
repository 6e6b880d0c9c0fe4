//! Reads the error log while it is written. A line that no fault explains is a violation.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use regex::Regex;

use super::content::SECRET;
use super::figures::Figures;
use maintenance_harness::Httpd;

/// Expected lines, and the fault that explains each.
const EXPLAINED: [(&str, &str); 15] = [
    (r"the content of the flag \S+ cannot be used: ", "flag: "),
    (r"the content of the flag \S+ cannot be used: .*Too many open files", "child: no file"),
    (r"overdue: the flag ", "flag: mv, overdue"),
    (r"overdue: the flag ", "clock: "),
    (r"the clock was set back: ", "clock: hours back"),
    (
        r"the flag \S+ exists, but httpd's children may not access it: ",
        "flag: may not be looked at",
    ),
    (r"cannot determine whether the flag \S+ exists: Permission denied", "flag: its folder"),
    (r#"page\S+" .*; the last good version.* in force"#, "page: "),
    (r#"allow.txt" .*; the last good version.* in force"#, "allow file: "),
    (r#"guests.txt" .*; the last good version.* in force"#, "guests: "),
    (
        r#"(page\S+|allow.txt|guests.txt)" .*; the last good version"#,
        "server: restart with broken files",
    ),
    (r"Too many open files", "child: no file"),
    (r"cannot be used, and this process has not seen its last good version", "allow file: broken"),
    (r"cannot be used, and this process has not seen its last good version", "guests: broken"),
    // httpd's own warnings if restarts follow each other faster than children end.
    (r"AH00546: no record of generation", "server: graceful restart"),
];

/// Messages of a distribution's mod_ssl at start.
const OLDER_OPENSSL: &str = "AH01882";

pub struct Journal {
    path: PathBuf,
    figures: Arc<Figures>,
    killed: Mutex<HashSet<String>>,
    restarts: AtomicUsize,
    kept: AtomicUsize,
    /// What the lines of httpd's parent process contain.
    parent: String,
}

impl Journal {
    pub fn new(httpd: &Httpd, figures: Arc<Figures>) -> Self {
        let (killed, restarts, kept) = Default::default();
        let (path, parent) = (httpd.path("logs/error_log"), format!("[pid {}:", httpd.pid()));
        Self { path, figures, killed, restarts, kept, parent }
    }

    /// A child that is about to be killed: its death is expected.
    pub fn killed(&self, pid: i32) {
        self.killed.lock().expect("the killed").insert(pid.to_string());
    }

    /// How often the server has started.
    pub fn restarts(&self) -> usize {
        self.restarts.load(Ordering::Acquire)
    }

    /// How often the parent has reported a broken file and an earlier version in force.
    pub fn kept(&self) -> usize {
        self.kept.load(Ordering::Acquire)
    }

    /// Reads until the end, and then the rest.
    pub fn run(&self, over: &AtomicBool) {
        let mut log = BufReader::new(File::open(&self.path).expect("a log"));
        let healthy = Regex::new(r"^\[[^]]+\] \[\w+:(notice|info)\] ").expect("a pattern");
        let death = Regex::new(r"child pid (\d+) exit signal").expect("a pattern");
        let explained = EXPLAINED.map(|(line, fault)| (Regex::new(line).expect(line), fault));
        let mut line = String::new();
        loop {
            let is_last = over.load(Ordering::Acquire);
            // A line that is still being written has no line ending.
            while log.read_line(&mut line).expect("text") > 0 && line.ends_with('\n') {
                if line.contains("resuming normal operations") {
                    self.restarts.fetch_add(1, Ordering::AcqRel);
                }
                if line.contains(&self.parent) && line.contains("; the last good version") {
                    self.kept.fetch_add(1, Ordering::AcqRel);
                }
                let is_expected = match death.captures(&line) {
                    Some(dead) => self.killed.lock().expect("the killed").contains(&dead[1]),
                    None => {
                        healthy.is_match(&line)
                            || line.contains(OLDER_OPENSSL)
                            || explained.iter().any(|(pattern, fault)| {
                                pattern.is_match(&line) && self.figures.had_fault(fault)
                            })
                    }
                };
                if line.contains(SECRET) {
                    self.figures.violation("a secret in the error log", || line.clone());
                }
                if !is_expected {
                    let problem = "an unexpected line in the error log";
                    self.figures.violation(problem, || format!("  {}", line.trim_end()));
                }
                line.clear();
            }
            if is_last {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}
