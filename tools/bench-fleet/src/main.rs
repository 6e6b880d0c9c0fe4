//! Measures a fleet: real followers and a real cluster of etcd with three members, on loopback. It says
//! how long it takes from `close` to the last flag file and to the last report, and what etcd has to do
//! for it. `make bench-fleet` runs it, controlled by the environment:
//!
//! - `FOLLOWERS="100 300 1000"`: the sizes of the fleets; the default is 1000.
//! - `ROUNDS=5`: how often each fleet is closed and opened; the default is 10.
//!
//! Each follower is a process with a flag file of its own. The status pages are those of a small server
//! in this program ([`pages`]), since the report of one httpd is about all its virtual hosts.

#![allow(unreachable_pub)] // a benchmark is one crate: everything in it is unreachable

mod figures;
mod fleet;
mod load;
mod pages;
mod store;

use std::env;
use std::fs;
use std::path::PathBuf;

use figures::Figures;

fn main() {
    raise_limit();
    let sizes = env::var("FOLLOWERS").unwrap_or_else(|_| "1000".into());
    let number = |text: &str| text.parse().expect("FOLLOWERS and ROUNDS are numbers");
    let sizes: Vec<usize> = sizes.split([' ', ',']).map(number).collect();
    let rounds = env::var("ROUNDS").map_or(10, |text| number(&text));
    let mut all = vec![];
    for size in sizes {
        println!("{size} followers; load of the machine before: {:.1}", load::of_machine());
        let figures = fleet::measure(size, rounds);
        println!("{}", figures.text());
        all.push(figures);
    }
    let table = Figures::table(&all);
    println!("{table}");
    let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let json = serde_json::to_string_pretty(&all).expect("JSON");
    for (name, content) in [("bench-fleet.json", json), ("bench-fleet.txt", table)] {
        let path = target.join(name);
        fs::write(&path, content).expect("written");
        println!("{}", path.display());
    }
}

/// A thousand servers need as many sockets.
fn raise_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("more open files");
}
