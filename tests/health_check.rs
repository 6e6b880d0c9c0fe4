//! MaintenanceHealthCheck: a load balancer keeps the server, and people see the page.

use maintenance_harness::client;
use maintenance_harness::{Httpd, Mpm, Setup, replace_file};

const DIRECTIVES: &str = "MaintenanceHealthCheck /healthz /ready.txt\nMaintenanceAllow 127.0.0.2";

/// The first line of the answer to these bytes, and whether it has content.
fn raw(httpd: &Httpd, request: &str) -> (String, bool) {
    let answer = client::raw(httpd.address(), request.as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").expect("a header section");
    (head.lines().next().unwrap_or_default().to_owned(), !body.is_empty())
}

fn requests(mpm: Mpm) {
    let httpd = Setup::new(DIRECTIVES).mpm(mpm).http2_where_possible().start();
    for client in httpd.clients() {
        let send = |method: &str, path: &str| client.send(client.request(method, path));
        for path in ["/healthz", "/ready.txt"] {
            assert_eq!(send("GET", path).status, 404, "open: the site answers");
        }
        httpd.close();
        for (method, path, status) in [
            ("GET", "/healthz", 200),
            ("HEAD", "/healthz", 200),
            ("GET", "/ready.txt", 200),
            ("GET", "/healthz?full=1", 200),
            ("GET", "/healthz/", 500),
            ("GET", "/healthz/deep", 500),
            ("GET", "/Healthz", 500),
            ("GET", "/%68ealthz", 500),
            ("GET", "//healthz", 500),
            ("GET", "/healthz;x", 500),
            ("POST", "/healthz", 500),
            ("OPTIONS", "/healthz", 500),
            ("PUT", "/healthz", 500),
            ("GET", "/", 500),
        ] {
            let answer = send(method, path);
            assert_eq!(answer.status, status, "{:?} {method} {path}", answer.version);
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
            assert_eq!(answer.header("maintenance"), Some("closed"), "{method} {path}");
            if status == 200 {
                assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
                assert_eq!(answer.header("retry-after"), None);
                let body = if method == "HEAD" { "" } else { "closed for maintenance\n" };
                assert_eq!(answer.body, body);
            }
        }
        httpd.open();
    }
    httpd.close();
    for (request, status, has_content) in [
        ("GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", true),
        ("HEAD /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK", false),
        (
            "GET /healthz HTTP/1.1\r\nHost: 10.0.0.1:80\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK",
            true,
        ),
        (
            "GET http://other.example/healthz HTTP/1.1\r\nHost: other.example\r\n\
             Connection: close\r\n\r\n",
            "HTTP/1.1 500 Internal Server Error",
            true,
        ),
    ] {
        assert_eq!(raw(&httpd, request), (status.to_owned(), has_content), "{request}");
    }
    // The balancer's address may well be on the allowlist.
    assert_eq!(httpd.client_from("127.0.0.2").get("/healthz").status, 200);
    assert_eq!(httpd.client_from("127.0.0.2").get("/ready").status, 404);
    let log = httpd.access_log(1);
    assert!(
        log.iter().any(|line| line.contains("health-check")),
        "the note is in the log: {log:?}"
    );
}

#[test]
fn event() {
    requests(Mpm::Event);
}

#[test]
fn prefork() {
    requests(Mpm::Prefork);
}

/// While only writes are refused, the application runs and answers for itself: its state is what the
/// balancer has to know. While it is reopened by degrees, the module answers.
#[test]
fn in_other_states() {
    let httpd = Setup::new(DIRECTIVES).start();
    for (content, status) in
        [("refuse = 'writes'", 404), ("admit_percent = 0", 200), ("closed = false", 404), ("", 200)]
    {
        replace_file(&httpd.flag(), content);
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(httpd.client().get("/healthz").status, status, "{content}");
    }
}
