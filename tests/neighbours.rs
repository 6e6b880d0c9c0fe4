//! The module together with other modules. While the site is closed, it answers before them and
//! they do nothing. Admitted clients, and all clients while the site is open, get the usual
//! answers.

mod access;
mod address;
mod cache;
mod certificates;
mod clients;
mod filters;
mod firewall;
mod handlers;
mod peer;
mod proxies;
mod quick_cache;
mod rewrite;
pub mod secure;

use maintenance_harness::client::Answer;
use maintenance_harness::{Client, Httpd, Setup, page_with, without_host};

/// The fields of a refusal. Any other field would come from another module.
const FIELDS: [&str; 10] = [
    "cache-control",
    "connection",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "maintenance",
    "retry-after",
    "server",
    "vary",
];

/// A request, and its answer while the site is open.
struct Ask {
    method: &'static str,
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
    status: u16,
    /// A part of the header section or the body.
    shows: String,
    /// The status of a refusal.
    refusal: u16,
}

fn ask(method: &'static str, path: &'static str, status: u16, shows: impl Into<String>) -> Ask {
    Ask { method, path, headers: vec![], body: "", status, shows: shows.into(), refusal: 500 }
}

fn get(path: &'static str, status: u16, shows: impl Into<String>) -> Ask {
    ask("GET", path, status, shows)
}

impl Ask {
    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, body: &'static str) -> Self {
        self.body = body;
        self
    }

    fn refusal(mut self, status: u16) -> Self {
        self.refusal = status;
        self
    }

    #[track_caller]
    fn of(&self, client: &Client) -> Answer {
        let mut request = client.request(self.method, self.path);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !self.body.is_empty() {
            request = request.body(self.body);
        }
        client.send(request)
    }

    /// The other module's own answer.
    #[track_caller]
    fn assert_answered(&self, client: &Client, to: &str) {
        let answer = self.of(client);
        let named = format!("{to}: {} {} {:?}", self.method, self.path, self.headers);
        let mut text = String::new();
        for (name, value) in &answer.headers {
            text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
        }
        text.push_str(&answer.body);
        assert_eq!(answer.status, self.status, "{named}: {text}");
        assert!(text.contains(&self.shows), "{named}: no {:?} in {text}", self.shows);
    }

    #[track_caller]
    fn assert_refused(&self, client: &Client) {
        let answer = self.of(client);
        match self.refusal {
            500 => answer.assert_refused(),
            status => assert_eq!(
                (answer.status, without_host(&answer.body)),
                (status, without_host(&page_with(status)))
            ),
        }
        let others: Vec<_> =
            answer.headers.keys().filter(|name| !FIELDS.contains(&name.as_str())).collect();
        assert!(others.is_empty(), "{others:?} of a neighbour: {answer:?}");
    }
}

/// How much work the other module, or its backend, has done so far.
type Work<'a> = &'a dyn Fn(&Httpd) -> usize;

/// Open, closed and open again, with a module that leaves no trace except its answers.
#[track_caller]
fn round(setup: Setup, asks: &[Ask]) -> Httpd {
    play(setup, asks, None)
}

/// With a module whose work can be counted: none while the site is closed, some for each admitted
/// request.
#[track_caller]
fn round_counting(setup: Setup, asks: &[Ask], work: Work) -> Httpd {
    play(setup, asks, Some(work))
}

#[track_caller]
fn play(setup: Setup, asks: &[Ask], work: Option<Work>) -> Httpd {
    let httpd = setup.directives("MaintenanceAllow 127.0.0.2").start();
    let (public, admitted) = (httpd.client(), httpd.client_from("127.0.0.2"));
    let done = || work.map_or(0, |work| work(&httpd));
    let assert_answered = |client: &Client, to: &str| {
        let before = done();
        asks.iter().for_each(|ask| ask.assert_answered(client, to));
        assert!(work.is_none() || done() > before, "{to}: the work is not counted");
    };
    assert_answered(&public, "open");
    let before = done();
    httpd.close();
    asks.iter().for_each(|ask| ask.assert_refused(&public));
    assert_eq!(done(), before, "work for those who are refused");
    assert_answered(&admitted, "admitted");
    httpd.open();
    assert_answered(&public, "open again");
    httpd
}
