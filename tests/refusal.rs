//! The refusal: every method, protocol and body; effects of other modules; the page.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use maintenance_harness::client::Protocol;
use maintenance_harness::{Backend, Client, Httpd, Mpm, PAGE, Setup, page_with, raw};

#[test]
fn methods() {
    let backend = Backend::start();
    let directives = "TraceEnable On\nMaintenanceRetryAfter 300";
    let httpd = Setup::new(directives).proxy_to(&backend).start();
    httpd.close();
    let client = httpd.client();
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "BREW"]
    {
        for path in ["/", "/a/b?c=d", "//x", "/%2e%2e/", "/a;b"] {
            client.send(client.request(method, path)).assert_refused();
        }
    }
    let head = client.send(client.request("HEAD", "/"));
    assert_eq!((head.status, head.body.as_str()), (500, ""));
    let get = client.get("/");
    for (name, value) in &get.headers {
        let same = name == "date" || head.headers.get(name) == Some(value);
        assert!(same, "HEAD differs in {name}: {:?}", head.headers);
    }
    assert_eq!(backend.received(), 0);
    httpd.open();
    assert_eq!(client.send(client.request("BREW", "/pot")).body, "BREW /pot\n");
    assert_eq!(backend.received(), 1);
}

#[test]
fn odd_requests() {
    let httpd = Httpd::start("HttpProtocolOptions Unsafe Allow0.9");
    httpd.close();
    for request in [
        "GET / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET http://elsewhere.test/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "CONNECT elsewhere.test:443 HTTP/1.1\r\nHost: elsewhere.test:443\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nRange: bytes=0-9\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nIf-Match: \"x\"\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ] {
        let answer = raw(httpd.address(), request.as_bytes());
        assert!(
            answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"),
            "{request}: {answer}"
        );
        assert!(answer.ends_with(PAGE), "{request}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request}: one answer: {answer}");
    }
    assert_eq!(raw(httpd.address(), b"GET /\r\n"), PAGE, "HTTP/0.9 has nothing but the body");
}

/// A large upload is answered at once and completely.
#[test]
fn uploads_are_not_read() {
    for directives in ["", "MaintenanceStatus 404"] {
        let httpd = Httpd::start(directives);
        httpd.close();
        let start = Instant::now();
        let mut stream = TcpStream::connect(httpd.address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream
            .write_all(b"PUT /big HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\nbegin")
            .expect("sent");
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        while !answer.ends_with(b"</html>\n") {
            let size = stream.read(&mut chunk).expect("the answer, before the body was sent");
            assert!(size > 0, "cut: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&chunk[..size]);
        }
        assert!(start.elapsed() < Duration::from_secs(5), "{directives}");
        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains("\r\nConnection: close\r\n"), "{directives}: {text}");
    }
}

#[test]
fn answers_that_keep_the_connection() {
    let httpd = Httpd::start("MaintenanceStatus 404");
    httpd.close();
    let two =
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = raw(httpd.address(), two.as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 404 Not Found\r\n").count(), 2, "{answer}");
    assert_eq!(answer.matches(&page_with(404)).count(), 2, "{answer}");
}

#[test]
fn http2_and_tls() {
    let certificate =
        rcgen::generate_simple_self_signed(vec!["maintenance.test".into()]).expect("a certificate");
    for mpm in [Mpm::Event, Mpm::Worker] {
        let setup = Setup::new("Protocols h2 h2c http/1.1").mpm(mpm);
        setup.write("conf/cert.pem", certificate.cert.pem());
        setup.write("conf/key.pem", certificate.signing_key.serialize_pem());
        let tls = format!("{}:8443", setup.address().ip());
        let mut httpd = setup
            .modules(&["http2", "socache_shmcb", "ssl"])
            .directives(&format!(
                "Listen {tls}\nSSLSessionCache shmcb:logs/cache\n<VirtualHost {tls}>\n\
                 ServerName maintenance.test\nSSLEngine on\nSSLCertificateFile conf/cert.pem\n\
                 SSLCertificateKeyFile conf/key.pem\n</VirtualHost>"
            ))
            .start();
        httpd.allow_log("AH01882"); // a distribution's mod_ssl with an older OpenSSL
        let secure = format!("https://{tls}");
        for (client, version) in [
            (httpd.http2_client(), reqwest::Version::HTTP_2),
            (Client::build(&secure, Protocol::Http2, None, true), reqwest::Version::HTTP_2),
            (Client::build(&secure, Protocol::Http1, None, true), reqwest::Version::HTTP_11),
        ] {
            let open = client.get("/");
            assert_eq!((open.status, open.version), (200, version), "{mpm:?}");
            httpd.close();
            for _ in 0..20 {
                let refused = client.get("/");
                refused.assert_refused();
                assert_eq!(refused.version, version);
            }
            let upload = client.request("POST", "/").body(vec![b'x'; 300_000]);
            if version == reqwest::Version::HTTP_2 {
                client.send(upload).assert_refused();
            }
            httpd.open();
            assert_eq!(client.get("/").status, 200, "{mpm:?}");
        }
    }
}

#[test]
fn headers_of_other_modules() {
    let httpd = Setup::new(
        "Header always set X-Always yes\nHeader set X-Set yes\nHeader always set Retry-After 77\n\
         Header set Cache-Control max-age=600\nErrorDocument 500 /error.html\nErrorDocument 500 \"text\"\n\
         ExpiresActive On\nExpiresDefault A3600\nAddOutputFilterByType DEFLATE text/html\n\
         AddDefaultCharset ISO-8859-1\nFileETag All",
    )
    .modules(&["headers", "expires", "filter", "deflate"])
    .start();
    httpd.close();
    let answer = httpd.client().get("/");
    assert_eq!((answer.status, answer.body.as_str()), (500, PAGE));
    for (name, value) in [
        ("x-always", Some("yes")),
        ("x-set", Some("yes")),
        ("retry-after", Some("77")),
        ("cache-control", Some("no-store, max-age=600")),
        ("expires", None),
        ("etag", None),
        ("last-modified", None),
        ("content-encoding", None),
        ("content-type", Some("text/html; charset=utf-8")),
        ("content-length", Some(&*PAGE.len().to_string())),
    ] {
        let lines: Vec<_> = answer.headers.get_all(name).iter().map(|line| line.to_str()).collect();
        let lines = lines.into_iter().collect::<Result<Vec<_>, _>>().expect("text").join(", ");
        assert_eq!(lines, value.unwrap_or_default(), "{name}: {answer:?}");
    }
}

#[test]
fn statuses() {
    for (code, line) in [
        ("400", "400 Bad Request"),
        ("403", "403 Forbidden"),
        ("404", "404 Not Found"),
        ("429", "429 Too Many Requests"),
        ("500", "500 Internal Server Error"),
        ("503", "503 Service Unavailable"),
        ("599", "599 Maintenance"),
        ("420", "420 Maintenance"),
    ] {
        let httpd = Httpd::start(&format!("MaintenanceStatus 500\nMaintenanceStatus {code}"));
        httpd.close();
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let answer = raw(httpd.address(), request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {line}\r\n")), "{answer}");
        assert!(answer.ends_with(&page_with(code.parse().expect("a number"))), "{answer}");
    }
}

#[test]
fn a_page_of_their_own() {
    let setup = Setup::new(
        "MaintenancePage pages/ours.html\n<VirtualHost *>\nServerName first\n</VirtualHost>\n\
         <VirtualHost *>\nServerName other\nMaintenancePage pages/theirs.htm\nMaintenanceStatus 503\n\
         </VirtualHost>",
    );
    std::fs::create_dir(setup.path("pages")).expect("a folder");
    let ours = format!("<!doctype html><title>ours</title>{}\n", "Grüße 🛠 ".repeat(100));
    let mut theirs = String::from("<!doctype html><title>theirs</title>");
    theirs.push_str(&"x".repeat(1024 * 1024 - theirs.len())); // the largest
    setup.write("pages/ours.html", &ours);
    setup.write("pages/theirs.htm", &theirs);
    let httpd = setup.start();
    httpd.close();
    let client = httpd.client();
    let first = client.get("/");
    assert!(first.status == 500 && first.body == ours, "{first:?}");
    let other = client.send(client.request("GET", "/").header("Host", "other"));
    assert!(other.status == 503 && other.body == theirs, "{}", other.status);
}

#[test]
fn a_short_page_is_a_warning() {
    let setup = Setup::new("MaintenancePage short.html");
    setup.write("short.html", "<p>closed");
    let mut httpd = setup.start();
    httpd.expect_log("maintenance:warn.*512 bytes or less");
    httpd.close();
    assert_eq!(httpd.client().get("/").body, "<p>closed");
}

/// The gate comes before redirects, rewrites and authentication, and no ErrorDocument bypasses it.
#[test]
fn nothing_comes_first() {
    let backend = Backend::start();
    let httpd = Setup::new(
        "ProxyPass /moved !\nProxyPass /gone !\nRedirect /moved http://elsewhere.test/\nRewriteEngine On\nRewriteRule ^/gone - [G]\n\
         ErrorDocument 404 /error/404\nErrorDocument 500 /error/500\n\
         <Location /private>\nAuthType Basic\nAuthName x\nAuthUserFile conf/none\nRequire valid-user\n\
         </Location>",
    )
    .modules(&["alias", "rewrite", "auth_basic", "authn_core", "authn_file", "authz_user"])
    .proxy_to(&backend)
    .start();
    httpd.close();
    for path in ["/moved", "/gone", "/private", "/error/500", "/x"] {
        httpd.client().get(path).assert_refused();
    }
    assert_eq!(backend.received(), 0);
    httpd.open();
    for (path, status) in [("/moved", 302), ("/gone", 410), ("/private", 401), ("/x", 200)] {
        assert_eq!(httpd.client().get(path).status, status, "{path}");
    }
}

/// Requests that httpd rejects before the gate sees them reach the gate as an ErrorDocument.
#[test]
fn malformed_requests() {
    let httpd = Httpd::start("ErrorDocument 400 /index.html");
    let requests = [
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: z\r\n\r\n",
    ];
    for request in requests {
        let answer = raw(httpd.address(), request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400") && answer.ends_with("hello from httpd\n"));
    }
    httpd.close();
    for request in requests {
        let answer = raw(httpd.address(), request.as_bytes());
        assert!(answer.ends_with(PAGE), "{request}: {answer}");
    }
}

#[test]
fn internal_redirects_of_those_who_pass() {
    let httpd = Setup::new("MaintenanceAllow 127.0.0.1\nErrorDocument 404 /index.html").start();
    httpd.close();
    for (path, status) in [("/", 200), ("/missing", 404)] {
        let answer = httpd.client().get(path);
        assert_eq!((answer.status, answer.body.as_str()), (status, "hello from httpd\n"));
    }
    for line in httpd.access_log(2) {
        assert!(line.contains("allowed:address allowed:address"), "{line}");
    }
}
