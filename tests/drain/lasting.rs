//! Requests that may never end by themselves: WebSockets and event streams.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use maintenance_harness::{Httpd, Mpm, Setup, wait_for};

const PAGE: &str = "<Location /status>\nSetHandler maintenance-status\n</Location>";

/// A backend that begins an answer to each request and ends it only later. /socket switches to
/// WebSocket and sends back what it receives, /events is an event stream, anything else a text.
pub(crate) struct Slow {
    pub(crate) address: SocketAddr,
    /// The targets, and the connections.
    running: Arc<Mutex<Vec<(String, TcpStream)>>>,
}

impl Slow {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let running = Arc::new(Mutex::new(vec![]));
        let shared = Arc::clone(&running);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, running }
    }

    /// Ends the answers to the targets for which `is_over` returns true.
    pub(crate) fn end(&self, is_over: impl Fn(&str) -> bool) {
        let mut running = self.running.lock().expect("the connections");
        running.retain_mut(|(target, stream)| {
            if is_over(target) {
                if !target.starts_with("/socket") {
                    let _ = stream.write_all(b"0\r\n\r\n");
                }
                let _ = stream.shutdown(Shutdown::Both);
            }
            !is_over(target)
        });
    }
}

/// Before the server stops, so that it does not wait.
impl Drop for Slow {
    fn drop(&mut self) {
        self.end(|_| true);
    }
}

fn serve(mut stream: TcpStream, running: &Mutex<Vec<(String, TcpStream)>>) {
    let mut request = String::new();
    let mut byte = [0];
    while !request.ends_with("\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0].into()),
            _ => return,
        }
    }
    let target = request.split(' ').nth(1).expect("a target").to_owned();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: ";
    let answer = match target.split('?').next() {
        Some("/socket") => "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                            Connection: Upgrade\r\n\r\n"
            .to_owned(),
        Some("/events") => format!("{chunked}text/event-stream\r\n\r\n9\r\ndata: 1\n\n\r\n"),
        _ => format!("{chunked}text/plain\r\n\r\n9\r\nsome text\r\n"),
    };
    let own = stream.try_clone().expect("a handle");
    running.lock().expect("the connections").push((target, own));
    let _ = stream.write_all(answer.as_bytes());
    let mut part = [0; 64];
    while let Ok(length @ 1..) = stream.read(&mut part) {
        let _ = stream.write_all(&part[..length]);
    }
}

/// The backend is dropped first.
struct Site {
    backend: Slow,
    httpd: Httpd,
}

impl Site {
    fn start(mpm: Mpm, modules: &[&'static str], lines: &str) -> Self {
        let backend = Slow::start();
        let setup = Setup::new(PAGE).before(&format!("Define BACKEND {}", backend.address));
        let setup = setup.mpm(mpm).modules(modules).directives("ExtendedStatus On");
        Self { backend, httpd: setup.directives(lines).start() }
    }
}

/// Sends a request, and waits until the answer has this end so far.
pub(crate) fn open(httpd: &Httpd, target: &str, fields: &str, end: &str) -> TcpStream {
    let mut stream = TcpStream::connect(httpd.address()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let request = format!("GET {target} HTTP/1.1\r\nHost: maintenance.test\r\n{fields}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = vec![];
    let mut part = [0; 1024];
    while !String::from_utf8_lossy(&answer).contains(end) {
        let length = stream.read(&mut part).expect("more");
        assert!(length > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..length]);
    }
    stream
}

pub(crate) const SOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const EVENTS: &str = "Accept: text/event-stream\r\n";

#[track_caller]
fn report(httpd: &Httpd) -> Value {
    crate::status::report_at(&httpd.client(), "/status")
}

fn counts(report: &Value) -> [&Value; 6] {
    [
        "requests",
        "upgraded",
        "streams",
        "from_before_closing",
        "upgraded_from_before_closing",
        "streams_from_before_closing",
    ]
    .map(|name| &report["in_flight"][name])
}

/// A WebSocket, an event stream and a slow text, until they end. Neither the text that was asked for
/// as an event stream, nor the answer to a WebSocket that is none, is more than a request.
fn counted_apart(site: &mut Site, way: &str) {
    let Site { backend, httpd } = site;
    let text = open(httpd, "/text", EVENTS, "some text");
    let failed = open(httpd, "/text?no", SOCKET, "some text");
    let events = open(httpd, "/events?token=secret", EVENTS, "data: 1");
    let mut socket = open(httpd, "/socket?token=secret", SOCKET, "101 Switching");
    assert_eq!(counts(&report(httpd)), [4, 1, 1, 0, 0, 0], "{way}");
    httpd.close();
    httpd.client().get("/x").assert_refused();
    let closed = report(httpd);
    assert_eq!(counts(&closed), [4, 1, 1, 4, 1, 1], "{way}");
    let server = &closed["scopes"][0];
    assert_eq!(server["in_flight"]["streams_from_before_closing"], 1);
    let running = |report: &Value| -> Vec<(Value, Value)> {
        let list = report["running"].as_array().expect("a list");
        assert!(list.iter().all(|one| one["server"] == "maintenance.test"), "{list:?}");
        assert!(list.iter().all(|one| one["from_before_closing"] == true), "{list:?}");
        list.iter().map(|one| (one["path"].clone(), one["kind"].clone())).collect()
    };
    let expected = [
        (json!("/text"), json!(null)),
        (json!("/text"), json!(null)),
        (json!("/events"), json!("stream")),
        (json!("/socket"), json!("upgraded")),
    ];
    assert_eq!(running(&closed), expected, "{way}");
    let page = httpd.client().get("/status?format=html").body;
    assert!(page.contains("1 is an upgraded connection (WebSocket) and 1 is an event stream"));
    assert!(page.contains("<code>&#x2f;events</code> at maintenance.test"), "{page}");
    assert!(!page.contains("secret"), "{page}");
    socket.write_all(b"still there").expect("sent");
    let mut part = [0; 11];
    socket.read_exact(&mut part).expect("an answer");
    assert_eq!(&part, b"still there");
    let ends = |is_over: &dyn Fn(&str) -> bool, left: [u64; 3]| {
        backend.end(is_over);
        wait_for(&format!("{way}: {left:?}"), Duration::from_secs(10), || {
            counts(&report(httpd))[3..] == left.map(Value::from).each_ref()[..]
        });
    };
    ends(&|target| target.starts_with("/text"), [2, 1, 1]);
    // mod_proxy waits for both sides.
    socket.shutdown(Shutdown::Both).expect("closed");
    ends(&|target| target.starts_with("/socket"), [1, 0, 1]);
    ends(&|target| target.starts_with("/events"), [0, 0, 0]);
    drop((text, failed, events, socket));
}

#[test]
fn mod_proxy_http() {
    for mpm in Mpm::ALL {
        let lines = "ProxyPass / http://${BACKEND}/ upgrade=websocket";
        let mut site = Site::start(mpm, &["proxy", "proxy_http"], lines);
        counted_apart(&mut site, &format!("{mpm:?}"));
    }
}

fn by_wstunnel(more: &str) {
    let modules = &["proxy", "proxy_http", "proxy_wstunnel"];
    let lines = "ProxyPass /socket ws://${BACKEND}/socket\nProxyPass / http://${BACKEND}/\n";
    let mut site = Site::start(Mpm::Event, modules, &format!("{lines}{more}"));
    counted_apart(&mut site, &format!("wstunnel {more}"));
}

#[test]
fn mod_proxy_wstunnel() {
    by_wstunnel("");
}

/// Without the help of mod_proxy_http, as before 2.4.48.
#[test]
fn mod_proxy_wstunnel_alone() {
    by_wstunnel("ProxyWebsocketFallbackToProxyHttp Off");
}

/// The paths are those of the requests, also if many are running.
#[test]
fn paths_of_many() {
    let lines = "ProxyPass / http://${BACKEND}/";
    let Site { backend, httpd } = &Site::start(Mpm::Event, &["proxy", "proxy_http"], lines);
    let long = format!("/{}", "long".repeat(30));
    let mut all: Vec<_> =
        (0..20).map(|number| open(httpd, &format!("/text/{number}?x"), "", "some text")).collect();
    all.push(open(httpd, &long, "", "some text"));
    let report = report(httpd);
    let paths: Vec<_> = report["running"].as_array().expect("a list").iter().collect();
    let paths: Vec<_> = paths.iter().map(|one| one["path"].as_str().expect("a path")).collect();
    assert_eq!(paths, (0..10).map(|number| format!("/text/{number}")).collect::<Vec<_>>());
    backend.end(|target| target.starts_with("/text"));
    wait_for("the end of the others", Duration::from_secs(10), || {
        let report = self::report(httpd);
        let [one] = &report["running"].as_array().expect("a list")[..] else { return false };
        let path = one["path"].as_str().expect("a path");
        assert!(path.ends_with('…') && long.starts_with(path.trim_end_matches('…')), "{path}");
        true
    });
}

/// Without ExtendedStatus the counts are the same, and the paths are unknown.
#[test]
fn without_extended_status() {
    let lines = "ProxyPass / http://${BACKEND}/\nExtendedStatus Off";
    let Site { httpd, .. } = &Site::start(Mpm::Event, &["proxy", "proxy_http"], lines);
    let _events = open(httpd, "/events", EVENTS, "data: 1");
    let report = report(httpd);
    assert_eq!(counts(&report), [1, 0, 1, 0, 0, 0]);
    assert_eq!(
        (&report["running"][0]["path"], &report["running"][0]["kind"]),
        (&json!(null), &json!("stream"))
    );
}

/// A stream of HTTP/2 has no line of its own in the scoreboard.
#[test]
fn http2() {
    let lines = "ProxyPass / http://${BACKEND}/\nProtocols h2c http/1.1";
    let site = Site::start(Mpm::Event, &["proxy", "proxy_http", "http2"], lines);
    let Site { backend, httpd } = &site;
    let client = httpd.http2_client();
    let request = client.request("GET", "/events").header("Accept", "text/event-stream");
    let events = request.send().expect("the begin of an answer");
    let seen = report(httpd);
    assert_eq!(counts(&seen), [1, 0, 1, 0, 0, 0]);
    assert_eq!(seen["running"][0]["kind"], "stream");
    backend.end(|_| true);
    wait_for("the end", Duration::from_secs(10), || counts(&report(httpd))[0] == 0);
    assert_eq!(events.text().expect("a whole answer"), "data: 1\n\n");
}
