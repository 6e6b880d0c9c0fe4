//! The page made from real gates, flags and statistics.

use std::fs;
use std::net::IpAddr;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::allow::AllowKind;
use crate::engine::gates::tests::{context, section, settings};
use crate::engine::gates::{Gates, Sections};
use crate::flag::{Flag, Observer};
use crate::report::flags::FlagState;
use crate::report::{
    Facts, Filter, Forecast, Format, Outcome, Query, Question, ScopeFacts, ScopeKind,
};
use crate::shared::table::Key;
use crate::stats::tests::new_stats;
use crate::stats::top_clients::RefusedRequest;
use crate::stats::{Arrival, Reason, ScopeRef, TrackedRequest, Worker};

const NOON: &str = "2026-11-22T12:00:00Z";
const STRANGE: &str = "<script>alert(1)</script>";

/// A virtual host with a location, and one that is off, with these contents of the flags `main` and
/// `inner`.
fn report(main: Option<&str>, inner: Option<&str>) -> Report<'static> {
    let folder = TempDir::new().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (name, content) in [("main", main), ("inner", inner)] {
        content.into_iter().for_each(|content| fs::write(path(name), content).expect(name));
    }
    fs::write(path("nodes"), "10.1.0.1\n10.2.0.0/16\n").expect("a file");
    let context = context(&[path("main"), path("inner")].each_ref().map(String::as_str));
    let own = format!(
        "MaintenanceFlag {}\nMaintenanceAllow file={} 10.0.0.1 host=gone.example.com path=/status",
        path("main"),
        path("nodes"),
    );
    let inner = format!("MaintenanceFlag {}\nMaintenanceAllow env=TRUSTED", path("inner"));
    let sections = Sections::from_iter([(1, section(&inner))]);
    let gates = Gates::new(&settings(&own), &sections, &context).expect("all flags");
    let (context, gates) = (Box::leak(Box::new(context)), Box::leak(Box::new(gates)));
    let now = NOON.parse().expect("a time");
    let flags: Vec<&Flag<'static>> = context.flags.iter().map(AsRef::as_ref).collect();
    for flag in &flags {
        flag.look(Observer::Child, now, &move || now, &mut |_| {});
    }
    let stats = new_stats();
    let [host, location] = stats.claim(&["host", "location"].map(Key::of), now)[..] else {
        panic!("two numbers")
    };
    let began = now - Duration::from_secs(72);
    let process = std::process::id() as i32;
    let here = Worker { process, connection: 7, generation: stats.generation() };
    let inside = gates.of(&1).expect("a gate");
    let tracked = |scope, reason| {
        let gate = if scope == host { gates.own() } else { inside };
        let scope_ref = ScopeRef { scope, flags: gate.bits() };
        let arrival = Arrival { worker: here, time: began.as_microsecond(), is_safe: false };
        let tracked = TrackedRequest::new(stats, scope_ref, arrival);
        tracked.let_in(scope_ref, reason);
        tracked
    };
    let running =
        [tracked(location, Reason::Open), tracked(location, Reason::Allowed(AllowKind::Env))];
    drop([tracked(host, Reason::Open), tracked(host, Reason::Allowed(AllowKind::File))]);
    stats.refuse(here, location, 503);
    let refuse = |address: u32, path: &str, agent: &str| {
        let (path, agent, time) = (path.as_bytes(), agent.as_bytes(), now);
        let address = IpAddr::from(address.to_be_bytes());
        stats.refused().count(RefusedRequest { address, path, agent, time }, 1);
    };
    // Enough addresses to displace each other.
    (0..20_000).for_each(|address| refuse(address, "/", ""));
    (0..99).for_each(|_| refuse(0x0a09_0909, STRANGE, STRANGE));
    let scope = |kind, location, gate: Option<(_, _)>| ScopeFacts {
        kind,
        reachable: true,
        server: "www.example.com:443".into(),
        location,
        addresses: vec!["*:443".into()],
        defined: Some("conf/httpd.conf:7".into()),
        gates: gate.iter().map(|(gate, _)| *gate).collect(),
        number: gate.map(|(_, number)| number),
    };
    let facts = Facts {
        server: "Apache/2.4.66".into(),
        machine: "web1".into(),
        now,
        check_interval: Duration::from_millis(500),
        scopes: vec![
            scope(ScopeKind::VirtualHost, None, Some((gates.own(), host))),
            scope(ScopeKind::Location, Some("<Location /blogs>".into()), Some((inside, location))),
            scope(ScopeKind::VirtualHost, None, None),
        ],
        flags,
        workers: vec![],
        stats,
    };
    Box::leak(Box::new(running)); // and never ends
    Report::new(facts, Filter::default())
}

fn shown(report: &Report<'_>, refresh: Option<u32>, preflight: Option<&Preflight>) -> String {
    let (question, filter, number) = Default::default();
    let query = Query { format: Format::Html, refresh, question, filter, page: number };
    page(report, &query, preflight).expect("a page")
}

/// The readable text, without tags.
fn words(page: &str) -> String {
    let (_, body) = page.split_once("<body>").expect("a body");
    let texts = body.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text));
    let text = texts.collect::<Vec<_>>().join(" ").replace("&#x2f;", "/").replace("&quot;", "\"");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.replace(" .", ".").replace(" ,", ",")
}

#[track_caller]
fn assert_says(page: &str, sentences: &[&str]) {
    let words = words(page);
    for sentence in sentences {
        assert!(words.contains(sentence), "{sentence} is missing: {words}");
    }
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn flags_in_all_states() {
    let full = "start = 2026-11-22T11:00:00Z\nend = 2026-11-22T13:30:00Z\nallow = [\"10.3.0.0/16\"]\n\
                retry_after = \"10m\"\ncolour = 1\n[message]\nen = \"<script>alert(1)</script>\"";
    let cases: [(_, _, &[&str]); _] = [
        (
            None,
            None,
            &[
                "All 3 scopes are open, 1 with MaintenanceEngine Off.",
                "2 requests are running, the oldest for 1 min 12 s.",
                "absent 2 flags in",
                "inner closes 1 of 3 scopes; last change now, noticed at 12:00:00 main closes 2 of 3",
                "main is absent Details",
                "inner and 1 other flag are absent Details",
            ],
        ),
        (
            Some(full),
            Some(""),
            &[
                "2 of 3 scopes are closed 2 closed 1 off Not closed: www.example.com:443 (MaintenanceEngine Off)",
                "Ends in 1 h 30 min, at 13:30:00, according to",
                "1 request from before the closing is still running, for 1 min 12 s. In addition, \
                 1 request of an admitted client is running.",
                "unknown key \"colour\"",
                "End 13:30:00, in 1 h 30 min; stays closed until it is removed",
                "Message (en) &lt;script&gt;alert(1)&lt;/script&gt; Admits 10.3.0.0/16 \
                 Retry-After 10 min",
            ],
        ),
        (
            None,
            Some(""),
            &["1 of 3 scopes is closed 1 closed 1 open 1 off Closed: www.example.com:443 \
                 &lt;Location /blogs&gt;"],
        ),
        (
            Some("start = 2026-11-22T13:00:00Z"),
            None,
            &["Announced All 3 scopes are open", "Closes in 1 h, at 13:00:00, by"],
        ),
        (
            Some("end = 2026-11-22T11:00:00Z"),
            None,
            &[
                "2 of 3 scopes are closed, 2 past the end 2 overdue 1 off Not closed",
                "Planned end 1 h ago, at 11:00:00, according to",
            ],
        ),
        (
            Some("end = 2026-11-22T11:00:00Z\nreopen = \"auto\""),
            None,
            &[
                "All 3 scopes are open",
                "past its end, open again",
                "1 h ago; reopens automatically",
            ],
        ),
        (
            Some("end = 2026-11-22T13:00:00Z\nreopen = \"auto\""),
            None,
            &["Reopens in 1 h, at 13:00:00"],
        ),
    ];
    for (main, inner, sentences) in cases {
        assert_says(&shown(&report(main, inner), None, None), sentences);
    }
}

#[test]
fn scopes_and_refused_clients() {
    let page = shown(&report(Some(""), None), None, None);
    assert_says(
        &page,
        &[
            "www.example.com:443 *:443 closed 0 0 1 1 0 Closed by",
            "<Location /blogs> closed 2 1 0 0 1 Closed by"
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .as_str(),
            "2 addresses and networks: 10.1.0.1 line 1, 10.2.0.0/16 line 2",
            "Details of www.example.com:443 1 not resolved Flags",
            "host=gone.example.com gone.example.com does not resolve path=/status",
            "Allowed 1 by file Defined conf/httpd.conf:7",
            "Refused 1 with 503",
            "off – – – – – MaintenanceEngine Off",
            "100+ clients were refused, most often 10.9.9.9.",
            "The first 25 of them; JSON has more.",
            "&lt;script&gt;alert(1)&lt;/script&gt; 12:00:00",
            " none 12:00:00",
            "Flags are checked every 0.5 s",
        ],
    );
    let number = page.matches("<th role=\"rowheader\" scope=\"row\" class=\"address\">").count();
    assert_eq!(number, 25);
    let fewer = words(&page).matches(" fewer ").count();
    assert!(fewer > 0, "of 20,000 addresses some were driven out");
}

/// What the report above does not have.
#[test]
fn rare_things() {
    let mut rare = report(Some(""), None);
    rare.in_flight.untracked = Some(1_002_034);
    rare.check_interval = 0.0;
    rare.stats.refused().clear(rare.now);
    for flag in rare.flags.iter_mut() {
        flag.error = Some("line 1: <never>".into());
        flag.state = FlagState::Unknown;
    }
    let page = shown(&rare, None, None);
    assert_says(
        &page,
        &[
            "1,002,034 more requests are running that could not be tracked",
            "Each request checks the flags",
            "main cannot be seen, treated as present line 1: &lt;never&gt; Closes",
        ],
    );
    assert!(page.contains("href=\"?refresh=5\"") && !words(&page).contains("Stop"), "{page}");
    assert_says(&page, &["0 clients were refused since the last closing, now.", "None."]);
    let page = shown(&nothing(), Some(90), None);
    let nothing = ["No flag is configured.", "0 clients were refused.", "None."];
    assert_says(&page, &nothing);
    assert_says(&page, &["Reloads every 1 min 30 s Stop reloading"]);
}

/// A server in which the engine is off.
fn nothing() -> Report<'static> {
    let facts = Facts {
        server: "Apache/2.4.66".into(),
        machine: String::new(),
        now: NOON.parse().expect("a time"),
        check_interval: Duration::ZERO,
        scopes: vec![],
        flags: vec![],
        workers: vec![],
        stats: new_stats(),
    };
    Report::new(facts, Filter::default())
}

#[test]
fn preflights() {
    let open = || Outcome {
        verdict: "open".into(),
        status: None,
        reason: "because".into(),
        unless_env: vec![],
    };
    let blocked = || Outcome {
        verdict: "blocked".into(),
        status: Some(503),
        unless_env: ["ONE", "TWO"].map(String::from).into(),
        ..open()
    };
    let forecast = |now, while_closed| Forecast {
        server: "www.example.com:443".into(),
        location: Some("<Location /blogs>".into()),
        now,
        while_closed,
    };
    let host = crate::report::Host { name: "a&b.example.com".into(), port: Some(443) };
    let client = "10.0.0.1".parse().expect("an address");
    let mut question = Question { client, path: "/?a=<b>\"&c".into(), host: None };
    let report = report(None, None);
    let one = Preflight::new(&question, true, vec![forecast(open(), blocked())]);
    let page = shown(&report, None, Some(&one));
    assert_says(
        &page,
        &[
            "Passes now and refused while closed: 10.0.0.1 for /?a=&lt;b&gt;\"&amp;c Details",
            "Now passes because While closed refused with 503: because; unless the environment has \
             ONE or TWO",
        ],
    );
    for text in [
        "name=\"path\" autocomplete=\"off\" autocapitalize=\"off\" spellcheck=\"false\" \
         value=\"&#x2f;?a=&lt;b&gt;&quot;&amp;c\"",
        "href=\"?client=10.0.0.1&amp;path=%2F%3Fa%3D%3Cb%3E%22%26c&amp;refresh=5\"",
    ] {
        assert!(page.contains(text), "{text} is missing: {page}");
    }
    question.host = Some(host);
    let several = vec![forecast(Outcome::off(), open()), forecast(blocked(), blocked())];
    let page = shown(&report, Some(7), Some(&Preflight::new(&question, false, several)));
    assert_says(
        &page,
        &[
            "www.example.com:443: passes now, passes while closed",
            "www.example.com:443: refused now, refused while closed",
            "No server has the name a&amp;b.example.com:443",
            "Now passes MaintenanceEngine is Off",
        ],
    );
    assert!(page.contains("name=\"refresh\" value=\"7\""), "{page}");
}
