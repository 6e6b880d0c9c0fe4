//! Preflight: what the report says about a hypothetical request is what would happen to it.

use std::fs;

use serde_json::{Value, json};

use crate::status::{STATUS, document, report, report_with, scope};
use maintenance_harness::{Httpd, Setup, replace_file};

mod expressions;
mod random;
mod site;

/// The answers to a question sent to `host`.
#[track_caller]
fn answers(httpd: &Httpd, host: &str, question: &str) -> Vec<Value> {
    let report = report_with(&httpd.client(), host, &format!("&{question}"));
    report["preflight"]["answers"].as_array().expect("a list").clone()
}

/// Virtual hosts with the same names on two ports.
fn two_ports() -> (Setup, u16, u16) {
    let setup = Setup::new(STATUS);
    let (address, one) = (setup.address().ip(), setup.address().port());
    let two = one + 1000;
    let host = |port: u16, words: &str| {
        format!("<VirtualHost *:{port}>\nServerName {words}\n</VirtualHost>\n")
    };
    let hosts = [
        format!("Listen {address}:{two}\n"),
        host(one, "first.test"),
        host(one, "www.test\nServerAlias *.www.test"),
        host(one, "www.test\nServerAlias also.test"),
        host(two, "second.test"),
        host(two, "www.test\nMaintenanceEngine Off"),
        host(two, "www.test"),
    ];
    (setup.directives(&hosts.concat()), one, two)
}

/// The servers that a request would reach.
#[test]
fn servers_of_a_name() {
    let (setup, one, two) = two_ports();
    let httpd = setup.start();
    let (here, there) = (format!(":{one}"), format!(":{two}"));
    let first = (format!("first.test{here}"), "open");
    let (www, www_2) = ((format!("www.test{here}"), "open"), (format!("www.test{there}"), "off"));
    let second = (format!("second.test{there}"), "open");
    for (host, is_known, expected) in [
        ("first.test".to_owned(), true, vec![&first]),
        ("FIRST.test".into(), true, vec![&first]),
        ("first.test.".into(), true, vec![&first]),
        ("www.test".into(), true, vec![&www, &www_2]),
        (format!("www.test{here}"), true, vec![&www]),
        (format!("www.test{there}"), true, vec![&www_2]),
        ("a.b.www.test".into(), true, vec![&www]),
        ("also.test".into(), true, vec![&www]), // the second of the name
        ("second.test".into(), true, vec![&second]),
        (format!("second.test{there}"), true, vec![&second]),
        ("unknown.test".into(), false, vec![&first]),
        (format!("unknown.test{here}"), false, vec![&first]),
        (format!("unknown.test{there}"), false, vec![&second]),
        ("192.0.2.1".into(), false, vec![&first]),
        ("[2001:db8::1]".into(), false, vec![&first]),
        ("www.test:9".into(), false, vec![]), // nobody listens
        ("unknown.test:9".into(), false, vec![]),
    ] {
        // Whichever server gets the question.
        for asked in ["first.test", "www.test"] {
            let question = format!("&client=192.0.2.1&host={host}");
            let preflight = report_with(&httpd.client(), asked, &question)["preflight"].clone();
            let answers: Vec<_> = preflight["answers"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|answer| {
                    let verdict = answer["now"]["verdict"].as_str().expect("a verdict");
                    (answer["server"].as_str().expect("a name").to_owned(), verdict)
                })
                .collect();
            assert_eq!(answers.iter().collect::<Vec<_>>(), expected, "{host} {asked}");
            assert_eq!(preflight["is_known_host"], is_known, "{host} {asked}");
            assert_eq!(preflight["host"], host, "{asked}");
        }
    }
    let own = |asked| answers(&httpd, asked, "client=192.0.2.1")[0]["server"].clone();
    assert_eq!((own("www.test"), own("x.test")), (json!(www.0), json!(first.0)));
}

/// A server without virtual hosts has every name.
#[test]
fn one_server_with_two_ports() {
    let setup = Setup::new(STATUS);
    let (address, one) = (setup.address().ip(), setup.address().port());
    let two = one + 1000;
    let httpd = setup.directives(&format!("Listen {address}:{two}")).start();
    for (host, is_known, count) in [
        ("maintenance.test".to_owned(), true, 1),
        (format!("maintenance.test:{one}"), true, 1),
        (format!("maintenance.test:{two}"), true, 1),
        ("unknown.test".into(), false, 1),
        (format!("unknown.test:{two}"), false, 1),
        ("maintenance.test:9".into(), false, 0),
    ] {
        let report = report_with(&httpd.client(), "x", &format!("&client=::1&host={host}"));
        let preflight = &report["preflight"];
        assert_eq!(preflight["answers"].as_array().map(Vec::len), Some(count), "{host}");
        assert_eq!(preflight["is_known_host"], is_known, "{host}");
    }
}

/// Addresses used as names. httpd expects an IPv6 address without its brackets.
#[test]
fn hosts_that_are_addresses() {
    let setup = Setup::new(STATUS);
    let port = setup.address().port();
    let httpd = setup
        .directives(&format!(
            "<VirtualHost *:{port}>\nServerName first.test\n</VirtualHost>
            <VirtualHost *:{port}>\nServerName x.test\nServerAlias 192.0.2.1 2001:db8::1\n\
            </VirtualHost>"
        ))
        .start();
    for (host, name, is_known) in [
        ("192.0.2.1", "x.test", true),
        ("[2001:db8::1]", "x.test", true),
        ("[2001:DB8::1]", "x.test", true),
        ("192.0.2.2", "first.test", false),
        ("[2001:db8::2]", "first.test", false),
    ] {
        let report = report_with(&httpd.client(), "x", &format!("&client=::1&host={host}"));
        let preflight = &report["preflight"];
        assert_eq!(preflight["is_known_host"], is_known, "{preflight:#}");
        assert_eq!(preflight["answers"][0]["server"], format!("{name}:{port}"), "{preflight:#}");
    }
}

/// A port with virtual hosts, and one without, where the main server answers.
#[test]
fn main_server_beside_virtual_hosts() {
    let setup = Setup::new(STATUS);
    let (address, one) = (setup.address().ip(), setup.address().port());
    let two = one + 1000;
    let _httpd = setup
        .directives(&format!(
            "Listen {address}:{two}
            <VirtualHost *:{two}>\nServerName maintenance.test\nMaintenanceEngine Off\n</VirtualHost>"
        ))
        .start();
    let (main, host) = ("maintenance.test".to_owned(), format!("maintenance.test:{two}"));
    for port in [one, two] {
        let client = maintenance_harness::Client::new(&format!("http://{address}:{port}"));
        for (asked, expected) in [
            ("maintenance.test".to_owned(), vec![&main, &host]),
            (format!("maintenance.test:{one}"), vec![&main]),
            (format!("maintenance.test:{two}"), vec![&host]),
            (format!("unknown.test:{one}"), vec![&main]),
            (format!("unknown.test:{two}"), vec![&host]),
        ] {
            let report = report_with(&client, "x", &format!("&client=::1&host={asked}"));
            let answers = report["preflight"]["answers"].as_array().expect("a list");
            let mut servers: Vec<_> =
                answers.iter().map(|answer| answer["server"].as_str().expect("a name")).collect();
            servers.sort_unstable();
            assert_eq!(servers, expected, "{asked}, asked at {port}");
        }
    }
}

/// The members of a preflight other than the verdict.
#[test]
fn reasons() {
    let setup = Setup::new(STATUS).modules(&["setenvif"]).directives(
        "MaintenanceAllow 10.0.0.0/8 host=localhost file=list env=IS_PROBE
        SetEnvIf Remote_Addr . IS_PROBE
        <Location /app>\nMaintenanceFlag app.flag\nMaintenanceAllow env=ALSO path=/app/probe\n\
            MaintenanceStatus 503\n</Location>
        <Location /none>\nMaintenanceAllow none\n</Location>",
    );
    setup.write("list", "# one\n192.0.2.7\n");
    let httpd = setup.start();
    let (list, flag) = (httpd.path("list"), httpd.path("app.flag"));
    let (list, flag) = (list.display(), flag.display().to_string());
    replace_file(&httpd.path("app.flag"), "allow = ['198.51.100.0/24']");
    let open = ("open", "no flag closes the scope".to_owned(), &[][..]);
    let nobody = |verdict, variables| (verdict, "on no allowlist".to_owned(), variables);
    let closed = ("blocked", format!("closed by {flag}"), &["IS_PROBE", "ALSO"][..]);
    let by = |verdict, entry: &str| (verdict, format!("allowed by {entry}"), &[][..]);
    let address = by("allowed:address", "10.0.0.0/8");
    let file = by("allowed:file", &format!("192.0.2.7/32 in line 2 of {list}"));
    let path = by("allowed:path", "path=/app/probe");
    let invited = by("allowed:flag", &format!("198.51.100.0/24 in the flag {flag}"));
    let host = by("allowed:host", "host=localhost (127.0.0.1)");
    for (client, path, location, now, while_closed) in [
        ("10.1.2.3", "/", None, &open, &address),
        ("192.0.2.7", "/", None, &open, &file),
        ("::ffff:127.0.0.1", "/", None, &open, &host),
        ("192.0.2.8", "/", None, &open, &nobody("blocked", &["IS_PROBE"][..])),
        ("10.1.2.3", "/none", Some("<Location /none>"), &open, &nobody("blocked", &[])),
        ("192.0.2.8", "/app/", Some("<Location /app>"), &closed, &closed),
        ("192.0.2.8", "/app/probe?x", Some("<Location /app>"), &path, &path),
        ("198.51.100.7", "/%61pp", Some("<Location /app>"), &invited, &invited),
    ] {
        let path = path.replace('%', "%25");
        let answers = answers(&httpd, "x", &format!("client={client}&path={path}"));
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0]["location"].as_str(), location, "{client} {path}");
        for (name, (verdict, reason, variables)) in [("now", now), ("while_closed", while_closed)] {
            let status = match (*verdict, path.starts_with("/app")) {
                ("blocked", true) => json!(503),
                ("blocked", false) => json!(500),
                _ => Value::Null,
            };
            let expected = json!({
                "verdict": verdict, "status": status, "reason": reason, "unless_env": variables
            });
            assert_eq!(answers[0][name], expected, "{client} {path} {name}");
        }
    }
    fs::remove_file(flag).expect("removed");
}

/// Only the question matters, and not who asks it, how, or where.
#[test]
fn the_asker_does_not_count() {
    let status = STATUS.replace(
        "</Location>",
        "AuthType Basic\nAuthName x\nAuthUserFile users\nRequire valid-user\n</Location>",
    );
    let setup = Setup::new(&status)
        .modules(&["auth_basic", "authn_core", "authn_file", "authz_user", "setenvif", "env"])
        .directives(
            "MaintenanceAllow 192.0.2.1 env=PASSES
            SetEnvIf User-Agent ^admin PASSES
            MaintenanceAllow \"expr=%{REMOTE_USER} == 'admin'\" \"expr=%{HTTP_USER_AGENT} =~ /admin/\"
            MaintenanceAllow \"expr=%{HTTP_COOKIE} =~ /admin/\" \"expr=%{REQUEST_METHOD} == 'HEAD'\"
            MaintenanceAllow \"expr=%{QUERY_STRING} =~ /client/\" \"expr=%{REQUEST_URI} =~ m#^/status#\"
            MaintenanceAllow \"expr=%{REQUEST_FILENAME} =~ /./\" \"expr=%{HANDLER} =~ /./\"
            MaintenanceAllow \"expr=%{AUTH_TYPE} =~ /./\" \"expr=%{PATH_INFO} =~ /./\"
            MaintenanceAllow \"expr=%{REMOTE_ADDR} =~ /^127/\" \"expr=%{HTTP:Authorization} =~ /./\"
            MaintenanceAllow \"expr=%{THE_REQUEST} =~ /status/\" \"expr=%{HTTP_HOST} == 'asked.test'\"
            MaintenanceAllow \"expr=%{CONTENT_TYPE} =~ /./ || %{REQUEST_STATUS} == 302\"",
        );
    // admin, of "secret" (`htpasswd -s`)
    setup.write("users", "admin:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    let httpd = setup.start();
    httpd.close();
    let client = httpd.client();
    for (method, asked, verdict) in [
        ("GET", "192.0.2.2", "blocked"),
        ("GET", "192.0.2.1", "allowed:address"),
        ("GET", "127.0.0.1", "allowed:expr"),
    ] {
        let path = format!("/status/more?format=json&client={asked}&path=/x&host=x.test");
        let request = client.request(method, &path).basic_auth("admin", Some("secret"));
        let request = request.header("User-Agent", "admin").header("Cookie", "admin=1");
        let answer = client.send(request.header("Host", "asked.test"));
        let preflight = document(&answer)["preflight"].clone();
        for name in ["now", "while_closed"] {
            assert_eq!(preflight["answers"][0][name]["verdict"], verdict, "{preflight:#}");
        }
    }
}

/// A question is not a request: nothing is counted, and nobody is refused.
#[test]
fn nothing_is_counted() {
    let httpd = Httpd::start(STATUS);
    httpd.close();
    for number in 0..20 {
        let answers = answers(&httpd, "x", &format!("client=192.0.2.{number}&path=/x"));
        assert_eq!(answers[0]["now"]["verdict"], "blocked");
    }
    let report = report(&httpd.client());
    assert_eq!(report["refused"]["clients"], json!([]));
    let main = scope(&report, "maintenance.test", None);
    assert_eq!((&main["totals"]["refused"], &main["totals"]["allowed"]), (&json!(0), &json!(0)));
    assert_eq!(report["in_flight"]["requests"], 0);
}
