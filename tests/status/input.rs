//! Invalid questions, and unsupported methods.

use super::{STATUS, report};
use maintenance_harness::client::Answer;
use maintenance_harness::{Httpd, raw};

/// Query strings as sent, the status, and the text of the answer; the whole text if it ends with a
/// line break.
const QUERIES: &[(&str, u16, &str)] = &[
    ("format=xml", 400, "format=\"xml\" is unknown; write html, json or prometheus\n"),
    ("format=JSON", 400, "format=\"JSON\" is unknown; write html, json or prometheus\n"),
    (
        "auto",
        400,
        "unknown parameter \"auto\"; write format, refresh, scope, state, page, client, path or host\n",
    ),
    ("=x", 400, "unknown parameter \"\""),
    ("format=html&format=html", 400, "the parameter \"format\" is given twice\n"),
    ("refresh=1&refresh=2", 400, "the parameter \"refresh\" is given twice\n"),
    ("refresh=0", 400, "refresh=\"0\" is not a number of seconds from 1 to 86400\n"),
    ("refresh=abc", 400, "refresh=\"abc\" is not a number of seconds from 1 to 86400\n"),
    ("refresh=-1", 400, "refresh=\"-1\" is not a number"),
    ("refresh=1.5", 400, "refresh=\"1.5\" is not a number"),
    ("refresh=86401", 400, "refresh=\"86401\" is not a number"),
    ("refresh=99999999999999999999", 400, "refresh=\"99999999999999999999\" is not a number"),
    ("refresh=5;url=http://evil.test/", 400, "refresh=\"5;url=http://evil.test/\" is not a number"),
    ("refresh=5%0d%0aX:%20y", 400, "refresh=\"5\\r\\nX: y\" is not a number"),
    ("scope=&state=&page=", 200, ""),
    ("scope=nobody", 200, ""),
    ("scope=nobody&format=json", 400, "scope: no scope has this in its name\n"),
    ("scope=nobody&format=prometheus", 400, "scope: no scope has this in its name\n"),
    ("scope=a&scope=b", 400, "the parameter \"scope\" is given twice\n"),
    ("state=overdue&format=json", 200, ""),
    (
        "state=shut",
        400,
        "state=\"shut\" is unknown; write error, overdue, closed, reopening, read_only, ",
    ),
    ("state=read-only", 400, "state=\"read-only\" is unknown"),
    ("page=99", 200, ""),
    ("page=0", 400, "page=\"0\" is not a number from 1 on\n"),
    (
        "page=1&format=json",
        400,
        "page requires format=html; JSON and metrics are not divided into pages\n",
    ),
    ("client=", 200, ""),
    ("client=node1", 400, "client=\"node1\" is not an IPv4 or IPv6 address\n"),
    ("client=10.0.0.0/8", 400, "client=\"10.0.0.0/8\" is not an IPv4 or IPv6 address\n"),
    ("client=10.0.0", 400, "client=\"10.0.0\" is not an IPv4"),
    ("client=010.0.0.1", 400, "client=\"010.0.0.1\" is not an IPv4"),
    ("client=fe80::1%25eth0", 400, "client=\"fe80::1%eth0\" is not an IPv4"),
    ("client=10.0.0.1&path=x", 400, "path=\"x\" does not begin with /\n"),
    ("client=10.0.0.1&path=http://x/", 400, "path=\"http://x/\" does not begin with /\n"),
    ("client=10.0.0.1&path=*", 400, "path=\"*\" does not begin with /\n"),
    ("client=10.0.0.1&path=/a%20b", 400, "path=\"/a b\" has characters"),
    ("client=10.0.0.1&path=/%00", 400, "path=\"/\\x00\" has characters"),
    ("client=10.0.0.1&path=/%23", 400, "path=\"/#\" has characters"),
    ("client=10.0.0.1&path=/%25zz", 200, ""), // httpd would turn it down, but it can be sent
    ("client=10.0.0.1&host=a/b", 400, "host=\"a/b\" is not NAME or NAME:PORT\n"),
    ("client=10.0.0.1&host=a:b", 400, "host=\"a:b\" is not NAME or NAME:PORT\n"),
    ("client=10.0.0.1&host=a:70000", 400, "host=\"a:70000\" is not NAME or NAME:PORT\n"),
    ("path=/", 400, "path and host require client=ADDRESS\n"),
    ("host=a", 400, "path and host require client=ADDRESS\n"),
    ("%", 400, "the query string has a % without two hexadecimal digits\n"),
    ("format=json%", 400, "the query string has a % without two hexadecimal digits\n"),
    ("format=%zz", 400, "the query string has a % without two hexadecimal digits\n"),
    ("format=%ff", 400, "the query string is not UTF-8\n"),
    ("%ff=", 400, "the query string is not UTF-8\n"),
    ("format=%c0%af", 400, "the query string is not UTF-8\n"),
    ("format=%00", 400, "format=\"\\x00\" is unknown"),
    ("%00", 400, "unknown parameter \"\\x00\""),
    ("&&&=&", 400, "unknown parameter \"\""),
    ("&&&", 200, ""),
    ("", 200, ""),
];

#[track_caller]
fn assert_told(answer: &Answer, text: &str, query: &str) {
    assert_eq!(answer.status, 400, "{query}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{query}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{query}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{query}");
    assert_eq!(answer.header("refresh"), None, "{query}");
    assert!(answer.body.starts_with(text), "{query}: {}", answer.body);
    assert_eq!(answer.body.find('\n'), Some(answer.body.len() - 1), "one line: {}", answer.body);
}

#[test]
fn questions_that_make_no_sense() {
    let httpd = Httpd::start(STATUS);
    let client = httpd.client();
    for (query, status, text) in QUERIES {
        let answer = client.get(&format!("/status?{query}"));
        match status {
            400 => assert_told(&answer, text, query),
            _ => assert_eq!(answer.status, *status, "{query}: {answer:?}"),
        }
        let head = client.send(client.request("HEAD", &format!("/status?{query}")));
        assert_eq!((head.status, head.body.as_str()), (*status, ""), "{query}");
    }
    for name in ["format", "refresh", "state", "page", "client", "path", "host"] {
        let markup = "%3Cscript%3Ealert('x')%3C/script%3E%26%22";
        let rest = if ["path", "host"].contains(&name) { "client=::1&" } else { "" };
        let answer = client.get(&format!("/status?{rest}{name}={markup}"));
        let text = format!("{name}=\"<script>alert(\\'x\\')</script>&");
        assert_told(&answer, &text, name);
    }
    // Like a browser, which prefers HTML.
    let browser = client.request("GET", "/status?<b>=<i>").header("Accept", "text/html");
    assert_told(&client.send(browser), "unknown parameter \"<b>\"", "<b>");
    assert_eq!(report(&client)["state"], "open");
}

/// What no client sends: bytes beyond ASCII, NUL, and the longest line that httpd accepts
/// (LimitRequestLine).
#[test]
fn bytes_and_lengths() {
    let httpd = Httpd::start(&format!("HttpProtocolOptions Unsafe\n{STATUS}"));
    let ask = |query: &[u8]| {
        let end = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        raw(httpd.address(), &[b"GET /status?", query, end].concat())
    };
    for (query, text) in [
        (&b"format=\xff"[..], "the query string is not UTF-8\n"),
        (b"\xc3\xa4=1", "unknown parameter \"\\xc3\\xa4\""),
    ] {
        let answer = ask(query);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        assert!(body.starts_with(text), "{body}");
    }
    assert!(!ask(b"format=\0json").contains("\"schema\""));
    let most = 8190 - "GET /status? HTTP/1.1".len();
    for (length, status) in [(most, 400), (most + 3, 414), (8192, 414), (100_000, 414)] {
        for begin in ["client=", "x", "client=::1&path=<", "&&&%"] {
            let query = begin.to_owned() + &"1".repeat(length - begin.len());
            let answer = ask(query.as_bytes());
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{length}: {answer}");
            let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
            assert!(body.len() < 500, "{length} {begin}: {}", body.len());
        }
    }
    // A path of that length is a valid question.
    let path = format!("format=json&client=::1&path=/{}", "a".repeat(8000));
    assert!(ask(path.as_bytes()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn methods() {
    let httpd = Httpd::start(STATUS);
    let client = httpd.client();
    let large = "x".repeat(3 << 20);
    for (method, body) in [
        ("POST", ""),
        ("POST", "client=10.0.0.1"),
        ("POST", &large),
        ("PUT", &large),
        ("DELETE", ""),
        ("OPTIONS", ""),
        ("PATCH", "{}"),
        ("PROPFIND", ""),
        ("BREW", ""),
        ("get", ""),
    ] {
        let request = client.request(method, "/status?format=json").body(body.to_owned());
        let answer = client.send(request);
        assert_eq!(answer.status, 405, "{method}: {answer:?}");
        let allow = answer.header("allow").expect("Allow");
        let mut allow: Vec<_> = allow.split(',').map(str::trim).collect();
        allow.retain(|method| *method != "TRACE"); // httpd's own
        allow.sort_unstable();
        assert_eq!(allow, ["GET", "HEAD"], "{method}");
        assert!(!answer.body.contains("schema"), "{method}: {answer:?}");
    }
    let trace = client.send(client.request("TRACE", "/status"));
    assert_eq!((trace.status, trace.header("content-type")), (200, Some("message/http")));
    // A body is ignored.
    let answer = client.send(client.request("GET", "/status?format=json").body(large));
    super::document(&answer);
}
