//! `explain`: what the servers would do with a client.

use std::net::IpAddr;

use clap::Args;

use super::of_servers::OfServers;
use crate::exit::{Exit, Outcome};
use crate::servers::fleet::Reading;
use crate::servers::report::{Answer, Report, Verdict};
use crate::servers::site::list;
use crate::settings::Settings;
use crate::terminal::{self, Screen};

/// Explain what the servers would do with a client
///
/// Exit code: 0 if the client passes while the site is closed, 1 if it does not, 2 if the servers
/// differ, 3 if one of them gives no answer.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    of: OfServers,
    /// The address of the client, as httpd sees it; the same as --client
    #[arg(value_name = "ADDR", required_unless_present = "client", conflicts_with = "client")]
    address: Option<IpAddr>,
    /// The address of the client, as httpd sees it
    #[arg(long, value_name = "ADDR")]
    client: Option<IpAddr>,
    /// The path, as in a request
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = path)]
    path: String,
    /// The host, or host:port; otherwise that of the status page's URL
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.to_owned()),
        false => Err(format!("a path begins with /; write /{text}")),
    }
}

impl Explain {
    /// # Errors
    /// The settings cannot be used.
    pub(crate) fn run(&self, settings: &Settings) -> Outcome {
        let fleet = self.of.servers.some(settings)?;
        let client = self.client().map(|client| client.to_string()).unwrap_or_default();
        let mut query = vec![("client", client.as_str()), ("path", self.path.as_str())];
        query.extend(self.host.as_deref().map(|host| ("host", host)));
        let readings = fleet.ask(&query, &|| false).unwrap_or_default();
        let exit = exit(&readings);
        let text = match self.json {
            true => json(&readings),
            false => self.text(&client, &readings) + &self.hint(&client, &readings, settings),
        };
        for reading in &readings {
            if let Err(fault) = &reading.report {
                terminal::warn(&format!("{} {fault}", reading.name));
            }
        }
        let _ = Screen::new().write(&text); // nobody may be reading
        Ok(exit)
    }

    fn client(&self) -> Option<IpAddr> {
        self.client.or(self.address)
    }

    /// How to let the client in, if every server that answers refuses it for not being on a list.
    fn hint(&self, client: &str, readings: &[Reading], settings: &Settings) -> String {
        let answers = readings.iter().filter_map(|reading| reading.report.as_ref().ok());
        let answers = answers.filter_map(|report| report.preflight.as_ref());
        let answers: Vec<_> = answers.flat_map(|preflight| &preflight.answers).collect();
        let is_refused = |answer: &&Answer| answer.while_closed.verdict == "blocked";
        if answers.is_empty() || !answers.iter().all(is_refused) {
            return String::new();
        }
        let file = if settings.allow.is_some() { "" } else { " --file FILE" };
        format!(
            "\n{client} is on no allowlist; to let it in: maintenancectl allow {client} --for \
             2h{file}\n"
        )
    }

    fn text(&self, client: &str, readings: &[Reading]) -> String {
        let mut groups: Vec<(String, Vec<&str>)> = vec![];
        for Reading { name, report, .. } in readings {
            let Ok(report) = report else { continue };
            let said = said(report);
            match groups.iter_mut().find(|(known, _)| *known == said) {
                Some((_, names)) => names.push(name),
                None => groups.push((said, vec![name])),
            }
        }
        let mut text = format!("{client} {}", self.path);
        text += &self.host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default();
        text.push('\n');
        for (said, names) in groups {
            text += &format!("\n{}:\n{said}", list(&names));
        }
        text
    }
}

fn said(report: &Report) -> String {
    let Some(preflight) = &report.preflight else {
        return "  no answer; update the module\n".into();
    };
    let mut text = String::new();
    if let (Some(host), false) = (&preflight.host, preflight.is_known_host) {
        text += &format!("  no server is called {host}; httpd falls back to this one:\n");
    }
    if preflight.answers.is_empty() {
        text += "  httpd does not listen on this port\n";
    }
    for Answer { server, location, now, while_closed } in &preflight.answers {
        let place = [Some(server.as_str()), location.as_deref()].into_iter().flatten();
        text += &format!("  {}\n", place.collect::<Vec<_>>().join(" "));
        text += &verdict("now", now);
        if while_closed != now {
            text += &verdict("while closed", while_closed);
        }
    }
    text
}

fn verdict(when: &str, verdict: &Verdict) -> String {
    let does = match (verdict.passes(), verdict.status) {
        (true, _) => format!("passes ({})", verdict.verdict),
        (false, Some(status)) => format!("is refused with {status}"),
        (false, None) => verdict.verdict.clone(),
    };
    let mut text = format!("    {:<13} {does}: {}\n", format!("{when}:"), verdict.reason);
    if !verdict.unless_env.is_empty() {
        let names = verdict.unless_env.join(", ");
        text += &format!("    {:<13} unless one of these is set: {names}\n", "");
    }
    text
}

/// Whether the client passes everywhere while the site is closed.
fn exit(readings: &[Reading]) -> Exit {
    let mut answers = vec![];
    for reading in readings {
        let preflight = reading.report.as_ref().ok().and_then(|report| report.preflight.as_ref());
        match preflight {
            Some(preflight) if !preflight.answers.is_empty() => {
                answers.extend(preflight.answers.iter().map(|answer| answer.while_closed.passes()));
            }
            _ => return Exit::Unknown,
        }
    }
    match (answers.contains(&true), answers.contains(&false)) {
        (true, false) => Exit::Done,
        (false, true) => Exit::No,
        (true, true) => Exit::Unusable,
        (false, false) => Exit::Unknown,
    }
}

fn json(readings: &[Reading]) -> String {
    let verdict = |verdict: &Verdict| {
        serde_json::json!({
            "passes": verdict.passes(), "verdict": verdict.verdict, "status": verdict.status,
            "reason": verdict.reason, "unless_env": verdict.unless_env,
        })
    };
    let answer = |answer: &Answer| {
        serde_json::json!({
            "server": answer.server, "location": answer.location,
            "now": verdict(&answer.now), "while_closed": verdict(&answer.while_closed),
        })
    };
    let server = |Reading { name, url, report, .. }: &Reading| {
        let (answers, error) = match report {
            Ok(report) => {
                let answers = report.preflight.iter().flat_map(|preflight| &preflight.answers);
                (answers.map(answer).collect::<Vec<_>>(), serde_json::Value::Null)
            }
            Err(fault) => {
                let (kind, message) = (fault.kind(), fault.to_string());
                (vec![], serde_json::json!({ "kind": kind, "message": message }))
            }
        };
        serde_json::json!({ "name": name, "url": url, "answers": answers, "error": error })
    };
    let servers: Vec<_> = readings.iter().map(server).collect();
    format!("{:#}\n", serde_json::json!({ "servers": servers }))
}
