//! Measures what a request costs the server: the CPU time of all its processes and threads,
//! requests per second, instructions and system calls, in comparison with servers without the
//! module and with the configurations that it replaces. `make bench` runs it, controlled by the
//! environment:
//!
//! - `ONLY=regex`: only candidates whose name matches, such as "closed: nginx" or "system calls:
//!   open: module": the group and the name in it.
//! - `ROUNDS=3`: the number of runs of each; the default is 75.
//! - `BASELINE=/path/to/other.so`: compares with another build of the module, and nothing else.
//! - `CHART=docs/bench.svg`: where to write the chart.
//!
//! `ONLY=^growth` measures what many virtual hosts, locations, flags and allowlist entries cost, and
//! `ONLY=^growth:` does so without counting instructions, which takes minutes.
//!
//! No figure makes the benchmark fail, but a wrong answer does. With the argument `check` it only
//! counts instructions, and fails if a request costs more than in cost.json.

#![allow(unreachable_pub)] // a benchmark is one crate: everything in it is unreachable

mod aims;
mod bare;
mod callgrind;
mod chart;
mod check;
mod client;
mod growth;
mod http2;
mod machine;
mod measure;
mod others;
mod plans;
mod recipes;
mod report;
mod sites;
mod strace;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use regex::Regex;
use report::Report;
use sites::Site;

fn main() -> ExitCode {
    if env::args().nth(1).as_deref() == Some("check") {
        return check::run();
    }
    let number = |name: &str| env::var(name).ok().map(|it| it.parse().expect("a number"));
    let baseline = env::var_os("BASELINE").map(|file| fs::canonicalize(file).expect("BASELINE"));
    let mut report = Report {
        machine: machine::describe(),
        servers: machine::servers(),
        rounds: number("ROUNDS").unwrap_or(75),
        ..Report::default()
    };
    println!("{}\n{}, {} rounds", report.machine, report.servers.join(", "), report.rounds);
    let groups = match &baseline {
        Some(other) => plans::of_builds(other),
        None => plans::of_all(),
    };
    for mut group in groups {
        let name = group.name;
        group.plans.retain(|plan| is_wanted(&format!("{name}: {}", plan.name)));
        if !group.plans.is_empty() {
            report.costs.extend(measure::measure(group, report.rounds));
            println!("{}", report.group_table(name).trim_end());
        }
    }
    count(&mut report, baseline.as_ref());
    if baseline.is_none() {
        grow(&mut report);
    }
    report.aims = aims::of(&report);
    if baseline.is_none() {
        println!("{}", report.aims_table());
    }
    write(&report);
    ExitCode::SUCCESS
}

/// Measures what does not depend on the load of the machine.
fn count(report: &mut Report, baseline: Option<&PathBuf>) {
    let interval = "MaintenanceCheckInterval 1s";
    let page = recipes::MODULE_WITH_PAGE;
    let sites = match baseline {
        None => vec![
            ("open: no module", Site::without_module(""), 200),
            ("open: bare handler", Site::bare(), 200),
            ("open: module", Site::with_module(""), 200),
            ("open: module, interval of 1 s", Site::with_module(interval), 200),
            ("closed: rewrite recipe", Site::without_module(&recipes::rewrite()), 500),
            ("closed: bare handler", Site::bare().closed(), 500),
            ("closed: module, page of 2 KB", Site::with_module(page).closed(), 500),
        ],
        Some(_) => vec![
            ("open: the other build", Site::with_module("").with_build(baseline), 200),
            ("open: this build", Site::with_module(""), 200),
            ("closed: the other build", Site::with_module("").closed().with_build(baseline), 500),
            ("closed: this build", Site::with_module("").closed(), 500),
        ],
    };
    // The same module with its symbols, for the names of its functions.
    let symbols =
        env::var_os("MAINTENANCE_SYMBOLS").map(|file| fs::canonicalize(file).expect("the file"));
    for (name, site, status) in sites.clone() {
        if is_wanted(&format!("instructions: {name}")) {
            let site = site.with_build(symbols.as_ref());
            report.instructions.push(callgrind::count(name, site, status));
        }
    }
    if !report.instructions.is_empty() {
        println!("{}", report.instructions_table().trim_end());
    }
    for (name, site, status) in sites {
        if is_wanted(&format!("system calls: {name}")) {
            report.calls.push(strace::count(name, site, status));
        }
    }
    if !report.calls.is_empty() {
        println!("{}", report.calls_table().trim_end());
    }
}

/// Measures servers with many scopes.
fn grow(report: &mut Report) {
    for (of, sizes) in growth::SIZES {
        for count in sizes.iter().filter(|_| is_wanted(&format!("growth: {}", of.name()))) {
            let counts = is_wanted(&format!("growth, instructions: {}", of.name()));
            report.growth.push(growth::measure(of, *count, counts));
        }
    }
    if !report.growth.is_empty() {
        println!("{}", report.growth_table().trim_end());
    }
}

fn is_wanted(name: &str) -> bool {
    let only = env::var("ONLY").unwrap_or_default();
    Regex::new(&only).expect("ONLY").is_match(name)
}

/// JSON, chart and tables.
fn write(report: &Report) {
    let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
    let json = serde_json::to_string_pretty(report).expect("JSON");
    let chart = chart::draw(report);
    let mut files =
        vec![("bench.json", json), ("bench.svg", chart.clone()), ("bench.txt", report.text())];
    if !report.growth.is_empty() {
        files.push(("growth.svg", chart::draw_growth(report)));
    }
    for (name, content) in files {
        let path = target.join(name);
        fs::write(&path, content).expect("written");
        println!("{}", path.display());
    }
    if let Some(path) = env::var_os("CHART") {
        fs::write(path, chart).expect("the chart");
    }
}
