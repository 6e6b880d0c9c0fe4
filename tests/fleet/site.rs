//! The servers, their followers and the cluster, and what an administrator does.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use maintenance_harness::etcd::Cluster;
use maintenance_harness::{Httpd, Maintenancectl, Said, Setup};
use rustix::process::{Pid, Signal, kill_process};

use super::disk::Disk;
use super::faults::Met;
use super::oracle::Oracle;
use crate::status::STATUS;

/// How many servers there are.
pub const NODES: usize = 6;

/// The server whose flag has a disk of its own.
pub const DISK: usize = 0;

/// The key of the settings.
pub const KEY: &str = "/maintenance/fleet";

/// Within this time every server that can be reached is as the store says.
const LIMIT: Duration = Duration::from_secs(5);

/// A server and its follower.
pub struct Node {
    // Before the server's folder, in which it is mounted.
    pub disk: Option<Disk>,
    pub httpd: Httpd,
    flag: PathBuf,
    command: Maintenancectl,
    follower: RefCell<Option<Child>>,
    log: PathBuf,
    /// Whether the follower can do its work, so that the server has to be as the store says.
    pub is_reachable: bool,
    /// The follower has this offset of its clock.
    clock: Option<&'static str>,
}

impl Node {
    pub fn start_follower(&self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log");
        let mut command = self.command.command(["follow"]);
        let command = match self.clock.zip(faketime()) {
            Some((offset, library)) => command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", offset)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            None => &mut command,
        };
        let follower = command.stdin(Stdio::null()).stderr(log).spawn().expect("a follower");
        *self.follower.borrow_mut() = Some(follower);
    }

    pub fn kill_follower(&self) {
        if let Some(mut follower) = self.follower.borrow_mut().take() {
            let _ = follower.kill();
            let _ = follower.wait();
        }
    }

    pub fn hang_follower(&self, hangs: bool) {
        let signal = if hangs { Signal::STOP } else { Signal::CONT };
        let follower = self.follower.borrow();
        kill_process(Pid::from_child(follower.as_ref().expect("it runs")), signal).expect("signal");
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill_follower();
        if std::thread::panicking() {
            eprintln!("a follower said:\n{}", self.said());
        }
    }
}

pub struct Site {
    // First, so that it no longer asks when the servers end.
    pub oracle: Oracle,
    pub nodes: Vec<Node>,
    pub cluster: Cluster,
    admin: Maintenancectl,
    begin: Instant,
    /// From each act to the last server.
    pub times: Vec<Duration>,
    /// How many reports were compared with what the server answered.
    pub compared: usize,
    acted: Instant,
    /// Whether a report has said that the clock of a server is an hour off.
    pub saw_clock: bool,
    /// Whether the store said last that the site is closed.
    is_closed: bool,
    /// What the present fault has met.
    pub met: Met,
}

impl Site {
    pub fn start() -> Self {
        let cluster = Cluster::start(3);
        let store = format!("[store]\nendpoints = {}\nkey = \"{KEY}\"\n", cluster.endpoints());
        let admin = Maintenancectl::with(&store);
        let node = |number: usize| {
            let mut setup = Setup::new(STATUS);
            let disk = (number == DISK).then(|| Disk::mount(&setup.path("disk"))).flatten();
            if disk.is_some() {
                setup = setup.directives("MaintenanceFlag disk/maintenance.flag");
            }
            let httpd = setup.start();
            let flag = match disk.is_some() {
                true => httpd.path("disk/maintenance.flag"),
                false => httpd.flag(),
            };
            let settings = format!(
                "flag = {:?}\n{store}node = \"web{number}\"\n[[server]]\nstatus = \"{}/status\"\n",
                flag,
                httpd.url()
            );
            let log = httpd.path("logs/follower");
            let clock = (number == NODES - 1).then_some("+3600");
            let (command, follower) = (Maintenancectl::with(&settings), RefCell::new(None));
            Node { disk, httpd, flag, command, follower, log, is_reachable: true, clock }
        };
        let nodes: Vec<_> = (0..NODES).map(node).collect();
        nodes.iter().for_each(Node::start_follower);
        let oracle = Oracle::start(nodes.iter().map(|node| node.httpd.client()));
        let (begin, times, compared, met) = (Instant::now(), vec![], 0, Met::default());
        let site = Self {
            oracle,
            nodes,
            cluster,
            admin,
            begin,
            times,
            compared,
            acted: begin,
            met,
            is_closed: false,
            saw_clock: false,
        };
        // All are there.
        while site.admin.run("is-open").out != format!("open on all {NODES} servers\n") {
            let said = site.nodes.iter().map(Node::said).collect::<String>();
            assert!(begin.elapsed() < 4 * LIMIT, "{:?}\n{said}", site.admin.run("status"));
        }
        site
    }

    pub fn log(&self, line: &str) {
        println!("{:6.1} {line}", self.begin.elapsed().as_secs_f32());
    }

    #[track_caller]
    pub fn must(&mut self, words: &str) -> Said {
        let opens = words.starts_with("open") || words.starts_with("announce");
        if opens {
            self.oracle.may_open();
        }
        let said = self.admin.run(words);
        assert_eq!(said.code, Some(0), "{words}: {said:?}");
        if words.starts_with("close") {
            self.oracle.must_not_open();
        }
        self.acted = Instant::now();
        said
    }

    /// Does something at random, and believes what the store says then.
    pub fn act(&mut self, random: &mut fastrand::Rng) {
        let acts = [
            "close --replace --reason night",
            "close --replace --end +2h",
            "open --replace",
            "announce --replace --start +1h --end +2h",
            "extend --replace --end +3h",
        ];
        let mut words = *random.choice(&acts).expect("an act");
        // An extension of what is not there does nothing.
        if self.content().is_none() && words.starts_with("extend") {
            words = acts[0];
        }
        self.log(words);
        self.must(words);
    }

    /// The flag in the store.
    pub fn content(&self) -> Option<Vec<u8>> {
        let keys = self.cluster.must(&format!("get {KEY}/flag --keys-only"));
        (!keys.trim().is_empty()).then(|| {
            let words = format!("get {KEY}/flag --print-value-only");
            let mut content = self.cluster.must(&words).into_bytes();
            content.pop(); // etcdctl's line end
            content
        })
    }

    /// Whether a server with this flag refuses.
    fn closes(content: Option<&[u8]>) -> bool {
        content.is_some_and(|it| !String::from_utf8_lossy(it).contains("start = "))
    }

    /// Waits until the servers that can be reached are as the store says: their flags and what they
    /// answer. They have 5 s.
    pub fn settle(&mut self) {
        let content = self.content();
        let expected = Self::closes(content.as_deref());
        loop {
            let wrong = (0..NODES).filter(|number| {
                let node = &self.nodes[*number];
                let is_right = self.oracle.refuses(*number) == Some(expected)
                    && fs::read(&node.flag).ok() == content;
                node.is_reachable && !is_right
            });
            let wrong: Vec<_> = wrong.collect();
            if wrong.is_empty() {
                break;
            }
            let elapsed = self.acted.elapsed();
            assert!(
                elapsed < LIMIT,
                "after {elapsed:?}, {wrong:?} are not as the store says, closed: {expected}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        self.times.push(self.acted.elapsed());
        self.is_closed = expected;
        if !expected {
            self.oracle.may_open();
        }
        self.oracle.check();
    }

    /// Nothing has changed since the store was last read, so nothing may change on the servers.
    pub fn stays(&self) {
        for number in 0..NODES {
            assert_eq!(self.oracle.refuses(number), Some(self.is_closed), "server {number}");
        }
        self.oracle.check();
    }

    /// From now on, the servers have their 5 s.
    pub fn healed(&mut self) {
        self.acted = Instant::now();
    }

    pub fn wait_until_all(&mut self, refuses: bool) {
        while !(0..NODES).all(|number| self.oracle.refuses(number) == Some(refuses)) {
            assert!(self.acted.elapsed() < LIMIT, "some servers are not there yet");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Compares each report with what its server answers. A report that is behind says nothing.
    pub fn judge_reports(&mut self) {
        let said = self.admin.run("status --json");
        let json: serde_json::Value = serde_json::from_str(&said.out).expect(&said.err);
        for server in json["servers"].as_array().expect("servers") {
            let (name, state) = (server["name"].as_str().expect("a name"), &server["state"]);
            let Some(number) = name.strip_prefix("web").and_then(|it| it.parse::<usize>().ok())
            else {
                continue; // the store itself
            };
            let Some(state) = state.as_str().filter(|_| server["is_behind"] == false) else {
                continue;
            };
            let answer = self.nodes[number].httpd.client().get("/");
            let refuses = answer.header("maintenance").is_some_and(|it| it.starts_with("closed"));
            let says = match state {
                "closed" => true,
                "open" | "announced" => false,
                other => panic!("{name} is {other}"),
            };
            assert_eq!(says, refuses, "{name} reports {state}, and answers {}", answer.status);
            self.compared += 1;
        }
        self.saw_clock |= said.out.contains("web5 has a clock that is 36");
    }

    /// The number of answers that were judged.
    pub fn end(&mut self) -> usize {
        self.oracle.check();
        self.oracle.stop()
    }
}

/// The library that gives a process another time.
pub fn faketime() -> Option<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/aarch64-linux-gnu"];
    let mut paths = folders.iter().map(|it| PathBuf::from(it).join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.exists())
}
