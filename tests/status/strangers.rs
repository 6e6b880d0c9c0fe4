//! Refused clients and their input: it is shown and has no effect.

use serde_json::Value;

use super::{STATUS, report, text_of};
use maintenance_harness::{Httpd, raw, replace_file};

/// The bytes of a path and of a User-Agent, and their form in the report.
const ODDITIES: [(&[u8], &[u8], &str, &str); 9] = [
    (b"/plain", b"probe/1.0", "/plain", "probe/1.0"),
    (
        b"/\"><script>alert(1)</script>",
        b"<img src=x onerror=\"alert('x')\">&amp;",
        "/\"><script>alert(1)</script>",
        "<img src=x onerror=\"alert('x')\">&amp;",
    ),
    (b"/%3Cb%3E%00%0d%0a", b"tab\there", "/%3Cb%3E%00%0d%0a", "tab\\u{9}here"),
    (b"/\\u0041\\\"{{ 7*7 }}", b"{% raw %}{{ 7*7 }}\\", "/\\u0041\\\"{{", "{% raw %}{{ 7*7 }}\\"),
    (b"/\xff\xfe\xc3", b"\x80\xc0\xaf latin \xe4", "/\u{fffd}\u{fffd}\u{fffd}", "latin"),
    (
        "/\u{202e}gpj.exe".as_bytes(),
        "a\u{200b}b\u{2066}c\u{feff}d\u{85}e".as_bytes(),
        "/\\u{202e}gpj.exe",
        "a\\u{200b}b\\u{2066}c\\u{feff}d\\u{85}e",
    ),
    (
        "/so\u{ad}ft/\u{e0001}\u{e0041}\u{e007f}".as_bytes(),
        "a\u{34f}b\u{180e}c\u{3164}d\u{fff9}e\u{e0100}f\u{1d173}g".as_bytes(),
        "/so\\u{ad}ft/\\u{e0001}\\u{e0041}\\u{e007f}",
        "a\\u{34f}b\\u{180e}c\\u{3164}d\\u{fff9}e\\u{e0100}f\\u{1d173}g",
    ),
    (
        "/e\u{301}\u{915}\u{94d}".as_bytes(),
        "ص\u{64e}".as_bytes(),
        "/e\u{301}\u{915}\u{94d}",
        "ص\u{64e}",
    ),
    ("/日本".as_bytes(), "Ünïcödé 😀".as_bytes(), "/日本", "Ünïcödé 😀"),
];

/// The clients in the report, by address.
#[track_caller]
fn client_of<'r>(report: &'r Value, address: &str) -> &'r Value {
    let clients = report["refused"]["clients"].as_array().expect("a list");
    let found: Vec<_> = clients.iter().filter(|client| client["address"] == address).collect();
    assert_eq!(found.len(), 1, "{address}: {report:#}");
    found[0]
}

/// HttpProtocolOptions Unsafe, so that httpd itself rejects as little as possible.
#[test]
fn what_they_send() {
    let httpd = Httpd::start(&format!("HttpProtocolOptions Unsafe LenientMethods\n{STATUS}"));
    httpd.close();
    let client = httpd.client();
    for (path, agent, shown_path, shown_agent) in ODDITIES {
        // A blank ends the path.
        let path = path.split(|byte| *byte == b' ').next().expect("a path");
        let request = [
            b"GET ",
            path,
            b" HTTP/1.1\r\nHost: x\r\nUser-Agent: ",
            agent,
            b"\r\nConnection: close\r\n\r\n",
        ]
        .concat();
        let answer = raw(httpd.address(), &request);
        assert!(answer.starts_with("HTTP/1.1 500 "), "{shown_path}: {answer}");
        let answer = client.get("/status?format=json");
        assert!(!answer.body.bytes().any(|byte| byte.is_ascii_control() && byte != b'\n'));
        let report = report(&client);
        let stranger = client_of(&report, "127.0.0.1");
        let (path, agent) = (stranger["path"].as_str(), stranger["user_agent"].as_str());
        assert_eq!(path, Some(shown_path), "{report:#}");
        assert!(
            agent.is_some_and(|agent| agent.contains(shown_agent)),
            "{shown_agent}: {report:#}"
        );
        let html = client.get("/status");
        assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
        for raw in ["<script>alert", "<img src=x", "onerror=\"", "\u{202e}", "\u{2066}"] {
            assert!(!html.body.contains(raw), "{raw}: {}", html.body);
        }
        let text = text_of(&html.body);
        assert!(text.contains(shown_path) && text.contains(shown_agent), "{shown_path}: {text}");
        // Metrics contain no clients.
        let metrics = client.get("/status?format=prometheus").body;
        assert!(!metrics.contains(shown_agent) && !metrics.contains("127.0.0.1"), "{metrics}");
    }
}

/// How often each client was refused, in order, and only since the last closing.
#[test]
fn how_often_they_come() {
    let httpd = Httpd::start(STATUS);
    let admin = httpd.client_from("127.0.0.9");
    let nothing = report(&admin)["refused"].clone();
    assert_eq!((&nothing["since"], &nothing["clients"]), (&Value::Null, &Value::Array(vec![])));
    httpd.close();
    for (address, count) in [("127.0.0.3", 2), ("127.0.0.2", 5), ("127.0.0.4", 1)] {
        let client = httpd.client_from(address);
        for number in 1..=count {
            client.get(&format!("/{}?{number}", "long".repeat(40))).assert_refused();
        }
    }
    let seen = report(&admin);
    let clients = seen["refused"]["clients"].as_array().expect("a list");
    let counts: Vec<_> =
        clients.iter().map(|c| (c["address"].as_str(), c["count"].as_u64())).collect();
    let expected =
        [("127.0.0.2", 5), ("127.0.0.3", 2), ("127.0.0.4", 1)].map(|(a, n)| (Some(a), Some(n)));
    assert_eq!(counts, expected, "{seen:#}");
    for client in clients {
        assert_eq!((&client["error"], &client["user_agent"]), (&0.into(), &"".into()));
        let path = client["path"].as_str().expect("a path");
        assert_eq!(path, format!("/{}lon…", "long".repeat(31)));
        assert!(client["time"].as_str() >= seen["refused"]["since"].as_str(), "{seen:#}");
    }
    // A change of the content does not start a new list, another closing does.
    replace_file(&httpd.flag(), "message = 'soon'");
    assert_eq!(httpd.client().get("/").status, 500);
    assert_eq!(report(&admin)["refused"]["clients"].as_array().map(Vec::len), Some(4));
    httpd.open();
    assert_eq!(report(&admin)["refused"]["clients"].as_array().map(Vec::len), Some(4));
    httpd.close();
    let anew = report(&admin);
    assert_eq!(anew["refused"]["clients"], Value::Array(vec![]), "{anew:#}");
    assert!(anew["refused"]["since"].is_string());
}
