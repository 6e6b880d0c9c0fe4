//! What a server costs that has many virtual hosts, locations, flags or allowlist entries: CPU time
//! of `httpd -t` and of a restart, memory, and lines in the error log, each with the module and
//! without it.

use std::fs;

use serde::Serialize;

use crate::sites::Site;
use crate::{callgrind, report};
use maintenance_harness::{Httpd, Setup};

/// How often `httpd -t` runs, since its CPU time is known in hundredths of a second.
const CHECKS: u32 = 5;

/// What there are many of.
#[derive(Clone, Copy)]
pub enum Of {
    /// Each with a flag and an address on its allowlist.
    Hosts,
    /// Of one virtual host, each with a flag.
    Locations,
    /// Ten for each virtual host.
    Flags,
    /// Of one server.
    Entries,
}

/// The figures of one size.
#[derive(Serialize)]
pub struct Growth {
    pub of: &'static str,
    pub count: usize,
    pub with: Figures,
    pub without: Figures,
    /// Of all processes: proportional set size, in KiB, with the module minus without it.
    pub memory: f64,
    /// Instructions of a request in the module, where they are counted.
    pub instructions: Option<f64>,
}

/// The figures of one server. CPU times are in milliseconds.
#[derive(Serialize)]
pub struct Figures {
    pub check: f64,
    pub restart: f64,
    /// In KiB.
    pub memory: u64,
    /// In bytes, at the start.
    pub log: usize,
}

/// The sizes that are measured.
pub const SIZES: [(Of, &[usize]); 4] = [
    (Of::Hosts, &[1, 100, 1000, 10_000]),
    (Of::Locations, &[1, 100, 2000]),
    (Of::Flags, &[10, 1000, 10_000, 100_000]),
    (Of::Entries, &[1, 100, 10_000]),
];

impl Of {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hosts => "virtual hosts",
            Self::Locations => "locations",
            Self::Flags => "flags",
            Self::Entries => "allowlist entries",
        }
    }

    /// The directives of a server with `count` of them.
    fn directives(self, count: usize, has_module: bool) -> String {
        let own = |lines: String| if has_module { lines } else { String::new() };
        let address = |number: usize| {
            let [_, a, b, c] = (number as u32).to_be_bytes();
            format!("10.{a}.{b}.{c}")
        };
        let host = |number: usize, lines: String| {
            format!("<VirtualHost *>\nServerName host{number}.test\n{lines}</VirtualHost>\n")
        };
        match self {
            Self::Hosts => (0..count)
                .map(|number| {
                    let address = address(number);
                    let flag = format!("MaintenanceFlag conf/{number}.flag\n");
                    host(number, own(format!("{flag}MaintenanceAllow {address}\n")))
                })
                .collect(),
            Self::Locations => {
                let location = |number: usize| {
                    let flag = own(format!("MaintenanceFlag conf/{number}.flag\n"));
                    format!("<Location /app{number}>\n{flag}</Location>\n")
                };
                host(0, (0..count).map(location).collect())
            }
            Self::Flags => (0..count / 10)
                .map(|number| {
                    let flags = (0..10).map(|flag| format!(" conf/{number}-{flag}.flag"));
                    let flags: String = flags.collect();
                    host(number, own(format!("MaintenanceFlag{flags}\n")))
                })
                .collect(),
            Self::Entries => {
                let line = |number| own(format!("MaintenanceAllow {}\n", address(number)));
                (0..count).map(line).collect()
            }
        }
    }
}

/// Measures a server with `count` of them, and one without the module. `counts_instructions` tells
/// whether to count those of a request, which takes minutes with thousands.
pub fn measure(of: Of, count: usize, counts_instructions: bool) -> Growth {
    let (with, without) = (figures(of, count, true), figures(of, count, false));
    let memory = with.memory as f64 - without.memory as f64;
    let instructions = match (of, count) {
        (Of::Hosts, 1 | 10_000) | (Of::Locations, 1 | 2000) if counts_instructions => {
            Some(instructions(of, count))
        }
        _ => None,
    };
    Growth { of: of.name(), count, with, without, memory, instructions }
}

fn figures(of: Of, count: usize, has_module: bool) -> Figures {
    let mut setup = Setup::new("StartServers 2\nServerLimit 8\nMaxRequestWorkers 50")
        .directives(&of.directives(count, has_module));
    if !has_module {
        setup = setup.before("Define WITHOUT_MODULE");
    }
    let before = cpu_time("self", 13);
    for _ in 0..CHECKS {
        let (is_good, said) = setup.test_config();
        assert!(is_good, "{said}");
    }
    let check = (cpu_time("self", 13) - before) / f64::from(CHECKS);
    let mut httpd = setup.start();
    httpd.allow_log("AH10159|AH00161"); // few workers, on purpose
    assert_eq!(httpd.client().get("/").status, 200);
    let (log, memory) = (httpd.log().len(), memory(&httpd));
    let parent = httpd.pid().to_string();
    let before = cpu_time(&parent, 11);
    httpd.restart();
    Figures { check, restart: cpu_time(&parent, 11) - before, memory, log }
}

/// Instructions of a request in the module. Those of httpd itself vary more than the module has.
fn instructions(of: Of, count: usize) -> f64 {
    let site = Site::with_module(&of.directives(count, true));
    callgrind::count(of.name(), site, 200).module
}

/// CPU time in milliseconds, of a process (`first` is 11) or of its children (13): proc(5).
fn cpu_time(process: &str, first: usize) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("stat");
    let fields: Vec<_> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
    let ticks: f64 = fields[first..=first + 1].iter().filter_map(|it| it.parse::<f64>().ok()).sum();
    ticks * 1000.0 / rustix::param::clock_ticks_per_second() as f64
}

/// The proportional set size of all processes, in KiB: what they share counts once.
fn memory(httpd: &Httpd) -> u64 {
    let of = |process: u32| -> u64 {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    };
    httpd.processes().into_iter().map(of).sum()
}

impl report::Report {
    pub fn growth_table(&self) -> String {
        let mut text = String::from(
            "\nwith many                     httpd -t, ms      restart, ms    memory, KiB    each   \
             log, bytes  instructions\n",
        );
        for Growth { of, count, with, without, memory, instructions } in &self.growth {
            let more = instructions.map_or_else(|| "-".into(), |more| format!("{more:.0}"));
            text += &format!(
                "  {:<24} {:>7.0} /{:>6.0}  {:>7.0} /{:>6.0}  {memory:>11.0}  {:>6.2}  {:>10}  \
                 {more:>12}\n",
                format!("{count} {of}"),
                with.check,
                without.check,
                with.restart,
                without.restart,
                memory / *count as f64,
                with.log,
            );
        }
        text
    }
}
