//! A real httpd with its own ServerRoot and its own address.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use regex::Regex;
use rustix::process::{Pid, Signal};

use super::client::{Client, Protocol};
use super::setup::Setup;
use super::{sanitizer, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);

/// The warning of a hard restart that meets a child of prefork while it starts, before it handles the
/// signal: it ends with the next one, seconds later (seen in 2.4.12).
pub const MISSED_SIGNAL: &str = r"AH00045: child process \d+ still did not exit, sending a SIGTERM";

/// httpd's own bookkeeping, for a child that it starts while it restarts (`end_gen` in
/// server/mpm_common.c; seen in 2.4.12).
const NO_RECORD: &str = r"\[core:error\] .* AH00546: no record of generation \d+ of exiting child";

/// A running server. Dropping it stops the server and checks its log and its processes.
pub struct Httpd {
    setup: Setup,
    process: Child,
    /// Lines that the log may contain in addition to notices.
    expected: Vec<Regex>,
    /// Whether the log decides about success when the server is stopped.
    judges_log: bool,
}

impl Httpd {
    /// A server with the event MPM and these directives.
    #[track_caller]
    pub fn start(directives: &str) -> Self {
        Setup::new(directives).start()
    }

    #[track_caller]
    pub(super) fn run(setup: Setup) -> Self {
        let stderr = File::create(setup.path("logs/stderr")).expect("a file");
        let mut command = setup.command(&["-DFOREGROUND"]);
        let process = command.stdin(Stdio::null()).stdout(stderr.try_clone().expect("a file"));
        // Its own process group, because prefork signals its whole group when it stops.
        let process = process.stderr(stderr).process_group(0).spawn().expect("httpd starts");
        let mut httpd = Self { setup, process, expected: vec![], judges_log: true };
        httpd.allow_log(NO_RECORD);
        wait_for("the server accepts connections", 4 * PATIENCE, || {
            if let Some(status) = httpd.process.try_wait().expect("a child") {
                let said =
                    httpd.log() + &fs::read_to_string(httpd.path("logs/stderr")).expect("said");
                panic!("httpd did not start: {status}\n{said}");
            }
            // The socket listens before the signal handlers are set and the log is opened.
            let is_ready =
                httpd.setup.is_one_process() || httpd.count_log("resuming normal operations") > 0;
            is_ready && std::net::TcpStream::connect(httpd.address()).is_ok()
        });
        httpd
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.setup.address())
    }

    pub fn address(&self) -> SocketAddr {
        self.setup.address()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
    }

    /// Whether the children run as another user than the test.
    pub fn is_of_another_user(&self) -> bool {
        super::installation::user().is_some()
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The default flag.
    pub fn flag(&self) -> PathBuf {
        self.path("maintenance.flag")
    }

    pub fn close(&self) {
        File::create(self.flag()).expect("the flag");
    }

    pub fn open(&self) {
        fs::remove_file(self.flag()).expect("the flag was there");
    }

    /// A client from 127.0.0.1 with a new connection for each request.
    pub fn client(&self) -> Client {
        Client::new(&self.url())
    }

    pub fn client_from(&self, address: &str) -> Client {
        Client::from(&self.url(), address)
    }

    pub fn http2_client(&self) -> Client {
        Client::build(&self.url(), Protocol::Http2, None, true)
    }

    /// A client for each version of HTTP that the server has.
    pub fn clients(&self) -> Vec<Client> {
        let http2 = self.setup.has_http2().then(|| self.http2_client());
        [self.client()].into_iter().chain(http2).collect()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("logs/error_log")).unwrap_or_default()
    }

    /// The lines of the access log, once there are `count` of them.
    pub fn access_log(&self, count: usize) -> Vec<String> {
        let lines = || -> Vec<String> {
            let log = fs::read_to_string(self.path("logs/access_log")).unwrap_or_default();
            log.lines().map(str::to_owned).collect()
        };
        wait_for("the access log is complete", PATIENCE, || lines().len() >= count);
        lines()
    }

    /// The number of lines of the error log that match.
    pub fn count_log(&self, pattern: &str) -> usize {
        let pattern = Regex::new(pattern).expect("a pattern");
        self.log().lines().filter(|line| pattern.is_match(line)).count()
    }

    /// Waits for this warning or error, which is expected.
    #[track_caller]
    pub fn expect_log(&mut self, pattern: &str) {
        wait_for(pattern, PATIENCE, || self.count_log(pattern) > 0);
        self.allow_log(pattern);
    }

    /// Allows this warning or error without waiting for it.
    pub fn allow_log(&mut self, pattern: &str) {
        self.expected.push(Regex::new(pattern).expect("a pattern"));
    }

    /// The log is checked by the caller, who knows what was done to the server.
    pub fn leave_log_to_caller(&mut self) {
        self.judges_log = false;
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).expect("the server is there");
    }

    /// Restarts the server gracefully, and waits until the new generation is there.
    #[track_caller]
    pub fn restart(&self) {
        self.restart_by(Signal::USR1);
    }

    /// A restart by this signal: USR1 for a graceful one, HUP for one that ends the children.
    #[track_caller]
    pub fn restart_by(&self, signal: Signal) {
        let done = || self.count_log("resuming normal operations");
        let before = done();
        self.signal(signal);
        wait_for("the restart", PATIENCE, || done() > before);
    }

    /// A graceful restart with these directives before and after those of base.conf.
    #[track_caller]
    pub fn reconfigure(&mut self, before: &str, directives: &str) {
        self.setup.reconfigure(before, directives);
        self.restart();
    }

    /// Like the above, with a restart by this signal.
    #[track_caller]
    pub fn reconfigure_by(&mut self, signal: Signal, before: &str, directives: &str) {
        self.setup.reconfigure(before, directives);
        self.restart_by(signal);
    }

    /// The processes of this server: the parent leads a process group.
    pub fn processes(&self) -> Vec<u32> {
        processes_of_group(self.pid())
    }

    /// Resident memory of the parent in KiB.
    pub fn parent_rss(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
    }

    /// Stops gracefully. Otherwise httpd closes sockets that its threads may be about to close, and
    /// now and then a child of event or worker dies from that, with or without the module
    /// (`close_worker_sockets`, seen in 2.4.71).
    fn stop_signal(&self) -> Signal {
        match self.setup.is_wrapped() || self.setup.is_one_process() {
            true => Signal::TERM,
            false => Signal::WINCH,
        }
    }

    fn stop(&mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Err(format!("the parent ended by itself: {status}"));
        }
        self.signal(self.stop_signal());
        let start = std::time::Instant::now();
        while self.process.try_wait().map_err(|error| error.to_string())?.is_none() {
            if start.elapsed() > 3 * PATIENCE {
                self.signal(Signal::KILL);
                let _ = self.process.wait();
                return Err("the parent did not stop".into());
            }
            std::thread::sleep(Duration::from_millis(10));
            // A single process may have started to wait for a connection when the signal arrived.
            if self.setup.is_one_process() && start.elapsed() > Duration::from_secs(1) {
                let _ = std::net::TcpStream::connect(self.address());
            }
        }
        let left = self.processes();
        for pid in &left {
            let pid = Pid::from_raw(*pid as i32).expect("a process id");
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        left.is_empty().then_some(()).ok_or(format!("processes were left behind: {left:?}"))
    }

    /// Flags that were opened more often than closed, or closed twice. (The order of lines from two
    /// processes is not reliable, so it is not checked.)
    fn untrue_lines(&self) -> Vec<String> {
        let line = Regex::new(r"(closed by|open again,) the flag ([^ ,]+)").expect("a pattern");
        let mut balance = std::collections::HashMap::new();
        for found in line.captures_iter(&self.log()) {
            let change = if &found[1] == "closed by" { 1 } else { -1 };
            *balance.entry(found[2].to_owned()).or_insert(0) += change;
        }
        balance.retain(|_, closed| ![0, 1].contains(closed));
        balance.iter().map(|(flag, closed)| format!("{flag}: closed {closed} times")).collect()
    }

    /// The reports of a sanitizer.
    pub fn take_reports(&self) -> Vec<String> {
        sanitizer::take_reports(self.setup.root())
    }

    /// Lines that a healthy server does not write: other formats, warnings and errors, crashes.
    fn unexpected_lines(&self) -> Vec<String> {
        let healthy =
            Regex::new(r"^\[[^]]+\] \[\w+:(notice|info|debug|trace\d)\] ").expect("a pattern");
        let stderr = fs::read_to_string(self.path("logs/stderr")).unwrap_or_default();
        let log = self.log();
        log.lines()
            .chain(stderr.lines().filter(|_| !self.setup.is_wrapped()))
            .filter(|line| !healthy.is_match(line) || line.contains("exit signal"))
            .filter(|line| !self.expected.iter().any(|pattern| pattern.is_match(line)))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Httpd {
    fn drop(&mut self) {
        let stopped = self.stop();
        let mut unexpected = Vec::new();
        if self.judges_log {
            unexpected.extend(self.unexpected_lines());
            unexpected.extend(self.untrue_lines());
        }
        unexpected.extend(self.take_reports());
        if std::thread::panicking() {
            eprintln!("stopped: {stopped:?}; the server's log:\n{}", self.log());
            self.take_reports().iter().for_each(|report| eprintln!("{report}"));
            return;
        }
        assert!(stopped.is_ok(), "{stopped:?}\n{}", self.log());
        assert!(unexpected.is_empty(), "in the error log: {unexpected:#?}");
    }
}

/// The processes of the process group with this leader.
pub fn processes_of_group(leader: u32) -> Vec<u32> {
    let folders = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| group_of(*pid) == Some(leader)).collect()
}

/// The process group of a process that is alive.
fn group_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z").then_some(())?;
    fields.nth(1)?.parse().ok()
}
