//! Checks whether the server grows. Only anonymous memory counts: the module's shared memory grows
//! as it is touched, and the share of a process in it (PSS) depends on the number of children.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// In a shorter run growth is meaningless.
const LONG: Duration = Duration::from_secs(20 * 60);

/// The maximum growth.
const GROWTH: f64 = 1.03;

struct Sample {
    at: Instant,
    parent: u64,
    /// PSS of all processes together.
    pss: u64,
    largest: u64,
    /// The mean of the children of the same age.
    children: Option<u64>,
}

/// Samples of one server.
pub struct Memory {
    name: &'static str,
    /// Children of this age, in seconds, are compared.
    ages: Range<u64>,
    start: Instant,
    samples: Mutex<Vec<Sample>>,
}

/// A figure over the last ten minutes, or over all of a shorter run.
pub struct Trend {
    name: String,
    thirds: [u64; 3],
    is_too_much: bool,
}

impl Memory {
    pub fn new(name: &'static str, ages: Range<u64>) -> Self {
        Self { name, ages, start: Instant::now(), samples: Mutex::default() }
    }

    pub fn sample(&self, parent: u32, children: &[u32]) {
        let all = || children.iter().copied().chain([parent]);
        let anonymous = |pid: u32| field(pid, "Anonymous:");
        let of_age: Vec<_> = children
            .iter()
            .filter(|pid| age(**pid).is_some_and(|age| self.ages.contains(&age)))
            .filter_map(|pid| anonymous(*pid))
            .collect();
        let count = of_age.len() as u64;
        let sample = Sample {
            at: Instant::now(),
            parent: anonymous(parent).unwrap_or(0),
            pss: all().filter_map(|pid| field(pid, "Pss:")).sum(),
            largest: all().filter_map(anonymous).max().unwrap_or(0),
            children: (count > 0).then(|| of_age.iter().sum::<u64>() / count),
        };
        self.samples.lock().expect("samples").push(sample);
    }

    pub fn trends(&self) -> Vec<Trend> {
        let samples = self.samples.lock().expect("samples");
        let is_long = self.start.elapsed() >= LONG;
        let recent = Duration::from_secs(600);
        let of = |name: &str, is_judged: bool, value: &dyn Fn(&Sample) -> Option<u64>| {
            let recent = samples.iter().filter(|sample| sample.at.elapsed() <= recent);
            let values: Vec<u64> = recent.filter_map(value).collect();
            let third = values.len() / 3;
            let thirds = [0, 1, 2].map(|index| {
                let end = if index == 2 { values.len() } else { (index + 1) * third };
                median(&values[index * third..end])
            });
            let has_grown = thirds[2] as f64 > thirds[1] as f64 * GROWTH;
            let name = format!("{} {name}", self.name);
            Trend { name, thirds, is_too_much: is_judged && is_long && has_grown }
        };
        vec![
            of("parent", true, &|sample| Some(sample.parent)),
            // If they are killed all the time, none gets old enough to show a leak.
            of("child, mean", self.ages.end == u64::MAX, &|sample| sample.children),
            of("largest process", false, &|sample| Some(sample.largest)),
            of("PSS of all", false, &|sample| Some(sample.pss)),
        ]
    }
}

impl Trend {
    pub fn is_too_much(&self) -> bool {
        self.is_too_much
    }

    pub fn json(&self) -> Value {
        json!({ "name": self.name, "median_of_thirds": self.thirds, "grows": self.is_too_much })
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.thirds;
        let change = (third as f64 / second.max(1) as f64 - 1.0) * 100.0;
        write!(f, "{:<22} {first:>8} {second:>8} {third:>8}  {change:+.1} %", self.name)
    }
}

fn median(values: &[u64]) -> u64 {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

fn field(pid: u32, name: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// In seconds.
fn age(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let start: f64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    Some((uptime - start / rustix::param::clock_ticks_per_second() as f64).max(0.0) as u64)
}
