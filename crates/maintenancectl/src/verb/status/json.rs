//! What the servers do, for programs.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::servers::node::{Before, Node};
use crate::servers::report::Flag;
use crate::servers::site::{Refused, Server, Site};

/// One document for all servers, in several lines or, for `--watch`, in one.
pub(super) fn document(site: &Site, now: Timestamp, is_pretty: bool) -> String {
    let document = json!({
        "time": now.strftime("%FT%TZ").to_string(),
        "state": site.state().map(|state| state.label()),
        "in_flight": in_flight(site.requests(), &site.before()),
        "servers": site.servers.iter().map(server).collect::<Vec<_>>(),
        "refused": site.refused().iter().map(client).collect::<Vec<_>>(),
        "warnings": site.warnings(now),
    });
    let text = if is_pretty { format!("{document:#}") } else { document.to_string() };
    text + "\n"
}

fn in_flight(requests: u64, before: &Before) -> Value {
    json!({
        "requests": requests,
        "from_before_closing": before.draining.saturating_add(before.lasting),
        "upgraded_from_before_closing": before.lasting,
        "oldest_from_before_closing": before.oldest,
        "untracked": before.untracked,
    })
}

fn server(server: &Server) -> Value {
    let mut members = match &server.node {
        Ok(node) => of_node(node),
        Err(fault) => Map::from_iter([
            ("state".to_owned(), Value::Null),
            ("error".into(), json!({ "kind": fault.kind(), "message": fault.to_string() })),
        ]),
    };
    members.insert("name".into(), server.name.as_str().into());
    members.insert("url".into(), server.url.as_str().into());
    Value::Object(members)
}

fn of_node(node: &Node) -> Map<String, Value> {
    let report = &node.report;
    let scope = |scope: &&crate::servers::report::Scope| json!({ "name": scope.name(), "state": scope.state.label() });
    let value = json!({
        "state": node.state().label(),
        "error": null,
        "machine": report.machine,
        "version": report.version,
        "httpd": report.server,
        "in_flight": in_flight(report.in_flight.tracked.requests, &node.before()),
        "refused": node.refused(),
        "scopes": node.scopes().iter().map(scope).collect::<Vec<_>>(),
        "flags": node.flags().into_iter().map(flag).collect::<Vec<_>>(),
    });
    let mut members = value.as_object().cloned().unwrap_or_default();
    if let Some(told) = &node.told {
        members.insert("revision".into(), told.revision.into());
        members.insert("is_behind".into(), told.is_behind.is_some().into());
        members.insert("command".into(), told.command.as_str().into());
    }
    members
}

fn flag(flag: &Flag) -> Value {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "path": flag.path,
        "state": flag.state,
        "since": time(flag.since()),
        "start": time(flag.start),
        "end": time(flag.end),
        "by": flag.by(),
        "reason": flag.reason,
        "ticket": flag.ticket,
        "share": flag.share,
        "error": flag.error,
        "warnings": flag.warnings,
    })
}

fn client(client: &Refused) -> Value {
    json!({
        "address": client.address,
        "count": client.count,
        "path": client.path,
        "user_agent": client.user_agent,
        "servers": client.servers,
    })
}
