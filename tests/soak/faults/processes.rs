//! What happens to httpd's processes.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use super::super::world::Trouble;
use super::Injector;

/// After that, nothing of a dead child is left in a connection.
const DEAD: Duration = Duration::from_secs(1);

/// Children that end gracefully close the last of their idle connections within this time.
const ENDED: Duration = Duration::from_secs(15);

/// A restart takes no longer.
const PATIENCE: Duration = Duration::from_secs(30);

impl Injector {
    /// A child that is there now; none right after another was killed.
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
            // It may have ended by itself.
            if kill_process(child, signal).is_ok() {
                let folder = format!("/proc/{}", child.as_raw_nonzero());
                let start = Instant::now();
                while Path::new(&folder).exists() && start.elapsed() < PATIENCE {
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
    }

    /// It can open no file and accept no connection, and so httpd ends it.
    pub(super) fn take_descriptors(&mut self) {
        let Some(child) = self.child() else { return };
        let hold = Duration::from_millis(self.random.u64(100..900));
        self.world.trouble(Trouble::NoFiles, ENDED, || {
            let none = Rlimit { current: Some(3), maximum: Some(1024) };
            let Ok(before) = prlimit(Some(child), Resource::Nofile, none) else { return };
            thread::sleep(hold);
            let _ = prlimit(Some(child), Resource::Nofile, before);
        });
    }

    /// A restart reads the configuration, and httpd ends where that is not whole.
    pub(super) fn restart(&mut self) {
        self.heal();
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
