//! What etcd, the followers and the machine have to do.

use std::fs;

use maintenance_harness::etcd::Cluster;
use serde::Serialize;

use crate::store::Counters;

/// What etcd and the followers do in one second.
#[derive(Debug, Default, Serialize)]
pub struct Load {
    /// Processor time of the member with most of it, and of all of them, in milliseconds.
    pub member: f64,
    pub members: f64,
    /// The same of all followers together.
    pub followers: f64,
    /// Changes of the store, and leases that are kept alive.
    pub writes: f64,
    pub renewals: f64,
    /// Calls that are begun, without those that are messages of a stream.
    pub calls: f64,
    /// From and to clients, and between the members, in KB.
    pub clients: f64,
    pub peers: f64,
    /// By how much the database grows, in KB.
    pub growth: f64,
    /// Status pages.
    pub pages: f64,
}

/// The beginning of a measurement.
pub struct Begin {
    counters: Counters,
    followers: f64,
    pages: u64,
}

impl Begin {
    pub fn new(cluster: &Cluster, followers: &[u32], pages: u64) -> Self {
        Self { counters: Counters::read(cluster), followers: processor(followers), pages }
    }

    pub fn end(&self, cluster: &Cluster, followers: &[u32], pages: u64) -> Load {
        let (old, new) = (&self.counters, &Counters::read(cluster));
        let seconds = old.seconds(new);
        let kilobytes = |name| old.rate(new, name) / 1000.0;
        let sent = kilobytes("etcd_network_client_grpc_sent_bytes_total");
        let received = kilobytes("etcd_network_client_grpc_received_bytes_total");
        let changes = |at: &Counters| at.most("etcd_debugging_mvcc_current_revision");
        let size = |at: &Counters| at.most("etcd_mvcc_db_total_size_in_use_in_bytes");
        let asked = u32::try_from(pages - self.pages).expect("a number");
        Load {
            member: old.greatest_rate(new, "process_cpu_seconds_total") * 1000.0,
            members: old.rate(new, "process_cpu_seconds_total") * 1000.0,
            followers: (processor(followers) - self.followers) * 1000.0 / seconds,
            writes: (changes(new) - changes(old)) / seconds,
            renewals: old.rate(new, "etcd_debugging_lease_renewed_total"),
            calls: old.rate(new, "grpc_server_started_total"),
            clients: sent + received,
            peers: kilobytes("etcd_network_peer_sent_bytes_total"),
            growth: (size(new) - size(old)) / 1000.0 / seconds,
            pages: f64::from(asked) / seconds,
        }
    }
}

/// The processor time of processes, in seconds.
fn processor(processes: &[u32]) -> f64 {
    const TICKS: f64 = 100.0;
    let of = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name of the program is in brackets and can contain blanks.
        let mut numbers = stat.rsplit_once(") ")?.1.split(' ').skip(11);
        let mut next = || numbers.next()?.parse::<f64>().ok();
        Some((next()? + next()?) / TICKS)
    };
    processes.iter().filter_map(of).sum()
}

/// The memory of a process in MB: all that is resident, and what the process does not share.
pub fn memory(process: u32) -> Option<(f64, f64)> {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let of = |name: &str| -> f64 {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.filter_map(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok()).sum()
    };
    let own = of("Private_Clean:") + of("Private_Dirty:");
    Some((of("Rss:") / 1000.0, own / 1000.0))
}

/// How many processes wanted a processor in the last minute.
pub fn of_machine() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default()
}
