//! The scope in which a request is counted that enters several scopes, and requests that are not
//! counted.

use std::fs::File;

use super::{MAIN, SHOP, Tally, assert_counted, join, one, setup};
use maintenance_harness::{Httpd, Mpm, Reports, raw};

/// Modules in addition to those of `totals`.
const DIRECTIVES: &str = "RewriteEngine On
RewriteRule ^/into/(.*)$ /shop/$1 [PT]
<Location /lost>
    ErrorDocument 404 /shop/lost
</Location>
<Location /found>
    ErrorDocument 404 /index.html
</Location>
<Location /part>
    Options +Includes
    SetOutputFilter INCLUDES
</Location>";

/// Adds the expected count of a request, if it is counted.
struct Count {
    httpd: Httpd,
    reports: Reports,
    seen: Tally,
}

impl Count {
    fn start() -> Self {
        let setup = setup(Mpm::Event).modules(&["rewrite", "include"]).directives(DIRECTIVES);
        setup.write("htdocs/part", "<!--#include virtual=\"/shop/part\" -->and the rest");
        let mut httpd = setup.start();
        httpd.allow_log("AH10244|AH00026|AH00126"); // of paths that httpd turns down
        httpd.allow_log("include:error.*unable to include \"/shop/part\"");
        let reports = Reports::of(&httpd);
        Self { httpd, reports, seen: Tally::new() }
    }

    #[track_caller]
    fn ask(&mut self, request: &str, status: u16, counts: Option<(&str, &str)>) {
        let answer = raw(self.httpd.address(), request.as_bytes());
        let line = answer.lines().next().unwrap_or_default();
        assert!(line.contains(&format!(" {status} ")), "{request}: {line}");
        if let Some((scope, fate)) = counts {
            join(&mut self.seen, &one(scope, fate));
        }
        assert_counted(&self.reports, &self.seen);
    }

    #[track_caller]
    fn get(&mut self, target: &str, status: u16, counts: (&str, &str)) {
        self.ask(&request("GET", target, ""), status, Some(counts));
    }
}

fn request(method: &str, target: &str, fields: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}\r\n")
}

/// A request is counted once, in the last scope that it entered.
#[test]
fn ways_between_scopes() {
    let mut count = Count::start();
    for (target, status, scope) in [
        ("/", 200, MAIN),
        ("/missing", 404, MAIN),
        ("/shop/x", 404, SHOP),
        ("/into/x", 404, SHOP),
        ("/lost", 404, SHOP),
        ("/found", 404, MAIN),
        ("/part", 200, MAIN),
    ] {
        count.get(target, status, (scope, "open"));
    }
    File::create(count.httpd.path("shop.flag")).expect("a flag");
    for (target, status, scope, fate) in [
        ("/", 200, MAIN, "open"),
        ("/shop/x", 503, SHOP, "503"),
        ("/into/x", 503, SHOP, "503"),
        ("/lost", 503, SHOP, "503"),
        ("/found", 404, MAIN, "open"),
        // Without the part in a closed scope.
        ("/part", 200, MAIN, "open"),
    ] {
        count.get(target, status, (scope, fate));
    }
    let friend = |target: &str| request("GET", target, "X-Friend: yes\r\n");
    count.ask(&friend("/into/x"), 404, Some((SHOP, "allowed:env")));
    count.ask(&friend("/lost"), 404, Some((SHOP, "allowed:env")));
    count.ask(&friend("/part"), 200, Some((MAIN, "open")));
    count.httpd.close();
    count.get("/", 500, (MAIN, "500"));
    count.get("/into/x", 500, (MAIN, "500"));
    count.get("/shop/x", 503, (SHOP, "503"));
    // From a scope that admits it by its path to a scope that does not.
    count.get("/free", 404, (MAIN, "allowed:path"));
}

/// Other methods count like GET. Requests that httpd rejects before all modules do not count.
#[test]
fn other_requests() {
    let mut count = Count::start();
    let open = Some((MAIN, "open"));
    count.ask(&request("HEAD", "/", ""), 200, open);
    count.ask(&request("OPTIONS", "*", ""), 200, open);
    count.ask(&request("POST", "/", "Content-Length: 0\r\n"), 200, open);
    count.ask(&request("DELETE", "/", ""), 405, open);
    count.ask("GET / HTTP/1.0\r\n\r\n", 200, open);
    let long = "x".repeat(10_000);
    for is_closed in [false, true] {
        if is_closed {
            count.httpd.close();
        }
        count.ask("GET / HTTP/1.1\r\n\r\n", 400, None);
        count.ask(&request("GET", &format!("/{long}"), ""), 414, None);
        count.ask(&request("GET", "/", "Expect: the-unexpected\r\n"), 417, None);
    }
    let refused = Some((MAIN, "500"));
    // Paths are checked later than that.
    for (status, counts) in [(500, refused), (400, open)] {
        for target in ["/../x", "/%zz"] {
            count.ask(&request("GET", target, ""), status, counts);
        }
        if status == 500 {
            count.httpd.open();
        }
    }
    count.httpd.close();
    count.ask(&request("HEAD", "/", ""), 500, refused);
    count.ask(&request("BREW", "/", ""), 500, refused);
    count.ask("GET / HTTP/1.0\r\n\r\n", 500, refused);
}

/// Requests in which the module itself fails count like all others.
#[test]
fn panics() {
    use maintenance_harness::{Client, installation::debug_module};

    for mpm in Mpm::ALL {
        let mut httpd = setup(mpm).module(debug_module()).start();
        httpd.allow_log("maintenance:error.*internal error, please report it: provoked");
        // Rust's own message, and the note on backtraces.
        httpd.allow_log("^$|^thread .* panicked at|^provoked$|^note: run with");
        let reports = Reports::of(&httpd);
        let provoke = |client: &Client, path: &str| {
            client.send(client.request("GET", path).header("X-Provoke-Panic", "1")).status
        };
        let clients = ["127.0.0.1", "127.0.0.2"].map(|address| httpd.client_from(address));
        let mut seen = Tally::new();
        for (path, status) in [("/", 200), ("/missing", 404), ("/shop/x", 404)] {
            for client in &clients {
                assert_eq!(provoke(client, path), status, "{mpm:?} {path}");
                join(&mut seen, &one(MAIN, "open"));
            }
            assert_counted(&reports, &seen);
        }
        httpd.close();
        assert_eq!(clients[0].get("/").status, 500);
        join(&mut seen, &one(MAIN, "500"));
        for path in ["/", "/missing", "/shop/x"] {
            for client in &clients {
                assert_eq!(provoke(client, path), 500, "{mpm:?} {path}");
                join(&mut seen, &one(MAIN, "500"));
            }
            assert_counted(&reports, &seen);
        }
        assert_eq!(reports.read().in_flight.requests, 0);
    }
}
