//! Slashes that were sent as `%2f`. httpd may leave them encoded while the application decodes
//! them, so the path can lead into a closed location without httpd noticing.

use std::fs;

use super::{is_refused, touch};
use maintenance_harness::{Backend, Httpd, Reports, Setup, raw};

/// As recommended in docs/locations.md.
const CLOSED: &str =
    "<LocationMatch \"(?i)^/blogs([/;]|$)\">\nMaintenanceFlag blogs.flag\n</LocationMatch>\n";

const INSIDE: [&str; 18] = [
    "/blogs%2fx.html",
    "/blogs%2Fx.html",
    "/BLOGS%2fx.html",
    "/%62logs%2fx",
    "/blogs%2f",
    "/blogs%2f%2fx",
    "/blogs%2fx?a=b",
    "/a/..%2fblogs/x",
    "/a/..%2Fblogs%2fx",
    "/a%2f..%2fblogs%2fx",
    "/a/%2e%2e%2fblogs/x",
    "/a%2f%2E%2e%2Fblogs",
    "/a/b%2f..%2f..%2fblogs/x",
    "/%2fblogs/x",
    "/.%2fblogs/x",
    "/a%2f..;v=1%2fblogs/x",
    "/a/..%2fblogs;jsessionid=1/x",
    "/blogs;jsessionid=1%2fx",
];

const OUTSIDE: [&str; 8] = [
    "/other%2fx",
    "/blogsx%2fy",
    "/other%2fblogs",
    "/other/..%2fother/x",
    "/blogs%2f..%2fother/x",
    "/other/x?/blogs%2fx",
    "/other/x?%2fblogs",
    "/other/x",
];

fn get(httpd: &Httpd, target: &str) -> String {
    let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    raw(httpd.address(), head.as_bytes())
}

/// Targets outside the location get the same answers as before. The application sees none of the
/// other requests.
fn hold(lines: &str, proxy: &str, reaches_application: bool) {
    let backend = Backend::start();
    let proxy = format!("ProxyPass / http://{}/ {proxy}", backend.address);
    let setup = Setup::new(CLOSED).directives(lines).modules(&["proxy", "proxy_http"]);
    let mut httpd = setup.directives(&proxy).start();
    httpd.allow_log("AH10244|AH00026|AH01136|AH10508"); // of what httpd turns down, and of nocanon
    let name = format!("{lines}\n{proxy}");
    let status = |target: &str| get(&httpd, target)[..12].to_owned();
    let open = OUTSIDE.map(&status);
    let received = backend.received();
    INSIDE.iter().for_each(|target| drop(status(target)));
    assert_eq!(backend.received() > received, reaches_application, "{name}: while it is open");
    touch(&httpd, "blogs.flag");
    assert_eq!(OUTSIDE.map(&status), open, "{name}");
    let received = backend.received();
    for target in INSIDE {
        assert!(is_refused(&get(&httpd, target)), "{name}: {target}");
    }
    assert_eq!(backend.received(), received, "{name}");
}

#[test]
fn kept_by_httpd() {
    for (lines, proxy, reaches_application) in [
        ("AllowEncodedSlashes NoDecode", "", true),
        ("AllowEncodedSlashes NoDecode", "nocanon", true),
        ("AllowEncodedSlashes On", "", true),
        ("AllowEncodedSlashes On", "nocanon", true),
        ("", "", false), // httpd answers 404
    ] {
        hold(lines, proxy, reaches_application);
    }
}

/// A doubly encoded slash is still encoded once after httpd has decoded the path.
#[test]
fn encoded_twice() {
    const TARGETS: [&str; 4] =
        ["/blogs%252fx", "/BLOGS%252Fx", "/a/..%252fblogs/x", "/%2562logs%252fx"];
    for (lines, proxy, opens) in [
        ("AllowEncodedSlashes NoDecode", "ProxyPass / http://BACKEND/", true),
        ("AllowEncodedSlashes On", "ProxyPass / http://BACKEND/", true),
        ("", "RewriteEngine On\nRewriteRule ^/(.*)$ http://BACKEND/$1 [P,NE]", true),
        ("", "RewriteEngine On\nRewriteRule ^/(.*)$ http://BACKEND/$1 [P]", true),
    ] {
        let backend = Backend::start();
        let proxy = proxy.replace("BACKEND", &backend.address.to_string());
        let setup = Setup::new(CLOSED).modules(&["proxy", "proxy_http", "rewrite"]);
        let mut httpd = setup.directives(lines).directives(&proxy).start();
        httpd.allow_log("AH10244|AH00026|AH10508|AH10410|AH10411");
        let reached = |target: &str| {
            let received = backend.received();
            get(&httpd, target);
            backend.received() > received
        };
        assert_eq!(TARGETS.iter().any(|target| reached(target)), opens, "{proxy}");
        let reads_slash: Vec<_> = TARGETS
            .iter()
            .filter(|target| get(&httpd, target).to_ascii_lowercase().contains("blogs%2fx"))
            .collect();
        touch(&httpd, "blogs.flag");
        for target in reads_slash {
            assert!(!reached(target), "{lines} {proxy}: {target}");
        }
    }
}

/// They came with 2.4.49.
#[test]
fn kept_by_a_mapping_of_mod_proxy() {
    for mapping in ["servlet", "encoded"] {
        for lines in ["", "AllowEncodedSlashes NoDecode", "AllowEncodedSlashes On"] {
            hold(lines, &format!("mapping={mapping}"), true);
        }
    }
}

/// httpd removes one slash and another remains: no reading may hide another one.
#[test]
fn every_reading_counts() {
    let backend = Backend::start();
    let lines = "AllowEncodedSlashes NoDecode\n<Location /c>\nMaintenanceFlag c.flag\n</Location>";
    let setup = Setup::new(CLOSED).directives(lines).modules(&["proxy", "proxy_http"]);
    let proxy = format!("ProxyPass / http://{}/ nocanon", backend.address);
    let mut httpd = setup.directives(&proxy).start();
    httpd.allow_log("AH01136|AH10508");
    for (flag, targets) in [
        (
            "c.flag",
            &[
                "/c%2f%252e%252e%2fblogs/x", // decoded once, /c/%2e%2e/blogs/x
                "/c%2f..;/blogs/x",          // to those that know no parameters, /c/..;/blogs/x
                "/c%2fx/../blogs/x",         // as it was sent, /c/blogs/x
                "/c/a%2fb",
            ][..],
        ),
        ("blogs.flag", &["/c%2f..;/blogs/x", "/c%2fx/../blogs/x", "/c/..%2fblogs"]),
    ] {
        touch(&httpd, flag);
        let received = backend.received();
        for target in targets {
            assert!(is_refused(&get(&httpd, target)), "{flag}: {target}");
        }
        assert_eq!(backend.received(), received);
        fs::remove_file(httpd.path(flag)).expect("the flag was there");
    }
}

/// Paths that get an encoded slash by a rewrite or as a subrequest.
#[test]
fn on_the_way() {
    let backend = Backend::start();
    let lines = "AllowEncodedSlashes NoDecode\nRewriteEngine On\nTypesConfig /dev/null
        RewriteRule ^/news(.*)$ /blogs$1 [PT]\nAddHandler server-parsed .shtml\nOptions +Includes
        ProxyPass /page.shtml !";
    let setup = Setup::new(CLOSED).directives(lines);
    let setup = setup.modules(&["rewrite", "include", "mime"]).proxy_to(&backend);
    setup.write("htdocs/page.shtml", "<!--#include virtual=\"/blogs%2fpage\" -->");
    let mut httpd = setup.start();
    httpd.allow_log("include:error.*unable to include");
    let asked = ["/news%2fx", "/page.shtml"];
    for target in asked {
        assert!(get(&httpd, target).contains("GET /blogs"), "{target}");
    }
    touch(&httpd, "blogs.flag");
    let received = backend.received();
    assert!(is_refused(&get(&httpd, asked[0])));
    assert!(get(&httpd, asked[1]).contains("an error occurred"));
    assert_eq!(backend.received(), received);
}

/// The verdict of the strictest reading applies to the allowlist, the log and the statistics.
#[test]
fn the_strictest_reading() {
    let backend = Backend::start();
    let lines = "AllowEncodedSlashes NoDecode\nMaintenanceFlag all.flag
        <Location /a>\nMaintenanceFlag a.flag\nMaintenanceAllow 127.0.0.2 127.0.0.3\n</Location>
        <Location /blogs>\nMaintenanceFlag blogs.flag\nMaintenanceAllow 127.0.0.3\n
        MaintenanceStatus 503\n</Location>";
    let proxy = format!("ProxyPass /a http://{0}/\nProxyPass /x http://{0}/", backend.address);
    let setup = Setup::new(lines).modules(&["proxy", "proxy_http"]).directives(&proxy);
    let httpd = setup.directives(Reports::directives()).start();
    let reports = Reports::of(&httpd);
    touch(&httpd, "a.flag");
    touch(&httpd, "blogs.flag");
    for (address, target, status) in [
        ("127.0.0.1", "/a/..%2fblogs", 500),
        ("127.0.0.2", "/a/..%2fblogs", 503),
        ("127.0.0.3", "/a/..%2fblogs", 200),
        ("127.0.0.1", "/x/..%2fblogs", 503),
        ("127.0.0.3", "/x/..%2fblogs", 200),
        ("127.0.0.1", "/x/a%2fblogs", 200),
    ] {
        let answer = httpd.client_from(address).get(target);
        assert_eq!(answer.status, status, "{address} {target}");
    }
    let mut lines = httpd.access_log(6);
    lines.sort();
    let notes: Vec<_> = lines.iter().map(|line| line.split(" \"").next().unwrap_or("")).collect();
    assert_eq!(
        notes,
        [
            "127.0.0.1 200 - -",
            "127.0.0.1 500 blocked blocked",
            "127.0.0.1 503 blocked blocked",
            "127.0.0.2 503 blocked blocked",
            "127.0.0.3 200 allowed:address allowed:address",
            "127.0.0.3 200 allowed:address allowed:address",
        ]
    );
    let totals = reports
        .read()
        .by_name(|scope| (scope.totals.open, scope.totals.allowed, scope.totals.refused));
    assert_eq!(totals["maintenance.test"], (1, 0, 0));
    assert_eq!(totals["maintenance.test <Location /a>"], (0, 1, 1));
    assert_eq!(totals["maintenance.test <Location /blogs>"], (0, 1, 2));
}
