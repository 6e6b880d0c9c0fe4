//! Requests that turn into other requests or have subrequests: each is in flight once.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::{AREA, Gauges, MAIN, Site};
use maintenance_harness::{Mpm, Reports, Setup, wait_for};

/// Modules in addition to those of every site here.
const DIRECTIVES: &str = "RewriteEngine On
RewriteRule ^/through/(.*)$ /hold/$1 [PT]
RewriteRule ^/into/(.*)$ /area/hold/$1 [PT]
RewriteRule ^/proxied/(.*)$ http://${BACKEND}/hold/$1 [P]
ErrorDocument 404 /hold/error
ErrorDocument 403 /area/hold/denied
ErrorDocument 502 /index.html
<Location /index>
    DirectoryIndex /hold/index
</Location>
<Location /fallback>
    FallbackResource /hold/fallback
</Location>
<Location /denied>
    Require all denied
</Location>
<Directory \"${ROOT}/htdocs/rewritten\">
    RewriteEngine On
    RewriteRule ^one$ /rewritten/two
    RewriteRule ^two$ /hold/rewritten
</Directory>
<Location /parts>
    Options +Includes
    SetOutputFilter INCLUDES
</Location>";

/// The target, the name of the request that the backend then holds, the final status, and the scope
/// in which the request is counted.
const WAYS: [(&str, &str, u16, &str); 11] = [
    ("/hold/plain", "plain", 200, MAIN),
    ("/through/pass", "pass", 200, MAIN),
    ("/into/into", "into", 200, AREA),
    ("/proxied/proxied", "proxied", 200, MAIN),
    ("/missing", "error", 200, MAIN),
    ("/denied", "denied", 200, AREA),
    ("/index/", "index", 200, MAIN),
    ("/fallback/x", "fallback", 200, MAIN),
    ("/rewritten/one", "rewritten", 200, MAIN),
    ("/parts/page.html", "last", 200, MAIN),
    ("/hold/fails?fail", "fails", 502, MAIN),
];

fn site(mpm: Mpm) -> Site {
    let setup = Setup::new(super::room(mpm)).mpm(mpm).modules(&["rewrite", "include"]);
    for folder in ["index", "rewritten", "parts"] {
        fs::create_dir(setup.path("htdocs").join(folder)).expect(folder);
    }
    let parts = "<!--#include virtual=\"/index.html\" --><!--#include virtual=\"/hold/first\" -->\
        <!--#include virtual=\"/hold/last\" -->";
    setup.write("htdocs/parts/page.html", parts);
    let mut site = Site::start(setup.directives(DIRECTIVES));
    site.httpd.allow_log("AH01102|AH00898|AH01630"); // the backend that fails, and who is denied
    site
}

fn gauges(running: &[&str], from_before_closing: bool) -> Gauges {
    let scopes = [MAIN, AREA].map(|scope| {
        let count = running.iter().filter(|other| **other == scope).count() as u64;
        (scope, count, count * u64::from(from_before_closing))
    });
    Gauges::of(&scopes)
}

/// All at once: admitted while the site is open, ended while it is closed.
fn each_counts_once(mpm: Mpm) {
    let site = site(mpm);
    site.backend.release("first");
    let mut scopes = vec![];
    let mut running = vec![];
    for (path, name, status, scope) in WAYS {
        running.push((name, status, site.hold(site.httpd.client(), path)));
        scopes.push(scope);
        site.shows(&gauges(&scopes, false));
    }
    site.httpd.close();
    site.shows(&gauges(&scopes, true));
    for (name, status, running) in running {
        site.backend.release(name);
        let answer = running.join().expect("an answer");
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        scopes.remove(0);
        site.shows(&gauges(&scopes, true));
    }
    let totals = site.reports.read().by_name(|scope| (scope.totals.open, scope.totals.refused));
    assert_eq!((totals[MAIN], totals[AREA]), ((9, 0), (2, 0)), "{mpm:?}");
}

#[test]
fn one_of_each() {
    for mpm in Mpm::ALL {
        each_counts_once(mpm);
    }
}

/// Requests that do not wait, while open and while closed.
#[test]
fn many_of_each() {
    let site = site(Mpm::Event);
    WAYS.iter().for_each(|(_, name, ..)| site.backend.release(name));
    site.backend.release("first");
    let clients = ["127.0.0.1", "127.0.0.2"].map(|address| site.httpd.client_from(address));
    let ask = |refused: bool| {
        for (path, _, status, _) in WAYS.repeat(10) {
            let [stranger, friend] = [0, 1].map(|which| clients[which].get(path).status);
            assert_eq!((stranger, friend), (if refused { 500 } else { status }, status), "{path}");
        }
    };
    ask(false);
    site.httpd.close();
    ask(true);
    site.shows(&Gauges::default());
    let totals = site.reports.read().by_name(|scope| {
        let totals = &scope.totals;
        (totals.open, totals.allowed, totals.refused)
    });
    // A refused request enters no other scope than the requested one.
    assert_eq!((totals[MAIN], totals[AREA]), ((180, 90, 110), (40, 20, 0)));
}

/// A connection that switches to HTTP/2 with its first request, which then arrives as a stream: the
/// request counts once, and is not in flight for as long as the connection exists.
#[test]
fn upgrade_to_http2() {
    let setup = Setup::new("Protocols h2c http/1.1").modules(&["http2"]);
    let httpd = setup.directives(Reports::directives()).start();
    let reports = Reports::of(&httpd);
    let mut stream = TcpStream::connect(httpd.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let request = b"GET / HTTP/1.1\r\nHost: maintenance.test\r\nUpgrade: h2c\r\n\
        Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    stream.write_all(request).expect("sent");
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("sent");
    let mut answer = vec![];
    while !answer.windows(5).any(|bytes| bytes == b"hello") {
        let mut part = [0; 4096];
        let length = stream.read(&mut part).expect("an answer");
        assert!(length > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..length]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    let scope = || reports.read().scopes.remove(0);
    wait_for("the end of the request", Duration::from_secs(2), || {
        scope().in_flight.requests == 0 && scope().totals.open == 1
    });
    drop(stream);
    assert_eq!(scope().totals.open, 1);
}
