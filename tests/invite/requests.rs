//! Each way in which a link or a cookie can come, while open and while closed.

use std::fs;
use std::time::Duration;

use maintenance_harness::{Backend, Client, Httpd, Mpm, Setup, wait_for};
use regex::Regex;

use super::{Got, NAME, assert_nowhere, hash, new_secret, send};

/// What is sent, and what comes of it while open and while closed. In all texts `$` is the name of the
/// parameter, `@` a secret of anna, `~` one of bert for /blogs alone, `!` one that has expired, `^`
/// one with path=/echo/app, and `X` 7000 letters. What comes is a status, then the Location and
/// whether a cookie is set, or what the backend receives: its target, Cookie and Referer.
struct Row {
    method: &'static str,
    target: &'static str,
    fields: &'static [(&'static str, &'static str)],
    open: &'static str,
    closed: &'static str,
    /// Only over HTTP/1.1: other clients do not send such a thing.
    is_raw: bool,
}

const fn row(
    method: &'static str,
    target: &'static str,
    fields: &'static [(&'static str, &'static str)],
    open: &'static str,
    closed: &'static str,
) -> Row {
    Row { method, target, fields, open, closed, is_raw: false }
}

const fn get(target: &'static str, open: &'static str, closed: &'static str) -> Row {
    row("GET", target, &[], open, closed)
}

const fn raw(target: &'static str, open: &'static str, closed: &'static str) -> Row {
    Row { is_raw: true, ..get(target, open, closed) }
}

const fn cookie(
    fields: &'static [(&'static str, &'static str)],
    open: &'static str,
    closed: &'static str,
) -> Row {
    row("GET", "/echo", fields, open, closed)
}

const REFERER: &[(&str, &str)] = &[("Referer", "http://h/x?a=1&$=plain"), ("Cookie", "$=@")];

const ROWS: &[Row] = &[
    // No link and no cookie.
    get("/echo", "200 /echo", "500"),
    get("/echo?a=1&b", "200 /echo?a=1&b", "500"),
    row("OPTIONS", "*", &[], "200", "500"),
    // Links.
    get("/echo?$=@", "303 /echo", "303 /echo +cookie"),
    get("/?$=@", "303 /", "303 / +cookie"),
    get("/echo?a=1&$=@", "303 /echo?a=1", "303 /echo?a=1 +cookie"),
    get("/echo?$=@&a=1", "303 /echo?a=1", "303 /echo?a=1 +cookie"),
    get("/echo?a=1&$=@&b=2", "303 /echo?a=1&b=2", "303 /echo?a=1&b=2 +cookie"),
    get(
        "/echo?b=%26+&$=@&a=%C3%BC",
        "303 /echo?b=%26+&a=%C3%BC",
        "303 /echo?b=%26+&a=%C3%BC +cookie",
    ),
    get("/echo?a=1&&$=@", "303 /echo?a=1&", "303 /echo?a=1& +cookie"),
    get("/echo?&$=@&", "303 /echo", "303 /echo +cookie"),
    get("/echo?&&$=@&&", "303 /echo", "303 /echo +cookie"),
    get("/echo?$=@&$=wrong", "303 /echo", "303 /echo +cookie"),
    get("/echo?$=wrong&$=@", "303 /echo", "303 /echo +cookie"),
    get("/echo?$=wrong&x&$=nope", "303 /echo?x", "500"),
    get("/echo?$=wrong", "303 /echo", "500"),
    get("/echo?$=", "303 /echo", "500"),
    get("/echo?$", "303 /echo", "500"),
    get("/echo?$=@x", "303 /echo", "500"),
    get("/echo?$=@;a=1", "303 /echo", "500"),
    get("/echo?$=@%20", "303 /echo", "500"),
    get("/echo?$=X", "303 /echo", "500"),
    get("/echo?a=X&$=@", "303 /echo?a=X", "303 /echo?a=X +cookie"),
    get("/echo?$=!", "303 /echo", "500"),
    get("/echo?$=~", "303 /echo", "500"),
    get("/blogs?$=~", "303 /blogs", "303 /blogs +cookie"),
    get("/blogs/x?$=@&y", "303 /blogs/x?y", "303 /blogs/x?y +cookie"),
    get("/echo?$=^", "303 /echo", "500"),
    get("/echo/app?$=^", "303 /echo/app", "303 /echo/app +cookie until"),
    get("/echo/app/x?$=^", "303 /echo/app/x", "303 /echo/app/x +cookie until"),
    get("/echo/application?$=^", "303 /echo/application", "500"),
    get("/echo/app;x?$=^", "303 /echo/app;x", "500"),
    raw("/echo/app/../x?$=^", "303 /echo/app/../x", "500"),
    get("/echo/%7Ex?$=@", "303 /echo/%7Ex", "303 /echo/%7Ex +cookie"),
    // What is another parameter.
    get("/echo?maintenance%2Dinvite=plain", "200 /echo?maintenance%2Dinvite=plain", "500"),
    get("/echo?Maintenance-Invite=plain", "200 /echo?Maintenance-Invite=plain", "500"),
    get("/echo?a=1;$=plain", "200 /echo?a=1;$=plain", "500"),
    get("/echo?x$=plain", "200 /echo?x$=plain", "500"),
    get("/echo?$x=plain", "200 /echo?$x=plain", "500"),
    get("/echo?x=$", "200 /echo?x=$", "500"),
    // A link never leads to another host.
    raw("//echo?$=@", "303 /.//echo", "303 /.//echo +cookie"),
    raw("//evil.test/%2e%2e?$=@", "303 /.//evil.test/%2e%2e", "303 /.//evil.test/%2e%2e +cookie"),
    raw("/\\evil.test?$=@", "303 /./\\evil.test", "303 /./\\evil.test +cookie"),
    raw("http://evil.test/echo?$=@", "303 /echo", "303 /echo +cookie"),
    raw("http://evil.test?a&$=@", "303 /?a", "303 /?a +cookie"),
    raw("http://evil.test//x?$=@", "303 /.//x", "303 /.//x +cookie"),
    // Methods.
    row("HEAD", "/echo?$=@", &[], "303 /echo", "303 /echo +cookie"),
    row("HEAD", "/echo?$=wrong", &[], "303 /echo", "500"),
    row("POST", "/echo?$=@", &[], "200 /echo", "303 /echo +cookie"),
    row("POST", "/echo?$=wrong", &[("Cookie", "$=@")], "200 /echo", "200 /echo"),
    row("PUT", "/echo?a&$=@", &[], "200 /echo?a", "303 /echo?a +cookie"),
    row("OPTIONS", "/echo?$=@", &[], "200 /echo", "303 /echo +cookie"),
    row("DELETE", "/echo?$=wrong", &[], "200 /echo", "500"),
    // Cookies.
    cookie(&[("Cookie", "$=@")], "200 /echo", "200 /echo"),
    cookie(&[("Cookie", "a=1; $=@")], "200 /echo [a=1]", "200 /echo [a=1]"),
    cookie(&[("Cookie", "$=@; a=1")], "200 /echo [a=1]", "200 /echo [a=1]"),
    cookie(&[("Cookie", "a=1; $=@; b=2")], "200 /echo [a=1; b=2]", "200 /echo [a=1; b=2]"),
    cookie(&[("Cookie", "a=1;$=@;b=2")], "200 /echo [a=1;b=2]", "200 /echo [a=1;b=2]"),
    cookie(&[("Cookie", "$='@'; a")], "200 /echo [a]", "500"),
    cookie(&[("Cookie", "$=\"@\"; a")], "200 /echo [a]", "200 /echo [a]"),
    cookie(&[("Cookie", "$=wrong; $=@")], "200 /echo", "200 /echo"),
    cookie(&[("Cookie", "$=@; $=wrong")], "200 /echo", "200 /echo"),
    cookie(&[("Cookie", "a=1"), ("Cookie", "$=@")], "200 /echo [a=1]", "200 /echo [a=1]"),
    cookie(&[("Cookie", "$=wrong"), ("Cookie", "$=@")], "200 /echo", "200 /echo"),
    cookie(&[("Cookie", "x=X; $=@")], "200 /echo [x=X]", "200 /echo [x=X]"),
    cookie(&[("Cookie", "$=X; $=@")], "200 /echo", "200 /echo"),
    cookie(&[("Cookie", "$=wrong; a=1")], "200 /echo [a=1]", "500"),
    cookie(&[("Cookie", "$=; a=1")], "200 /echo [a=1]", "500"),
    cookie(&[("Cookie", "$=!")], "200 /echo", "500"),
    cookie(&[("Cookie", "$=~")], "200 /echo", "500"),
    cookie(&[("Cookie", "$=^")], "200 /echo", "500"),
    cookie(&[("Cookie", "__Host-$=@")], "200 /echo", "200 /echo"),
    cookie(&[("Cookie", "x$=plain")], "200 /echo [x$=plain]", "500"),
    row("GET", "/blogs", &[("Cookie", "$=~")], "200", "200"),
    row("GET", "/blogs", &[("Cookie", "$=@")], "200", "200"),
    row("GET", "/echo/app/x", &[("Cookie", "$=^")], "200 /echo/app/x", "200 /echo/app/x"),
    row("GET", "/echo/app;x", &[("Cookie", "$=^")], "200 /echo/app;x", "500"),
    row("HEAD", "/echo", &[("Cookie", "$=@")], "200", "200"),
    row("POST", "/echo", &[("Cookie", "$=@")], "200 /echo", "200 /echo"),
    // Cookies and links.
    row("GET", "/echo?$=wrong&a", &[("Cookie", "$=@")], "303 /echo?a", "200 /echo?a"),
    row("GET", "/echo?$=@", &[("Cookie", "$=wrong")], "303 /echo", "303 /echo +cookie"),
    row("GET", "/echo?$=@", &[("Cookie", "$=@; b")], "303 /echo", "303 /echo +cookie"),
    // The Referer.
    row("GET", "/echo", REFERER, "200 /echo (http://h/x?a=1)", "200 /echo (http://h/x?a=1)"),
    row(
        "GET",
        "/echo",
        &[("Referer", "http://h/$=x"), ("Cookie", "$=@")],
        "200 /echo (http://h/$=x)",
        "200 /echo (http://h/$=x)",
    ),
];

struct Site {
    httpd: Httpd,
    secrets: [String; 4],
    _backend: Backend,
}

impl Site {
    fn start(mpm: Mpm) -> Self {
        let secrets = [(); 4].map(|()| new_secret());
        let [anna, bert, old, app] = secrets.each_ref().map(|secret| hash(secret));
        let backend = Backend::start();
        let setup = Setup::new(
            "ExtendedStatus On\nLimitRequestLine 8190\n\
             MaintenanceAllow 127.0.0.2 invite=guests\n\
             <Location /blogs>\nMaintenanceAllow invite=bloggers\n</Location>\n\
             <Location /server-status>\nSetHandler server-status\n</Location>\n\
             ProxyPass /server-status !\n\
             CustomLog logs/all \"%r %U %q %{Referer}i %{Cookie}i %{X-Row}i %>s %{maintenance}n\"",
        )
        .mpm(mpm)
        .modules(&["status"])
        .http2_where_possible()
        .proxy_to(&backend);
        let old = format!("old {old} until=2026-01-01T00:00Z");
        let app = format!("app {app} until=2099-01-01T00:00Z path=/echo/app");
        setup.write("guests", format!("# guests\nanna {anna}\n{old}\n{app}\n"));
        setup.write("bloggers", format!("bert {bert}\n"));
        Self { httpd: setup.start(), secrets, _backend: backend }
    }

    fn complete(&self, text: &str) -> String {
        let [anna, bert, old, app] = &self.secrets;
        let text = text.replace('$', NAME).replace('@', anna).replace('~', bert);
        text.replace('!', old).replace('^', app).replace('X', &"x".repeat(7000))
    }

    /// What comes of a row, in the words of the table.
    fn check(&self, number: usize, row: &Row, is_closed: bool, http2: Option<&Client>) {
        let expected = if is_closed { row.closed } else { row.open };
        let mark = format!("row{number}-{is_closed}");
        let target = self.complete(row.target);
        let fields = row.fields.iter().map(|(name, value)| (*name, self.complete(value)));
        let fields: Vec<_> = fields.chain([("X-Row", mark)]).collect();
        let got = match http2 {
            None => send(&self.httpd, row.method, &target, &fields),
            Some(client) => {
                let request = client.request(row.method, &target);
                let request = fields
                    .iter()
                    .fold(request, |request, (name, value)| request.header(*name, value));
                Got::from(client.send(request))
            }
        };
        let context =
            format!("{} {} {:?}, closed: {is_closed}", row.method, row.target, row.fields);
        let shown = self.summary(row, &got);
        let wanted = self.complete(expected);
        assert_eq!(shown, wanted, "{context}, HTTP/2: {}\n{got:?}", http2.is_some());
        for secret in &self.secrets {
            assert!(!got.body.contains(secret.as_str()), "{context}: {got:?}");
            let others = got.fields.iter().filter(|(name, _)| *name != "set-cookie");
            let mut others = others.map(|(_, value)| value);
            assert!(!others.any(|value| value.contains(secret.as_str())), "{context}: {got:?}");
        }
        if got.status == 500 && row.method != "HEAD" && row.method != "OPTIONS" {
            assert_eq!(got.body.len(), maintenance_harness::PAGE.len(), "{context}: {got:?}");
        }
    }

    fn summary(&self, row: &Row, got: &Got) -> String {
        let mut text = got.status.to_string();
        if let Some(location) = got.field("location") {
            text += &format!(" {location}");
            assert_eq!(got.field("cache-control"), Some("no-store"), "{got:?}");
            assert_eq!(got.field("referrer-policy"), Some("no-referrer"), "{got:?}");
        }
        if let Some(cookie) = got.field("set-cookie") {
            let attributes = "; Path=/; HttpOnly; SameSite=Lax";
            let of = |secret: &&String| cookie.starts_with(&format!("{NAME}={secret}{attributes}"));
            assert!(self.secrets.iter().any(|secret| of(&secret)), "{got:?}");
            text += if cookie.contains("Max-Age=") { " +cookie until" } else { " +cookie" };
        }
        let field = |name: &str| {
            let pattern = Regex::new(&format!("\"{name}\": (\".*\")")).expect("a pattern");
            let found = pattern.captures(&got.body)?;
            serde_json::from_str::<String>(&found[1]).ok()
        };
        let target = Regex::new("uri: (.*),").expect("a pattern");
        if got.status == 200
            && row.target.starts_with("/echo")
            && let Some(target) = target.captures(&got.body)
        {
            text += &format!(" {}", &target[1]);
            text += &field("cookie").map_or_else(String::new, |cookie| format!(" [{cookie}]"));
            text += &field("referer").map_or_else(String::new, |from| format!(" ({from})"));
        }
        text
    }
}

fn all_rows(mpm: Mpm) {
    let site = Site::start(mpm);
    let http2 = site.httpd.clients().into_iter().nth(1);
    let versions = 1 + http2.iter().count();
    for is_closed in [false, true] {
        if is_closed {
            site.httpd.close();
        }
        for (number, row) in ROWS.iter().enumerate() {
            site.check(number, row, is_closed, None);
            // A client of HTTP/2 sends no asterisk.
            if http2.is_some() && !row.is_raw && row.target != "*" {
                site.check(number, row, is_closed, http2.as_ref());
            }
        }
    }
    // Who is admitted anyway sends a wrong link: it leads to the site, and is not seen there.
    let admitted = site.httpd.client_from("127.0.0.2");
    let answer = admitted.get(&site.complete("/echo?$=@wrong&a"));
    assert!(answer.status == 200 && answer.body.contains("uri: /echo?a,"), "{answer:?}");
    drop(http2);
    let lines = || fs::read_to_string(site.httpd.path("logs/all")).expect("a log");
    let last = format!("row{}-true", ROWS.len() - 1);
    wait_for("the log is complete", Duration::from_secs(20), || {
        lines().matches(&last).count() == versions
    });
    // The request line, the query and the headers are those that the application received.
    let log = lines();
    assert!(log.lines().any(|line| line.starts_with("GET /echo HTTP/1.1 /echo  - - row39-")
        || line.starts_with("GET /echo HTTP/1.1 /echo  - - ")));
    assert!(!log.contains(&format!("&{NAME}=wrong")) && !log.contains(&format!("?{NAME}=wrong")));
    assert!(!log.contains(&format!("{NAME}=\\\"")), "no cookie either");
    assert!(log.contains("200 allowed:invite") && log.contains("303 -"), "{log}");
    let is_leak = |line: &str| line.contains("http://h/x") && line.contains("=plain");
    assert!(!log.lines().any(is_leak), "the Referer: {log}");
    assert_nowhere(&site.httpd, &site.secrets);
}

#[test]
fn event() {
    all_rows(Mpm::Event);
}

#[test]
fn prefork() {
    all_rows(Mpm::Prefork);
}
