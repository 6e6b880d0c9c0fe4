//! The request that an expression sees in a dry run, and that the asking request is unchanged
//! afterwards.

use std::fs;
use std::time::Duration;

use crate::neighbours::secure::{OLDER_OPENSSL, with_tls};
use crate::status::{STATUS, document};
use maintenance_harness::client::{Answer, Protocol};
use maintenance_harness::{Client, Httpd, Mpm, Setup, wait_for};

/// Expressions, each with a client for which it is true and, if there is one, a client for which it
/// is false.
const EXPRESSIONS: [(&str, &str, Option<&str>); 18] = [
    ("%{REMOTE_ADDR} == '192.0.2.7'", "192.0.2.7", Some("127.0.0.1")),
    ("%{REMOTE_ADDR} == '2001:db8::7'", "2001:db8::7", Some("127.0.0.1")),
    ("%{CONN_REMOTE_ADDR} == '192.0.2.7'", "192.0.2.7", Some("127.0.0.1")),
    ("%{IPV6} == 'on'", "2001:db8::7", Some("::ffff:192.0.2.7")),
    ("-R '192.0.2.0/24'", "192.0.2.7", Some("127.0.0.1")),
    ("-R '2001:db8::/32'", "2001:db8::7", Some("127.0.0.1")),
    // 127.0.0.1 has a name, which is looked up and cached in the connection.
    ("%{REMOTE_HOST} == 'localhost'", "127.0.0.1", Some("192.0.2.7")),
    ("%{REMOTE_HOST} =~ /^192/", "192.0.2.7", Some("127.0.0.1")),
    ("%{HTTP_HOST} == 'x.test'", "192.0.2.7", None),
    ("%{SERVER_PROTOCOL} == 'HTTP/1.1'", "192.0.2.7", None),
    // The asking request has another port in its Host field.
    ("%{SERVER_PORT} == 80 || %{HTTPS} == 'on'", "192.0.2.7", None),
    ("%{SERVER_NAME} == 'x.test'", "192.0.2.7", None),
    ("%{HTTP_USER_AGENT} == ''", "192.0.2.7", None),
    ("%{REQUEST_URI} =~ m#^/e/#", "192.0.2.7", None),
    ("%{QUERY_STRING} == 'a=b'", "192.0.2.7", None),
    ("%{reqenv:SENT} == ''", "192.0.2.7", None),
    ("%{resp:Vary} == ''", "192.0.2.7", None),
    ("%{resp:X-Sent} == ''", "192.0.2.7", None),
];

/// A location for each expression, and one for its opposite; their values in the log; and a second
/// report without a preflight, which must log the same line.
fn directives() -> String {
    let location = |name: &str, expr: &str| {
        format!("<Location /e/{name}/>\nMaintenanceAllow \"expr={expr}\"\n</Location>\n")
    };
    let locations = EXPRESSIONS.iter().enumerate().map(|(number, (expr, ..))| {
        location(&format!("{number}"), expr)
            + &location(&format!("not-{number}"), &format!("!({expr})"))
    });
    let locations: String = locations.collect();
    let https = location("https", "%{HTTPS} == 'on'");
    format!(
        "HostnameLookups On\nHeader always set X-Sent 1\nSetEnv SENT 1\n\
         LogFormat \"%a %{{c}}a %h %l %u %U %m %H %v %p %{{remote}}p %{{Host}}i %{{User-Agent}}i \
         %{{maintenance}}n %{{MAINTENANCE}}e %{{SENT}}e %{{Vary}}o %{{X-Sent}}o %>s %f %R\" all\n\
         CustomLog logs/all all\n{STATUS}{locations}{https}"
    )
}

/// A server that listens for the protocols in `Protocols`.
fn setup(setup: Setup) -> Setup {
    setup.modules(&["headers", "env"]).directives(&directives())
}

fn ask(client: &Client, query: &str) -> Answer {
    let request = client.request("GET", &format!("/status?format=json{query}"));
    client.send(request.header("User-Agent", "asker"))
}

/// The label of the verdict while the server is closed.
#[track_caller]
fn verdict(client: &Client, asked: &str, path: &str) -> String {
    let answer = ask(client, &format!("&client={asked}&host=x.test&path=/e/{path}/?a=b"));
    let plain = ask(client, "");
    let headers = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        for name in ["date", "content-length", "connection", "keep-alive", "upgrade"] {
            headers.remove(name);
        }
        headers
    };
    assert_eq!(headers(&answer), headers(&plain), "{asked} {path}");
    let preflight = document(&answer)["preflight"].clone();
    let answers = preflight["answers"].as_array().expect("a list");
    assert_eq!(answers.len(), 1, "{preflight:#}");
    answers[0]["while_closed"]["verdict"].as_str().expect("a verdict").to_owned()
}

/// Each expression, over this client's connection.
fn expressions(httpd: &Httpd, client: &Client, https: bool) {
    let mut asked = 0;
    let mut expect = |address: &str, path: &str, holds: bool| {
        let expected = if holds { "allowed:expr" } else { "blocked" };
        assert_eq!(verdict(client, address, path), expected, "{address} {path}");
        asked += 2;
    };
    for (number, (expr, holds_for, other)) in EXPRESSIONS.iter().enumerate() {
        println!("{number}: {expr}"); // shown where the test fails
        for (address, holds) in [(Some(*holds_for), true), (*other, false)] {
            if let Some(address) = address {
                expect(address, &format!("{number}"), holds);
                expect(address, &format!("not-{number}"), !holds);
            }
        }
    }
    expect("192.0.2.7", "https", https); // like the connection of the asking client
    let lines = || -> Vec<String> {
        let log = fs::read_to_string(httpd.path("logs/all")).expect("a log");
        log.lines().filter(|line| line.contains(" asker ")).map(str::to_owned).collect()
    };
    wait_for("the log is complete", Duration::from_secs(15), || lines().len() == asked);
    let lines = lines();
    assert!(lines[0].starts_with("127.0.0.1 127.0.0.1 localhost "), "{}", lines[0]);
    assert!(lines[0].contains(" /status "), "{}", lines[0]);
    assert!(lines.iter().all(|line| *line == lines[0]), "{lines:#?}");
}

/// A client with one connection.
fn client(url: &str, protocol: Protocol) -> Client {
    Client::build(url, protocol, Some([127, 0, 0, 1].into()), true)
}

#[test]
fn expressions_http1() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let httpd = setup(Setup::new("MaxKeepAliveRequests 0")).mpm(mpm).start();
        expressions(&httpd, &client(&httpd.url(), Protocol::Http1), false);
    }
}

#[test]
fn expressions_http2() {
    let httpd = setup(Setup::new("Protocols h2c http/1.1").modules(&["http2"])).start();
    expressions(&httpd, &client(&httpd.url(), Protocol::Http2), false);
}

#[test]
fn expressions_tls() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let (with_tls, tls) = with_tls("");
        let protocols = "Protocols h2 http/1.1\nMaxKeepAliveRequests 0";
        let mut httpd = setup(with_tls.modules(&["http2"]).directives(protocols)).start();
        httpd.allow_log(OLDER_OPENSSL);
        expressions(&httpd, &client(&format!("https://{tls}"), protocol), true);
    }
}

/// Behind a proxy the client is not that of the connection. Its name, which is already known, must
/// not be used for the client in the question.
#[test]
fn asked_through_a_proxy() {
    let proxied = "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.9\n\
        SetEnvIf Remote_Host localhost NAMED";
    let setup = setup(Setup::new(proxied).modules(&["remoteip", "setenvif"]));
    let httpd = setup.directives("CustomLog logs/names \"%a %{c}a %h %{NAMED}e\"").start();
    let client = httpd.client_from("127.0.0.9");
    let log = || fs::read_to_string(httpd.path("logs/names")).expect("a log");
    // REMOTE_ADDR, CONN_REMOTE_ADDR and REMOTE_HOST
    for (count, number) in [(1, 0), (2, 2), (3, 7)] {
        let path = format!("/status?format=json&client=192.0.2.7&path=/e/{number}/");
        let request = client.request("GET", &path).header("X-Forwarded-For", "127.0.0.1");
        let preflight = document(&client.send(request))["preflight"].clone();
        let verdict = &preflight["answers"][0]["while_closed"]["verdict"];
        assert_eq!(verdict, "allowed:expr", "{preflight:#}");
        wait_for("the log", Duration::from_secs(5), || log().lines().count() == count);
    }
    let log = log();
    let lines: Vec<_> = log.lines().collect();
    assert!(lines[0].starts_with("127.0.0.1 127.0.0.9 "), "{log}");
    assert!(lines.iter().all(|line| *line == lines[0]), "{log}");
}

/// The same if the module fails in between.
#[test]
fn a_panic_in_between() {
    let setup = setup(Setup::new("")).module(maintenance_harness::installation::debug_module());
    let mut httpd = setup.start();
    httpd.allow_log("maintenance:error.*internal error, please report it: provoked");
    httpd.allow_log("^$|^thread .* panicked at|^provoked$|^note: run with");
    let client = client(&httpd.url(), Protocol::Http1);
    let plain = ask(&client, "");
    assert_eq!(plain.status, 200);
    let answer = ask(&client, "&client=192.0.2.7&host=x.test&path=/provoke-panic");
    assert_eq!(answer.status, 500);
    let log = || fs::read_to_string(httpd.path("logs/all")).expect("a log");
    wait_for("the log", Duration::from_secs(5), || log().lines().count() == 2);
    let log = log();
    let lines: Vec<_> = log.lines().collect();
    // The answers themselves may differ.
    let asked = |line: &str| line.split(" asker ").next().map(str::to_owned);
    assert!(lines[0].starts_with("127.0.0.1 127.0.0.1 localhost "), "{log}");
    assert_eq!(asked(lines[0]), asked(lines[1]), "{log}");
    assert_eq!(httpd.count_log("internal error, please report it: provoked"), 1);
}
