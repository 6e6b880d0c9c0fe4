//! The status page in all its forms: what strangers have sent, and what stands in the
//! configuration, is shown as text, whatever it is.

#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use maintenance_core::report::{
    self, Facts, Forecast, Outcome, Pieces, Preflight, Query, Report, ScopeFacts, ScopeKind,
};
use maintenance_core::stats::top_clients::RefusedRequest;
use maintenance_core::stats::{ScopeId, Stats};

/// By way of a large stack.
static RECORDS: LazyLock<&Stats> = LazyLock::new(|| {
    let thread = thread::Builder::new().stack_size(1 << 30).spawn(Box::<Stats>::default);
    let stats = Box::leak(thread.unwrap().join().unwrap());
    stats.claim(&[], Timestamp::UNIX_EPOCH);
    stats
});

/// Where the input goes.
struct Words {
    path: Vec<u8>,
    agent: Vec<u8>,
    name: String,
    query: String,
}

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(4, |byte| *byte == b'\n').map(<[u8]>::to_vec);
    let mut next = || parts.next().unwrap_or_default();
    let [path, agent] = [next(), next()];
    let [name, query] = [next(), next()].map(|part| String::from_utf8_lossy(&part).into_owned());
    let harmless = Words {
        path: vec![b'x'; path.len()],
        agent: vec![b'x'; agent.len()],
        name: "x".repeat(name.chars().count()),
        query: query.clone(),
    };
    let words = Words { path, agent, name, query };
    let (shown, expected) = (Shown::of(&words), Shown::of(&harmless));
    assert_eq!(tags(&shown.html), tags(&expected.html), "{}", shown.html);
    assert_eq!(tags(&shown.section), tags(&expected.section), "{}", shown.section);
    assert_eq!(names(&shown.metrics), names(&expected.metrics), "{}", shown.metrics);
    assert_eq!(shown.lines.lines().count(), expected.lines.lines().count(), "{}", shown.lines);
    check_json(&shown.json, &words);
    check_hidden(&shown.html);
});

/// Everything that can be asked for.
struct Shown {
    html: String,
    section: String,
    json: String,
    metrics: String,
    lines: String,
}

impl Shown {
    fn of(words: &Words) -> Self {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        RECORDS.refused().clear(now);
        if !words.path.is_empty() {
            let address = IpAddr::from([192, 0, 2, 1]);
            let (path, agent) = (&words.path, &words.agent);
            let refusal = RefusedRequest { address, path, agent, time: now };
            RECORDS.refused().count(refusal, 1);
        }
        let name = || words.name.clone();
        let scope = |kind, location| ScopeFacts {
            kind,
            server: name(),
            location,
            addresses: vec![name()],
            reachable: words.query.len() % 3 != 0,
            defined: Some(name()),
            gates: vec![],
            number: Some(ScopeId::OTHERS),
        };
        let facts = || Facts {
            server: name(),
            machine: name(),
            now,
            check_interval: Duration::ZERO,
            scopes: vec![scope(ScopeKind::Server, None), scope(ScopeKind::Location, Some(name()))],
            flags: vec![],
            workers: vec![],
            stats: *RECORDS,
        };
        let plain = || Query::parse("", None).unwrap();
        let mut query = Query::parse(&words.query, None).unwrap_or_else(|_| plain());
        if let Some(part) = &mut query.filter.scope {
            // Longer than any name, so that harmless names are not found, either.
            part.push_str(&words.name.repeat(3));
        }
        // The formats show all scopes, also if a part of the name is asked for that none has.
        let all = Report::new(facts(), plain().filter);
        let report = Report::new(facts(), query.filter.clone());
        let preflight = query.question.as_ref().map(|question| {
            let answer = Forecast {
                server: name(),
                location: Some(name()),
                now: Outcome { reason: name(), unless_env: vec![name()], ..Outcome::off() },
                while_closed: Outcome::off(),
            };
            Preflight::new(question, words.query.len() % 2 == 0, vec![answer])
        });
        let html = report::page(&report, &query, preflight.as_ref()).unwrap();
        if let Some(preflight) = &preflight {
            check_links(&html, &query, preflight);
        }
        Self {
            html,
            section: report::html_section(&all),
            json: whole(report::json(&all, preflight.as_ref()).unwrap()),
            metrics: whole(report::metrics(&all)),
            lines: report::short_lines(&all),
        }
    }
}

fn whole(pieces: Pieces<'_>) -> String {
    pieces.collect::<Result<_, _>>().unwrap()
}

/// The links that ask the same question again do so.
fn check_links(html: &str, query: &Query, preflight: &Preflight) {
    let links = html.split("href=\"?").skip(1).map(|rest| rest.split('"').next().unwrap());
    let links = links.filter(|link| link.starts_with("client="));
    let mut count = 0;
    for link in links {
        let link = link.replace("&#x2f;", "/").replace("&amp;", "&");
        let link = link.split('#').next().unwrap();
        let again = Query::parse(link, None).expect("a query");
        assert_eq!(again.question, query.question, "{link}: {preflight:?}");
        let is_other = again.filter.state != query.filter.state || !link.contains("scope=");
        assert!(is_other || again.filter == query.filter, "{link}: {query:?}");
        count += 1;
    }
    assert!(count > 0, "no link");
}

/// What begins with `<`, up to the end of its name, and the quotes behind it: text has neither.
fn tags(html: &str) -> Vec<(&str, usize)> {
    let tag = |part: &'_ str| part.find([' ', '>', '\n']).unwrap_or(part.len());
    let parts = html.split('<').skip(1);
    parts.map(|part| (&part[..tag(part)], part.matches('"').count())).collect()
}

/// The names of the metrics with those of their labels.
fn names(metrics: &str) -> Vec<String> {
    let line = |line: &str| {
        let (mut name, mut is_value, mut letters) = (String::new(), false, line.chars());
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if is_value => drop(letters.next()),
                '"' => is_value = !is_value,
                _ if !is_value => name.push(letter),
                _ => {}
            }
        }
        assert!(!is_value, "{line}");
        name
    };
    metrics.split('\n').map(line).collect()
}

fn check_json(json: &str, words: &Words) {
    let document: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(document["server"], words.name.as_str());
    assert_eq!(document["scopes"][1]["location"], words.name.as_str());
    let clients = document["refused"]["clients"].as_array().unwrap();
    assert_eq!(clients.len(), usize::from(!words.path.is_empty()));
    for client in clients {
        for (shown, sent) in [("path", &words.path), ("user_agent", &words.agent)] {
            let text = client[shown].as_str().unwrap();
            let is_plain = sent.iter().all(|byte| (0x20..0x7f).contains(byte));
            assert_eq!(text.ends_with('…'), sent.len() > 128 || sent.ends_with("…".as_bytes()));
            assert!(!is_plain || sent.len() > 128 || text.as_bytes() == sent, "{text}");
        }
    }
}

/// Nothing of a stranger's turns or hides what is around it.
fn check_hidden(html: &str) {
    let rows = html.split("data-label=\"Last path\">").nth(1);
    let row = rows.and_then(|rows| rows.split("</tr>").next()).unwrap_or("");
    let hidden = |c: char| {
        matches!(c, '\u{ad}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || ('\u{e0000}'..='\u{e007f}').contains(&c)
    };
    assert!(!row.contains(hidden), "{row}");
}
