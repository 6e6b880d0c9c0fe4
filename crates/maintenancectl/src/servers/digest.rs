//! A report in short, as a server of a fleet tells it to the store.

use std::path::Path;

use super::report::{Flag, InFlight, Report, Scope};

/// How many scopes, running requests and refused clients are told.
const LISTED: usize = 20;

impl Report {
    /// The report without what is not asked for in a fleet: the scopes of other flags, and the
    /// requests and clients that nobody would look at. What is judged is left as it is.
    pub(crate) fn digest(mut self, flag: &Path) -> Self {
        let path = flag.display().to_string();
        let is_known = self.flags.iter().any(|flag| flag.path == path);
        if is_known {
            let all = self.scopes.len();
            self.scopes.retain(|scope| scope.flags.contains(&path));
            if self.scopes.len() < all {
                self.in_flight.tracked = InFlight::default();
                self.scopes.iter().for_each(|it| self.in_flight.tracked.add(&it.in_flight));
            }
            // Another flag can close the same scope, which then has to be said.
            let is_own = |flag: &Flag| {
                flag.path == path
                    || (flag.closes && self.scopes.iter().any(|it| it.flags.contains(&flag.path)))
            };
            self.flags.retain(is_own);
        }
        for scope in &mut self.scopes {
            scope.allow.clear();
            scope.pages.clear();
        }
        if self.scopes.len() > LISTED {
            self.scopes = together(&self.scopes);
        }
        self.flags.truncate(LISTED.max(1));
        self.running.retain(|request| request.from_before_closing);
        self.running.truncate(LISTED / 4);
        self.refused.clients.truncate(LISTED / 4);
        self.preflight = None;
        self
    }
}

/// Reduces the scopes to one for each state. Scopes that no request can reach form
/// groups of their own.
fn together(scopes: &[Scope]) -> Vec<Scope> {
    let mut all: Vec<(Scope, usize)> = vec![];
    for scope in scopes {
        let is_same = |(known, _): &&mut (Scope, usize)| {
            known.state == scope.state && known.reachable == scope.reachable
        };
        match all.iter_mut().find(is_same) {
            None => all.push((scope.clone(), 1)),
            Some((known, count)) => {
                *count += 1;
                known.in_flight.add(&scope.in_flight);
                known.totals.refused = known.totals.refused.saturating_add(scope.totals.refused);
            }
        }
    }
    let named = |(mut scope, count): (Scope, usize)| {
        if count > 1 {
            (scope.server, scope.location) = (format!("{count} scopes"), None);
        }
        scope
    };
    all.into_iter().map(named).collect()
}

impl InFlight {
    fn add(&mut self, other: &Self) {
        let oldest = &mut self.oldest_from_before_closing;
        *oldest = (*oldest).max(other.oldest_from_before_closing);
        for (sum, count) in [
            (&mut self.requests, other.requests),
            (&mut self.from_before_closing, other.from_before_closing),
            (&mut self.upgraded_from_before_closing, other.upgraded_from_before_closing),
            (&mut self.streams_from_before_closing, other.streams_from_before_closing),
        ] {
            *sum = sum.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::servers::fake::one_scope;
    use crate::servers::node::{Answer, Goal, Node};

    fn report(value: Value) -> Report {
        serde_json::from_value(value).expect("a report")
    }

    fn scope(state: &str, flag: &str, before: u64) -> Value {
        json!({
            "server": "www", "state": state, "flags": [flag], "totals": {"refused": 2},
            "in_flight": {
                "requests": before, "from_before_closing": before,
                "oldest_from_before_closing": before,
            },
        })
    }

    /// What is judged does not depend on what is left out, also after the way through the store.
    #[test]
    fn says_the_same() {
        let flag = Path::new("/run/flag");
        for states in [&["closed"][..], &["open"], &["closed", "open"], &["closed", "off"]] {
            for count in [1, 30, 100] {
                let mut value = one_scope("closed", 3);
                let scopes: Vec<_> = (0..count * states.len())
                    .map(|number| scope(states[number % states.len()], "/run/flag", 1))
                    .chain([scope("open", "/run/other", 5)])
                    .collect();
                value["scopes"] = scopes.into();
                let whole = report(value);
                let text = serde_json::to_string(&whole.clone().digest(flag)).expect("JSON");
                assert!(text.len() < 8192, "{} bytes", text.len());
                let short = report(serde_json::from_str(&text).expect("JSON"));
                let (whole, short) = (Node::new(whole, Some(flag)), Node::new(short, Some(flag)));
                for goal in [Goal::Closed, Goal::Open, Goal::ReadOnly] {
                    assert_eq!(whole.answer(goal), short.answer(goal), "{states:?} {goal:?}");
                }
                assert_eq!(whole.refused(), short.refused());
                assert_eq!(whole.before(), short.before(), "{states:?}");
                assert_eq!(whole.state(), short.state());
            }
        }
    }

    #[test]
    fn an_unknown_flag_hides_nothing() {
        let whole = report(one_scope("closed", 3)).digest(Path::new("/run/other"));
        let node = Node::new(whole, Some(Path::new("/run/other")));
        assert!(node.is_flag_unknown);
        assert_eq!(node.answer(Goal::Closed), Answer::Yes);
    }
}
