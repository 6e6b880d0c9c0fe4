//! The report as metrics, in the text format of Prometheus.

use std::collections::BTreeMap;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

use super::data::Report;
use super::flags::FlagState;
use super::flags::FlagView;
use super::scopes::ScopeView;
use super::state::ScopeState;
use crate::allow::AllowKind;

/// The value of Content-Type.
pub const CONTENT_TYPE: &std::ffi::CStr = c"text/plain; version=0.0.4; charset=utf-8";

const STATES: [ScopeState; 7] = [
    ScopeState::Off,
    ScopeState::Open,
    ScopeState::Announced,
    ScopeState::ReadOnly,
    ScopeState::Reopening,
    ScopeState::Closed,
    ScopeState::Overdue,
];

/// The metrics. Names and units follow Prometheus's conventions.
///
/// # Errors
/// None in practice: tests would find them.
pub fn metrics(report: &Report) -> Result<String, String> {
    let labels = labels(&report.scopes);
    let scopes = || labels.iter().cloned().zip(&report.scopes);
    let mut families = vec![];
    let mut add = |name: &str, help: &str, kind: MetricType, values: Vec<(Labels, f64)>| {
        let mut family = MetricFamily::default();
        family.set_name(format!("maintenance_{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(values.into_iter().map(|value| metric(kind, value)).collect());
        if !family.get_metric().is_empty() {
            families.push(family);
        }
    };
    let (gauge, counter) = (MetricType::GAUGE, MetricType::COUNTER);
    add(
        "build_info",
        "The version of mod_maintenance, and the name of the machine; always 1.",
        gauge,
        vec![(
            vec![
                ("machine", report.machine.clone().unwrap_or_default()),
                ("version", report.version.to_owned()),
            ],
            1.0,
        )],
    );
    add(
        "check_interval_seconds",
        "How often flags are checked; 0 means at every request.",
        gauge,
        vec![(vec![], report.check_interval)],
    );
    add(
        "flag_closes",
        "Whether the flag file closes its scopes now.",
        gauge,
        report
            .flags
            .iter()
            .map(|flag| (vec![("flag", flag.path.clone())], f64::from(u8::from(flag.closes))))
            .collect(),
    );
    let expired = |flag: &FlagView| flag.expired.len() as f64;
    add(
        "flag_expired_entries",
        "Entries of the flag's allow whose until= has passed.",
        gauge,
        report
            .flags
            .iter()
            .map(|flag| (vec![("flag", flag.path.clone())], expired(flag)))
            .collect(),
    );
    add(
        "allow_expired_entries",
        "Entries of the scope's allow files and invitations whose until= has passed.",
        gauge,
        scopes().map(|(labels, scope)| (labels, scope.expired as f64)).collect(),
    );
    add(
        "flag_state",
        "1 for the state that the flag file is in, 0 for the others.",
        gauge,
        report
            .flags
            .iter()
            .flat_map(|flag| {
                FlagState::ALL.map(|state| {
                    let labels = vec![("flag", flag.path.clone()), ("state", state.name().into())];
                    (labels, f64::from(u8::from(flag.state == state)))
                })
            })
            .collect(),
    );
    add(
        "flag_admitted_share_ratio",
        "The share of the clients that the flag file admits now, 0 to 1, where it admits a share.",
        gauge,
        report
            .flags
            .iter()
            .filter_map(|flag| Some((vec![("flag", flag.path.clone())], flag.share? / 100.0)))
            .collect(),
    );
    add(
        "invitation_requests_total",
        "Requests that the invitation has admitted, by its name; of the first 256 of each file.",
        counter,
        report
            .invitations
            .iter()
            .map(|(name, uses)| (vec![("name", name.clone())], *uses as f64))
            .collect(),
    );
    add(
        "scope_state",
        "1 for the state that the scope is in, 0 for the others; of scopes that a request can reach.",
        gauge,
        scopes()
            .filter(|(_, scope)| scope.reachable)
            .flat_map(|(labels, scope)| {
                STATES.map(|state| {
                    let labels = with(&labels, "state", state.name());
                    (labels, f64::from(u8::from(scope.state == state)))
                })
            })
            .collect(),
    );
    add(
        "requests_in_flight",
        "Admitted requests that have not ended.",
        gauge,
        scopes().map(|(labels, scope)| (labels, scope.in_flight.requests as f64)).collect(),
    );
    add(
        "requests_in_flight_from_before_closing",
        "Requests admitted before the scope was closed that have not ended.",
        gauge,
        scopes()
            .map(|(labels, scope)| (labels, scope.in_flight.from_before_closing as f64))
            .collect(),
    );
    add(
        "writes_in_flight_from_before_closing",
        "Requests that may write, were let in before the scope was closed or read-only, and have not \
         ended.",
        gauge,
        scopes()
            .map(|(labels, scope)| (labels, scope.in_flight.writing_from_before_closing as f64))
            .collect(),
    );
    add(
        "oldest_request_in_flight_seconds",
        "The age of the oldest request that has not ended.",
        gauge,
        scopes()
            .filter_map(|(labels, scope)| Some((labels, scope.in_flight.oldest? as f64)))
            .collect(),
    );
    add(
        "untracked_requests_in_flight",
        "Running requests that could not be tracked for lack of room.",
        gauge,
        vec![(vec![], report.in_flight.untracked.unwrap_or(0) as f64)],
    );
    add(
        "passed_requests_total",
        "Requests admitted while the scope was open that have ended.",
        counter,
        scopes().map(|(labels, scope)| (labels, scope.totals.open as f64)).collect(),
    );
    add(
        "allowed_requests_total",
        "Requests admitted while the scope was closed that have ended, by kind of token.",
        counter,
        scopes()
            .flat_map(|(labels, scope)| {
                AllowKind::ALL.map(|kind| {
                    let count = scope.totals.allowed_by.get(kind.name()).copied().unwrap_or(0);
                    (with(&labels, "kind", kind.name()), count as f64)
                })
            })
            .collect(),
    );
    add(
        "refused_requests_total",
        "Refused requests, by status.",
        counter,
        scopes()
            .flat_map(|(labels, scope)| {
                let mut counts = scope.totals.refused_with.clone();
                for status in &scope.statuses {
                    counts.entry(status.to_string()).or_default(); // exported even while zero
                }
                let count = |(status, count): (String, u64)| {
                    (with(&labels, "status", &status), count as f64)
                };
                counts.into_iter().map(count).collect::<Vec<_>>()
            })
            .collect(),
    );
    let mut text = vec![];
    TextEncoder::new().encode(&families, &mut text).map_err(|error| error.to_string())?;
    String::from_utf8(text).map_err(|error| error.to_string())
}

type Labels = Vec<(&'static str, String)>;

/// The labels of each scope. The second scope with a name is called `NAME (2)`, since Prometheus
/// rejects duplicate samples.
fn labels(scopes: &[ScopeView]) -> Vec<Labels> {
    let mut names = BTreeMap::<(String, String), u32>::new();
    let mut numbered = |outer: &str, name: &str| {
        let count = names.entry((outer.to_owned(), name.to_owned())).or_default();
        *count += 1;
        if *count == 1 { name.to_owned() } else { format!("{name} ({count})") }
    };
    let mut server = String::new();
    let of_scope = |scope: &ScopeView| {
        let location = match &scope.location {
            Some(location) => numbered(&server, location),
            None => {
                server = numbered("", &scope.server); // precedes its locations
                String::new()
            }
        };
        vec![("server", server.clone()), ("location", location)]
    };
    scopes.iter().map(of_scope).collect()
}

fn with(labels: &Labels, name: &'static str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.push((name, value.to_owned()));
    labels
}

fn metric(kind: MetricType, (labels, value): (Labels, f64)) -> Metric {
    let mut metric = Metric::default();
    let labels = labels.into_iter().map(|(name, value)| {
        let mut label = LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value);
        label
    });
    metric.set_label(labels.collect());
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}
