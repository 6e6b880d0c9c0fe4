//! System calls per request of prefork's single child, whose calls do not depend on time.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, Way};
use crate::report::Calls;
use crate::sites::Site;

const REQUESTS: usize = 500;

/// Counts for a site that answers with this status.
pub fn count(name: &str, site: Site, status: u16) -> Calls {
    let httpd = site.prefork().start();
    let child = httpd.processes().into_iter().find(|pid| *pid != httpd.pid()).expect("a child");
    let client = Client::new(Way::New, httpd.address(), None);
    client.ask(REQUESTS, status);
    // A flag that has just been set is looked at more closely, until it is at rest.
    thread::sleep(Duration::from_secs(1));
    client.ask(REQUESTS, status);
    let counted = |requests: usize| {
        let file = httpd.path("logs/calls");
        let strace = attach(child, &file);
        client.ask(requests, status);
        detach(strace);
        read(&file)
    };
    // The effects of attaching are contained in both counts.
    let (once, twice) = (counted(REQUESTS), counted(2 * REQUESTS));
    let per_request = twice.into_iter().map(|(call, count)| {
        let more = count - once.get(&call).copied().unwrap_or_default();
        (call, more as f64 / REQUESTS as f64)
    });
    let calls: BTreeMap<_, _> = per_request.filter(|(_, count)| *count != 0.0).collect();
    Calls { name: name.to_owned(), total: calls.values().sum(), calls }
}

/// Ready when it says so.
fn attach(pid: u32, file: &Path) -> Child {
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-U", "calls,name", "-p", &pid.to_string(), "-o"]).arg(file);
    let mut strace = command.stderr(Stdio::piped()).spawn().expect("strace");
    let mut said = String::new();
    let mut lines = BufReader::new(strace.stderr.take().expect("its stderr"));
    lines.read_line(&mut said).expect("a line");
    assert!(said.contains("attached"), "{said}");
    strace.stderr = Some(lines.into_inner());
    strace
}

fn detach(mut strace: Child) {
    kill_process(Pid::from_child(&strace), Signal::INT).expect("it runs");
    strace.wait().expect("its end");
}

fn read(file: &Path) -> BTreeMap<String, i64> {
    let text = fs::read_to_string(file).expect("a summary");
    let lines = text.lines().filter_map(|line| {
        let (count, name) = line.trim().split_once(' ')?;
        Some((name.trim().to_owned(), count.parse().ok()?))
    });
    lines.filter(|(name, _)| name != "total").collect()
}
