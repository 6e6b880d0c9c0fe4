//! Random questions whose answers are then verified.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use fastrand::Rng;
use serde_json::Value;

use super::site::{CLIENTS, CONTENTS, FLAGS, NAMES, PATHS, ports_of, server};
use crate::status::{report, report_with};
use maintenance_harness::{Httpd, raw_bytes, replace_file};

/// The numbers of states and of questions in each.
const STATES: usize = 25;
const QUESTIONS: usize = 20;

/// A question, as it is asked.
#[derive(Clone, Debug)]
struct Question {
    client: String,
    path: &'static str,
    name: Option<&'static str>,
    port: Option<u16>,
}

impl Question {
    fn random(rng: &mut Rng, ports: [u16; 2]) -> Self {
        let parts = rng.choice(&CLIENTS).expect("one").split('x');
        let client = parts.map(str::to_owned).reduce(|all, part| {
            let number = rng.u8(1..100);
            format!("{all}{number}{part}")
        });
        let client = client.expect("an address");
        let name = (rng.u8(..10) > 0).then(|| *rng.choice(&NAMES).expect("one"));
        let port = name.and_then(|_| *rng.choice([None, Some(ports[0]), Some(ports[1])].iter())?);
        Self { client, path: rng.choice(&PATHS).expect("one"), name, port }
    }

    /// The host, as the question and the request have it.
    fn host(&self) -> Option<String> {
        let name = self.name?;
        Some(self.port.map_or(name.to_owned(), |port| format!("{name}:{port}")))
    }

    /// The answers, each with the port of its server.
    fn ask(&self, httpd: &Httpd, ports: [u16; 2]) -> Vec<(u16, Value)> {
        let path = self.path.replace('%', "%25").replace('&', "%26").replace('?', "%3F");
        let host = self.host().map(|host| format!("&host={host}")).unwrap_or_default();
        let question = format!("&client={}&path={}{host}", self.client, path.replace(';', "%3B"));
        let report = report_with(&httpd.client(), "first.test", &question);
        let preflight = &report["preflight"];
        let answers = preflight["answers"].as_array().expect("a list");
        let port = |answer: &Value| {
            let server = answer["server"].as_str().expect("a name");
            server.rsplit_once(':').expect("NAME:PORT").1.parse().expect("a port")
        };
        let answers: Vec<_> = answers.iter().map(|answer| (port(answer), answer.clone())).collect();
        let known: Vec<_> = match self.name {
            Some(name) => ports_of(name, ports),
            None => vec![ports[0]],
        };
        let known: Vec<_> =
            known.into_iter().filter(|port| self.port.is_none_or(|own| own == *port)).collect();
        assert_eq!(preflight["is_known_host"], !known.is_empty(), "{self:?}: {preflight:#}");
        let expected = match known.is_empty() {
            true => vec![self.port.unwrap_or(ports[0])],
            false => known,
        };
        let found: Vec<_> = answers.iter().map(|(port, _)| *port).collect();
        assert_eq!(found, expected, "{self:?}: {preflight:#}");
        answers
    }

    /// The real outcome: the status, and the gate's label.
    fn send(&self, httpd: &Httpd, port: u16) -> (u16, Option<String>) {
        let host = self.host().unwrap_or("first.test".into());
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: {}\r\nConnection: close\r\n\r\n",
            self.path, self.client
        );
        let address = SocketAddr::new(httpd.address().ip(), port);
        let answer = raw_bytes(address, request.as_bytes());
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let note = answer.lines().find_map(|line| line.strip_prefix("X-Note: "));
        let note = note.filter(|note| *note != "(null)").map(str::to_owned);
        (status.expect("a status"), note)
    }
}

/// Whether the forecast agrees with the real outcome.
fn agrees(outcome: &Value, (status, note): &(u16, Option<String>)) -> bool {
    match (outcome["verdict"].as_str().expect("a verdict"), note.as_deref()) {
        ("open" | "off", note) => note.is_none(),
        ("blocked", note) => note == Some("blocked") && outcome["status"] == *status,
        (verdict, note) => note == Some(verdict),
    }
}

fn put(path: &Path, content: Option<&str>) {
    match content {
        Some(content) => replace_file(path, content),
        None => drop(std::fs::remove_file(path)), // it may not be there
    }
}

/// Verdicts, and how often they were confirmed.
type Seen = BTreeMap<(&'static str, String), usize>;

/// One state, and questions in it.
fn try_state(number: usize, rng: &mut Rng, httpd: &Httpd, ports: [u16; 2], seen: &mut Seen) {
    let mut contents = FLAGS.map(|_| *rng.choice(&CONTENTS).expect("one"));
    contents[number % FLAGS.len()] = CONTENTS[number % CONTENTS.len()]; // each comes for sure
    let state = |contents: &[Option<&str>]| {
        for (name, content) in FLAGS.iter().zip(contents) {
            put(&httpd.path(name), *content);
        }
        // All flags have been seen: the next file may get the inode of a removed one.
        report(&httpd.client());
    };
    // The log must report each closing before it reports that a scope is open again.
    state(&contents.map(|content| content.filter(|text| text.starts_with("end")).map(|_| "")));
    state(&contents);
    let questions: Vec<_> = (0..QUESTIONS).map(|_| Question::random(rng, ports)).collect();
    let mut note = |when: &'static str, outcome: &Value| {
        let verdict = outcome["verdict"].as_str().expect("a verdict").to_owned();
        *seen.entry((when, verdict)).or_default() += 1;
    };
    let mut foreseen = vec![];
    for question in &questions {
        for (port, answer) in question.ask(httpd, ports) {
            let real = question.send(httpd, port);
            assert!(
                agrees(&answer["now"], &real),
                "{question:?} in {contents:?}: {real:?} at {port}, foreseen: {answer:#}"
            );
            note("now", &answer["now"]);
            match ["open", "announced"].iter().any(|open| answer["now"]["verdict"] == *open) {
                true => foreseen.push((question, port, answer)),
                false => assert_eq!(answer["now"], answer["while_closed"], "{question:?}"),
            }
        }
    }
    // Announced closings begin.
    let begun = contents.map(|content| match content {
        Some(text) => text.strip_prefix("start = 2099-01-01T00:00:00Z\n").or(Some(text)),
        None => None,
    });
    state(&begun);
    let mut open = vec![];
    for (question, port, answer) in foreseen {
        let real = question.send(httpd, port);
        let (now, closed) = (&question.ask(httpd, ports), &answer["while_closed"]);
        let now = now.iter().find(|(other, _)| *other == port).expect("an answer");
        assert!(agrees(&now.1["now"], &real), "{question:?} in {begun:?}: {real:?}, {:#}", now.1);
        if now.1["now"]["verdict"] == "open" {
            open.push((question, port, answer));
            continue;
        }
        assert!(
            agrees(closed, &real),
            "{question:?} in {begun:?}: {real:?} at {port}, foreseen: {answer:#}"
        );
        note("begun", closed);
    }
    // Scopes without an announcement are closed by an empty flag.
    put(&httpd.path("all.flag"), Some(""));
    report(&httpd.client());
    for (question, port, answer) in open {
        let real = question.send(httpd, port);
        assert!(
            agrees(&answer["while_closed"], &real),
            "{question:?} in {begun:?}, closed: {real:?} at {port}, foreseen: {answer:#}"
        );
        note("closed", &answer["while_closed"]);
    }
}

#[test]
fn five_hundred_questions() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("the same again: SEED={seed}"); // shown where the test fails
    let (httpd, ports) = server();
    let (mut rng, mut seen) = (Rng::with_seed(seed), Seen::new());
    for number in 0..STATES {
        try_state(number, &mut rng, &httpd, ports, &mut seen);
    }
    state_is_open(&httpd);
    println!("{seen:#?}");
    let count = |when: &str, verdict: &str| -> usize {
        let is_it = |(at, name): &(&str, String)| *at == when && name == verdict;
        seen.iter().filter(|(key, _)| is_it(key)).map(|(_, count)| count).sum()
    };
    for (when, verdict, least) in [
        ("now", "open", 60),
        ("now", "blocked", 30),
        ("now", "off", 5),
        ("now", "allowed:address", 5),
        ("now", "allowed:expr", 3),
        ("now", "allowed:path", 2),
        ("now", "allowed:file", 1),
        ("now", "allowed:host", 1),
        ("now", "allowed:plugin-cfg", 1),
        ("now", "allowed:flag", 1),
        ("begun", "blocked", 5),
        ("begun", "allowed:address", 1),
        ("closed", "blocked", 10),
        ("closed", "allowed:address", 2),
    ] {
        let came = count(when, verdict);
        assert!(came >= least, "{when} {verdict}: {came}, {seen:#?}");
    }
}

fn state_is_open(httpd: &Httpd) {
    for name in FLAGS {
        put(&httpd.path(name), None);
    }
    assert_eq!(report(&httpd.client())["state"], "open");
}
