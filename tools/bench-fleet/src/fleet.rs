//! The followers, and what happens to them.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use maintenance_harness::Maintenancectl;
use maintenance_harness::etcd::Cluster;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::figures::{Figures, Times};
use crate::load::{Begin, Load, memory};
use crate::pages::{Pages, address};
use crate::store::Counters;

/// How many followers are started at a time.
const GROUP: usize = 20;

/// How long etcd is looked at while nothing happens.
const QUIET: Duration = Duration::from_secs(30);

/// What takes longer than this has failed.
const LIMIT: Duration = Duration::from_secs(300);

struct Fleet {
    // First, so that they end before what they use.
    followers: Vec<Child>,
    cluster: Cluster,
    pages: Pages,
    admin: Maintenancectl,
    flags: Vec<PathBuf>,
    /// With the settings, the flags and what the followers have said.
    folder: TempDir,
}

/// Starts a fleet, closes and opens it, and lets members of the store fail.
pub fn measure(size: usize, rounds: usize) -> Figures {
    let begin = Instant::now();
    let fleet = Fleet::start(size);
    let mut figures = Figures { followers: size, ..Figures::default() };
    figures.start = begin.elapsed().as_secs_f64();
    fleet.settle();
    figures.idle_open = fleet.quiet();
    fleet.close(); // this round warms up
    fleet.settle();
    figures.idle_closed = fleet.quiet();
    fleet.open();
    for _ in 0..rounds {
        fleet.settle();
        let (times, load) = fleet.close();
        figures.close.add(times);
        figures.closing.push(load);
        fleet.settle();
        let (times, load) = fleet.open();
        figures.open.add(times);
        figures.opening.push(load);
    }
    fleet.state(&mut figures);
    figures.one_dead = fleet.without_a_member();
    figures.all_back = fleet.without_a_store();
    figures
}

impl Fleet {
    fn start(size: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cluster = Cluster::start(3);
        let store = format!("endpoints = {}\nkey = \"/maintenance/bench\"\n", cluster.endpoints());
        let admin = Maintenancectl::with(&format!("[store]\ntimeout = \"60s\"\n{store}"));
        let place = |number: usize| folder.path().join(format!("web{number}"));
        let flags: Vec<_> = (0..size).map(|it| place(it).join("maintenance.flag")).collect();
        for (number, flag) in flags.iter().enumerate() {
            fs::create_dir(place(number)).expect("a folder");
            let settings = format!(
                "flag = {flag:?}\n[store]\nnode = \"web{number}\"\n{store}[[server]]\n\
                 status = \"http://{}/status\"\n",
                address(number)
            );
            fs::write(place(number).join("settings.toml"), settings).expect("written");
        }
        let pages = Pages::serve(flags.clone());
        let mut fleet = Self { followers: vec![], cluster, pages, admin, flags, folder };
        for first in (0..size).step_by(GROUP) {
            (first..size.min(first + GROUP)).for_each(|number| fleet.follow(number));
            wait_for("the first reports", || fleet.reports() >= fleet.followers.len());
        }
        fleet
    }

    fn follow(&mut self, number: usize) {
        let folder = self.folder.path().join(format!("web{number}"));
        let log = File::create(folder.join("log")).expect("a file");
        let mut command = self.admin.command(["follow"]);
        // The last one counts.
        command.arg("--config").arg(folder.join("settings.toml"));
        let child = command.stdin(Stdio::null()).stderr(log).spawn().expect("a follower");
        self.followers.push(child);
    }

    /// How many servers report. On a busy machine, the store can be late with its answer.
    fn reports(&self) -> usize {
        let words = "get --prefix --keys-only /maintenance/bench/reports/";
        let keys = self.cluster.ctl(words).stdout;
        String::from_utf8_lossy(&keys).lines().filter(|line| !line.is_empty()).count()
    }

    fn processes(&self) -> Vec<u32> {
        self.followers.iter().map(Child::id).collect()
    }

    /// Waits until a change is over: then a server is asked less often.
    fn settle(&self) {
        let seconds = 5 + self.followers.len() / 200;
        thread::sleep(Duration::from_secs(seconds.try_into().expect("a number")));
    }

    fn begin(&self) -> Begin {
        Begin::new(&self.cluster, &self.processes(), self.pages.asked())
    }

    fn end(&self, begin: &Begin) -> Load {
        begin.end(&self.cluster, &self.processes(), self.pages.asked())
    }

    fn quiet(&self) -> Load {
        let begin = self.begin();
        thread::sleep(QUIET);
        self.end(&begin)
    }

    #[track_caller]
    fn must(&self, words: &str) {
        let said = self.admin.run(words);
        assert_eq!(said.code, Some(0), "{words}: {said:?}");
    }

    /// Closes the fleet. The times begin when the change is made.
    fn close(&self) -> (Times, Load) {
        let begin = self.begin();
        self.must("close --replace");
        let made = Instant::now();
        thread::scope(|scope| {
            let flags = &self.flags;
            let files = scope.spawn(move || files(flags, true, made));
            self.must("wait --closed --quiet --timeout 5m");
            let reports = made.elapsed();
            (Times::new(files.join().expect("the flags"), reports), self.end(&begin))
        })
    }

    /// The same with `open`.
    fn open(&self) -> (Times, Load) {
        let begin = self.begin();
        self.must("open --replace");
        let made = Instant::now();
        thread::scope(|scope| {
            let flags = &self.flags;
            let files = scope.spawn(move || files(flags, false, made));
            wait_for("the last report", || self.admin.run("is-open --quiet").code == Some(0));
            let reports = made.elapsed();
            (Times::new(files.join().expect("the flags"), reports), self.end(&begin))
        })
    }

    /// What there is in the store, and in memory.
    fn state(&self, figures: &mut Figures) {
        let counters = Counters::read(&self.cluster);
        let members = 3.0;
        figures.watches = counters.sum("etcd_debugging_mvcc_watcher_total");
        figures.leases = (counters.sum("etcd_debugging_lease_granted_total")
            - counters.sum("etcd_debugging_lease_revoked_total"))
            / members;
        figures.keys = counters.most("etcd_debugging_mvcc_keys_total");
        figures.database = counters.most("etcd_mvcc_db_total_size_in_bytes") / 1e6;
        figures.member = counters.most("process_resident_memory_bytes") / 1e6;
        let words = "get --prefix --print-value-only /maintenance/bench/reports/";
        figures.report = self.cluster.must(words).len() as f64 / self.followers.len() as f64;
        let all: Vec<_> = self.processes().into_iter().filter_map(memory).collect();
        let median = |mut values: Vec<f64>| {
            values.sort_unstable_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        figures.follower = median(all.iter().map(|(all, _)| *all).collect());
        figures.follower_own = median(all.iter().map(|(_, own)| *own).collect());
    }

    /// A member is killed, and the fleet is closed at once.
    fn without_a_member(&self) -> Times {
        let member = self.cluster.leader().expect("a leader");
        self.cluster.kill_member(member);
        let (times, _) = self.close();
        self.cluster.start_member(member);
        self.cluster.wait_until_ready();
        self.settle();
        self.open();
        times
    }

    /// All members are gone for a while. The times begin when they are back.
    fn without_a_store(&self) -> Times {
        self.settle();
        (0..self.cluster.len()).for_each(|member| self.cluster.kill_member(member));
        thread::sleep(Duration::from_secs(30));
        (0..self.cluster.len()).for_each(|member| self.cluster.start_member(member));
        self.cluster.wait_until_ready();
        self.close().0
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for follower in &self.followers {
            let _ = kill_process(Pid::from_child(follower), Signal::KILL);
        }
        for follower in &mut self.followers {
            let _ = follower.wait();
        }
        if thread::panicking() {
            let said = self.folder.path().join("web0/log");
            eprintln!("web0 said:\n{}", fs::read_to_string(said).unwrap_or_default());
        }
    }
}

/// Waits for all flag files, or until there is none any more. Returns how long it took.
fn files(flags: &[PathBuf], are_there: bool, made: Instant) -> Duration {
    let mut rest: Vec<_> = flags.iter().collect();
    wait_for("the flags", || {
        rest.retain(|flag| flag.exists() != are_there);
        rest.is_empty()
    });
    made.elapsed()
}

#[track_caller]
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not within {LIMIT:?}");
        thread::sleep(Duration::from_millis(2));
    }
}
