//! All servers together.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;

use super::fault::Fault;
use super::fleet::Reading;
use super::node::{Answer, Before, Goal, Node};
use super::report::State;
use crate::exit::Exit;

/// Clocks may differ by this many seconds, which includes the time for the answer.
const CLOCK_DIFFERENCE: i64 = 5;

/// What the servers say.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) servers: Vec<Server>,
}

/// What a server says.
#[derive(Debug)]
pub(crate) struct Server {
    /// What the server is called.
    pub(crate) name: String,
    /// The URL of its status page.
    pub(crate) url: String,
    pub(crate) node: Result<Node, Fault>,
}

/// A client that is refused, by all servers together.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) address: String,
    pub(crate) count: u64,
    pub(crate) path: String,
    pub(crate) user_agent: String,
    /// The names of the servers.
    pub(crate) servers: Vec<String>,
}

/// A server whose value is not that of most: its name, its value, and that of most.
type Other = (String, String, String);

impl Site {
    /// With a flag, only the scopes that it closes are judged.
    pub(crate) fn new(readings: Vec<Reading>, flag: Option<&Path>) -> Self {
        let server = |Reading { name, url, report, told }: Reading| {
            // Each server of a fleet has a flag file of its own.
            let own = told.as_ref().map(|told| Path::new(&told.flag).to_owned());
            let node = report.map(|report| Node::new(report, own.as_deref().or(flag)));
            let node = node.map(|mut node| {
                node.told = told;
                node
            });
            Server { name, url, node }
        };
        Self { servers: readings.into_iter().map(server).collect() }
    }

    /// The servers that give a report.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.servers
            .iter()
            .filter_map(|server| Some((server.name.as_str(), server.node.as_ref().ok()?)))
    }

    /// The servers that give none.
    pub(crate) fn faults(&self) -> impl Iterator<Item = (&str, &Fault)> {
        self.servers
            .iter()
            .filter_map(|server| Some((server.name.as_str(), server.node.as_ref().err()?)))
    }

    /// Whether all servers do what they are asked to do.
    pub(crate) fn answer(&self, goal: Goal) -> Exit {
        let answers: Vec<_> = self.nodes().map(|(_, node)| node.answer(goal)).collect();
        if answers.len() < self.servers.len() || answers.contains(&Answer::Unknown) {
            return Exit::Unknown;
        }
        match answers.as_slice() {
            [] => Exit::Unknown,
            answers if answers.iter().all(|answer| *answer == Answer::Yes) => Exit::Done,
            answers if answers.iter().all(|answer| *answer == Answer::No) => Exit::No,
            _ => Exit::Unusable,
        }
    }

    /// The states for people, each with the names of the servers; those that give no report are
    /// left out. The most restrictive state comes first.
    pub(crate) fn states(&self) -> Vec<(String, Vec<&str>)> {
        let mut groups: Vec<(State, String, Vec<&str>)> = vec![];
        for (name, node) in self.nodes() {
            let text = node.state_text();
            match groups.iter_mut().find(|(_, known, _)| *known == text) {
                Some((_, _, names)) => names.push(name),
                None => groups.push((node.state(), text, vec![name])),
            }
        }
        groups.sort_by_key(|(state, _, _)| std::cmp::Reverse(*state));
        groups.into_iter().map(|(_, text, names)| (text, names)).collect()
    }

    /// The states in one line: `closed on all 3 servers`, `closed on web1, web2; open on web3`.
    pub(crate) fn states_text(&self) -> String {
        let count = self.servers.len();
        let unknown = self.faults().count();
        let mut parts: Vec<_> = match self.states().as_slice() {
            [(state, _)] if unknown == 0 && count == 1 => vec![state.clone()],
            [(state, _)] if unknown == 0 => vec![format!("{state} on {}", all(count as u64))],
            states => {
                let part =
                    |(state, names): &(String, Vec<_>)| format!("{state} on {}", list(names));
                states.iter().map(part).collect()
            }
        };
        if unknown > 0 {
            let names: Vec<_> = self.faults().map(|(name, _)| name).collect();
            parts.push(format!("no report from {}", list(&names)));
        }
        parts.join("; ")
    }

    /// The servers of a fleet that have not applied the flag in the store yet, a line for each.
    pub(crate) fn behind(&self) -> Vec<String> {
        let behind = self.nodes().filter_map(|(name, node)| Some((name, node.behind()?)));
        behind
            .map(|(name, latest)| format!("{name} has not applied revision {latest} yet"))
            .collect()
    }

    /// The scopes that do not do what the others of their server do, for people.
    pub(crate) fn exceptions(&self, goal: Goal) -> Vec<String> {
        let partly = self.nodes().filter(|(_, node)| node.answer(goal) == Answer::Partly);
        let line = |(name, node): (&str, &Node)| {
            let scopes = node.exceptions(goal);
            let scope = |(scope, state): &(String, State)| format!("{scope} is {}", state.label());
            let scopes: Vec<_> = scopes.iter().map(scope).collect();
            format!("{name}: {}", list(&scopes.iter().map(String::as_str).collect::<Vec<_>>()))
        };
        partly.map(line).collect()
    }

    /// The state of all servers; None if they differ or one of them gives no report.
    pub(crate) fn state(&self) -> Option<State> {
        let states = self.states();
        let is_one = states.len() == 1 && self.faults().next().is_none();
        self.nodes().next().filter(|_| is_one).map(|(_, node)| node.state())
    }

    /// Whether no server that gives a report refuses anything.
    pub(crate) fn is_open(&self) -> bool {
        self.nodes().all(|(_, node)| node.answer(Goal::Open) == Answer::Yes)
    }

    /// The number of requests in flight on all servers.
    pub(crate) fn requests(&self) -> u64 {
        let counts = self.nodes().map(|(_, node)| node.report.in_flight.tracked.requests);
        counts.fold(0, u64::saturating_add)
    }

    /// The number of refused requests on all servers.
    pub(crate) fn refusals(&self) -> u64 {
        self.nodes().map(|(_, node)| node.refused()).fold(0, u64::saturating_add)
    }

    /// The requests from before the closing that run on all servers.
    pub(crate) fn before(&self) -> Before {
        self.nodes().map(|(_, node)| node.before()).fold(Before::default(), |sum, before| Before {
            draining: sum.draining.saturating_add(before.draining),
            lasting: sum.lasting.saturating_add(before.lasting),
            untracked: sum.untracked.saturating_add(before.untracked),
            oldest: sum.oldest.max(before.oldest),
        })
    }

    /// The clients that are refused most, those with the highest counts first.
    pub(crate) fn refused(&self) -> Vec<Refused> {
        let mut all: BTreeMap<&str, Refused> = BTreeMap::new();
        for (name, node) in self.nodes() {
            for client in &node.report.refused.clients {
                let known = all.entry(&client.address).or_insert_with(|| Refused {
                    address: client.address.clone(),
                    count: 0,
                    path: client.path.clone(),
                    user_agent: client.user_agent.clone(),
                    servers: vec![],
                });
                known.count = known.count.saturating_add(client.count);
                known.servers.push(name.to_owned());
            }
        }
        let mut all: Vec<_> = all.into_values().collect();
        all.sort_by(|one, other| {
            other.count.cmp(&one.count).then_with(|| one.address.cmp(&other.address))
        });
        all
    }

    /// Which servers are old, differ from the others or have a problem: a line for each.
    pub(crate) fn warnings(&self, now: Timestamp) -> Vec<String> {
        let mut lines = vec![];
        let versions = |node: &Node| Some(node.report.version.clone());
        for (name, version, others) in self.minority(versions) {
            lines.push(format!("{name} has version {version} of the module, the others {others}"));
        }
        for (path, of_flag) in self.ends() {
            for (name, end, others) in of_flag {
                lines.push(format!("{name} says that {path} ends {end}, the others {others}"));
            }
        }
        for (name, node) in self.nodes() {
            let told = node.told.iter();
            lines
                .extend(told.clone().flat_map(|it| &it.notes).map(|note| format!("{name} {note}")));
            // The report of a fleet's server can be a while old.
            if let Some(time) = node.report.time.filter(|_| node.told.is_none()) {
                let ahead = time.as_second() - now.as_second();
                let way = if ahead > 0 { "ahead of" } else { "behind" };
                if ahead.abs() > CLOCK_DIFFERENCE {
                    let seconds = ahead.abs();
                    lines.push(format!("{name}: its clock is {seconds} s {way} this machine's"));
                }
            }
            lines.extend(node.problems().into_iter().map(|problem| format!("{name}: {problem}")));
        }
        lines
    }

    /// For each flag that several servers have, those that know another end of it.
    fn ends(&self) -> Vec<(String, Vec<Other>)> {
        let paths = self.nodes().flat_map(|(_, node)| node.report.flags.iter());
        let mut paths: Vec<_> = paths.map(|flag| flag.path.clone()).collect();
        paths.sort_unstable();
        paths.dedup();
        let ends = |path: String| {
            let end = |node: &Node| {
                let flag = node.report.flags.iter().find(|flag| flag.path == path)?;
                let is_there = flag.closes || flag.state == "announced";
                is_there.then(|| match flag.end {
                    Some(end) => format!("at {end}"),
                    None => "at no known time".to_owned(),
                })
            };
            let others = self.minority(end);
            (path, others)
        };
        paths.into_iter().map(ends).collect()
    }

    /// The servers whose value is not that of most, each with its value and that of most. Without a
    /// majority these are all but the first ones.
    fn minority(&self, value: impl Fn(&Node) -> Option<String>) -> Vec<Other> {
        let values: Vec<_> =
            self.nodes().filter_map(|(name, node)| Some((name, value(node)?))).collect();
        let count = |wanted: &String| values.iter().filter(|(_, value)| value == wanted).count();
        let mut most: Option<&String> = None;
        for (_, value) in &values {
            if most.is_none_or(|most| count(value) > count(most)) {
                most = Some(value);
            }
        }
        let Some(most) = most else { return vec![] };
        let others = values.iter().filter(|(_, value)| value != most);
        others.map(|(name, value)| ((*name).to_owned(), value.clone(), most.clone())).collect()
    }
}

/// `both servers`, `all 3 servers`
pub(crate) fn all(count: u64) -> String {
    match count {
        2 => "both servers".to_owned(),
        count => format!("all {count} servers"),
    }
}

/// `web1, web2 and 3 others`
pub(crate) fn list(names: &[&str]) -> String {
    const LISTED: usize = 5;
    match names.len() {
        count if count > LISTED + 1 => {
            let shown = names.iter().take(LISTED).copied().collect::<Vec<_>>().join(", ");
            format!("{shown} and {} others", count - LISTED)
        }
        _ => names.join(", "),
    }
}
