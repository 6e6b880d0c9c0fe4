//! Custom pages: types, templates, and changes.

use std::fs;
use std::time::Duration;

use maintenance_harness::client::Answer;
use maintenance_harness::{
    Children, Client, Httpd, Mpm, PAGE, Setup, replace_file, set_mode, wait_for,
};

const TEMPLATE: &str = "<!doctype html><html lang={{ lang }}><title>{{ host }} {{ status }}</title>\
    <p>{{ message }}<p>{{ start }}|{{ end }}|{{ end_text }}|{{ overdue }}|{{ retry_after }}\
    <p>{{ vars.ticket }}{{ vars.unknown }}";

/// Large enough that no browser replaces the page by its own error page.
fn long() -> String {
    format!("<!--{}-->", "x".repeat(600))
}

fn get(httpd: &Httpd, host: &str, name: &'static str, value: &str) -> Answer {
    let client = httpd.client();
    client.send(client.request("GET", "/").header("Host", host).header(name, value))
}

#[test]
fn what_a_template_can_say() {
    let setup = Setup::new(
        "ServerName site.example.com\nMaintenanceStatus 503\nMaintenancePage ours.html.de.j2 ours.json.j2 ours.txt.j2",
    );
    setup.write("ours.html.de.j2", format!("{}{TEMPLATE}", long()));
    setup.write(
        "ours.json.j2",
        "{\"m\": {{ message }}, \"end\": {{ end }}, \"v\": {{ vars.ticket }}}\n",
    );
    setup.write("ours.txt.j2", "{{ message }} bis {{ end_text }}\n");
    let httpd = setup.start();
    replace_file(
        &httpd.flag(),
        "message = { de = 'Größer & <b>', en = 'x' }\nstart = 2020-01-01T00:00:00+02:00\n\
         end = 2999-01-01T00:00:00+01:00\nvars = { ticket = '<CHG-\"7\">' }",
    );
    let html = get(&httpd, "x", "Accept", "text/html");
    assert_eq!(html.header("content-language"), Some("de"));
    let shown = html.body.strip_prefix(&long()).expect("the template");
    assert_eq!(
        shown,
        "<!doctype html><html lang=de><title>site.example.com 503</title><p>Größer &amp; &lt;b&gt;\
         <p>2020-01-01T00:00:00+02:00|2999-01-01T00:00:00+01:00|2999-01-01 00:00 +01:00|False|\
         <p>&lt;CHG-&quot;7&quot;&gt;"
    );
    let json = get(&httpd, "x", "Accept", "application/problem+json");
    assert_eq!(json.header("content-type"), Some("application/problem+json"));
    let json: serde_json::Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(json["m"], "x", "a page without a language speaks English");
    assert_eq!(
        (&json["end"], &json["v"]),
        (&"2999-01-01T00:00:00+01:00".into(), &"<CHG-\"7\">".into())
    );
    let text = get(&httpd, "x", "Accept", "text/plain");
    assert_eq!(text.body, "x bis 2999-01-01 00:00 +01:00\n");
}

/// Virtual hosts that share a page each get their own name in it, and it is rendered once for each.
#[test]
fn the_name_of_the_virtual_host() {
    let hosts = ["one", "two", "three"];
    let sections =
        hosts.map(|host| format!("<VirtualHost *>\nServerName {host}\n</VirtualHost>\n"));
    let setup = Setup::new("LogLevel maintenance:debug\nMaintenancePage ours.html.j2");
    setup.write("ours.html.j2", format!("{}{{{{ host }}}} {{{{ message }}}}", long()));
    let httpd = setup
        .mpm(Mpm::Prefork)
        .directives("StartServers 1\nMinSpareServers 1\nMaxSpareServers 1")
        .directives("ServerLimit 1\nMaxRequestWorkers 1")
        .directives(&sections.concat())
        .start();
    for message in ["first", "second"] {
        replace_file(&httpd.flag(), format!("message = '{message}'"));
        for _ in 0..20 {
            for host in hosts {
                let answer = get(&httpd, host, "Accept", "text/html");
                assert!(answer.body.ends_with(&format!("{host} {message}")), "{answer:?}");
            }
        }
    }
    assert_eq!(httpd.count_log("ours.html.j2 was rendered"), 6);
}

/// The page is rendered when the flag or the page changes, and not for each request.
#[test]
fn rendered_once() {
    let setup =
        Setup::new("LogLevel maintenance:debug\nMaintenancePage ours.html.j2").mpm(Mpm::Prefork);
    setup.write("ours.html.j2", format!("{}{TEMPLATE}", long()));
    let mut httpd = setup
        .directives("StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nServerLimit 1\nMaxRequestWorkers 1")
        .start();
    httpd.allow_log("AH00161"); // of having one child only
    let client = httpd.client();
    let rendered = || httpd.count_log("debug.*ours.html.j2 was rendered");
    for change in 1..=3 {
        replace_file(&httpd.flag(), format!("message = 'change {change}'"));
        let wanted = format!("change {change}");
        wait_for(&wanted, Duration::from_secs(1), || client.get("/").body.contains(&wanted));
        for _ in 0..200 {
            assert!(client.get("/").body.contains(&wanted));
        }
        assert_eq!(rendered(), change);
    }
    replace_file(&httpd.path("ours.html.j2"), format!("{}{TEMPLATE}new", long()));
    wait_for("the new page", Duration::from_secs(1), || client.get("/").body.ends_with("new"));
    for _ in 0..200 {
        assert!(client.get("/").body.ends_with("new"));
    }
    assert_eq!(rendered(), 4);
}

/// A changed page is served within a second by every child. An invalid one leaves the last good one
/// in force, and the log says why, once.
#[test]
fn changes_reach_every_child_within_a_second() {
    let setup = Children::setup("MaintenancePage ours.html.j2 ours.txt");
    let template = setup.write("ours.html.j2", format!("{}{TEMPLATE}0", long()));
    let text = setup.write("ours.txt", "text 0\n");
    let mut httpd = setup.start();
    httpd.close();
    let children = Children::of(&httpd);
    let serves = |html: &str, text: &str| {
        let body = |client: &Client, media: &str| {
            client.send(client.request("GET", "/").header("Accept", media)).body
        };
        let answers =
            children.ask(|client| [body(client, "text/html"), body(client, "text/plain")]);
        answers.iter().all(|answer| answer[0].ends_with(html) && answer[1] == text)
    };
    let in_a_second = |html: &str, text: &str| {
        std::thread::sleep(Duration::from_millis(900));
        assert!(serves(html, text), "{html} {text}");
    };
    assert!(serves("0", "text 0\n"));
    let good = |end: &str| format!("{}{TEMPLATE}{end}", long());
    fs::write(&template, good("1")).expect("written");
    replace_file(&text, "text 1\n");
    in_a_second("1", "text 1\n");
    type Break<'a> = (&'a str, &'a dyn Fn(), &'a str);
    let breaks: [Break<'_>; 7] = [
        ("syntax", &|| replace_file(&template, "<p>\n{{ message"), "ours.html.j2\" line 2: "),
        ("variable", &|| replace_file(&template, "{{ mesage }}"), "uses unknown variables: mesage"),
        (
            "too large",
            &|| replace_file(&template, vec![b'x'; 1024 * 1024 + 1]),
            "has 1048577 bytes",
        ),
        (
            "not UTF-8",
            &|| replace_file(&template, b"Gr\xfc\xdfe"),
            "is not UTF-8 .byte 2.; save it as UTF-8",
        ),
        ("empty", &|| replace_file(&template, ""), "ours.html.j2\" is empty"),
        ("gone", &|| fs::remove_file(&template).expect("removed"), "cannot be read: No such file"),
        (
            "a folder",
            &|| fs::create_dir(&template).expect("made"),
            "ours.html.j2\" is not a regular file",
        ),
    ];
    for (what, break_it, said) in breaks {
        break_it();
        in_a_second("1", "text 1\n");
        let said = format!("error.*{said}.*; the last good version stays in force");
        // A missing file may be in the middle of a replacement, so it is reported only at a later
        // look.
        wait_for(what, Duration::from_secs(5), || {
            assert!(serves("1", "text 1\n"), "{what}");
            httpd.count_log(&said) > 0
        });
        assert_eq!(httpd.count_log(&said), 1, "{what}: {}", httpd.log());
    }
    fs::remove_dir(&template).expect("removed");
    replace_file(&template, good("2"));
    in_a_second("2", "text 1\n");
    assert_eq!(httpd.count_log("ours.html.j2 has changed and was read"), 2, "{}", httpd.log());
    httpd.allow_log("the last good version stays in force");
}

/// If a page fails only with the flag's content, the built-in page is sent, and the log says why.
#[test]
fn a_template_that_fails_later() {
    let setup = Setup::new("MaintenancePage ours.html.j2");
    let more = "{% if vars.ticket|int %}{% endif %}\
        {% for a in message %}{% for b in message %}{{ message }}{% endfor %}{% endfor %}";
    setup.write("ours.html.j2", format!("{}{more}", long()));
    let mut httpd = setup.start();
    let failed =
        |cause| format!("error.*ours.html.j2\" {cause}.*the built-in page is sent instead");
    let again = "notice.*ours.html.j2 can be rendered again";
    let (much, more) = ("x".repeat(100), "x".repeat(60_000));
    for (content, cause) in [
        ("vars = { ticket = 'many' }".to_owned(), "line 1: "),
        (format!("message = '{much}'"), ""),
        (format!("message = '{much}{much}'"), "produces more than 1048576 bytes"),
        ("message = 'x'".into(), ""),
        (format!("message = '{more}'"), "(line 1: .*fuel|produces more than)"),
        ("message = 'y'".into(), ""),
    ] {
        let before = (httpd.count_log(&failed(cause)), httpd.count_log(again));
        replace_file(&httpd.flag(), content);
        for _ in 0..20 {
            let answer = httpd.client().get("/");
            assert_eq!(answer.body.starts_with("<!--"), cause.is_empty(), "{cause}");
            assert!(answer.body.ends_with("-->") || answer.body.ends_with(['x', 'y', '\n']));
        }
        let after = (httpd.count_log(&failed(cause)), httpd.count_log(again));
        match cause {
            "" => assert_eq!(after.1, before.1 + 1, "{}", httpd.log()),
            _ => assert_eq!(after.0, before.0 + 1, "{cause}: {}", httpd.log()),
        }
    }
    httpd.allow_log("the built-in page is sent instead");
}

/// A virtual host's pages replace those of the server, each type individually.
#[test]
fn pages_of_a_virtual_host() {
    let setup = Setup::new(
        "MaintenancePage server.html server.json\n<VirtualHost *>\nServerName first\n</VirtualHost>\n\
         <VirtualHost *>\nServerName inner\nMaintenancePage inner.html.de inner.html\n</VirtualHost>",
    );
    let long = "x".repeat(600);
    setup.write("server.html", format!("server{long}"));
    setup.write("server.json", "{\"from\":\"server\"}");
    setup.write("inner.html", format!("inner{long}"));
    setup.write("inner.html.de", format!("innen{long}"));
    let httpd = setup.start();
    httpd.close();
    for (host, name, value, begin) in [
        ("first", "Accept", "text/html", "server"),
        ("first", "Accept", "application/json", "{\"from\":\"server\"}"),
        ("first", "Accept", "text/plain", "Down for maintenance\n"),
        ("inner", "Accept", "text/html", "inner"),
        ("inner", "Accept-Language", "fr", "inner"),
        ("inner", "Accept-Language", "de-AT", "innen"),
        ("inner", "Accept", "application/json", "{\"from\":\"server\"}"),
    ] {
        let answer = get(&httpd, host, name, value);
        assert!(answer.body.starts_with(begin), "{host} {value}: {answer:?}");
    }
}

#[test]
fn statuses_with_conditions() {
    let httpd = Httpd::start(
        "MaintenanceStatus 503 \"expr=%{HTTP_USER_AGENT} =~ /bot/\"\nMaintenanceStatus 500\n\
         MaintenanceStatus 429 \"expr=%{HTTP_USER_AGENT} =~ /robot|probe/\"\n\
         <VirtualHost *>\nServerName first\n</VirtualHost>\n\
         <VirtualHost *>\nServerName inner\nMaintenanceStatus 404 \"expr=%{REQUEST_METHOD} == 'PUT'\"\n</VirtualHost>\n\
         <VirtualHost *>\nServerName own\nMaintenanceStatus 404\n</VirtualHost>",
    );
    httpd.close();
    for (host, method, agent, status) in [
        ("first", "GET", "Mozilla", 500),
        ("first", "GET", "a robot", 503),
        ("first", "GET", "probe", 429),
        ("inner", "PUT", "a robot", 404),
        ("inner", "GET", "a robot", 503),
        ("inner", "GET", "Mozilla", 500),
        ("own", "GET", "a robot", 404),
    ] {
        let client = httpd.client();
        let request = client.request(method, "/").header("Host", host).header("User-Agent", agent);
        let answer = client.send(request);
        assert_eq!(answer.status, status, "{host} {method} {agent}");
        assert_eq!(answer.body, maintenance_harness::page_of(host, status));
    }
}

/// A page that httpd's children may not read is an error at start, and not when it changes.
#[test]
fn a_page_that_only_root_may_read() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let setup = Setup::new("MaintenancePage ours.html");
    let page = setup.write("ours.html", "x".repeat(600));
    set_mode(&page, 0o600);
    let mut httpd = setup.start();
    httpd.expect_log("error.*ours.html\" cannot be read: Permission denied");
    httpd.close();
    assert_eq!(httpd.client().get("/").body, "x".repeat(600));
    assert_ne!(httpd.client().get("/").body, PAGE);
}
