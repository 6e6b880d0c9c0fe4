//! The status page where another module takes all paths: no line excepts the page.

use std::fs;

use super::document;
use maintenance_harness::client::Protocol;
use maintenance_harness::{Backend, Client, Httpd, Mpm, Setup};

/// For one of the clients only.
pub const PAGE: &str = "<Location /maintenance-status>
    SetHandler maintenance-status
    Require ip 127.0.0.2
</Location>";

/// Modules, directives that take all paths, and the status of another path. `BACKEND` and `ROOT`
/// are defined.
pub const WAYS: &[(&[&str], &str, u16)] = &[
    (&["proxy", "proxy_http"], "ProxyPass / http://${BACKEND}/", 200),
    (
        &["proxy", "proxy_http"],
        "ProxyPass / http://${BACKEND}/ nocanon\nAllowEncodedSlashes NoDecode",
        200,
    ),
    (&["proxy", "proxy_http"], "ProxyPassMatch ^/(.*)$ http://${BACKEND}/$1", 200),
    (
        &["proxy", "proxy_http"],
        "<VirtualHost *>\nProxyPass / http://${BACKEND}/\n</VirtualHost>",
        200,
    ),
    (
        &["rewrite", "proxy", "proxy_http"],
        "RewriteEngine On\nRewriteRule ^/(.*) http://${BACKEND}/$1 [P]",
        200,
    ),
    (&["rewrite"], "RewriteEngine On\nRewriteRule ^ /index.html [L]", 200),
    (&["rewrite"], "RewriteEngine On\nRewriteRule ^ ${ROOT}/htdocs/index.html [END]", 200),
    (&["rewrite"], "RewriteEngine On\nRewriteRule ^ - [F]", 403),
    (&["rewrite"], "RewriteEngine On\nRewriteRule ^ - [G]", 410),
    (&["rewrite"], "RewriteEngine On\nRewriteRule ^/(.*) https://www.example.com/$1 [R,L]", 302),
    (&["rewrite"], "<VirtualHost *>\nRewriteEngine On\nRewriteRule ^ - [F]\n</VirtualHost>", 403),
    (
        &["rewrite"],
        "<Directory ${ROOT}/htdocs>\nRewriteEngine On\nRewriteRule ^ index.html [L]\n</Directory>",
        200,
    ),
    (&["rewrite"], "<Directory ${ROOT}/htdocs>\nAllowOverride All\n</Directory>", 200),
    (&["alias"], "AliasMatch ^ ${ROOT}/htdocs/index.html", 200),
    (&["alias"], "RedirectMatch ^/(.*) https://www.example.com/$1", 302),
    (&[], "FallbackResource /index.html", 200),
];

/// With a .htaccess file, if the directives let it count.
pub fn setup(backend: &Backend, modules: &[&'static str], lines: &str) -> Setup {
    let setup = Setup::new(PAGE).before(&format!("Define BACKEND {}", backend.address));
    if lines.contains("AllowOverride") {
        setup.write("htdocs/.htaccess", "RewriteEngine On\nRewriteRule ^ index.html [L]");
    }
    setup.modules(&["authz_host"]).modules(modules).directives(lines)
}

/// The page answers, for a client that Require admits and for no other.
#[track_caller]
pub fn assert_there(httpd: &Httpd, way: &str) {
    let [admitted, other] = ["127.0.0.2", "127.0.0.1"].map(|address| httpd.client_from(address));
    assert_answers(&admitted, &other, way);
}

#[track_caller]
fn assert_answers(admitted: &Client, other: &Client, way: &str) {
    for path in ["?format=json", "/?format=json", "/a/b.html?format=json", "/%41?format=json"] {
        let path = format!("/maintenance-status{path}");
        let answer = admitted.get(&path);
        assert_eq!(answer.status, 200, "{way}: {path}: {answer:?}");
        document(&answer);
        assert_eq!(other.get(&path).status, 403, "{way}: {path}");
    }
    let head = admitted.send(admitted.request("HEAD", "/maintenance-status"));
    assert_eq!((head.status, &*head.body), (200, ""), "{way}");
    assert_eq!(head.header("content-type"), Some("text/html; charset=utf-8"), "{way}");
    let posted = admitted.send(admitted.request("POST", "/maintenance-status").body("a form"));
    assert_eq!(posted.status, 405, "{way}");
    let denied = other.send(other.request("HEAD", "/maintenance-status"));
    assert_eq!(denied.status, 403, "{way}");
}

#[test]
fn ways_of_other_modules() {
    let backend = Backend::start();
    for (modules, lines, status) in WAYS {
        let mut httpd = setup(&backend, modules, lines).start();
        httpd.allow_log("AH01630"); // denied
        assert_there(&httpd, lines);
        let received = backend.received();
        let other = httpd.client().get("/maintenance");
        assert_eq!(other.status, *status, "{lines}: {other:?}");
        let is_proxied = lines.contains("BACKEND");
        assert_eq!(backend.received() > received, is_proxied, "{lines}");
        httpd.restart();
        assert_there(&httpd, lines);
    }
}

#[test]
fn each_mpm() {
    let backend = Backend::start();
    for mpm in Mpm::ALL {
        let mut httpd = setup(&backend, WAYS[0].0, WAYS[0].1).mpm(mpm).start();
        httpd.allow_log("AH01630");
        assert_there(&httpd, &format!("{mpm:?}"));
        assert_eq!(backend.received(), 0);
    }
}

#[test]
fn http2() {
    let backend = Backend::start();
    let setup = setup(&backend, WAYS[0].0, WAYS[0].1).modules(&["http2"]);
    let mut httpd = setup.directives("Protocols h2c http/1.1").start();
    httpd.allow_log("AH01630");
    let client = |address: &str| {
        let address = Some(address.parse().expect("an address"));
        Client::build(&httpd.url(), Protocol::Http2, address, true)
    };
    assert_answers(&client("127.0.0.2"), &client("127.0.0.1"), "HTTP/2");
    assert_eq!(backend.received(), 0);
}

/// Other forms of a section.
#[test]
fn sections() {
    let backend = Backend::start();
    for (number, section) in [
        "<LocationMatch ^/maintenance-(status)>\nSetHandler maintenance-status",
        "<Location ~ ^/maintenance-s>\nSetHandler \"Maintenance-Status\"",
        "<Location \"/maintenance-s*\">\nSetHandler maintenance-status",
    ]
    .into_iter()
    .enumerate()
    {
        let name = section.split([' ', '<']).nth(1).expect("a name");
        let section = format!("{section}\nRequire ip 127.0.0.2\n</{name}>");
        let define = format!("Define BACKEND {}", backend.address);
        let setup = Setup::new(&section).before(&define).modules(&["authz_host"]);
        let setup = setup.modules(WAYS[0].0).directives(WAYS[0].1);
        let mut httpd = setup.start();
        httpd.allow_log("AH01630");
        let [admitted, other] = ["127.0.0.2", "127.0.0.1"].map(|from| httpd.client_from(from));
        document(&admitted.get("/maintenance-status?format=json"));
        assert_eq!(other.get("/maintenance-status?format=json").status, 403, "{section}");
        assert_eq!(backend.received(), number, "{section}");
        assert_eq!(other.get("/other").body, Backend::page_of("/other"));
    }
}

/// Since 2.4.49 mod_proxy can map the path before it is decoded.
#[test]
fn mapped_while_encoded() {
    let backend = Backend::start();
    let line = "ProxyPass / http://${BACKEND}/ mapping=encoded";
    let setup = setup(&backend, WAYS[0].0, line);
    if !setup.test_config().0 {
        return; // an older httpd
    }
    let mut httpd = setup.start();
    httpd.allow_log("AH01630");
    let [admitted, other] = ["127.0.0.2", "127.0.0.1"].map(|from| httpd.client_from(from));
    document(&admitted.get("/maintenance-status?format=json"));
    assert_eq!(other.get("/maintenance-status").status, 403);
    assert_eq!(backend.received(), 0);
    assert_eq!(other.get("/x").body, Backend::page_of("/x"));
}

/// The sections of DocumentRoot guard a page that has no Require of its own, as before.
#[test]
fn guarded_by_document_root() {
    let backend = Backend::start();
    let page = "<Location /maintenance-status>\nSetHandler maintenance-status\n</Location>
        <Directory ${ROOT}/htdocs>\nRequire ip 127.0.0.2\n</Directory>
        <Files page>\nRequire all denied\n</Files>
        <Location /page>\nSetHandler maintenance-status\n</Location>";
    let define = format!("Define BACKEND {}", backend.address);
    let setup = Setup::new(page).before(&define).modules(&["authz_host"]);
    let setup = setup.modules(WAYS[0].0).directives(WAYS[0].1);
    let mut httpd = setup.start();
    httpd.allow_log("AH01630");
    let [admitted, other] = ["127.0.0.2", "127.0.0.1"].map(|from| httpd.client_from(from));
    document(&admitted.get("/maintenance-status?format=json"));
    assert_eq!(other.get("/maintenance-status").status, 403);
    assert_eq!(admitted.get("/page").status, 403);
}

/// A path that is a folder is neither redirected nor listed.
#[test]
fn folder_of_that_name() {
    let setup = Setup::new(PAGE).modules(&["authz_host"]);
    fs::create_dir(setup.path("htdocs/maintenance-status")).expect("a folder");
    setup.write("htdocs/maintenance-status/index.html", "an index");
    let mut httpd = setup.start();
    httpd.allow_log("AH01630");
    assert_there(&httpd, "a folder");
}

/// A forward proxy's requests are not for this server, however their paths read.
#[test]
fn forward_proxy() {
    let backend = Backend::start();
    let setup = Setup::new(
        "<LocationMatch maintenance-status>\nSetHandler maintenance-status\n\
        </LocationMatch>\nProxyRequests On",
    )
    .modules(WAYS[0].0);
    let httpd = setup.start();
    let request = format!(
        "GET http://{0}/maintenance-status HTTP/1.1\r\nHost: {0}\r\nConnection: close\r\n\r\n",
        backend.address
    );
    let answer = maintenance_harness::raw(httpd.address(), request.as_bytes());
    assert!(answer.ends_with(&Backend::page_of("/maintenance-status")), "{answer}");
}
