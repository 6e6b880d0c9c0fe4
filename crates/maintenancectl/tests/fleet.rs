//! The verbs and the follower with a real etcd, and with servers that answer what they are told.

mod access;
#[path = "../../../tests/harness/src/etcd.rs"]
#[allow(dead_code, unreachable_pub)]
mod etcd;
mod follow;
mod reports;
mod verbs;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use self::etcd::Cluster;
use crate::ground::{BERLIN, Said, said};

/// The key of the settings.
const KEY: &str = "/maintenance/test";

/// A machine with settings of its own.
struct Machine {
    folder: TempDir,
}

impl Machine {
    /// With these lines below `[store]`, and others before.
    fn new(endpoints: &str, before: &str, store: &str) -> Self {
        // Not in /tmp, of which the command warns.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let text = format!(
            "flag = \"maintenance.flag\"\n{before}\n[store]\nendpoints = {endpoints}\n\
             key = \"{KEY}\"\n{store}\n"
        );
        fs::write(folder.path().join("settings.toml"), text).expect("written");
        Self { folder }
    }

    fn of(cluster: &Cluster) -> Self {
        Self::new(&cluster.endpoints(), "", "")
    }

    fn flag(&self) -> PathBuf {
        self.folder.path().join("maintenance.flag")
    }

    fn content(&self) -> Option<String> {
        fs::read(self.flag()).ok().map(|content| String::from_utf8_lossy(&content).into_owned())
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_maintenancectl"));
        command.args(words).current_dir(self.folder.path()).env("TZ", BERLIN).stdin(Stdio::null());
        for name in ["SUDO_USER", "SUDO_UID", "NO_COLOR", "LANG", "LC_ALL", "JOURNAL_STREAM"] {
            command.env_remove(name);
        }
        command.arg("--config").arg(self.folder.path().join("settings.toml"));
        command
    }

    /// Runs a line of words without quotes.
    fn run(&self, line: &str) -> Said {
        said(self.command(&line.split(' ').collect::<Vec<_>>()).output().expect("run"))
    }

    /// The same, which has to succeed.
    #[track_caller]
    fn must(&self, line: &str) -> Said {
        let said = self.run(line);
        assert_eq!(said.code, Some(0), "{line}: {said:?}");
        said
    }

    /// The same as root behind sudo. Tests run as root alone have other administrators.
    fn run_as(&self, user: &str, line: &str) -> Said {
        let mut command = self.command(&line.split(' ').collect::<Vec<_>>());
        said(command.env("SUDO_USER", user).output().expect("run"))
    }

    fn follow(&self, node: &str) -> Follower {
        Follower::start(self.command(&["follow", "--node", node]))
    }
}

/// A follower that runs.
struct Follower {
    process: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Follower {
    fn start(mut command: Command) -> Self {
        let mut process = command.stderr(Stdio::piped()).spawn().expect("run");
        let lines = Arc::new(Mutex::new(vec![]));
        let (stderr, written) = (process.stderr.take().expect("stderr"), Arc::clone(&lines));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                written.lock().expect("lines").push(line);
            }
        });
        Self { process, lines }
    }

    fn log(&self) -> String {
        self.lines.lock().expect("lines").join("\n")
    }

    fn count(&self, text: &str) -> usize {
        self.lines.lock().expect("lines").iter().filter(|line| line.contains(text)).count()
    }

    #[track_caller]
    fn wait_for_line(&self, text: &str) {
        let what = || format!("{text:?} in\n{}", self.log());
        wait_until(what, || self.count(text) > 0);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("a signal");
    }

    /// Ends it, and returns its exit code.
    fn end(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[track_caller]
fn wait_until(what: impl Fn() -> String, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "still not: {}", what());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until the flag of a machine has a content.
#[track_caller]
fn wait_for_content(machine: &Machine, follower: &Follower, expected: Option<&str>) {
    let what = || format!("{expected:?}, but {:?}: {}", machine.content(), follower.log());
    wait_until(what, || machine.content().as_deref() == expected);
}
