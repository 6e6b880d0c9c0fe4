//! What was measured, as a table.

use std::time::Duration;

use serde::Serialize;

use crate::load::Load;

/// From the change of the flag in the store to the last server, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Times {
    files: f64,
    reports: f64,
}

impl Times {
    pub fn new(files: Duration, reports: Duration) -> Self {
        Self { files: files.as_secs_f64() * 1000.0, reports: reports.as_secs_f64() * 1000.0 }
    }
}

/// The times of all rounds.
#[derive(Debug, Default, Serialize)]
pub struct Rounds(Vec<Times>);

impl Rounds {
    pub fn add(&mut self, times: Times) {
        self.0.push(times);
    }

    /// Median and maximum.
    fn text(&self, of: impl Fn(&Times) -> f64) -> String {
        let mut values: Vec<_> = self.0.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        match values.as_slice() {
            [] => String::new(),
            [.., most] => format!("{:.0}, {most:.0}", values[values.len() / 2]),
        }
    }
}

/// The figures of a fleet.
#[derive(Debug, Default, Serialize)]
pub struct Figures {
    pub followers: usize,
    /// How long it took to start all of them, in seconds.
    pub start: f64,
    pub close: Rounds,
    pub open: Rounds,
    /// A member was killed just before.
    pub one_dead: Times,
    /// All members were gone for half a minute.
    pub all_back: Times,
    pub idle_open: Load,
    pub idle_closed: Load,
    pub closing: Vec<Load>,
    pub opening: Vec<Load>,
    pub watches: f64,
    pub leases: f64,
    pub keys: f64,
    /// MB.
    pub database: f64,
    /// The memory of a member, and of a follower with and without what it shares, in MB.
    pub member: f64,
    pub follower: f64,
    pub follower_own: f64,
    /// The size of a report, in bytes.
    pub report: f64,
}

type Row = (&'static str, fn(&Figures) -> String);

/// The median of the rounds.
fn median(loads: &[Load], of: impl Fn(&Load) -> f64) -> f64 {
    let mut values: Vec<_> = loads.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

const ROWS: [Row; 34] = [
    ("close to the last flag file, median, max (ms)", |it| it.close.text(|at| at.files)),
    ("close to the last report, median, max (ms)", |it| it.close.text(|at| at.reports)),
    ("open to the last flag file, median, max (ms)", |it| it.open.text(|at| at.files)),
    ("open to the last report, median, max (ms)", |it| it.open.text(|at| at.reports)),
    ("close to the last flag file, leader killed (ms)", |it| whole(it.one_dead.files)),
    ("close to the last report, leader killed (ms)", |it| whole(it.one_dead.reports)),
    ("close to the last flag file, all members just back (ms)", |it| whole(it.all_back.files)),
    ("close to the last report, all members just back (ms)", |it| whole(it.all_back.reports)),
    ("open: CPU of the busiest member (ms/s)", |it| whole(it.idle_open.member)),
    ("open: CPU of all members (ms/s)", |it| whole(it.idle_open.members)),
    ("open: CPU of all followers (ms/s)", |it| whole(it.idle_open.followers)),
    ("open: writes per second", |it| one(it.idle_open.writes)),
    ("open: leases renewed per second", |it| whole(it.idle_open.renewals)),
    ("open: clients' traffic (KB/s)", |it| whole(it.idle_open.clients)),
    ("open: members' traffic (KB/s)", |it| whole(it.idle_open.peers)),
    ("open: database grows (KB/s)", |it| one(it.idle_open.growth)),
    ("closed: CPU of the busiest member (ms/s)", |it| whole(it.idle_closed.member)),
    ("closed: CPU of all members (ms/s)", |it| whole(it.idle_closed.members)),
    ("closed: CPU of all followers (ms/s)", |it| whole(it.idle_closed.followers)),
    ("closed: writes per second", |it| one(it.idle_closed.writes)),
    ("closed: leases renewed per second", |it| whole(it.idle_closed.renewals)),
    ("closed: clients' traffic (KB/s)", |it| whole(it.idle_closed.clients)),
    ("closed: database grows (KB/s)", |it| one(it.idle_closed.growth)),
    ("during close: CPU of all members (ms/s)", |it| whole(median(&it.closing, |at| at.members))),
    ("during close: writes per second", |it| whole(median(&it.closing, |at| at.writes))),
    ("during close: calls per second", |it| whole(median(&it.closing, |at| at.calls))),
    ("watches", |it| whole(it.watches)),
    ("leases", |it| whole(it.leases)),
    ("keys", |it| whole(it.keys)),
    ("size of the database (MB)", |it| one(it.database)),
    ("memory of a member (MB)", |it| whole(it.member)),
    ("memory of a follower (MB)", |it| one(it.follower)),
    ("of these not shared (MB)", |it| one(it.follower_own)),
    ("size of a report (bytes)", |it| whole(it.report)),
];

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn one(value: f64) -> String {
    format!("{value:.1}")
}

impl Figures {
    /// A table of Markdown with a column for each fleet.
    pub fn table(all: &[Self]) -> String {
        let heads: Vec<_> = all.iter().map(|it| format!("{} followers", it.followers)).collect();
        let mut text = format!("| | {} |\n|---|{}\n", heads.join(" | "), "---:|".repeat(all.len()));
        for (name, value) in ROWS {
            let values: Vec<_> = all.iter().map(value).collect();
            text += &format!("| {name} | {} |\n", values.join(" | "));
        }
        text
    }

    pub fn text(&self) -> String {
        format!("started in {:.1} s\n{}", self.start, Self::table(std::slice::from_ref(self)))
    }
}
