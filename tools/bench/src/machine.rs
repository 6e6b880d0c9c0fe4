//! The machine and the versions.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use maintenance_harness::installation::installation;

/// The processor and the kernel.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let mut names = processors.lines().filter_map(|line| line.strip_prefix("model name"));
    let name = names.next().unwrap_or("unknown").trim_matches([' ', '\t', ':']).to_owned();
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let release = read("/proc/sys/kernel/osrelease");
    let kernel = release.trim().split('-').next().unwrap_or_default();
    format!("{name}, {count} processors, Linux {kernel}")
}

/// The processor of each side.
#[derive(Clone, Copy)]
pub enum Side {
    Client,
    Server,
}

/// Moves this thread, and everything that it starts, to the processor of this side, if there is
/// more than one. If the scheduler moves client and server between processors, the same server
/// takes half as much time again.
pub fn be_on(side: Side) {
    static ALLOWED: LazyLock<CpuSet> =
        LazyLock::new(|| sched_getaffinity(None).expect("the processors"));
    let mut processors = (0..CpuSet::MAX_CPU).filter(|number| ALLOWED.is_set(*number));
    if let [Some(first), Some(second)] = [processors.next(), processors.next()] {
        let mut one = CpuSet::new();
        one.set(match side {
            Side::Client => first,
            Side::Server => second,
        });
        sched_setaffinity(None, &one).expect("a processor");
    }
}

/// The versions that the servers report.
pub fn servers() -> Vec<String> {
    let httpd = &installation().binary;
    let commands = [
        (httpd.as_path(), "httpd", "Apache/"),
        (Path::new("/usr/sbin/nginx"), "nginx", "nginx/"),
        (Path::new("/usr/sbin/haproxy"), "HAProxy", "version "),
    ];
    let version = |(program, name, prefix): (&Path, &str, &str)| {
        let output = Command::new(program).arg("-v").output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let version = said.split_once(prefix)?.1.split(['-', ' ', '\n']).next()?;
        Some(format!("{name} {version}"))
    };
    commands.into_iter().filter_map(version).collect()
}
