//! The keys of the flag file: what they show and to whom, and what `closed = false` is called
//! everywhere.

use std::time::Duration;

use crate::status::{ONE_CHILD, STATUS, report};
use maintenance_harness::{Client, Httpd, Mpm, Setup, replace_file, wait_for};
use serde_json::{Value, json};

const NIGHT: &str = "by = 'Anna <anna@example.com>'
    ticket = 'CHG-4711'
    reason = 'secret disks'
    start = 2026-01-01T22:00:00Z
    announce_from = 2026-01-01T08:00:00Z
    [title]
    en = 'New <disks>'
    de = 'Neue Platten'";

fn start(mpm: Mpm) -> Httpd {
    let setup = Setup::new(STATUS).mpm(mpm).http2_where_possible();
    match mpm {
        Mpm::Event => setup.directives(ONE_CHILD).start(),
        _ => setup.start(),
    }
}

fn page(client: &Client, accept: &str, language: &str) -> String {
    let request = client.request("GET", "/").header("Accept", accept);
    client.send(request.header("Accept-Language", language)).body
}

/// The heading is shown in each form and language; who, why and which ticket are not shown at all.
#[test]
fn what_the_public_sees() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let httpd = start(mpm);
        replace_file(&httpd.flag(), NIGHT);
        for client in httpd.clients() {
            for (accept, language, heading) in [
                ("text/html", "en", "<h1 dir=\"auto\" lang=\"en\">New &lt;disks&gt;</h1>"),
                ("text/html", "de-AT", "<h1 dir=\"auto\" lang=\"de\">Neue Platten</h1>"),
                ("text/html", "fr", "<title>New &lt;disks&gt;</title>"),
                ("text/plain", "de", "Neue Platten\n\n"),
                ("application/json", "de", "\"title\":\"Neue Platten\""),
                ("application/json", "en", "\"title\":\"New <disks>\""),
            ] {
                let body = page(&client, accept, language);
                assert!(body.contains(heading), "{accept} {language}: {body}");
                for secret in ["Anna", "CHG-4711", "secret"] {
                    assert!(!body.contains(secret), "{accept}: {body}");
                }
            }
            assert!(
                page(&client, "text/html", "ja").contains("<p class=\"host\">maintenance.test")
            );
        }
        let line = "closed by the flag .*, by Anna <anna@example.com>, ticket CHG-4711, reason: \
                    secret disks$";
        wait_for(line, Duration::from_secs(5), || httpd.count_log(line) == 1);
    }
}

/// Without a title the heading is neutral, and true for every kind of work.
#[test]
fn the_heading_of_the_built_in_page() {
    let httpd = start(Mpm::Event);
    httpd.close();
    for (language, heading) in [
        ("en", "Down for maintenance"),
        ("de", "Wartungsarbeiten"),
        ("fr", "Site en maintenance"),
        ("es", "Sitio en mantenimiento"),
        ("it", "Sito in manutenzione"),
        ("pt", "Site em manutenção"),
        ("nl", "Onderhoudswerkzaamheden"),
        ("pl", "Przerwa techniczna"),
        ("ja", "ただいまメンテナンス中です"),
        ("zh-Hans", "网站维护中"),
    ] {
        let html = page(&httpd.client(), "text/html", language);
        assert!(html.contains(&format!("<h1>{heading}</h1>")), "{html}");
        assert!(page(&httpd.client(), "text/plain", language).starts_with(heading));
    }
}

fn flag(report: &Value) -> &Value {
    &report["flags"][0]
}

/// What administrators see on the status page.
#[test]
fn what_administrators_see() {
    let httpd = start(Mpm::Event);
    replace_file(&httpd.flag(), NIGHT);
    let seen = report(&httpd.client());
    let members = ["by", "ticket", "reason", "announce_from", "titles"];
    assert_eq!(
        members.map(|name| flag(&seen)[name].clone()),
        [
            json!("Anna <anna@example.com>"),
            json!("CHG-4711"),
            json!("secret disks"),
            json!("2026-01-01T08:00:00+00:00"),
            json!([{"language": "de", "text": "Neue Platten"},
                {"language": "en", "text": "New <disks>"}]),
        ]
    );
    let html = httpd.client().get("/status?format=html").body;
    for part in [
        "<dt>By</dt><dd>Anna &lt;anna@example.com&gt;</dd>",
        "<dt>Ticket</dt><dd>CHG-4711</dd>",
        "<dt>Reason</dt><dd>secret disks</dd>",
        "<dt>Announced from</dt>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
}

/// `closed = false` is a state of its own everywhere; an empty file closes.
#[test]
fn a_flag_that_does_not_close() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let httpd = start(mpm);
        let state = || {
            let report = report(&httpd.client());
            let [flag, state] = [flag(&report)["state"].clone(), report["state"].clone()];
            let statuses: Vec<_> =
                httpd.clients().iter().map(|client| client.get("/").status).collect();
            assert!(statuses.iter().all(|status| *status == statuses[0]), "{statuses:?}");
            (statuses[0], flag, state)
        };
        for content in ["closed = false", "CLOSED = false\nend = 2020-01-01T00:00:00Z"] {
            httpd.close();
            assert_eq!(state(), (500, json!("closed"), json!("closed")));
            replace_file(&httpd.flag(), content);
            assert_eq!(state(), (200, json!("inactive"), json!("open")), "{content}");
            let metrics = httpd.client().get("/status?format=prometheus").body;
            let value = |state: &str| format!("state=\"{state}\"}} 1");
            assert!(metrics.contains(&value("inactive")), "{metrics}");
            let html = httpd.client().get("/status?format=html").body;
            assert!(html.contains("present, but says closed = false"), "{html}");
            let path = "/status?client=192.0.2.1&format=json";
            let forecast: Value = serde_json::from_str(&httpd.client().get(path).body).expect(path);
            let now = &forecast["preflight"]["answers"][0]["now"];
            assert_eq!(now["verdict"], "open");
            let reason = now["reason"].as_str().expect("a reason");
            assert!(reason.contains("; closed = false in /"), "{reason}");
            replace_file(&httpd.flag(), "");
            assert_eq!(state(), (500, json!("closed"), json!("closed")), "an empty file");
            httpd.open();
            assert_eq!(state().1, "absent");
        }
        let line = "open again, the flag .* does not close, it says closed = false, owner ";
        assert_eq!(httpd.count_log(line), 2, "{}", httpd.log());
        replace_file(&httpd.flag(), "closed = false");
        assert_eq!(httpd.client().get("/").status, 200);
        assert_eq!(httpd.count_log(": the flag .* does not close"), 1, "{}", httpd.log());
    }
}

/// What cannot be used closes, and the log says what to write.
#[test]
fn bad_input() {
    let mut httpd = start(Mpm::Event);
    httpd.allow_log("cannot be used|unknown key|belongs above|announce_from");
    for (content, message) in [
        ("closed = 'false'", "cannot be used: .*neither true nor false; write closed = false"),
        ("closed = 0", "cannot be used: .*neither true nor false; write closed = false"),
        ("closd = false", "unknown key \"closd\"; did you mean closed"),
        ("[message]\nclosed = false", "closed belongs above \\[message\\]"),
        ("title = 5", "cannot be used: .*this is not a text; put it in quotes"),
        ("by = ['Anna']", "cannot be used: .*this is not a text; write \"Anna\""),
        ("reason = true", "cannot be used: .*write \"move to version 8\""),
        ("ticket = 1.5", "cannot be used: .*write \"CHG-4711\""),
        ("announce_from = 'soon'", "cannot be used: .*not a date with a time; write 2026-"),
        ("announce_from = 2020-01-01 1:00Z", "announce_from does not count without start"),
        (
            "start = 2020-01-01 1:00Z\nannounce_from = 2020-01-01 1:00Z",
            "announce_from is not earlier than start; write an earlier time",
        ),
    ] {
        replace_file(&httpd.flag(), content);
        wait_for(message, Duration::from_secs(5), || {
            assert_eq!(httpd.client().get("/").status, 500, "{content}");
            httpd.count_log(message) > 0
        });
        httpd.open();
        assert_eq!(httpd.client().get("/").status, 200);
    }
}
