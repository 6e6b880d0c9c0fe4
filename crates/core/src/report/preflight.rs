//! Forecasts the answer to a request.

use serde::Serialize;

use super::query::Question;
use crate::allow::{Admission, ClientRequest};
use crate::engine::gate::{self, Gate, Verdict};
use crate::events::EventSink;
use crate::flag::ActiveFlag;
use crate::flag::spec::Phase;

/// A question, and an answer for each server that the request could reach.
#[derive(Debug, Serialize)]
pub struct Preflight {
    pub(super) client: String,
    pub(super) path: String,
    pub(super) host: Option<String>,
    /// False if no server has the name, so that the answer is for httpd's default server.
    is_known_host: bool,
    answers: Vec<Forecast>,
}

/// The forecast for one server.
#[derive(Debug, Serialize)]
pub struct Forecast {
    /// The name of the server, with its port.
    pub server: String,
    /// The section of the innermost location of the path.
    pub location: Option<String>,
    /// The current outcome.
    pub now: Outcome,
    /// The outcome while the scope is closed.
    pub while_closed: Outcome,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// `open`, `allowed:KIND` or `blocked`, as in the note `maintenance`, `notice` for the public
    /// notice, or `off` if the engine is off.
    pub verdict: String,
    /// The status, if the request is refused.
    pub status: Option<u16>,
    /// The entry that admits the request, or the flag that closes the scope.
    pub reason: String,
    /// The request is also admitted if one of these environment variables is set. That is known
    /// only for real requests.
    pub unless_env: Vec<String>,
}

impl Preflight {
    /// Makes a preflight with these answers. `is_known_host` tells whether a server has the name in
    /// the question.
    pub fn new(question: &Question, is_known_host: bool, answers: Vec<Forecast>) -> Self {
        let host = question.host.as_ref().map(|host| match host.port {
            Some(port) => format!("{}:{port}", host.name),
            None => host.name.clone(),
        });
        let (client, path) = (question.client.to_string(), question.path.clone());
        Self { client, path, host, is_known_host, answers }
    }
}

impl Outcome {
    /// The outcome if the engine is off.
    pub fn off() -> Self {
        let reason = "MaintenanceEngine is Off".into();
        Self { verdict: "off".into(), status: None, reason, unless_env: vec![] }
    }

    /// The outcome for the public notice, which the module answers in any case.
    pub fn notice() -> Self {
        let reason = "answered by MaintenanceNotice".into();
        Self { verdict: "notice".into(), status: None, reason, unless_env: vec![] }
    }

    /// The outcomes now and while closed, for a request that may reach any of these gates, with the
    /// number of the gate that decides now or while closed.
    pub fn now_and_while_closed<'g>(
        (first, others): (&'g Gate, &[&'g Gate]),
        request: &impl ClientRequest,
        events: &impl EventSink,
    ) -> (usize, Self, Self) {
        let of = |(number, gate, verdict): (usize, &Gate, Verdict<'g>)| {
            (number, Self::of(verdict, gate, request))
        };
        let now = gate::strictest(first, others, |gate| gate.decide(request, events));
        if !matches!(now.2, Verdict::Open | Verdict::Announced(_)) {
            let (number, now) = of(now);
            let while_closed = now.clone();
            return (number, now, while_closed);
        }
        // If gates announce a closing, only those close; otherwise all of them do.
        let is_any_announced =
            first.is_announced() || others.iter().any(|gate| gate.is_announced());
        let (number, while_closed) = of(gate::strictest(first, others, |gate| {
            match gate.is_announced() || !is_any_announced {
                true => gate.decide_closed(request, events),
                false => gate.decide(request, events),
            }
        }));
        (number, of(now).1, while_closed)
    }

    fn of(verdict: Verdict<'_>, gate: &Gate, request: &impl ClientRequest) -> Self {
        let label = verdict.label().to_string_lossy().into_owned();
        let variables = gate.allowlist().variables();
        let (status, reason, unless_env) = match verdict {
            Verdict::Open => (None, open(gate), vec![]),
            Verdict::Announced(_) => (None, "a flag announces a closing".into(), vec![]),
            Verdict::HealthCheck(_) => (Some(200), "a health check".into(), vec![]),
            Verdict::Allowed(admission) => (None, by(&admission), vec![]),
            Verdict::Blocked(blocked) => (
                Some(gate.refusal().status(request)),
                match blocked.flag {
                    Some(flag) => format!("closed by {}{}", flag.display(), turn(&blocked.closing)),
                    None => "on no allowlist".into(),
                },
                variables.map(|name| name.to_string_lossy().into_owned()).collect(),
            ),
        };
        Self { verdict: label, status, reason, unless_env }
    }
}

/// Why the scope is open.
fn open(gate: &Gate) -> String {
    let inactive = gate.flags().iter().filter(|flag| flag.report().phase == Some(Phase::Inactive));
    let paths: Vec<_> = inactive.map(|flag| flag.path().display().to_string()).collect();
    match paths.is_empty() {
        true => "no flag closes the scope".into(),
        false => format!("no flag closes the scope; closed = false in {}", paths.join(", ")),
    }
}

/// When the client is admitted, as far as that is known.
fn turn(closing: &ActiveFlag) -> String {
    let Some(waiting) = &closing.waiting else { return String::new() };
    match waiting.turn {
        Some(turn) => format!(", which admits this address from {} on", turn.text_with_seconds()),
        None => ", which does not admit this address in its share".into(),
    }
}

fn by(admission: &Admission<'_>) -> String {
    format!("allowed by {admission}")
}
