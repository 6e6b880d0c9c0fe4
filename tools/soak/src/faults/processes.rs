//! Faults of httpd's processes.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::super::world::Trouble;
use super::Injector;

/// After this time, no connection is affected by a dead child any more.
const DEAD: Duration = Duration::from_secs(1);

/// Children that end gracefully close the last of their idle connections within this time.
const ENDED: Duration = Duration::from_secs(15);

/// A file that could not be read for lack of file descriptors has been read again.
const READ_AGAIN: Duration = Duration::from_millis(2500);

/// Reports at a restart have been logged by then.
const LOGGED: Duration = Duration::from_secs(5);

/// The maximum time of a restart.
const PATIENCE: Duration = Duration::from_secs(30);

impl Injector {
    /// A current child; None right after another one was killed.
    fn child(&mut self) -> Option<Pid> {
        let parent = self.httpd.pid();
        let children: Vec<_> =
            self.httpd.processes().into_iter().filter(|pid| *pid != parent).collect();
        let pid = *self.random.choice(&children)?;
        Pid::from_raw(i32::try_from(pid).ok()?)
    }

    pub(super) fn kill_child(&mut self) {
        self.end_child(Signal::KILL);
    }

    pub(super) fn crash_child(&mut self) {
        self.end_child(Signal::SEGV);
    }

    fn end_child(&mut self, signal: Signal) {
        let Some(child) = self.child() else { return };
        self.journal.killed(child.as_raw_nonzero().get());
        self.world.trouble(Trouble::Killed, DEAD, || {
            // The child may have ended by itself.
            if kill_process(child, signal).is_ok() {
                let folder = format!("/proc/{}", child.as_raw_nonzero());
                let start = Instant::now();
                while Path::new(&folder).exists() && start.elapsed() < PATIENCE {
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
    }

    /// The child can open no file and accept no connection, so httpd ends it.
    pub(super) fn take_descriptors(&mut self) {
        let Some(child) = self.child() else { return };
        let hold = Duration::from_millis(self.random.u64(100..900));
        let take = || match limit_descriptors(child, 3) {
            Ok(()) => {
                thread::sleep(hold);
                let _ = limit_descriptors(child, 1024);
            }
            // The child may have ended by itself.
            Err(error) if is_alive(child) => {
                self.figures.violation("no limit", || format!("  {error}"));
            }
            Err(_) => {}
        };
        self.world.trouble(Trouble::Restarted, ENDED, || {
            self.world.trouble(Trouble::NoFiles, READ_AGAIN, take);
        });
    }

    /// With all files valid.
    pub(super) fn restart(&mut self) {
        self.heal();
        self.start_again();
    }

    /// A file that broke since the last start does not stop httpd: its last good version, which the
    /// parent has read, stays in force, and the parent reports that.
    pub(super) fn restart_broken(&mut self) {
        self.restart();
        for _ in 0..self.random.usize(..3) {
            match self.random.u8(..3) {
                0 => self.break_page(),
                1 => self.break_allow_file(),
                _ => self.break_guests(),
            }
        }
        self.cut_page(); // what the children may not read, the parent may, if it is root
        let before = self.journal.kept();
        self.start_again();
        let start = Instant::now();
        while self.journal.kept() == before && start.elapsed() < LOGGED {
            thread::sleep(Duration::from_millis(20));
        }
        if self.journal.kept() == before {
            self.figures.violation("a restart with broken files that is not told", String::new);
        }
    }

    fn start_again(&mut self) {
        let before = self.journal.restarts();
        self.world.trouble(Trouble::Restarted, ENDED, || {
            self.httpd.signal(Signal::USR1);
            let start = Instant::now();
            while self.journal.restarts() == before && start.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(20));
            }
        });
        if self.journal.restarts() == before {
            self.figures.violation("no restart", || format!("  within {PATIENCE:?}"));
        }
    }
}

fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

/// Sets the soft limit as the user of the process, because root may lack the right to do so
/// (CAP_SYS_RESOURCE).
fn limit_descriptors(pid: Pid, limit: u64) -> io::Result<()> {
    let pid = pid.as_raw_nonzero();
    let owner = std::fs::metadata(format!("/proc/{pid}"))?;
    let mut command = Command::new("prlimit");
    command.args([format!("--pid={pid}"), format!("--nofile={limit}:")]);
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let output = command.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned())),
    }
}
