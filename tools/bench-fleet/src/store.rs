//! What the members of etcd say of themselves.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use maintenance_harness::etcd::Cluster;

/// The counters of all members at one moment, by their names. Those with labels are added up.
pub struct Counters {
    at: Instant,
    members: Vec<BTreeMap<String, f64>>,
}

impl Counters {
    pub fn read(cluster: &Cluster) -> Self {
        let members = (0..cluster.len())
            .map(|member| parse(&metrics(&cluster.url(member)).unwrap_or_default()));
        Self { at: Instant::now(), members: members.collect() }
    }

    /// The sum over all members.
    pub fn sum(&self, name: &str) -> f64 {
        self.members.iter().filter_map(|member| member.get(name)).sum()
    }

    /// The largest one of a member.
    pub fn most(&self, name: &str) -> f64 {
        self.members.iter().filter_map(|member| member.get(name)).copied().fold(0.0, f64::max)
    }

    /// The growth per second of all members together.
    pub fn rate(&self, later: &Self, name: &str) -> f64 {
        (later.sum(name) - self.sum(name)) / self.seconds(later)
    }

    /// The same of the member that grows most.
    pub fn greatest_rate(&self, later: &Self, name: &str) -> f64 {
        let value = |member: &BTreeMap<String, f64>| member.get(name).copied().unwrap_or_default();
        let pairs = self.members.iter().zip(&later.members);
        let most = pairs.map(|(old, new)| value(new) - value(old)).fold(0.0, f64::max);
        most / self.seconds(later)
    }

    pub fn seconds(&self, later: &Self) -> f64 {
        (later.at - self.at).as_secs_f64()
    }
}

/// Of a member that does not run, there are none.
fn metrics(url: &str) -> std::io::Result<String> {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Prometheus's text format: `name{labels} value`. A name with the method of a call gets it as a
/// suffix.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.rsplit_once(' ') else { continue };
        let Ok(value) = value.parse::<f64>() else { continue };
        let (name, labels) = key.split_once('{').unwrap_or((key, ""));
        *all.entry(name.to_owned()).or_insert(0.0) += value;
        let method = labels.split_once("grpc_method=\"").and_then(|(_, rest)| rest.split_once('"'));
        if let Some((method, _)) = method {
            *all.entry(format!("{name} {method}")).or_insert(0.0) += value;
        }
    }
    all
}
