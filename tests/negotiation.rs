//! The page that a client gets: type, language and content coding, according to the request fields.

mod rows;

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use maintenance_harness::{Client, Httpd, PAGE, Setup, replace_file};
use rows::{LONGEST, rows};

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/problem+json";
const TEXT: &str = "text/plain; charset=utf-8";

/// For a page with other languages that is large enough to be compressed.
const FULL_VARY: &str = "Accept, Accept-Language, Accept-Encoding";

/// The languages of the built-in pages.
const LANGUAGES: [&str; 10] = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ja", "zh-Hans"];

/// An answer in bytes, with lower-case field names.
struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// The value of a field that must not be repeated.
    #[track_caller]
    fn field(&self, name: &str) -> &str {
        let mut values = self.fields.iter().filter(|(other, _)| other == name);
        let value = values.next().map_or("-", |(_, value)| value);
        assert!(values.next().is_none(), "{name} comes twice: {:?}", self.fields);
        value
    }

    /// Vary, with normalised spacing, because httpd rewrites it.
    #[track_caller]
    fn vary(&self) -> String {
        self.field("vary").split(',').map(str::trim).collect::<Vec<_>>().join(", ")
    }

    /// All fields except those that depend on the time.
    fn lasting(&self) -> Vec<&(String, String)> {
        self.fields.iter().filter(|(name, _)| name != "date").collect()
    }

    /// The decoded page.
    #[track_caller]
    fn page(&self) -> Vec<u8> {
        let mut page = Vec::new();
        let read = match self.field("content-encoding") {
            "-" => (&mut &*self.body).read_to_end(&mut page),
            "gzip" => flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut page),
            "br" => brotli::Decompressor::new(&*self.body, 4096).read_to_end(&mut page),
            other => panic!("{other} was not asked for"),
        };
        read.expect("a body in the coding that it is said to be in");
        page
    }
}

/// Sends a request with exactly these lines, and Host.
#[track_caller]
fn ask(address: SocketAddr, method: &str, lines: &[u8]) -> Answer {
    let mut request = format!("{method} / HTTP/1.1\r\nHost: x\r\nConnection: close").into_bytes();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(line);
    }
    request.extend_from_slice(b"\r\n\r\n");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(&request).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer and an end");
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a header section");
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer).expect("text");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
    let fields = lines.take_while(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(": ").expect("a field");
        (name.to_ascii_lowercase(), value.to_owned())
    });
    Answer { status: status.parse().expect("a number"), fields: fields.collect(), body }
}

/// The same over HTTP/2. The client adds `Accept: */*` if there is no Accept.
#[track_caller]
fn ask2(client: &Client, method: &str, lines: &[u8]) -> Answer {
    let mut request = client.request(method, "/");
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':').expect("a field");
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        request = request.header(name, value);
    }
    let answer = request.send().expect("an answer");
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    let fields = answer.headers().iter().map(|(name, value)| {
        (name.to_string(), value.to_str().expect("a header of text").to_owned())
    });
    let (status, fields) = (answer.status().as_u16(), fields.collect());
    Answer { status, fields, body: answer.bytes().expect("a whole answer").to_vec() }
}

/// The uncompressed pages of a server, by type and language.
type Plain = HashMap<(&'static str, &'static str), Vec<u8>>;

/// Checks all properties of the answers to GET and HEAD, whatever sends them.
#[track_caller]
fn check(
    shown: &str,
    ask: &dyn Fn(&str) -> Answer,
    (kind, language, coding): (&'static str, &'static str, &str),
    vary: &str,
    plain: &Plain,
) {
    let get = ask("GET");
    for (name, expected) in [
        ("content-type", kind),
        ("content-language", language),
        ("content-encoding", coding),
        ("content-length", &get.body.len().to_string()),
        ("cache-control", "no-store"),
        ("retry-after", "300"),
        ("transfer-encoding", "-"),
        ("etag", "-"),
    ] {
        assert_eq!(get.field(name), expected, "{name} for {shown}: {:?}", get.fields);
    }
    assert_eq!(get.vary(), vary, "{shown}: {:?}", get.fields);
    assert_eq!(get.status, 500, "{shown}");
    let page = get.page();
    let is_plain = page == plain[&(kind, language)];
    assert!(is_plain, "another page for {shown}: {}", String::from_utf8_lossy(&page));
    let head = ask("HEAD");
    assert_eq!((head.status, head.body.len()), (500, 0), "{shown}");
    assert_eq!(head.lasting(), get.lasting(), "HEAD differs for {shown}");
}

/// Closes with a message in each language that makes all pages large enough to be compressed.
fn close_with_messages(httpd: &Httpd) {
    let mut content = String::from("[message]\n");
    for language in LANGUAGES {
        content.push_str(&format!("{language} = \"{}\"\n", message(language)));
    }
    replace_file(&httpd.flag(), content);
}

fn message(language: &str) -> String {
    format!("{language}: {}", "Grüße & <Küsse> ".repeat(20))
}

/// Requests every page uncompressed.
fn plain_pages(httpd: &Httpd, pages: &[(&'static str, &'static str)]) -> Plain {
    let of = |(kind, language): &(&'static str, &'static str)| {
        let range = kind.split(';').next().expect("a type");
        let language = if *language == "-" { "tlh" } else { language };
        let lines = format!("Accept: {range}\nAccept-Language: {language}");
        let answer = ask(httpd.address(), "GET", lines.as_bytes());
        assert_eq!(answer.field("content-encoding"), "-");
        answer.body
    };
    let plain: Plain = pages.iter().map(|page| (*page, of(page))).collect();
    let different: HashSet<_> = plain.values().collect();
    assert_eq!(different.len(), pages.len(), "no two pages are the same");
    plain
}

/// RFC 9457, 3.1.
#[track_caller]
fn check_problem(page: &[u8], detail: &str) {
    let problem: serde_json::Value = serde_json::from_slice(page).expect("JSON");
    assert_eq!(problem["type"], "tag:mod-maintenance.invalid,2026:closed");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{problem}");
    assert_eq!(problem["status"], 500);
    assert_eq!(problem["detail"], detail);
    assert_eq!(problem["retryAfter"], 300);
}

const SETTINGS: &str = "Protocols h2c http/1.1\nMaintenanceRetryAfter 300\n";

#[test]
fn built_in_pages() {
    let httpd = Setup::new(SETTINGS).modules(&["http2"]).start();
    close_with_messages(&httpd);
    let pages: Vec<_> = LANGUAGES
        .iter()
        .flat_map(|language| [HTML, JSON, TEXT].map(|kind| (kind, *language)))
        .collect();
    let plain = plain_pages(&httpd, &pages);
    for language in LANGUAGES {
        check_problem(&plain[&(JSON, language)], &message(language));
        let text = |kind| str::from_utf8(&plain[&(kind, language)]).expect("UTF-8");
        assert!(text(HTML).contains(&format!("<html lang=\"{language}\">")), "{}", text(HTML));
        assert!(text(HTML).contains("Grüße &amp; &lt;Küsse&gt;"), "{}", text(HTML));
        assert!(text(TEXT).contains(&message(language)), "{}", text(TEXT));
    }
    let client = httpd.http2_client();
    for (lines, kind, language, _, coding) in rows() {
        let (shown, expected) = (shown(&lines), (kind, language, coding));
        let http1 = |method: &str| ask(httpd.address(), method, &lines);
        check(&shown, &http1, expected, FULL_VARY, &plain);
        let http2 = |method: &str| ask2(&client, method, &lines);
        check(&format!("HTTP/2, {shown}"), &http2, expected, FULL_VARY, &plain);
    }
}

fn shown(lines: &[u8]) -> String {
    let shown = lines.escape_ascii().to_string();
    shown.chars().take(300).collect()
}

/// HTML in two languages and without a language, JSON in one; the text page is the built-in one.
#[test]
fn own_pages() {
    let setup = Setup::new(SETTINGS)
        .directives(
            "MaintenancePage own.html.en own.html own.html.de.j2\nMaintenancePage own.json.de.j2",
        )
        .modules(&["http2"]);
    let html =
        |title: &str| format!("<!doctype html><title>{title}</title>{}\n", "Grüße ".repeat(99));
    setup.write("own.html.en", html("ours"));
    setup.write("own.html", html("for all"));
    setup.write("own.html.de.j2", html("{{ message }} {{ message_lang }} {{ lang }} {{ status }}"));
    setup.write(
        "own.json.de.j2",
        "{\"type\": \"tag:mod-maintenance.invalid,2026:closed\", \"title\": \"Internal Server Error\", \"status\": {{ status }},\n\
          \"detail\": {{ message }}, \"retryAfter\": {{ retry_after }} }\n",
    );
    let httpd = setup.start();
    close_with_messages(&httpd);
    let mut pages = vec![(HTML, "en"), (HTML, "de"), (HTML, "-"), (JSON, "de")];
    pages.extend(LANGUAGES.map(|language| (TEXT, language)));
    let plain = plain_pages(&httpd, &pages);
    assert_eq!(plain[&(HTML, "en")], html("ours").into_bytes());
    assert_eq!(plain[&(HTML, "-")], html("for all").into_bytes());
    let german = str::from_utf8(&plain[&(HTML, "de")]).expect("UTF-8");
    assert!(german.starts_with("<!doctype html><title>de: Grüße &amp; &lt;Küsse&gt; "), "{german}");
    assert!(german.contains("  de de 500</title>"), "{german}");
    check_problem(&plain[&(JSON, "de")], &message("de"));
    let client = httpd.http2_client();
    for (lines, kind, _, language, coding) in rows() {
        let (shown, expected) = (shown(&lines), (kind, language, coding));
        let vary = if kind == JSON { "Accept, Accept-Encoding" } else { FULL_VARY };
        let http1 = |method: &str| ask(httpd.address(), method, &lines);
        check(&shown, &http1, expected, vary, &plain);
        let http2 = |method: &str| ask2(&client, method, &lines);
        check(&format!("HTTP/2, {shown}"), &http2, expected, vary, &plain);
    }
}

/// A page too small to be compressed does not depend on Accept-Encoding.
#[test]
fn small_pages() {
    let setup =
        Setup::new(SETTINGS).directives("MaintenancePage small.html small.txt.de small.txt.en");
    setup.write("small.html", format!("<p>{}\n", "x".repeat(251))); // one byte less than it takes
    setup.write("small.txt.de", "zu\n");
    setup.write("small.txt.en", format!("{}\n", "x".repeat(255)));
    let mut httpd = setup.start();
    httpd.expect_log("maintenance:warn.*512 bytes or less");
    httpd.close();
    let pages = [(HTML, "-"), (TEXT, "de"), (TEXT, "en"), (JSON, "en"), (JSON, "ja")];
    let plain = plain_pages(&httpd, &pages);
    check_problem(
        &plain[&(JSON, "en")],
        "The site is closed while we work on it, and will be back as soon as that is done.",
    );
    for codings in
        ["", "Accept-Encoding: gzip, deflate, br\n", "Accept-Encoding: identity;q=0, *\n"]
    {
        for (lines, kind, language, vary) in [
            ("", HTML, "-", "Accept"),
            ("Accept-Language: de", HTML, "-", "Accept"),
            ("Accept: application/json", JSON, "en", "Accept, Accept-Language"),
            (
                "Accept: application/json\nAccept-Language: ja",
                JSON,
                "ja",
                "Accept, Accept-Language",
            ),
            ("Accept: text/plain\nAccept-Language: de", TEXT, "de", "Accept, Accept-Language"),
        ] {
            let lines = format!("{codings}{lines}");
            let ask = |method: &str| ask(httpd.address(), method, lines.as_bytes());
            check(&lines, &ask, (kind, language, "-"), vary, &plain);
        }
        // One language is large enough, the other is not.
        let lines = format!("{codings}Accept: text/plain\nAccept-Language: en");
        let answer = ask(httpd.address(), "GET", lines.as_bytes());
        let coding = if codings.is_empty() { "-" } else { "br" };
        assert_eq!((answer.field("content-encoding"), &*answer.vary()), (coding, FULL_VARY));
        assert_eq!(answer.page(), plain[&(TEXT, "en")]);
    }
}

/// Requests that httpd rejects before the gate sees them get its own short answer or, because an
/// ErrorDocument is also a request, the page for the rest of the request. If a scope has pages of
/// one type only, they are for all clients that request no other type.
#[test]
fn one_type_only() {
    let setup = Setup::new(
        "<Location /json>\nMaintenancePage own.json\n</Location>\n\
         <Location /text>\nMaintenancePage own.txt\n</Location>\n\
         <Location /html>\nMaintenancePage own.html.de own.html.en\n</Location>\n\
         <Location /two>\nMaintenancePage own.json own.txt\n</Location>",
    );
    for name in ["own.json", "own.txt", "own.html.de", "own.html.en"] {
        setup.write(name, "[\"own\"]".to_owned() + &" ".repeat(600));
    }
    let httpd = setup.start();
    httpd.close();
    let (own, built_in) = (true, false);
    for (path, accept, kind, is_own) in [
        ("/json", None, JSON, own),
        ("/json", Some(""), JSON, own),
        ("/json", Some("*/*"), JSON, own),
        ("/json", Some("image/avif,image/webp,*/*;q=0.8"), JSON, own),
        ("/json", Some("image/png"), JSON, own),
        ("/json", Some("application/vnd.api+json"), JSON, own),
        ("/json", Some("text/html, application/json"), JSON, own),
        ("/json", Some("text/html"), HTML, built_in),
        ("/json", Some("text/html,application/xhtml+xml,*/*;q=0.8"), HTML, built_in),
        ("/json", Some("text/plain, */*"), TEXT, built_in),
        ("/json", Some("text/*"), HTML, built_in),
        ("/json", Some("application/*;q=0, */*"), HTML, built_in),
        ("/json", Some("application/json;q=0.1, text/plain;q=0.2"), TEXT, built_in),
        ("/text", None, TEXT, own),
        ("/text", Some("*/*"), TEXT, own),
        ("/text", Some("text/*"), TEXT, own),
        ("/text", Some("application/json"), JSON, built_in),
        ("/text", Some("text/plain;q=0, */*"), HTML, built_in),
        ("/html", Some("*/*"), HTML, own),
        ("/html", Some("application/json"), JSON, built_in),
        ("/two", None, HTML, built_in),
        ("/two", Some("*/*"), HTML, built_in),
        ("/two", Some("application/ld+json"), JSON, own),
        ("/", Some("*/*"), HTML, built_in),
    ] {
        let client = httpd.client();
        let request = client.request("GET", path);
        let request = match accept {
            Some(accept) => request.header("Accept", accept),
            None => request,
        };
        let answer = client.send(request);
        assert_eq!(answer.header("content-type"), Some(kind), "{path} {accept:?}");
        assert_eq!(answer.body.starts_with("[\"own\"]"), is_own, "{path} {accept:?}");
        assert_eq!(answer.status, 500, "{path} {accept:?}");
        let vary = answer.header("vary").unwrap_or_default();
        assert!(vary.starts_with("Accept"), "{path} {accept:?}: {vary}");
    }
}

#[test]
fn requests_that_are_turned_down() {
    let long = |first: &str| format!("{first}{}", "x".repeat(LONGEST)).into_bytes();
    let mut requests: Vec<_> =
        ["Accept: text/html, ", "Accept-Language: de, ", "Accept-Encoding: gzip, ", "X-Long: "]
            .into_iter()
            .map(long)
            .collect();
    requests.push(b"X: text/plain\n".repeat(101));
    let of_http1: [&[u8]; 4] = [
        b"Accept: application/json\0",
        b"Accept-Language: de\x01",
        b"Accept : application/json",
        b"Accept-Encoding: gzip\rx",
    ];
    for documents in ["", "ErrorDocument 400 /index.html\nErrorDocument 431 /index.html"] {
        let httpd = Setup::new(SETTINGS).directives(documents).modules(&["http2"]).start();
        let client = httpd.http2_client();
        let check = |answer: Answer, shown: &str| match documents {
            "" => {
                let page = String::from_utf8(answer.body).expect("text");
                assert!([400, 431].contains(&answer.status), "{shown}: {}", answer.status);
                assert!(page.contains(&format!("<title>{} ", answer.status)), "{shown}: {page}");
            }
            _ => {
                assert_eq!((answer.status, answer.field("content-type")), (500, HTML), "{shown}");
                assert!(answer.page() == PAGE.as_bytes(), "{shown}: {:?}", answer.fields);
            }
        };
        httpd.close();
        for lines in &requests {
            check(ask(httpd.address(), "GET", lines), &shown(lines));
            check(ask2(&client, "GET", lines), &format!("HTTP/2, {}", shown(lines)));
        }
        for lines in of_http1 {
            check(ask(httpd.address(), "GET", lines), &shown(lines));
        }
    }
}
