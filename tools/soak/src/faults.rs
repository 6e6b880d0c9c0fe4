//! The faults, in an order determined by the seed.

pub mod clock;
mod disk;
mod files;
mod flag;
mod processes;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;

use super::figures::Figures;
use super::journal::Journal;
use super::world::World;
pub use disk::Disk;
use maintenance_harness::Httpd;
use maintenance_harness::denied::Denied;

/// The injector. It makes all changes to one server, and records them in the world.
pub struct Injector {
    pub httpd: Arc<Httpd>,
    pub world: Arc<World>,
    pub figures: Arc<Figures>,
    pub journal: Arc<Journal>,
    pub disk: Option<Disk>,
    /// Keeps the server from looking at the flag.
    pub denied: Denied,
    pub random: Rng,
    /// The number of the last message, page or list.
    pub number: u64,
    /// Only faults whose name has this prefix.
    pub only: String,
    /// The oracle gets wrong information, to test that it notices.
    pub lies: bool,
}

type Fault = (&'static str, fn(&mut Injector));

/// A fault occurs in proportion to the number of its entries.
const FAULTS: [Fault; 63] = [
    ("flag: touch", Injector::touch),
    ("flag: touch", Injector::touch),
    ("flag: removed", Injector::remove),
    ("flag: removed", Injector::remove),
    ("flag: removed", Injector::remove),
    ("flag: removed", Injector::remove),
    ("flag: mv with a message", Injector::say),
    ("flag: mv with a message", Injector::say),
    ("flag: mv with a message", Injector::say),
    ("flag: mv with a message", Injector::say),
    ("flag: rewritten in place", Injector::say_in_place),
    ("flag: rewritten in place", Injector::say_in_place),
    ("flag: mv, malformed", Injector::malform),
    ("flag: made malformed in place", Injector::malform_in_place),
    ("flag: mv, larger than 64 KiB", Injector::make_huge),
    ("flag: a folder", Injector::make_folder),
    ("flag: a FIFO", Injector::make_fifo),
    ("flag: mv, mode 000", Injector::make_unreadable),
    ("flag: mv, announced", Injector::announce),
    ("flag: mv, announced", Injector::announce),
    ("flag: mv, overdue", Injector::be_overdue),
    ("flag: mv, reopened", Injector::reopen),
    ("flag: mv, read-only", Injector::refuse_writes),
    ("flag: mv, read-only", Injector::refuse_writes),
    ("flag: mv, a share", Injector::admit_share),
    ("flag: mv, a share", Injector::admit_share),
    ("flag: mv, a share", Injector::admit_share),
    ("flag: mv, reopens gradually", Injector::reopen_gradually),
    ("flag: mv, reopens gradually", Injector::reopen_gradually),
    ("flag: its folder has mode 000", Injector::hide_folder),
    ("flag: may not be looked at", Injector::deny_look),
    ("flag: may not be looked at", Injector::deny_look),
    ("page: replaced", Injector::replace_page),
    ("page: replaced", Injector::replace_page),
    ("page: replaced", Injector::replace_page),
    ("page: rewritten in place", Injector::rewrite_page),
    ("page: broken", Injector::break_page),
    ("page: broken", Injector::break_page),
    ("allow file: replaced", Injector::replace_allow_file),
    ("allow file: replaced", Injector::replace_allow_file),
    ("allow file: replaced", Injector::replace_allow_file),
    ("allow file: rewritten in place", Injector::rewrite_allow_file),
    ("allow file: broken", Injector::break_allow_file),
    ("allow file: broken", Injector::break_allow_file),
    ("guests: replaced", Injector::replace_guests),
    ("guests: replaced", Injector::replace_guests),
    ("guests: replaced", Injector::replace_guests),
    ("guests: rewritten in place", Injector::rewrite_guests),
    ("guests: broken", Injector::break_guests),
    ("guests: broken", Injector::break_guests),
    ("child: SIGKILL", Injector::kill_child),
    ("child: SIGKILL", Injector::kill_child),
    ("child: SIGSEGV", Injector::crash_child),
    ("child: no file descriptors", Injector::take_descriptors),
    ("child: no file descriptors", Injector::take_descriptors),
    ("server: graceful restart", Injector::restart),
    ("server: graceful restart", Injector::restart),
    ("server: restart with broken files", Injector::restart_broken),
    ("server: restart with broken files", Injector::restart_broken),
    ("disk: full, and mv", Injector::mv_to_full_disk),
    ("disk: full, and rewritten in place", Injector::rewrite_on_full_disk),
    ("disk: read-only", Injector::make_read_only),
    ("disk: read-only", Injector::make_read_only),
];

impl Injector {
    /// Injects one fault after the other until the end.
    pub fn run(&mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let (name, fault) = FAULTS[self.random.usize(..FAULTS.len())];
            // A separate generator, so that the sequence does not depend on the faults' use of
            // random numbers.
            let pause = Duration::from_millis(self.random.u64(20..1800));
            let is_possible = self.disk.is_some() || !name.starts_with("disk:");
            if is_possible && name.starts_with(&self.only) {
                let mut own = self.random.fork();
                std::mem::swap(&mut own, &mut self.random);
                self.figures.fault(name);
                fault(self);
                std::mem::swap(&mut own, &mut self.random);
            }
            if name.starts_with(&self.only) {
                thread::sleep(pause);
            }
        }
    }

    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    fn path(&self, name: &str) -> PathBuf {
        self.httpd.path(name)
    }

    fn flag_path(&self) -> PathBuf {
        self.path("flags/maintenance.flag")
    }

    fn pause(&mut self, milliseconds: std::ops::Range<u64>) {
        thread::sleep(Duration::from_millis(self.random.u64(milliseconds)));
    }
}
