//! The forms of the notice, and what caches and browsers are told of them.

use std::io::Read;

use maintenance_harness::Setup;
use maintenance_harness::client;
use serde_json::Value;

use super::{LINE, announced, check_schema, get, say, send, silence, vary_of};

/// The document of docs/notice.md is one, and what is not public would not be in one.
#[test]
fn schema() {
    let document = include_str!("../../docs/notice.md");
    let example = document.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
    let example: Value = serde_json::from_str(example.expect("an example")).expect("JSON");
    check_schema(&example);
    let schema: Value =
        serde_json::from_str(include_str!("../../docs/notice.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for key in ["flag", "path", "owner", "by", "reason", "ticket", "allow"] {
        let mut wrong = example.clone();
        wrong["scheduled_maintenances"][0][key] = "x".into();
        assert!(!validator.is_valid(&wrong), "{key}");
    }
}

/// Each form, by its address and by Accept; languages; what caches and browsers are told.
#[test]
fn forms() {
    let httpd = Setup::new(LINE).http2_where_possible().start();
    say(&httpd, &announced("title = { en = 'Upgrade', de = 'Umstellung' }"));
    for client in httpd.clients() {
        for (path, accept, language, media, vary, marks) in [
            ("", "*/*", "", "text/html; charset=utf-8", true, ["Upgrade", "Begins:"]),
            ("", "text/html", "de-AT", "text/html; charset=utf-8", true, ["Umstellung", "Beginn:"]),
            ("", "text/html", "ja", "text/html; charset=utf-8", true, ["Upgrade", "開始日時"]),
            ("", "application/json", "de", "application/json", true, ["Umstellung", "scheduled"]),
            ("", "text/calendar", "", "text/calendar; charset=utf-8", true, ["Upgrade", "VALARM"]),
            (
                "/upcoming.json",
                "text/html",
                "",
                "application/json",
                false,
                ["Upgrade", "scheduled"],
            ),
            (
                "/calendar.ics",
                "text/html",
                "de",
                "text/calendar; charset=utf-8",
                false,
                ["SUMMARY:Umstellung", "X-MAINTNOTE-STATUS:CONFIRMED"],
            ),
            (
                "/bar.js",
                "*/*",
                "de",
                "text/javascript; charset=utf-8",
                false,
                ["Umstellung", "Ausblenden"],
            ),
        ] {
            let path = format!("/maintenance-notice{path}");
            let headers = [("Accept", accept), ("Accept-Language", language)];
            let answer = get(&client, &path, &headers);
            assert_eq!(answer.header("content-type"), Some(media), "{path} {accept}");
            let fields = match vary {
                true => "Accept,Accept-Language,Accept-Encoding",
                false => "Accept-Language,Accept-Encoding",
            };
            assert_eq!(vary_of(&answer), fields, "{path} {accept}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            let is_shared = media.contains("json") || media.contains("calendar");
            let cors = answer.header("access-control-allow-origin");
            assert_eq!(cors, is_shared.then_some("*"), "{path}");
            for mark in marks {
                assert!(answer.body.contains(mark), "{mark} in {}", answer.body);
            }
            for private in [httpd.flag().to_str().expect("text"), "maintenance.flag"] {
                assert!(!answer.body.contains(private), "{}", answer.body);
            }

            // What the client has already.
            let etag = answer.header("etag").expect("an ETag").to_owned();
            let modified = answer.header("last-modified").expect("a time").to_owned();
            let strong = etag.trim_start_matches("W/").to_owned();
            let list = format!("\"x\", {etag}");
            for (name, value, status) in [
                ("If-None-Match", &*etag, 304),
                ("If-None-Match", &strong, 304),
                ("If-None-Match", &list, 304),
                ("If-None-Match", "*", 304),
                ("If-None-Match", "\"x\"", 200),
                ("If-Modified-Since", &modified, 304),
                ("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT", 200),
                ("If-Modified-Since", "yesterday", 200),
            ] {
                for method in ["GET", "HEAD"] {
                    let again =
                        send(&client, method, &path, &[&headers[..], &[(name, value)]].concat());
                    assert_eq!(again.status, status, "{method} {path} {name}: {value}");
                    assert_eq!(again.header("etag"), Some(&*etag));
                    assert_eq!(vary_of(&again), fields);
                    assert_eq!(again.header("cache-control"), Some("public, max-age=60"));
                    let length = again.header("content-length");
                    assert!(status != 304 || again.body.is_empty(), "{again:?}");
                    assert!(status != 304 || length.is_none(), "{again:?}");
                }
            }
        }
    }
    let client = httpd.client();
    let etag = |path: &str| client.get(path).header("etag").expect("an ETag").to_owned();
    let paths = ["", "/upcoming.json", "/calendar.ics", "/bar.js"];
    let paths = paths.map(|path| format!("/maintenance-notice{path}"));
    let before = paths.clone().map(|path| etag(&path));
    silence(&httpd);
    for (path, before) in paths.iter().zip(&before) {
        let again = get(&client, path, &[("If-None-Match", before)]);
        assert_eq!(again.status, 200, "{path} has changed");
    }
}

/// Both codings give back the same bytes.
#[test]
fn encodings() {
    let httpd = Setup::new(LINE).start();
    say(&httpd, &announced(""));
    for path in ["", "/calendar.ics", "/bar.js", "/upcoming.json"] {
        let path = format!("/maintenance-notice{path}");
        let plain = httpd.client().get(&path);
        for coding in ["gzip", "br"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {coding}\r\nConnection: close\r\n\r\n"
            );
            let answer = client::raw_bytes(httpd.address(), request.as_bytes());
            let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
            let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
            assert!(head.contains(&format!("content-encoding: {coding}\r\n")), "{path}: {head}");
            let mut text = String::new();
            let bytes = &answer[end..];
            match coding {
                "gzip" => flate2::read::GzDecoder::new(bytes).read_to_string(&mut text),
                _ => brotli::Decompressor::new(bytes, 4096).read_to_string(&mut text),
            }
            .expect("decoded");
            assert_eq!(text, plain.body, "{path}");
            assert!(bytes.len() < plain.body.len(), "{path}");
        }
    }
}
