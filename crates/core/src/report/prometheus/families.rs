//! The metrics, with what they mean.

use prometheus::proto::MetricType::{self, COUNTER, GAUGE};

use super::samples::{Family, Labels, Samples, path, with};
use crate::allow::AllowKind;
use crate::report::filter::Condition;
use crate::report::flags::FlagState;
use crate::report::judged::Scope;
use crate::report::state::ScopeState;
use crate::report::totals::TotalsView;

const STATES: [ScopeState; 7] = [
    ScopeState::Off,
    ScopeState::Open,
    ScopeState::Announced,
    ScopeState::ReadOnly,
    ScopeState::Reopening,
    ScopeState::Closed,
    ScopeState::Overdue,
];

/// All metrics. Those of all scopes together come first.
pub(super) const FAMILIES: [Family; 27] = [
    family(
        "build_info",
        "The version of mod_maintenance, and the name of the machine; always 1.",
        GAUGE,
        |samples| {
            let machine = samples.report.machine.clone().unwrap_or_default();
            let version = env!("CARGO_PKG_VERSION").to_owned();
            vec![(vec![("machine", machine), ("version", version)], 1.0)]
        },
    ),
    family(
        "check_interval_seconds",
        "How often flags are checked; 0 means at every request.",
        GAUGE,
        |samples| single(samples.report.check_interval),
    ),
    family("scopes", "The scopes that a request can reach, by their state.", GAUGE, |samples| {
        let count = |state| samples.report.count(Condition::Is(state)) as f64;
        STATES.map(|state| (vec![("state", state.name().into())], count(state))).into()
    }),
    family(
        "scopes_in_error",
        "The scopes that a request can reach of which a flag or a file cannot be used.",
        GAUGE,
        |samples| single(samples.report.count(Condition::Error) as f64),
    ),
    family("flags", "The flag files of the scopes, by their state.", GAUGE, |samples| {
        let flags = samples.report.listed_flags();
        let count = |state| flags.iter().filter(|facts| facts.state == state).count() as f64;
        FlagState::ALL.map(|state| (vec![("state", state.name().into())], count(state))).into()
    }),
    family(
        "all_requests_in_flight",
        "Admitted requests of all scopes that have not ended.",
        GAUGE,
        |samples| single(samples.report.in_flight.requests as f64),
    ),
    family(
        "all_requests_in_flight_from_before_closing",
        "Requests of all scopes admitted before their scope was closed that have not ended.",
        GAUGE,
        |samples| single(samples.report.in_flight.from_before_closing as f64),
    ),
    family(
        "all_passed_requests_total",
        "Requests of all scopes admitted while the scope was open that have ended.",
        COUNTER,
        |samples| single(samples.totals.open as f64),
    ),
    family(
        "all_allowed_requests_total",
        "Requests of all scopes admitted while the scope was closed that have ended.",
        COUNTER,
        |samples| single(samples.totals.allowed as f64),
    ),
    family("all_refused_requests_total", "Refused requests of all scopes.", COUNTER, |samples| {
        single(samples.totals.refused as f64)
    }),
    family(
        "omitted_scopes",
        "Scopes without metrics of their own, because there are more than 500 scopes.",
        GAUGE,
        |samples| single(samples.omitted.0 as f64),
    ),
    family(
        "omitted_flags",
        "Flag files without metrics of their own, because there are more than 500 flag files.",
        GAUGE,
        |samples| single(samples.omitted.1 as f64),
    ),
    family("flag_closes", "Whether the flag file closes its scopes now.", GAUGE, |samples| {
        samples.of_flags(|facts| Some(f64::from(u8::from(facts.report.closes))))
    }),
    family(
        "flag_expired_entries",
        "Entries of the flag's allow whose until= has passed.",
        GAUGE,
        |samples| {
            let now = samples.report.now;
            samples.of_flags(|facts| Some(facts.expired(now) as f64))
        },
    ),
    family(
        "allow_expired_entries",
        "Entries of the scope's allow files and invitations whose until= has passed.",
        GAUGE,
        |samples| {
            let now = samples.report.now;
            samples.of_scopes(|scope, _| Some(scope.expired(now) as f64))
        },
    ),
    family(
        "flag_state",
        "1 for the state that the flag file is in, 0 for the others.",
        GAUGE,
        |samples| {
            let flags = samples.flags.iter();
            flags
                .flat_map(|facts| {
                    FlagState::ALL.map(|state| {
                        let labels = vec![("flag", path(facts)), ("state", state.name().into())];
                        (labels, f64::from(u8::from(facts.state == state)))
                    })
                })
                .collect()
        },
    ),
    family(
        "flag_admitted_share_ratio",
        "The share of the clients that the flag file admits now, 0 to 1, where it admits a share.",
        GAUGE,
        |samples| {
            let now = samples.report.now;
            samples.of_flags(|facts| Some(facts.share(now)? / 100.0))
        },
    ),
    family(
        "invitation_requests_total",
        "Requests that the invitation has admitted, by its name; of the first 256 of each file.",
        COUNTER,
        |samples| {
            let uses = samples.report.invitations().into_iter();
            uses.map(|(name, uses)| (vec![("name", name)], uses as f64)).collect()
        },
    ),
    family(
        "scope_state",
        "1 for the state that the scope is in, 0 for the others; of scopes that a request can reach.",
        GAUGE,
        |samples| {
            let scopes = samples.scopes.iter().filter(|(_, scope, _)| scope.facts.reachable);
            scopes
                .flat_map(|(labels, scope, _)| {
                    STATES.map(|state| {
                        let labels = with(labels, "state", state.name());
                        (labels, f64::from(u8::from(scope.state == state)))
                    })
                })
                .collect()
        },
    ),
    family("requests_in_flight", "Admitted requests that have not ended.", GAUGE, |samples| {
        samples.of_scopes(|scope, _| Some(scope.in_flight.requests as f64))
    }),
    family(
        "requests_in_flight_from_before_closing",
        "Requests admitted before the scope was closed that have not ended.",
        GAUGE,
        |samples| samples.of_scopes(|scope, _| Some(scope.in_flight.from_before_closing as f64)),
    ),
    family(
        "writes_in_flight_from_before_closing",
        "Requests that may write, were let in before the scope was closed or read-only, and have not \
         ended.",
        GAUGE,
        |samples| {
            samples.of_scopes(|scope, _| Some(scope.in_flight.writing_from_before_closing as f64))
        },
    ),
    family(
        "oldest_request_in_flight_seconds",
        "The age of the oldest request that has not ended.",
        GAUGE,
        |samples| samples.of_scopes(|scope, _| Some(scope.in_flight.oldest? as f64)),
    ),
    family(
        "untracked_requests_in_flight",
        "Running requests that could not be tracked for lack of room.",
        GAUGE,
        |samples| single(samples.report.in_flight.untracked.unwrap_or(0) as f64),
    ),
    family(
        "passed_requests_total",
        "Requests admitted while the scope was open that have ended.",
        COUNTER,
        |samples| samples.of_scopes(|_, totals| Some(totals.open as f64)),
    ),
    family(
        "allowed_requests_total",
        "Requests admitted while the scope was closed that have ended, by kind of token.",
        COUNTER,
        |samples| samples.scopes.iter().flat_map(allowed).collect(),
    ),
    family("refused_requests_total", "Refused requests, by status.", COUNTER, |samples| {
        samples.scopes.iter().flat_map(refused).collect()
    }),
];

const fn family(
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: fn(&Samples<'_, '_>) -> Vec<(Labels, f64)>,
) -> Family {
    Family { name, help, kind, samples }
}

fn single(value: f64) -> Vec<(Labels, f64)> {
    vec![(vec![], value)]
}

fn allowed((labels, _, totals): &(Labels, &Scope<'_>, TotalsView)) -> Vec<(Labels, f64)> {
    let sample = |kind: AllowKind| {
        let count = totals.allowed_by.get(kind.name()).copied().unwrap_or(0);
        (with(labels, "kind", kind.name()), count as f64)
    };
    AllowKind::ALL.map(sample).into()
}

fn refused((labels, scope, totals): &(Labels, &Scope<'_>, TotalsView)) -> Vec<(Labels, f64)> {
    let mut counts = totals.refused_with.clone();
    for status in scope.statuses() {
        counts.entry(status.to_string()).or_default(); // exported even while zero
    }
    let sample = |(status, count): (String, u64)| (with(labels, "status", &status), count as f64);
    counts.into_iter().map(sample).collect()
}
