//! The format of the report, its header fields, and access to it.

use super::{STATUS, document, report};
use maintenance_harness::client::Answer;
use maintenance_harness::{Client, Httpd, Setup};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0,\
    application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,\
    text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const WITH_HISTOGRAMS: &str = "application/vnd.google.protobuf;\
    proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.4,\
    application/openmetrics-text;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/// The query, Accept, and the resulting format.
const FORMS: [(&str, Option<&str>, &str); 14] = [
    ("", None, HTML),
    ("", Some(BROWSER), HTML),
    ("", Some("*/*"), HTML), // curl
    ("", Some("image/png"), HTML),
    ("", Some("application/json"), JSON),
    ("", Some("application/json, text/plain, */*"), JSON),
    ("", Some(PROMETHEUS_2), PROMETHEUS),
    ("", Some(PROMETHEUS_3), PROMETHEUS),
    ("", Some(WITH_HISTOGRAMS), PROMETHEUS),
    ("?format=html", Some(PROMETHEUS_3), HTML),
    ("?format=json", Some(BROWSER), JSON),
    ("?format=json", None, JSON),
    ("?format=prometheus", Some(BROWSER), PROMETHEUS),
    ("?format=prometheus", Some("application/json"), PROMETHEUS),
];

fn ask(client: &Client, method: &str, query: &str, accept: Option<&str>) -> Answer {
    let request = client.request(method, &format!("/status{query}"));
    client.send(match accept {
        Some(accept) => request.header("Accept", accept),
        None => request,
    })
}

#[track_caller]
fn assert_form(answer: &Answer, content_type: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
        form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    for (name, value) in [
        ("content-type", Some(content_type)),
        ("cache-control", Some("no-store")),
        ("vary", Some("Accept")),
        ("x-content-type-options", Some("nosniff")),
        ("content-security-policy", Some(policy)),
        ("etag", None),
        ("last-modified", None),
        ("set-cookie", None),
    ] {
        assert_eq!(answer.header(name), value, "{name}: {answer:?}");
    }
}

#[test]
fn forms() {
    let httpd = Httpd::start(STATUS);
    let client = httpd.client();
    for (query, accept, content_type) in FORMS {
        let answer = ask(&client, "GET", query, accept);
        assert_form(&answer, content_type);
        match content_type {
            HTML => {
                assert!(answer.body.starts_with("<!DOCTYPE html>"), "{query} {accept:?}");
                assert!(answer.body.trim_end().ends_with("</html>"), "{query} {accept:?}");
            }
            JSON => assert_eq!(document(&answer)["state"], "open"),
            _ => assert!(answer.body.starts_with("# HELP "), "{query} {accept:?}"),
        }
        let mut head = ask(&client, "HEAD", query, accept);
        assert_eq!(head.body, "", "{query} {accept:?}");
        // httpd determines the length of the body in either way.
        let mut fields = answer.headers;
        for name in ["date", "content-length", "transfer-encoding"] {
            let _ = (head.headers.remove(name), fields.remove(name));
        }
        assert_eq!((head.status, head.headers), (200, fields), "{query} {accept:?}");
    }
}

#[test]
fn forms_http2() {
    let setup = Setup::new(STATUS).modules(&["http2"]).directives("Protocols h2c http/1.1");
    let httpd = setup.start();
    let client = httpd.http2_client();
    for is_closed in [false, true] {
        if is_closed {
            httpd.close();
        }
        for (query, accept, content_type) in FORMS {
            let answer = ask(&client, "GET", query, accept);
            assert_eq!(answer.version, reqwest::Version::HTTP_2);
            assert_form(&answer, content_type);
            assert_eq!(ask(&client, "HEAD", query, accept).body, "");
        }
        let state = if is_closed { "closed" } else { "open" };
        let report = report(&client);
        assert_eq!(
            (&report["state"], &report["in_flight"]["requests"]),
            (&state.into(), &0.into())
        );
        let asked = client.get("/status?format=json&client=192.0.2.1");
        let verdict = &document(&asked)["preflight"]["answers"][0]["now"]["verdict"];
        assert_eq!(verdict, if is_closed { "blocked" } else { "open" });
        assert_eq!(ask(&client, "POST", "", None).status, 405);
    }
}

#[test]
fn refresh() {
    let httpd = Httpd::start(STATUS);
    for (query, value) in [
        ("?refresh=5", Some("5")),
        ("?refresh=0086400", Some("86400")),
        ("?refresh=1&format=json", Some("1")),
        ("?format=prometheus&refresh=60", Some("60")),
        ("?refresh=", None),
        ("", None),
    ] {
        let answer = ask(&httpd.client(), "GET", query, None);
        assert_eq!((answer.status, answer.header("refresh")), (200, value), "{query}");
    }
}

/// There is no report unless the administrator has configured it.
#[test]
fn only_where_it_is_configured() {
    let httpd = Httpd::start("MaintenanceAllow 127.0.0.1");
    let client = httpd.client();
    for path in ["/status", "/maintenance-status", "/server-status", "/?format=json"] {
        let answer = client.get(path);
        let expected = if path.starts_with("/?") { 200 } else { 404 };
        assert_eq!(answer.status, expected, "{path}");
        assert!(!answer.body.contains("\"schema\""), "{path}: {answer:?}");
    }
}

/// The location's own access rules apply, open and closed.
#[test]
fn rules_of_access() {
    for (rule, statuses) in [
        ("Require all denied", [403, 403]),
        ("Require ip 127.0.0.2", [403, 200]),
        ("Require all granted", [200, 200]),
    ] {
        let status = STATUS.replace("</Location>", &format!("{rule}\n</Location>"));
        let mut httpd = Setup::new(&status).modules(&["authz_host"]).start();
        httpd.allow_log("AH01630"); // denied
        for is_closed in [false, true] {
            if is_closed {
                httpd.close();
            }
            for (address, status) in ["127.0.0.1", "127.0.0.2"].into_iter().zip(statuses) {
                for path in ["/status", "/status?format=json", "/status?format=xml"] {
                    let answer = httpd.client_from(address).get(path);
                    let status = if status == 200 && path.ends_with("xml") { 400 } else { status };
                    assert_eq!(answer.status, status, "{rule} {address} {path} {is_closed}");
                }
            }
        }
    }
}

/// While the server is closed, the page needs no entry on the allowlist.
#[test]
fn while_closed() {
    let status = STATUS.replace("MaintenanceAllow path=/status", "MaintenanceAllow 127.0.0.2");
    let httpd = Httpd::start(&status);
    for is_closed in [true, false] {
        if is_closed {
            httpd.close()
        } else {
            httpd.open()
        }
        let state = if is_closed { "closed" } else { "open" };
        for client in [httpd.client(), httpd.client_from("127.0.0.2")] {
            assert_eq!(report(&client)["state"], state);
            assert_eq!(client.get("/status?nonsense").status, 400);
        }
    }
}
