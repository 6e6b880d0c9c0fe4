//! nginx and HAProxy, as Debian ships them, with one worker each. Like httpd, they log every
//! request to a file.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::recipes;
use maintenance_harness::{Setup, httpd::processes_of_group, installation::user, wait_for};

/// A server that runs until it is dropped.
pub struct Other {
    /// Its folder and its address.
    place: Setup,
    process: Child,
}

pub fn nginx() -> Other {
    let user = user().map(|user| format!("user {user};\n")).unwrap_or_default();
    start(
        &(user + recipes::NGINX),
        &["nginx", "-e", "logs/error_log", "-c", "conf/main", "-p", "."],
    )
}

pub fn haproxy() -> Other {
    start(recipes::HAPROXY, &["haproxy", "-f", "conf/main"])
}

fn start(config: &str, command: &[&str]) -> Other {
    let place = Setup::new("");
    let root = place.root().display().to_string();
    let config = config.replace("ADDRESS", &place.address().to_string()).replace("ROOT", &root);
    place.write("conf/main", config);
    place.write("maintenance.flag", "");
    place.write(&format!("htdocs/{}", recipes::PAGE), recipes::page());
    let file = |name: &str| File::create(place.path(name)).expect(name);
    let (program, rest) = command.split_first().expect("a program");
    let process = Command::new(format!("/usr/sbin/{program}"))
        .args(rest)
        .current_dir(place.root())
        .stdin(Stdio::null())
        .stdout(file("logs/stdout"))
        .stderr(file("logs/stderr"))
        .process_group(0)
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut other = Other { place, process };
    wait_for(program, Duration::from_secs(20), || {
        if let Some(status) = other.process.try_wait().expect("a child") {
            let said = std::fs::read_to_string(other.place.path("logs/stderr"));
            panic!("{program} did not start: {status}\n{said:?}");
        }
        TcpStream::connect(other.address()).is_ok()
    });
    other
}

impl Other {
    pub fn address(&self) -> SocketAddr {
        self.place.address()
    }

    pub fn processes(&self) -> Vec<u32> {
        processes_of_group(self.process.id())
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}
