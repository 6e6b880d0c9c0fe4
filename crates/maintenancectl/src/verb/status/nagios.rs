//! One line for a monitoring system, with performance data, as Nagios, Icinga and others read it
//! (Monitoring Plugins Development Guidelines).

use jiff::Timestamp;
use maintenance_core::report::ScopeState;

use crate::exit::Exit;
use crate::servers::report::State;
use crate::servers::site::Site;

/// The exit code of a monitoring plugin, and its line. Critical is what somebody has to look at
/// now: servers that differ, a maintenance that is overdue, a flag that cannot be used. A
/// maintenance that goes as planned is a warning.
pub(super) fn check(site: &Site, now: Timestamp) -> (Exit, String) {
    let states = site.states();
    let is_in = |state| site.nodes().any(|(_, node)| node.state() == state);
    let errors: Vec<_> = site
        .nodes()
        .flat_map(|(name, node)| node.flags().into_iter().map(move |flag| (name, flag)))
        .filter_map(|(name, flag)| Some(format!("{name}: {}: {}", flag.path, flag.error.as_ref()?)))
        .collect();
    let faults: Vec<_> = site.faults().map(|(name, fault)| format!("{name} {fault}")).collect();
    let warnings = site.warnings(now);
    let is_critical =
        states.len() > 1 || is_in(State::Known(ScopeState::Overdue)) || !errors.is_empty();
    let (exit, word) = match () {
        () if is_critical => (Exit::Unusable, "CRITICAL"),
        () if !faults.is_empty() || is_in(State::Other) => (Exit::Unknown, "UNKNOWN"),
        () if !site.is_open() || !warnings.is_empty() => (Exit::No, "WARNING"),
        () => (Exit::Done, "OK"),
    };
    let mut texts: Vec<String> = vec![];
    for text in [vec![site.states_text()], errors, faults, warnings].concat() {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    (exit, format!("MAINTENANCE {word} - {} | {}\n", line(&texts.join("; ")), performance(site)))
}

/// A text in one line. A bar would begin the performance data.
pub(super) fn line(text: &str) -> String {
    text.replace(['\n', '\r'], " ").replace('|', "/")
}

fn performance(site: &Site) -> String {
    let count = site.servers.len();
    let closed = site.nodes().filter(|(_, node)| node.state().is_closed()).count();
    let unknown = site.faults().count();
    let (before, running) = (site.before(), site.requests());
    format!(
        "closed={closed};;;0;{count} unknown={unknown};;;0;{count} requests={running};;;0 \
         before={};;;0 upgraded={};;;0 refused={}c;;;0",
        before.draining,
        before.lasting,
        site.refusals(),
    )
}
