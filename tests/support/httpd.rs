//! A real httpd in a ServerRoot of its own, on an address of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use regex::Regex;
use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::client::{Client, Protocol};
use super::{sanitizer, wait_for};

const PATIENCE: Duration = Duration::from_secs(20);
const PORT: u16 = 8080;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mpm {
    Event,
    Worker,
    Prefork,
}

impl Mpm {
    pub const ALL: [Self; 3] = [Self::Event, Self::Worker, Self::Prefork];

    fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Worker => "worker",
            Self::Prefork => "prefork",
        }
    }
}

/// A server that is still to be started.
pub struct Setup {
    root: TempDir,
    address: SocketAddr,
    mpm: Mpm,
    modules: Vec<&'static str>,
    /// Directives before and behind those of base.conf.
    before: String,
    directives: String,
    /// What has to stand before the server's command, such as valgrind.
    wrapper: Vec<String>,
    /// Behind it, such as -X.
    arguments: Vec<&'static str>,
    module: PathBuf,
}

/// A server that runs. When it is dropped it is stopped, and its log and processes are checked.
pub struct Httpd {
    setup: Setup,
    process: Child,
    /// Lines that the log may have, beside notices.
    expected: Vec<Regex>,
    /// Does the log decide whether all is well, when it is stopped?
    judges_log: bool,
}

/// Where this machine keeps httpd and its modules.
struct Installation {
    binary: PathBuf,
    modules: PathBuf,
    user: Option<(String, String)>,
}

fn installation() -> &'static Installation {
    static FOUND: OnceLock<Installation> = OnceLock::new();
    FOUND.get_or_init(|| {
        let apxs = ["MAINTENANCE_APXS", "APXS"].iter().find_map(std::env::var_os);
        let apxs = apxs.unwrap_or_else(|| "apxs".into());
        let query = |name: &str| {
            let output = Command::new(&apxs).args(["-q", name]).output().expect("apxs runs");
            String::from_utf8(output.stdout).expect("text").trim().to_owned()
        };
        let binary = Path::new(&query("SBINDIR")).join(query("PROGNAME"));
        let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
        let known = |user: &&str| passwd.lines().any(|line| line.starts_with(&format!("{user}:")));
        let user = rustix::process::geteuid().is_root().then(|| {
            let user = ["www-data", "apache", "httpd"].iter().find(|user| known(user));
            let user = user.expect("httpd's user").to_string();
            (user.clone(), user)
        });
        Installation { binary, modules: query("LIBEXECDIR").into(), user }
    })
}

/// The user that httpd's children run as, where that is another one than this.
pub fn user() -> Option<&'static str> {
    installation().user.as_ref().map(|(user, _)| user.as_str())
}

/// The module under test: what MAINTENANCE_MODULE names, else what was built with the tests.
fn module_under_test() -> PathBuf {
    match std::env::var_os("MAINTENANCE_MODULE") {
        Some(module) => fs::canonicalize(module).expect("MAINTENANCE_MODULE"),
        None => debug_module(),
    }
}

/// The module that cargo built along with the tests, with their features. One with a sanitizer has
/// them, too.
pub fn debug_module() -> PathBuf {
    if sanitizer::is_on() {
        return module_under_test();
    }
    let test = std::env::current_exe().expect("the test's own path");
    test.with_file_name("libmod_maintenance.so")
}

/// No two servers share an address, not even those of two test runs at a time: addresses are
/// taken by process and number, and clients come from 127.0.0.x. There are two networks of them for
/// each process, so 508.
fn own_address() -> SocketAddr {
    static COUNT: AtomicU16 = AtomicU16::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let (network, number) = ((count / 254 % 2) as u8, (1 + count % 254) as u8);
    let process = std::process::id();
    let network = 1 + (process >> 8) as u8 % 125 + 125 * network;
    SocketAddr::from(([127, network, process as u8, number], PORT))
}

impl Setup {
    pub fn new(directives: &str) -> Self {
        let root = tempfile::Builder::new().prefix("maintenance-").tempdir().expect("a folder");
        // Readable for the user that the children run as.
        set_mode(root.path(), 0o755);
        for folder in ["logs", "htdocs", "conf"] {
            fs::create_dir(root.path().join(folder)).expect(folder);
        }
        fs::write(root.path().join("htdocs/index.html"), "hello from httpd\n").expect("a file");
        Self {
            root,
            address: own_address(),
            mpm: Mpm::Event,
            modules: vec![],
            before: String::new(),
            directives: directives.to_owned(),
            wrapper: vec![],
            arguments: vec![],
            module: module_under_test(),
        }
    }

    pub fn mpm(mut self, mpm: Mpm) -> Self {
        self.mpm = mpm;
        self
    }

    /// Loads further modules of httpd's, by their name without `mod_`.
    pub fn modules(mut self, modules: &[&'static str]) -> Self {
        self.modules.extend(modules);
        self
    }

    pub fn directives(mut self, more: &str) -> Self {
        self.directives.push('\n');
        self.directives.push_str(more);
        self
    }

    /// Directives in front of all others, such as a Define.
    pub fn before(mut self, directives: &str) -> Self {
        self.before = directives.to_owned();
        self
    }

    pub fn proxy_to(self, backend: &super::Backend) -> Self {
        self.modules(&["proxy", "proxy_http"]).directives(&backend.proxy_directives())
    }

    pub fn module(mut self, module: PathBuf) -> Self {
        self.module = module;
        self
    }

    pub fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|word| word.to_string()).collect();
        self
    }

    pub fn arguments(mut self, arguments: &[&'static str]) -> Self {
        self.arguments = arguments.to_vec();
        self
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect(name);
        path
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn write_config(&self) -> PathBuf {
        let found = installation();
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("httpd-test/base.conf");
        let mut config = format!(
            "Define ROOT \"{}\"\nDefine ADDRESS {}\nDefine PORT {}\nDefine MPM {}\n\
             Define MODULES \"{}\"\nDefine MAINTENANCE_MODULE \"{}\"\n",
            self.root().display(),
            self.address.ip(),
            self.address.port(),
            self.mpm.name(),
            found.modules.display(),
            self.module.display(),
        );
        if let Some((user, group)) = &found.user {
            config.push_str(&format!("Define HTTPD_USER {user}\nDefine HTTPD_GROUP {group}\n"));
        }
        config.push_str(&self.before);
        config.push_str(&format!("\nInclude \"{}\"\n", base.display()));
        for name in &self.modules {
            let file = found.modules.join(format!("mod_{name}.so"));
            config.push_str(&format!("LoadModule {name}_module \"{}\"\n", file.display()));
        }
        config.push_str(&self.directives);
        config.push('\n');
        self.write("conf/httpd.conf", config)
    }

    /// Gracefully: at once, httpd closes the sockets of threads that may be about to close them
    /// themselves, and now and then a child of event or worker dies of that, with or without the
    /// module (`close_worker_sockets`, seen in 2.4.71).
    fn stop_signal(&self) -> Signal {
        match self.wrapper.is_empty() && !self.arguments.contains(&"-X") {
            true => Signal::WINCH,
            false => Signal::TERM,
        }
    }

    fn command(&self, more: &[&str]) -> Command {
        let config = self.write_config();
        let mut words = self.wrapper.clone();
        words.push(installation().binary.display().to_string());
        let (program, rest) = words.split_first().expect("a program");
        let mut command = Command::new(program);
        command.args(rest).arg("-d").arg(self.root()).arg("-f").arg(config);
        command.args(&self.arguments).args(more).env("RUST_BACKTRACE", "0").env("TZ", "UTC");
        sanitizer::watch(&mut command, self.root());
        command
    }

    /// `httpd -t`: whether it is satisfied, and what it says.
    pub fn test_config(&self) -> (bool, String) {
        let output = self.command(&["-t"]).output().expect("httpd runs");
        let text = [output.stdout, output.stderr].concat();
        assert_eq!(sanitizer::take_reports(self.root()), vec![""; 0]);
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// The same with these directives.
    pub fn test_lines(&mut self, directives: &str) -> (bool, String) {
        self.directives = directives.to_owned();
        self.test_config()
    }

    /// Starts the server and waits until it answers.
    #[track_caller]
    pub fn start(self) -> Httpd {
        let stderr = File::create(self.path("logs/stderr")).expect("a file");
        let mut command = self.command(&["-DFOREGROUND"]);
        let process = command.stdin(Stdio::null()).stdout(stderr.try_clone().expect("a file"));
        // A process group of its own: prefork signals its whole group when it stops.
        let process = process.stderr(stderr).process_group(0).spawn().expect("httpd starts");
        let mut httpd = Httpd { setup: self, process, expected: vec![], judges_log: true };
        let address = httpd.setup.address;
        wait_for("the server accepts connections", 4 * PATIENCE, || {
            if let Some(status) = httpd.process.try_wait().expect("a child") {
                let said =
                    httpd.log() + &fs::read_to_string(httpd.path("logs/stderr")).expect("said");
                panic!("httpd did not start: {status}\n{said}");
            }
            // The socket listens before the signal handlers are set, and the log is opened.
            let is_ready = httpd.setup.arguments.contains(&"-X")
                || httpd.count_log("resuming normal operations") > 0;
            is_ready && std::net::TcpStream::connect(address).is_ok()
        });
        httpd
    }
}

impl Httpd {
    /// A server with the event MPM and these directives.
    #[track_caller]
    pub fn start(directives: &str) -> Self {
        Setup::new(directives).start()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.setup.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.setup.address
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
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

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("logs/error_log")).unwrap_or_default()
    }

    /// The access log's lines, once there are `count` of them.
    pub fn access_log(&self, count: usize) -> Vec<String> {
        let lines = || -> Vec<String> {
            let log = fs::read_to_string(self.path("logs/access_log")).unwrap_or_default();
            log.lines().map(str::to_owned).collect()
        };
        wait_for("the access log is complete", PATIENCE, || lines().len() >= count);
        lines()
    }

    /// How many lines of the error log match.
    pub fn count_log(&self, pattern: &str) -> usize {
        let pattern = Regex::new(pattern).expect("a pattern");
        self.log().lines().filter(|line| pattern.is_match(line)).count()
    }

    /// This warning or error is no failure; waits until it is there.
    #[track_caller]
    pub fn expect_log(&mut self, pattern: &str) {
        wait_for(pattern, PATIENCE, || self.count_log(pattern) > 0);
        self.allow_log(pattern);
    }

    /// This warning or error is no failure, if it comes.
    pub fn allow_log(&mut self, pattern: &str) {
        self.expected.push(Regex::new(pattern).expect("a pattern"));
    }

    /// Its log is read by somebody else, who knows what was done to it.
    pub fn leave_log_to_caller(&mut self) {
        self.judges_log = false;
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        rustix::process::kill_process(pid, signal).expect("the server is there");
    }

    /// A graceful restart; waits until the new generation is there.
    #[track_caller]
    pub fn restart(&self) {
        let done = || self.count_log("resuming normal operations");
        let before = done();
        self.signal(Signal::USR1);
        wait_for("the restart", PATIENCE, || done() > before);
    }

    /// A graceful restart with these directives in front of and behind those of base.conf.
    #[track_caller]
    pub fn reconfigure(&mut self, before: &str, directives: &str) {
        self.setup.before = before.to_owned();
        self.setup.directives = directives.to_owned();
        self.setup.write_config();
        self.restart();
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

    fn stop(&mut self) -> Result<(), String> {
        if let Ok(Some(status)) = self.process.try_wait() {
            return Err(format!("the parent ended by itself: {status}"));
        }
        self.signal(self.setup.stop_signal());
        let start = std::time::Instant::now();
        while self.process.try_wait().map_err(|error| error.to_string())?.is_none() {
            if start.elapsed() > 3 * PATIENCE {
                self.signal(Signal::KILL);
                let _ = self.process.wait();
                return Err("the parent did not stop".into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let left = self.processes();
        for pid in &left {
            let pid = Pid::from_raw(*pid as i32).expect("a process id");
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        left.is_empty().then_some(()).ok_or(format!("processes were left behind: {left:?}"))
    }

    /// Flags that were opened more often than closed, or closed twice. (Lines of two processes can
    /// change places, so their order says nothing.)
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

    /// What a sanitizer has reported.
    pub fn take_reports(&self) -> Vec<String> {
        sanitizer::take_reports(self.setup.root())
    }

    /// Lines that no healthy server writes: no httpd line at all, a warning or worse, a death.
    fn unexpected_lines(&self) -> Vec<String> {
        let healthy =
            Regex::new(r"^\[[^]]+\] \[\w+:(notice|info|debug|trace\d)\] ").expect("a pattern");
        let stderr = fs::read_to_string(self.path("logs/stderr")).unwrap_or_default();
        let log = self.log();
        log.lines()
            .chain(stderr.lines().filter(|_| self.setup.wrapper.is_empty()))
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

/// The processes of a process group, by that of its leader.
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

pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
}
