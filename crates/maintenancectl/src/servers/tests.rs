//! What reports mean, for one server and for several.

use std::path::Path;

use serde_json::{Value, json};

use super::body;
use super::fake::one_scope;
use super::fault::Fault;
use super::fleet::Reading;
use super::node::{Answer, Goal, Node};
use super::report::Report;
use super::site::Site;
use crate::exit::Exit;

fn report(value: &Value) -> Report {
    body::parse(value.to_string().as_bytes(), None).expect("a report")
}

/// A report with scopes in these states. Flags and reachability follow the state: `closed@/a,/b`,
/// `open!` cannot be reached.
fn of_scopes(scopes: &[&str]) -> Value {
    let mut value = one_scope("closed", 2);
    let scope = value["scopes"][0].clone();
    let scopes = scopes.iter().enumerate().map(|(number, words)| {
        let (state, flags) = words.split_once('@').unwrap_or((words, "/run/flag"));
        let mut scope = scope.clone();
        scope["server"] = format!("s{number}").into();
        scope["flags"] = flags.split(',').collect::<Vec<_>>().into();
        if let Some(state) = state.strip_suffix('!') {
            scope["state"] = state.into();
            scope["reachable"] = false.into();
        } else {
            scope["state"] = state.into();
        }
        scope
    });
    value["scopes"] = scopes.collect::<Vec<_>>().into();
    value
}

#[test]
fn scopes_of_one_server() {
    use Answer::{No, Partly, Unknown, Yes};
    // The answers to closed, read-only and open.
    for (scopes, flag, expected, text) in [
        (&["closed"][..], None, [Yes, Yes, No], "closed"),
        (&["overdue"], None, [Yes, Yes, No], "overdue"),
        (&["closed", "overdue"], None, [Yes, Yes, No], "overdue"),
        (&["open"], None, [No, No, Yes], "open"),
        (&["announced", "open"], None, [No, No, Yes], "announced in 1 of 2 scopes"),
        (&["read_only"], None, [No, Yes, No], "read-only"),
        (&["read_only", "closed"], None, [Partly, Yes, No], "closed in 1 of 2 scopes"),
        (&["reopening"], None, [No, No, No], "reopening"),
        (&["shut_by_magic"], None, [No, No, No], "unknown"),
        (&["closed", "shut_by_magic"], None, [Partly, Partly, No], "unknown in 1 of 2 scopes"),
        (&["closed", "open"], None, [Partly, Partly, Partly], "closed in 1 of 2 scopes"),
        // Off says nothing, unless everything is off.
        (&["closed", "off"], None, [Yes, Yes, No], "closed"),
        (&["off", "off"], None, [No, No, Yes], "off"),
        // A scope that no request reaches says nothing.
        (&["open!", "closed"], None, [Yes, Yes, No], "closed"),
        (&["open!", "open"], None, [No, No, Yes], "open"),
        (&["closed!"], None, [Yes, Yes, No], "closed"),
        // A flag limits the question to its scopes.
        (&["closed@/run/flag,/a", "open@/a"], Some("/run/flag"), [Yes, Yes, No], "closed"),
        (&["open@/run/flag", "closed@/a"], Some("/run/flag"), [No, No, Yes], "open"),
        (&["open!@/run/flag", "closed@/a"], Some("/run/flag"), [No, No, Yes], "open"),
        // A flag that the server does not have does not.
        (
            &["closed", "open@/a"],
            Some("/other"),
            [Partly, Partly, Partly],
            "closed in 1 of 2 scopes",
        ),
        (&[], None, [Unknown, Unknown, Unknown], "unknown in 0 of 0 scopes"),
        (&["closed@/a"], Some("/run/flag"), [Unknown; 3], "unknown in 0 of 0 scopes"),
    ] {
        let node = Node::new(report(&of_scopes(scopes)), flag.map(Path::new));
        let answers = [Goal::Closed, Goal::ReadOnly, Goal::Open].map(|goal| node.answer(goal));
        assert_eq!(answers, expected, "{scopes:?} {flag:?}");
        assert_eq!(node.state_text(), text.replace("unknown in 0 of 0 scopes", "unknown"));
        assert_eq!(node.is_flag_unknown, flag == Some("/other"));
    }
}

#[test]
fn requests_from_before() {
    let flight = |before: u64, upgraded: u64| {
        json!({
            "requests": before + 5, "from_before_closing": before,
            "streams_from_before_closing": upgraded,
            "oldest_from_before_closing": (before > 0).then_some(before * 10),
        })
    };
    let mut value = of_scopes(&["closed", "closed@/a"]);
    value["scopes"][0]["in_flight"] = flight(3, 1);
    value["scopes"][1]["in_flight"] = flight(4, 0);
    // One of a scope that a restart has removed.
    value["in_flight"] = flight(8, 1);
    value["in_flight"]["untracked"] = 0.into();
    let all = Node::new(report(&value), None).before();
    assert_eq!((all.draining, all.lasting, all.oldest), (7, 1, Some(80)));
    assert_eq!([all.waiting_for(false), all.waiting_for(true)], [8, 7]);
    let own = Node::new(report(&value), Some(Path::new("/run/flag"))).before();
    assert_eq!((own.draining, own.lasting, own.oldest), (2, 1, Some(30)));
    assert_eq!(
        own.text(),
        "2 requests from before the closing still run, 1 WebSocket or event stream from before \
         the closing is still open, the oldest for 30 s"
    );
    // It is not known what the untracked requests do.
    value["in_flight"]["untracked"] = 2.into();
    let own = Node::new(report(&value), Some(Path::new("/run/flag"))).before();
    assert_eq!(own.waiting_for(true), 4);
}

fn site(reports: &[Result<Value, Fault>]) -> Site {
    let reading = |(number, value): (usize, &Result<Value, Fault>)| Reading {
        name: format!("web{}", number + 1),
        url: "http://127.0.0.1/".into(),
        report: value.as_ref().map(report).map_err(Clone::clone),
        told: None,
    };
    Site::new(reports.iter().enumerate().map(reading).collect(), None)
}

#[test]
fn answers_of_several_servers() {
    let fault = || Err(Fault::Refused);
    let of = |state: &str| Ok(one_scope(state, 0));
    for (servers, expected, text) in [
        (vec![of("closed")], [Exit::Done, Exit::No], "closed"),
        (vec![of("closed"), of("closed")], [Exit::Done, Exit::No], "closed on both servers"),
        (vec![of("open"), of("open")], [Exit::No, Exit::Done], "open on both servers"),
        (
            vec![of("open"), of("closed"), of("open")],
            [Exit::Unusable, Exit::Unusable],
            "closed on web2; open on web1, web3",
        ),
        (vec![of("read_only")], [Exit::No, Exit::No], "read-only"),
        (
            vec![of("reopening"), of("open")],
            [Exit::No, Exit::Unusable],
            "reopening on web1; open on web2",
        ),
        (vec![Ok(of_scopes(&["closed", "open"]))], [Exit::Unusable; 2], "closed in 1 of 2 scopes"),
        (
            vec![of("closed"), fault()],
            [Exit::Unknown, Exit::Unknown],
            "closed on web1; no report from web2",
        ),
        (
            vec![of("open"), fault()],
            [Exit::Unknown, Exit::Unknown],
            "open on web1; no report from web2",
        ),
        (vec![fault()], [Exit::Unknown, Exit::Unknown], "no report from web1"),
        (vec![], [Exit::Unknown, Exit::Unknown], ""),
    ] {
        let site = site(&servers);
        let answers = [Goal::Closed, Goal::Open].map(|goal| site.answer(goal));
        assert_eq!(answers, expected, "{text}");
        assert_eq!(site.states_text(), text);
    }
    let many = site(&(0..9).map(|_| fault()).collect::<Vec<_>>());
    assert_eq!(many.states_text(), "no report from web1, web2, web3, web4, web5 and 4 others");
}

#[test]
fn differences() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut value = one_scope("closed", 0);
        change(&mut value);
        Ok(value)
    };
    let end = |value: &mut Value, end: &str| value["flags"][0]["end"] = end.into();
    let late = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(60);
    let site = site(&[
        with(&|value| end(value, "2026-11-28T23:00:00Z")),
        with(&|value| {
            end(value, "2026-11-28T23:00:00Z");
            value["version"] = "0.0.9".into();
            value["time"] = late.to_string().into();
        }),
        with(&|value| {
            end(value, "2026-11-28T22:00:00+01:00");
            value["scopes"][0]["pages"] =
                json!([{ "file": { "path": "/etc/page.html", "problem": "it is empty" } }]);
        }),
        Err(Fault::Refused),
    ]);
    let warnings = site.warnings(jiff::Timestamp::now());
    let expected = [
        "web2 has version 0.0.9 of the module, the others 0.1.0",
        "web3 says that /run/flag ends at 2026-11-28T21:00:00Z, the others at 2026-11-28T23:00:00Z",
        "web2: its clock is 60 s behind this machine's",
        "web3: /etc/page.html: it is empty",
    ];
    assert_eq!(warnings, expected);
}

#[test]
fn clients_of_several_servers() {
    let of = |clients: Value| {
        let mut value = one_scope("closed", 0);
        value["refused"]["clients"] = clients;
        Ok(value)
    };
    let client = |address: &str, count: u64| json!({ "address": address, "count": count, "error": 0, "path": "/\u{1b}[31m", "user_agent": "", "time": null });
    let site = site(&[
        of(json!([client("10.0.0.1", 5), client("10.0.0.2", 4)])),
        of(json!([client("10.0.0.2", 3), client("10.0.0.1", u64::MAX)])),
    ]);
    let refused = site.refused();
    let counts: Vec<_> =
        refused.iter().map(|client| (client.address.as_str(), client.count)).collect();
    assert_eq!(counts, [("10.0.0.1", u64::MAX), ("10.0.0.2", 7)]);
    assert_eq!(refused[1].servers, ["web1", "web2"]);
    assert_eq!(refused[1].path, "/\\u{1b}[31m", "no server controls the terminal");
}
