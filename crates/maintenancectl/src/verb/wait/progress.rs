//! How far the servers are.

use std::time::Duration;

use serde_json::{Value, json};

use super::plan::Plan;
use crate::exit::Exit;
use crate::servers::node::{Answer, Before, Goal, Node};
use crate::servers::site::{self, Site, list};
use crate::spoken::distance;

/// How far the servers are.
#[derive(Debug)]
pub(super) struct Progress {
    goal: Goal,
    drains: bool,
    ignores_lasting: bool,
    servers: Vec<Server>,
}

#[derive(Debug)]
struct Server {
    name: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The server gives no report.
    Unknown { kind: &'static str, short: String, message: String },
    /// The server does not do yet what it is asked to do. `why` adds a reason.
    Not { text: String, why: String, is_partly: bool },
    /// The server does it.
    Done(Before),
}

impl Progress {
    pub(super) fn of(site: &Site, plan: &Plan<'_>) -> Self {
        let server = |server: &crate::servers::site::Server| Server {
            name: server.name.clone(),
            state: match &server.node {
                Err(fault) => State::Unknown {
                    kind: fault.kind(),
                    short: fault.short(),
                    message: fault.to_string(),
                },
                Ok(node) if node.answer(plan.goal) == Answer::Yes => State::Done(node.before()),
                Ok(node) => not(node, plan),
            },
        };
        Self {
            goal: plan.goal,
            drains: plan.drains,
            ignores_lasting: plan.ignores_lasting,
            servers: site.servers.iter().map(server).collect(),
        }
    }

    /// The number of servers, and of those that do what they are asked to do.
    pub(super) fn servers(&self) -> (u64, u64) {
        let done = self.before().count();
        (self.servers.len() as u64, done as u64)
    }

    /// The number of requests that still run on those servers.
    pub(super) fn running(&self) -> u64 {
        let counts = self.before().map(|(_, before)| before.waiting_for(self.ignores_lasting));
        counts.fold(0, u64::saturating_add)
    }

    /// Whether all servers do what they are asked to do.
    pub(super) fn is_closed(&self) -> bool {
        let (all, done) = self.servers();
        all > 0 && all == done
    }

    /// Whether there is nothing more to wait for.
    pub(super) fn is_done(&self) -> bool {
        self.is_closed() && (!self.drains || self.running() == 0)
    }

    /// The exit code if it ends now.
    pub(super) fn exit(&self) -> Exit {
        let is_unknown = |server: &Server| matches!(server.state, State::Unknown { .. });
        let is_partly =
            |server: &Server| matches!(server.state, State::Not { is_partly: true, .. });
        let (all, done) = self.servers();
        match () {
            () if self.is_done() => Exit::Done,
            () if self.servers.iter().any(is_unknown) => Exit::Unknown,
            () if 0 < done && done < all => Exit::Unusable,
            () if self.servers.iter().any(is_partly) => Exit::Unusable,
            () => Exit::No,
        }
    }

    /// What there is to wait for, in one line. Ages are left out if only changes are to be seen.
    pub(super) fn text(&self, has_ages: bool) -> String {
        let (all, done) = self.servers();
        let what = self.what();
        if done < all {
            let rest: Vec<_> = self
                .servers
                .iter()
                .filter_map(|server| match &server.state {
                    State::Unknown { short, .. } => Some(format!("{} {short}", server.name)),
                    State::Not { text, why, .. } => Some(format!("{} is {text}{why}", server.name)),
                    State::Done(_) => None,
                })
                .collect();
            let rest: Vec<_> = rest.iter().map(String::as_str).collect();
            let are = if done == 1 { "is" } else { "are" };
            return match all {
                1 => list(&rest),
                _ => format!("{done} of {all} servers {are} {what}: {}", list(&rest)),
            };
        }
        let places: Vec<_> = self
            .before()
            .filter_map(|(name, before)| {
                let count = before.waiting_for(self.ignores_lasting);
                let age = before.oldest.filter(|_| has_ages);
                let age = age.map(|age| distance(Duration::from_secs(age)));
                let age = age.map(|age| format!(" (oldest {age})")).unwrap_or_default();
                (count > 0).then(|| format!("{count} on {name}{age}"))
            })
            .collect();
        let places: Vec<_> = places.iter().map(String::as_str).collect();
        match self.running() {
            0 => format!("{} are {what}", site::all(all)),
            1 => format!("1 request from before still runs: {}", list(&places)),
            count => format!("{count} requests from before still run: {}", list(&places)),
        }
    }

    /// The last line.
    pub(super) fn done(&self) -> String {
        let all = match self.servers.len() as u64 {
            2 => "Both servers".to_owned(),
            count => format!("All {count} servers"),
        };
        let what = match (self.goal, self.servers.len()) {
            (Goal::ReadOnly, 1) => "The server refuses writes".to_owned(),
            (Goal::ReadOnly, _) => format!("{all} refuse writes"),
            (_, 1) => "The server is closed".to_owned(),
            (_, _) => format!("{all} are closed"),
        };
        if !self.drains {
            return format!("{what}.");
        }
        let lasting = self.before().map(|(_, before)| before.lasting).fold(0, u64::saturating_add);
        let rest = match (lasting, self.goal) {
            (0, Goal::ReadOnly) => "nothing from before that can write runs any more",
            (0, _) => "nothing from before the closing runs any more",
            (1, _) => "nothing but 1 WebSocket or event stream from before runs any more",
            (count, _) => {
                return format!(
                    "{what}, and nothing but {count} WebSockets or event streams from before runs \
                     any more."
                );
            }
        };
        format!("{what}, and {rest}.")
    }

    /// One line of JSON.
    pub(super) fn json(&self, event: &str) -> String {
        let server = |server: &Server| match &server.state {
            State::Unknown { kind, message, .. } => json!({
                "name": server.name, "state": null,
                "error": { "kind": kind, "message": message },
            }),
            State::Not { text, .. } => json!({ "name": server.name, "state": text, "done": false }),
            State::Done(before) => json!({
                "name": server.name, "state": self.what(), "done": true,
                "from_before_closing": before.draining.saturating_add(before.lasting),
                "upgraded_from_before_closing": before.lasting,
                "oldest_from_before_closing": before.oldest,
                "untracked": before.untracked,
            }),
        };
        let servers: Vec<Value> = self.servers.iter().map(server).collect();
        let time = jiff::Timestamp::now().strftime("%FT%TZ").to_string();
        json!({ "time": time, "event": event, "servers": servers }).to_string()
    }

    /// A word for what is waited for.
    pub(super) fn phase(&self) -> &'static str {
        match self.is_closed() {
            true => "draining",
            false => "closing",
        }
    }

    const fn what(&self) -> &'static str {
        match self.goal {
            Goal::Closed => "closed",
            Goal::ReadOnly => "read-only",
            Goal::Open => "open",
        }
    }

    fn before(&self) -> impl Iterator<Item = (&str, &Before)> {
        self.servers.iter().filter_map(|server| match &server.state {
            State::Done(before) => Some((server.name.as_str(), before)),
            State::Unknown { .. } | State::Not { .. } => None,
        })
    }
}

fn not(node: &Node, plan: &Plan<'_>) -> State {
    let why = match plan.flag {
        Some(flag) if node.is_flag_unknown => {
            let flags: Vec<_> = node.report.flags.iter().map(|flag| flag.path.as_str()).collect();
            format!(" and has no flag {} (it has {})", flag.display(), list(&flags))
        }
        _ => {
            let names = node.exceptions(plan.goal);
            let names: Vec<_> =
                names.iter().map(|(name, state)| format!("{name} {}", state.label())).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            match node.scopes().len() == names.len() {
                true => String::new(),
                false => format!(" ({})", list(&names)),
            }
        }
    };
    let why = match node.behind() {
        Some(revision) => format!(" and has not applied revision {revision} yet"),
        None => why,
    };
    let is_partly = node.answer(plan.goal) == Answer::Partly;
    State::Not { text: node.state_text(), why, is_partly }
}
