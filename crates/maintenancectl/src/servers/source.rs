//! Where the reports come from: from the servers, or from the store of a fleet.

use std::time::Duration;

use super::fault::Fault;
use super::fleet::{Fleet, Reading};
use super::told::Told;
use crate::exit::Failure;
use crate::store::access::Access;
use crate::store::report::NodeReport;
use crate::store::snapshot::Snapshot;

/// Clocks may differ by this many seconds.
const CLOCK_DIFFERENCE: i64 = 5;

/// Where the reports come from.
pub(crate) enum Source {
    Servers(Fleet),
    Store(Access),
}

impl Source {
    /// From one question to the next, if the last one took so long. One answer of the store is for all
    /// servers, and the more there are, the more it has to say.
    pub(crate) fn pause(&self, took: Duration) -> Duration {
        match self {
            Self::Servers(_) => Duration::from_secs(1),
            Self::Store(_) => (took * 3).max(Duration::from_millis(200)),
        }
    }

    /// What all servers say; None if `is_interrupted` says so meanwhile.
    pub(crate) fn ask(&self, is_interrupted: &dyn Fn() -> bool) -> Option<Vec<Reading>> {
        match self {
            Self::Servers(fleet) => fleet.ask(&[], is_interrupted),
            Self::Store(store) => of_store(store, is_interrupted),
        }
    }
}

fn of_store(store: &Access, is_interrupted: &dyn Fn() -> bool) -> Option<Vec<Reading>> {
    let alone = |name: &str, cause: String| {
        Some(vec![Reading {
            name: name.to_owned(),
            url: store.key(),
            report: Err(Fault::Store(cause)),
            told: None,
        }])
    };
    const NAME: &str = "the store";
    let nodes = match store.nodes(is_interrupted) {
        Ok(nodes) => nodes?,
        Err(Failure { message, .. }) => {
            let cause = message.strip_prefix(NAME).unwrap_or(&message);
            return alone(NAME, cause.trim_start().to_owned());
        }
    };
    if nodes.nodes.is_empty() {
        let text = "has no server; start maintenancectl follow on each of them";
        return alone("the fleet", text.into());
    }
    let snapshot = &nodes.snapshot;
    Some(nodes.nodes.into_iter().map(|(name, report)| reading(name, report, snapshot)).collect())
}

/// What the report of one server says.
fn reading(
    name: String,
    report: Option<Result<NodeReport, String>>,
    snapshot: &Snapshot,
) -> Reading {
    let url = String::new();
    let report = match report {
        None => {
            let report = Err(Fault::NoFollower(name.clone()));
            return Reading { name, url, report, told: None };
        }
        Some(Err(error)) => {
            let text = format!("has a report that cannot be used: {error}; update maintenancectl");
            return Reading { name, url, report: Err(Fault::Told(text)), told: None };
        }
        Some(Ok(report)) => report,
    };
    let is_behind = report.revisions() != snapshot.revisions;
    let latest = snapshot.revisions.latest();
    let mut notes = vec![];
    let applied = Some(report.revisions().latest()).filter(|applied| *applied >= 0);
    if let Some(applied) = applied.filter(|_| is_behind) {
        notes.push(format!("has applied revision {applied}, and not {latest} yet"));
    }
    notes.extend(report.problem.clone());
    if let Some(ahead) = report.clock.filter(|ahead| ahead.abs() > CLOCK_DIFFERENCE) {
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        let seconds = ahead.abs();
        notes.push(format!("has a clock that is {seconds} s {way} that of the last change"));
    }
    let told = Told {
        flag: report.flag.clone(),
        revision: applied,
        command: report.command.clone(),
        is_behind: is_behind.then_some(latest),
        notes,
    };
    let report = match (report.server, report.fault.map(Fault::Told), report.problem) {
        (Some(server), ..) => Ok(server),
        (None, fault, None) => Err(fault.unwrap_or(Fault::NoStatusPage)),
        (None, fault, Some(problem)) => {
            let fault = fault.unwrap_or(Fault::NoStatusPage);
            Err(Fault::Told(format!("{problem}; and it {fault}")))
        }
    };
    Reading { name, url, report, told: Some(told) }
}
