//! MaintenanceNotice: what users are told of a maintenance, answered before every other module.

mod forms;

use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use maintenance_harness::client::{self, Answer};
use maintenance_harness::{Backend, Client, Httpd, Mpm, Setup, replace_file};
use serde_json::Value;

use crate::status::{STATUS, report_with};

const LINE: &str = "MaintenanceNotice /maintenance-notice";

/// A time as in a flag, this long from now.
fn at(hours: i64) -> String {
    let at = Timestamp::now() + SignedDuration::from_hours(hours);
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn announced(more: &str) -> String {
    format!("start = {}\nend = {}\nmessage = 'We upgrade.'\n{more}", at(1), at(3))
}

/// Replaces the flag, and waits until its content counts and a further look is due in each child.
fn say(httpd: &Httpd, content: &str) {
    replace_file(&httpd.flag(), content);
    thread::sleep(Duration::from_millis(1700));
}

fn silence(httpd: &Httpd) {
    let _ = std::fs::remove_file(httpd.flag()); // if it is there
    thread::sleep(Duration::from_millis(1200));
}

fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(client, "GET", path, headers)
}

fn send(client: &Client, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request)
}

/// The fields of Vary. httpd leaves out blanks in some answers.
fn vary_of(answer: &Answer) -> String {
    answer.header("vary").unwrap_or_default().replace(", ", ",")
}

/// Checks a document against the schema in the documentation.
fn check_schema(document: &Value) {
    let schema = include_str!("../docs/notice.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> = validator.iter_errors(document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?} in {document}");
}

/// The names and states of what the JSON says.
fn told(client: &Client) -> String {
    let answer = client.get("/maintenance-notice/upcoming.json");
    assert_eq!(answer.status, 200, "{answer:?}");
    let document: Value = serde_json::from_str(&answer.body).expect("JSON");
    check_schema(&document);
    let all = document["scheduled_maintenances"].as_array().expect("a list").iter();
    let all = all.map(|one| {
        format!("{} {}", one["name"].as_str().expect("text"), one["status"].as_str().expect("text"))
    });
    all.collect::<Vec<_>>().join(", ")
}

/// A server on which other modules take all paths: a proxy, a rewrite, and a log-in.
fn taken(mpm: Mpm, backend: &Backend) -> Setup {
    let directives = format!(
        "{LINE}\nRewriteEngine On\nRewriteRule ^/maintenance-notice https://else.example/ [R]\n\
         <Location />\nAuthType Basic\nAuthName staff\nAuthBasicProvider file\n\
         AuthUserFile conf/users\nRequire valid-user\n</Location>\n"
    );
    let setup = Setup::new(&directives).mpm(mpm).http2_where_possible().proxy_to(backend);
    setup.modules(&["auth_basic", "authn_core", "authn_file", "authz_user", "rewrite"])
}

fn requests(mpm: Mpm) {
    let backend = Backend::start();
    let httpd = taken(mpm, &backend).start();
    let long = format!("/maintenance-notice/bar.js?{}", "x".repeat(8000));
    // What is not for the notice is for the other modules, or refused.
    let other = 0;
    for (content, refused) in
        [(None, false), (Some(announced("")), false), (Some("message = 'now'".into()), true)]
    {
        match &content {
            Some(content) => say(&httpd, content),
            None => silence(&httpd),
        }
        for client in httpd.clients() {
            for (method, path, status) in [
                ("GET", "/maintenance-notice", 200),
                ("HEAD", "/maintenance-notice", 200),
                ("GET", "/maintenance-notice?x=/../y&%2e%2e", 200),
                ("GET", "/maintenance-notice/upcoming.json", 200),
                ("HEAD", "/maintenance-notice/upcoming.json", 200),
                ("GET", "/maintenance-notice/calendar.ics", 200),
                ("GET", "/maintenance-notice/bar.js", 200),
                ("GET", &long, 200),
                ("GET", "/maintenance-notice/", 404),
                ("GET", "/maintenance-notice/other", 404),
                ("GET", "/maintenance-notice/bar.js/x", 404),
                ("POST", "/maintenance-notice/other", 404),
                ("POST", "/maintenance-notice", 405),
                ("PUT", "/maintenance-notice/bar.js", 405),
                ("OPTIONS", "/maintenance-notice/upcoming.json", 405),
                ("GET", "/Maintenance-Notice", other),
                ("GET", "/maintenance-notices", other),
                ("GET", "/maintenance-notic%65", other),
                ("GET", "/%6daintenance-notice/bar.js", other),
                ("GET", "/maintenance-notice/bar%2ejs", other),
                ("GET", "/maintenance-notice;x", other),
                ("GET", "/maintenance-notice//bar.js", other),
                ("GET", "/", other),
            ] {
                let answer = send(&client, method, path, &[]);
                let what = format!("{:?} {method} {path:.60} {content:?}", answer.version);
                match status {
                    0 if refused => assert_eq!(answer.status, 500, "{what}"),
                    0 => assert!([302, 401].contains(&answer.status), "{what}: {answer:?}"),
                    status => assert_eq!(answer.status, status, "{what}: {answer:?}"),
                }
                let allow = (status == 405).then_some("GET, HEAD");
                assert_eq!(answer.header("allow"), allow, "{what}");
                let cache = match status {
                    200 => Some("public, max-age=60"),
                    404 | 405 => Some("no-store"),
                    _ => answer.header("cache-control"),
                };
                assert_eq!(answer.header("cache-control"), cache, "{what}");
                assert!(status != 200 || answer.body.is_empty() == (method == "HEAD"), "{what}");
            }
        }
        // What a client library would not send.
        for (target, status) in [
            ("/maintenance-notice", 200),
            ("/maintenance-notice/.", other),
            ("/maintenance-notice/../x", other),
            ("/x/../maintenance-notice", other),
            ("/maintenance-notice/./bar.js", other),
            ("//maintenance-notice", other),
            ("/maintenance-notice\\bar.js", other),
            ("http://else.example/maintenance-notice", other),
        ] {
            let request =
                format!("GET {target} HTTP/1.1\r\nHost: else.example\r\nConnection: close\r\n\r\n");
            let answer = client::raw(httpd.address(), request.as_bytes());
            let line = answer.lines().next().unwrap_or_default().to_owned();
            let is_notice = line.contains(" 200 ");
            assert_eq!(is_notice, status == 200, "{target} {content:?}: {line}");
            assert!(is_notice || line.contains(" 500 ") == refused, "{target}: {line}");
        }
    }
    assert_eq!(backend.received(), 0, "the application saw none of it");
}

#[test]
fn event() {
    requests(Mpm::Event);
}

#[test]
fn prefork() {
    requests(Mpm::Prefork);
}

/// Through all states of one flag; and a location with a flag of its own.
#[test]
fn states() {
    let directives = format!("{LINE}\n<Location /app>\nMaintenanceFlag app.flag\n</Location>");
    let mut httpd = Setup::new(&directives).start();
    let client = httpd.client();
    let (past, later) = (at(-2), at(2));
    for (content, expected) in [
        (announced(""), "Planned maintenance scheduled"),
        (announced("title = 'Upgrade'"), "Upgrade scheduled"),
        (format!("start = {}\nannounce_from = {later}", at(3)), ""),
        (announced("closed = false"), ""),
        (format!("start = {past}\nend = {later}"), "Down for maintenance in_progress"),
        (format!("start = {past}\nend = {}", at(-1)), "Down for maintenance in_progress"),
        (format!("start = {past}\nend = {}\nreopen = 'auto'", at(-1)), ""),
        (
            format!("end = {}\nreopen = 'gradual'\nover = '9h'", at(-1)),
            "Down for maintenance verifying",
        ),
        ("refuse = 'writes'".into(), "Down for maintenance in_progress"),
        (String::new(), "Down for maintenance in_progress"),
        // Nothing is announced, and the page says closed.
        ("start = tomorrow\nmessage = 'x'".into(), "Down for maintenance in_progress"),
    ] {
        say(&httpd, &content);
        assert_eq!(told(&client), expected, "{content}");
        let page = client.get("/maintenance-notice").body;
        let says = if expected.is_empty() { "No maintenance is planned" } else { expected };
        let title = says.rsplit_once(' ').filter(|_| !expected.is_empty());
        assert!(page.contains(title.map_or(says, |(title, _)| title)), "{content}: {page}");
        assert!(!page.contains("message\">x<"), "{page}");
        let script = client.get("/maintenance-notice/bar.js").body;
        assert_eq!(script.len() < 512, expected.is_empty(), "{content}: {script}");
        let calendar = client.get("/maintenance-notice/calendar.ics").body;
        let is_cancelled = content.contains("closed = false");
        assert_eq!(calendar.contains("\r\nSTATUS:CANCELLED\r\n"), is_cancelled, "{calendar}");
        let is_hidden = content.contains("announce_from") || !content.contains("start = 2");
        assert_eq!(calendar.contains("BEGIN:VEVENT"), !is_hidden, "{content}: {calendar}");
    }
    replace_file(&httpd.path("app.flag"), format!("start = {later}\ntitle = 'App'"));
    say(&httpd, &announced("title = 'Site'"));
    assert_eq!(told(&client), "Site scheduled, App scheduled");
    silence(&httpd);
    assert_eq!(told(&client), "App scheduled");
    httpd.expect_log("overdue: the flag");
    httpd.expect_log("cannot be used");
}

/// A virtual host has the path of the server, or one of its own. `MaintenanceEngine Off` ends it.
#[test]
fn virtual_hosts() {
    let hosts = format!(
        "{LINE}\n\
         <VirtualHost *>\nServerName first.example\nDocumentRoot htdocs\n</VirtualHost>\n\
         <VirtualHost *>\nServerName own.example\nMaintenanceNotice /news\nMaintenanceFlag own.flag\n</VirtualHost>\n\
         <VirtualHost *>\nServerName off.example\nMaintenanceEngine Off\n</VirtualHost>"
    );
    let httpd = Setup::new(&hosts).start();
    let client = httpd.client();
    let host = |name: &str, path: &str| get(&client, path, &[("Host", name)]);
    replace_file(&httpd.path("own.flag"), announced("title = 'Own'"));
    say(&httpd, &announced("title = 'All'"));
    for (name, path, status, marks) in [
        ("first.example", "/maintenance-notice", 200, [true, false]),
        ("first.example", "/news", 404, [false, false]),
        ("own.example", "/news", 200, [true, true]),
        ("own.example", "/maintenance-notice", 404, [false, false]),
        ("off.example", "/maintenance-notice", 404, [false, false]),
    ] {
        let answer = host(name, path);
        assert_eq!(answer.status, status, "{name} {path}");
        let found = ["All", "Own"].map(|mark| answer.body.contains(mark));
        assert_eq!(found, marks, "{name} {path}: {}", answer.body);
        assert!(status != 200 || answer.body.contains(name), "{}", answer.body);
    }
    // Two hosts are two calendars.
    let uid = |name: &str, path: &str| {
        let calendar = host(name, &format!("{path}/calendar.ics")).body;
        let uid = calendar.lines().find(|line| line.starts_with("UID:")).expect("a UID");
        uid.to_owned()
    };
    assert_ne!(uid("first.example", "/maintenance-notice"), uid("own.example", "/news"));
}

/// The recipe of docs/notice.md puts the script into pages, only while there is something to say.
#[test]
fn recipe() {
    let document = include_str!("../docs/notice.md");
    let (_, rest) = document.split_once("## Put the bar into pages").expect("the recipe");
    let recipe = rest.split("```").nth(1).and_then(|block| block.strip_prefix("apache\n"));
    let setup = Setup::new(recipe.expect("directives"));
    setup.write("htdocs/page.html", "<html><head><title>x</title></head><body>x</body></html>");
    setup.write("htdocs/data.json", "{\"x\": \"</head>\"}");
    let httpd = setup
        .modules(&["mime", "filter", "substitute", "headers"])
        .directives(
            "TypesConfig /dev/null\nAddType text/html .html\nAddType application/json .json",
        )
        .start();
    let client = httpd.client();
    for (content, has_script) in [
        (None, false),
        (Some(announced("")), true),
        (Some("refuse = 'writes'".to_owned()), true),
        (Some(format!("start = {}\nend = {}\nreopen = 'auto'", at(-2), at(-1))), false),
    ] {
        match &content {
            Some(content) => say(&httpd, content),
            None => silence(&httpd),
        }
        let script = "<script src=\"/maintenance-notice/bar.js\" defer></script></head>";
        let page = client.get("/page.html");
        assert_eq!((page.status, page.body.contains(script)), (200, has_script), "{content:?}");
        assert!(!client.get("/data.json").body.contains("script"), "{content:?}");
        assert_eq!(client.get("/maintenance-notice/bar.js").status, 200);
    }
}

/// A link with an invitation leads to the notice, too, and its secret is not in the log.
#[test]
fn invitations() {
    let setup = Setup::new(&format!("{LINE}\nMaintenanceAllow invite=guests"));
    setup.write("guests", "# nobody\n");
    let httpd = setup.start();
    for (closed, path, status) in [
        (false, "/maintenance-notice?maintenance-invite=secretsecret", 303),
        (true, "/maintenance-notice?maintenance-invite=secretsecret", 200),
        (true, "/maintenance-notice", 200),
    ] {
        if closed {
            httpd.close();
        }
        assert_eq!(httpd.client().get(path).status, status, "{path}");
    }
    let log = httpd.access_log(3);
    assert!(!log.iter().any(|line| line.contains("secretsecret")), "{log:?}");
}

/// A dry run knows which paths the module answers itself.
#[test]
fn preflight() {
    let httpd = Setup::new(&format!("{LINE}\n{STATUS}")).start();
    for (closed, path, verdicts) in [
        (false, "/maintenance-notice", ["notice", "notice"]),
        (false, "/x", ["open", "blocked"]),
        (true, "/maintenance-notice", ["notice", "notice"]),
        (true, "/maintenance-notice/bar.js?x", ["notice", "notice"]),
        (true, "/maintenance-noticed", ["blocked", "blocked"]),
        (true, "/maintenance-notice//bar.js", ["blocked", "blocked"]),
    ] {
        if closed {
            httpd.close();
        }
        let question = form_urlencode(path);
        let report =
            report_with(&httpd.client(), "x", &format!("&client=10.0.0.1&path={question}"));
        let answer = &report["preflight"]["answers"][0];
        let found = ["now", "while_closed"].map(|when| answer[when]["verdict"].as_str());
        assert_eq!(found, verdicts.map(Some), "{path}: {answer}");
    }
}

fn form_urlencode(path: &str) -> String {
    path.replace('/', "%2F").replace('?', "%3F")
}
