//! A cluster of etcd on loopback, whose members can be killed, stopped and started again.

use std::cell::RefCell;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A cluster of etcd. Its processes end with it.
pub struct Cluster {
    folder: TempDir,
    members: Vec<RefCell<Member>>,
    /// Files with the certificates, for TLS with certificates of clients.
    tls: Option<Tls>,
    /// More options of each member.
    options: Vec<String>,
}

/// One member.
struct Member {
    client: u16,
    peer: u16,
    process: Option<Child>,
}

/// The files of TLS.
#[derive(Clone)]
pub struct Tls {
    pub ca: PathBuf,
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Cluster {
    pub fn start(count: usize) -> Self {
        Self::run(count, None, vec![])
    }

    /// With more options for each member.
    pub fn with(count: usize, options: &[&str]) -> Self {
        Self::run(count, None, options.iter().map(|option| (*option).to_owned()).collect())
    }

    /// With TLS and certificates of clients. The certificate is for 127.0.0.1, for servers and clients.
    pub fn secure(count: usize, tls: Tls) -> Self {
        Self::run(count, Some(tls), vec![])
    }

    fn run(count: usize, tls: Option<Tls>, options: Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports: Vec<_> = (0..2 * count).map(|_| free_port()).collect();
        let member = |pair: &[u16]| Member { client: pair[0], peer: pair[1], process: None };
        let members = ports.chunks(2).map(|pair| RefCell::new(member(pair))).collect();
        let cluster = Self { folder, members, tls, options };
        (0..count).for_each(|member| cluster.start_member(member));
        cluster.wait_until_ready();
        cluster
    }

    pub fn wait_until_ready(&self) {
        let end = Instant::now() + Duration::from_secs(30);
        while !self.ctl("get x").status.success() {
            assert!(Instant::now() < end, "etcd does not start: {}", self.log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The URL of a member.
    pub fn url(&self, member: usize) -> String {
        format!("{}://127.0.0.1:{}", self.scheme(), self.members[member].borrow().client)
    }

    /// The end points, as in the settings.
    pub fn endpoints(&self) -> String {
        let urls: Vec<_> =
            (0..self.members.len()).map(|it| format!("{:?}", self.url(it))).collect();
        format!("[{}]", urls.join(", "))
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Starts a member that does not run. It goes on with its data.
    pub fn start_member(&self, number: usize) {
        let peers: Vec<_> = self.members.iter().map(|member| member.borrow().peer).collect();
        let mut member = self.members[number].borrow_mut();
        assert!(member.process.is_none(), "it runs");
        let peer = |(number, port): (usize, &u16)| format!("m{number}=http://127.0.0.1:{port}");
        let all: Vec<_> = peers.iter().enumerate().map(peer).collect();
        let client = format!("{}://127.0.0.1:{}", self.scheme(), member.client);
        let own = format!("http://127.0.0.1:{}", member.peer);
        let log = File::options().create(true).append(true).open(self.log_file(number));
        let log = log.expect("a file");
        let mut command = Command::new("etcd");
        command.arg("--name").arg(format!("m{number}"));
        command.arg("--data-dir").arg(self.folder.path().join(format!("m{number}")));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &own, "--initial-advertise-peer-urls", &own]);
        command.args(["--initial-cluster", &all.join(","), "--logger", "zap"]);
        command.args(&self.options);
        if let Some(tls) = &self.tls {
            command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(&tls.ca);
            command.arg("--cert-file").arg(&tls.cert).arg("--key-file").arg(&tls.key);
        }
        let command = command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file"));
        let process = command.stderr(log).spawn().expect("etcd starts: install etcd-server");
        member.process = Some(process);
    }

    fn log_file(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("m{number}.log"))
    }

    fn log(&self) -> String {
        let read = |number| fs::read_to_string(self.log_file(number)).unwrap_or_default();
        (0..self.members.len()).map(read).collect()
    }

    /// Kills a member, as a power failure does.
    pub fn kill_member(&self, number: usize) {
        if let Some(mut process) = self.members[number].borrow_mut().process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    pub fn runs(&self, number: usize) -> bool {
        self.members[number].borrow().process.is_some()
    }

    /// Stops a member so that it hangs, or lets it go on.
    pub fn hang(&self, number: usize, hangs: bool) {
        let signal = if hangs { Signal::STOP } else { Signal::CONT };
        if let Some(process) = &self.members[number].borrow().process {
            kill_process(Pid::from_child(process), signal).expect("a signal");
        }
    }

    /// The member that leads.
    pub fn leader(&self) -> Option<usize> {
        let output = self.ctl("endpoint status -w json").stdout;
        let all: serde_json::Value = serde_json::from_slice(&output).ok()?;
        let all = all.as_array()?;
        let leads = |one: &&serde_json::Value| {
            one["Status"]["leader"] == one["Status"]["header"]["member_id"]
        };
        let leader = all.iter().find(leads)?["Endpoint"].as_str()?.to_owned();
        (0..self.members.len()).find(|member| self.url(*member) == leader)
    }

    /// Runs etcdctl with words that are separated by blanks.
    pub fn ctl(&self, words: &str) -> Output {
        self.ctl_as("", words)
    }

    /// The same as a user, `NAME:PASSWORD`.
    pub fn ctl_as(&self, user: &str, words: &str) -> Output {
        self.ctl_with(user, &words.split(' ').collect::<Vec<_>>())
    }

    fn ctl_with(&self, user: &str, words: &[&str]) -> Output {
        let running = (0..self.members.len()).filter(|member| self.runs(*member));
        let urls: Vec<_> = running.map(|member| self.url(member)).collect();
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["--endpoints", &urls.join(",")]);
        command.args(["--command-timeout", "5s", "--dial-timeout", "2s"]);
        if !user.is_empty() {
            command.args(["--user", user]);
        }
        if let Some(tls) = &self.tls {
            command.arg("--cacert").arg(&tls.ca).arg("--cert").arg(&tls.cert);
            command.arg("--key").arg(&tls.key);
        }
        command.args(words).output().expect("etcdctl runs: install etcd-client")
    }

    /// Runs etcdctl, which has to succeed, and returns what it writes.
    #[track_caller]
    pub fn must(&self, words: &str) -> String {
        let output = self.ctl(words);
        assert!(output.status.success(), "etcdctl {words}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Writes a value, which may contain blanks.
    #[track_caller]
    pub fn put(&self, key: &str, value: &str) {
        let output = self.ctl_with("", &["put", key, value]);
        assert!(output.status.success(), "etcdctl put {key}: {output:?}");
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        (0..self.members.len()).for_each(|member| self.kill_member(member));
    }
}

/// A port that nobody uses. It is below those that the system gives to connections, so that it is
/// still free when a member begins anew.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id() * 37 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 12_000 + u16::try_from(number % 20_000).expect("small");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
