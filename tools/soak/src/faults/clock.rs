//! Faults of the clock. They matter because of the times in flags.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;

use super::super::content::{self, MESSAGE};
use super::super::figures::Figures;
use super::super::world::{Flag, Words, World};
use maintenance_harness::{Httpd, faketime};

const AT_ONCE: Duration = Duration::ZERO;
const HOUR: i64 = 3600;

/// How the server whose clock is set looks at its flag.
#[derive(Clone, Copy)]
pub struct ClockKind {
    pub name: &'static str,
    pub way: &'static str,
    pub directives: &'static str,
    /// The names of its faults.
    back: &'static str,
    forwards: &'static str,
    /// The time until another flag is in force.
    noticed: Duration,
}

impl ClockKind {
    /// At every request.
    pub const EACH_TIME: Self = Self {
        name: "clock:",
        way: "clock, http/1.1, new",
        directives: "",
        back: "clock: hours back",
        forwards: "clock: hours forwards",
        noticed: AT_ONCE,
    };
    /// Once per interval. The known state follows the clock nevertheless.
    pub const NOW_AND_THEN: Self = Self {
        name: "clock, interval:",
        way: "clock, interval, http/1.1, new",
        directives: "MaintenanceCheckInterval 300ms",
        back: "clock: hours back, with an interval",
        forwards: "clock: hours forwards, with an interval",
        noticed: Duration::from_millis(1500),
    };
}

/// Sets the clock of a server.
pub struct Clock {
    pub kind: ClockKind,
    pub httpd: Arc<Httpd>,
    pub world: Arc<World>,
    pub figures: Arc<Figures>,
    pub random: Rng,
    /// The library that sets it.
    pub hand: faketime::Clock,
    pub number: u64,
}

/// The effect of a flag with a start and an end at some time, and whether it reopens at its end.
#[derive(Clone)]
struct Window {
    words: Words,
    start: Timestamp,
    end: Timestamp,
    reopens: bool,
}

impl Window {
    fn at(&self, moment: Timestamp) -> Flag {
        match (moment >= self.start, moment >= self.end && self.reopens) {
            (true, false) => Flag::Closed(self.words.clone()),
            _ => Flag::Open,
        }
    }
}

impl Clock {
    pub fn run(mut self, over: &AtomicBool) {
        while !over.load(Ordering::Relaxed) {
            let window = self.put_window();
            for _ in 0..self.random.usize(1..5) {
                self.pause();
                self.jump(&window);
                if over.load(Ordering::Relaxed) {
                    return;
                }
            }
            self.pause();
            if self.random.bool() {
                self.world.flag.change(Flag::Open, &[], self.kind.noticed, || {
                    fs::remove_file(self.flag_path()).expect("removed");
                });
                thread::sleep(self.kind.noticed);
            }
        }
    }

    fn pause(&mut self) {
        thread::sleep(Duration::from_millis(self.random.u64(200..1500)));
    }

    fn flag_path(&self) -> PathBuf {
        self.httpd.path("flags/maintenance.flag")
    }

    /// The server's time.
    fn now(&self) -> Timestamp {
        content::after(Timestamp::now(), self.world.clock.last())
    }

    /// A flag that closes in an hour, for an hour.
    fn put_window(&mut self) -> Window {
        self.number += 1;
        let now = self.now();
        let (start, end) = (content::after(now, HOUR), content::after(now, 2 * HOUR));
        let message = Some(format!("{MESSAGE}{}", self.number));
        let words = Words { message, end: Some(end), ..Words::default() };
        let window = Window { words, start, end, reopens: self.random.bool() };
        let reopen = if window.reopens { "reopen = \"auto\"\n" } else { "" };
        let text = content::flag(&window.words, &format!("start = {start}\n{reopen}"));
        let (new, path) = (self.httpd.path("flags/new"), self.flag_path());
        fs::write(&new, text).expect("written");
        self.world.flag.change(window.at(now), &[], self.kind.noticed, || {
            fs::rename(&new, &path).expect("moved")
        });
        thread::sleep(self.kind.noticed);
        window
    }

    /// To half an hour before the window, into it, or after it.
    fn jump(&mut self, window: &Window) {
        let place = [-HOUR / 2, HOUR / 2, 3 * HOUR / 2][self.random.usize(..3)];
        let offset = window.start.as_second() + place - Timestamp::now().as_second();
        let is_back = offset < self.world.clock.last();
        let next = window.at(content::after(window.start, place));
        self.figures.fault(if is_back { self.kind.back } else { self.kind.forwards });
        self.world.clock.change(offset, &[], Duration::from_secs(1), || {
            // The clock decides for each request, regardless of the previous state.
            self.world.flag.change(next, &[], AT_ONCE, || {
                self.hand.set(offset);
            });
        });
    }
}
