//! Faults of the flag.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::super::content::{self, MESSAGE};
use super::super::world::{FLAG_GRACE, Flag, Share, Words};
use super::Injector;
use maintenance_harness::set_mode;

const AT_ONCE: Duration = Duration::ZERO;
const HOUR: i64 = 3600;

/// A little before and after a time in a flag, either state is correct.
const MARGIN: Duration = Duration::from_millis(50);

impl Injector {
    /// `touch`: a new flag closes; the content of an existing flag is unchanged.
    pub(super) fn touch(&mut self) {
        let path = self.flag_path();
        let is_there = path.exists();
        if self.lies {
            // The oracle is not told.
            let _ = fs::File::create(&path);
        } else if is_there {
            let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
            let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
            rustix::fs::utimensat(CWD, &path, &times, rustix::fs::AtFlags::empty())
                .expect("touched");
        } else {
            let world = &self.world;
            world.flag.change(Flag::silent(), &[], AT_ONCE, || {
                fs::File::create(&path).expect("the flag");
            });
        }
    }

    pub(super) fn remove(&mut self) {
        let path = self.flag_path();
        if path.is_dir() {
            self.world.flag.change(Flag::Open, &[], AT_ONCE, || {
                fs::remove_dir(&path).expect("removed");
            });
        } else if path.exists() {
            self.world.flag.change(Flag::Open, &[], AT_ONCE, || {
                fs::remove_file(&path).expect("removed");
            });
        }
    }

    /// `mv`: in force at once.
    pub(super) fn put(&mut self, text: impl AsRef<[u8]>, mode: u32, state: Flag) {
        let (path, new) = (self.flag_path(), self.path("flags/new"));
        fs::write(&new, text).expect("written");
        set_mode(&new, mode);
        if path.is_dir() {
            self.remove();
        }
        let told = if self.lies { Flag::silent() } else { state };
        self.world.flag.change(told, &[], AT_ONCE, || fs::rename(&new, &path).expect("moved"));
    }

    fn words(&mut self) -> Words {
        let number = self.next();
        let is = |random: &mut fastrand::Rng| random.u8(..3) == 0;
        Words {
            message: Some(format!("{MESSAGE}{number}")),
            retry_after: is(&mut self.random).then_some(120),
            end: is(&mut self.random).then(|| content::after(Timestamp::now(), 2 * HOUR)),
            invites: self.random.bool(),
            ..Words::default()
        }
    }

    pub(super) fn say(&mut self) {
        let words = self.words();
        self.close(words);
    }

    fn close(&mut self, words: Words) {
        self.put(content::flag(&words, ""), 0o644, Flag::Closed(words));
    }

    /// Only writes are refused, then everything, then nothing.
    pub(super) fn refuse_writes(&mut self) {
        let words = Words { writes_only: true, ..self.words() };
        self.close(words);
        self.pause(200..1500);
        self.say();
        self.pause(200..1500);
        self.remove();
    }

    /// A share of the clients passes: none, some or all.
    pub(super) fn admit_share(&mut self) {
        let percent = [0, 100, self.random.u8(1..100), self.random.u8(1..100)];
        let share = Share { percent: percent[self.random.usize(..4)], over: None };
        let words = Words { share: Some(share), ..self.words() };
        self.close(words);
    }

    /// More and more clients pass, and then all. Nobody touches the flag at that time.
    pub(super) fn reopen_gradually(&mut self) {
        let share = Share { percent: 10 * self.random.u8(..4), over: Some(self.random.i64(1..4)) };
        let end = Some(content::after(Timestamp::now(), 1));
        let words = Words { end, share: Some(share), ..self.words() };
        let all_pass = words.all_pass().expect("a time");
        self.close(words);
        sleep_until(all_pass, -MARGIN.as_secs_f64());
        self.world.flag.change(Flag::Open, &[], AT_ONCE, || {
            sleep_until(all_pass, MARGIN.as_secs_f64());
        });
    }

    /// In two parts, like a slow editor; the first part is not valid TOML.
    pub(super) fn say_in_place(&mut self) {
        self.settle();
        let words = self.words();
        let text = content::flag(&words, "");
        self.rewrite(&text, Flag::Closed(words));
    }

    pub(super) fn malform_in_place(&mut self) {
        self.settle();
        self.rewrite("message = \"this line is cut\nin the middle", Flag::silent());
    }

    /// The children can read the flag, and its content has been unchanged long enough, so that it
    /// applies until the next content does.
    pub(super) fn settle(&mut self) {
        const BY_ALL: u32 = 0o004;
        let can_read = |file: fs::Metadata| file.is_file() && file.mode() & BY_ALL != 0;
        if !fs::metadata(self.flag_path()).is_ok_and(can_read) {
            self.say();
        }
        thread::sleep(FLAG_GRACE);
    }

    fn rewrite(&mut self, text: &str, state: Flag) {
        let (path, pause) = (self.flag_path(), self.random.u64(..60));
        let (first, second) = text.split_at(text.len().min(14));
        // A child that has not read the previous content shows no message.
        self.world.flag.change(state, &[Flag::silent()], FLAG_GRACE, || {
            let mut file = fs::File::create(&path).expect("the flag");
            file.write_all(first.as_bytes()).expect("written");
            thread::sleep(Duration::from_millis(pause));
            file.write_all(second.as_bytes()).expect("written");
        });
    }

    pub(super) fn malform(&mut self) {
        let text = ["end = tomorrow", "allow = [\"10.0.0.300\"]", "\u{0}", "message = \"x"];
        let text = text[self.random.usize(..4)];
        self.put(text, 0o644, Flag::silent());
    }

    pub(super) fn make_huge(&mut self) {
        let text = format!("message = \"{MESSAGE}0\"\n{}", "# too much\n".repeat(7000));
        self.put(text, 0o644, Flag::silent());
    }

    pub(super) fn make_unreadable(&mut self) {
        let words = self.words();
        self.put(content::flag(&words, ""), 0, Flag::silent());
    }

    pub(super) fn make_folder(&mut self) {
        let path = self.flag_path();
        self.make(|| fs::create_dir(&path).expect("a folder"));
    }

    pub(super) fn make_fifo(&mut self) {
        let path = self.flag_path();
        self.make(|| make_fifo(&path));
    }

    fn make(&mut self, make: impl FnOnce()) {
        self.remove();
        self.world.flag.change(Flag::silent(), &[], AT_ONCE, make);
    }

    /// Closes in an hour.
    pub(super) fn announce(&mut self) {
        let words = Words { end: None, ..self.words() };
        let start = content::after(Timestamp::now(), HOUR);
        self.put(content::flag(&words, &format!("start = {start}\n")), 0o644, Flag::Open);
    }

    pub(super) fn be_overdue(&mut self) {
        let end = Some(content::after(Timestamp::now(), -HOUR));
        let words = Words { end, ..self.words() };
        self.close(words);
    }

    /// Reopened an hour ago.
    pub(super) fn reopen(&mut self) {
        let end = Some(content::after(Timestamp::now(), -HOUR));
        let words = Words { end, ..self.words() };
        self.put(content::flag(&words, "reopen = \"auto\"\n"), 0o644, Flag::Open);
    }

    /// Nobody can see the flag: the last known state applies.
    pub(super) fn hide_folder(&mut self) {
        let folder = self.path("flags");
        // Each child has seen the current flag.
        thread::sleep(FLAG_GRACE);
        set_mode(&folder, 0);
        self.pause(100..800);
        set_mode(&folder, 0o755);
    }
}

impl Injector {
    /// A look at the flag fails with EACCES, as with SELinux: an existing flag closes without texts
    /// until it can be accessed again.
    pub(super) fn deny_look(&mut self) {
        self.settle();
        let before = self.world.flag.last();
        self.world.flag.change(Flag::silent(), &[], AT_ONCE, || self.denied.deny());
        self.pause(50..1500);
        self.world.flag.change(before, &[], AT_ONCE, || self.denied.permit());
    }
}

/// Until a number of seconds after this time.
fn sleep_until(moment: Timestamp, more: f64) {
    let rest = moment.duration_since(Timestamp::now()).as_secs_f64() + more;
    thread::sleep(Duration::from_secs_f64(rest.max(0.0)));
}

fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).expect("a FIFO");
}
