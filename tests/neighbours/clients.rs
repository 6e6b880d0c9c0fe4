//! Clients that are slow, send much, or do not wait.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use maintenance_harness::{Backend, Httpd, Mpm, PAGE, Setup, raw, wait_for};

const MEBIBYTE: usize = 1024 * 1024;

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.set_write_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream
}

fn read_to_end(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer and an end");
    String::from_utf8(answer).expect("text")
}

#[track_caller]
fn assert_one_refusal(answer: &str, named: &str) {
    assert!(answer.starts_with("HTTP/1.1 500 "), "{named}: {answer}");
    assert!(answer.ends_with(PAGE), "{named}: {answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{named}: {answer}");
}

/// A server in front of a backend, on each MPM.
fn on_each(directives: &str, test: impl Fn(&Httpd, &Backend, Mpm) + Sync) {
    thread::scope(|scope| {
        for mpm in Mpm::ALL {
            let test = &test;
            scope.spawn(move || {
                let backend = Backend::start();
                let setup = Setup::new(directives).modules(&["setenvif"]).mpm(mpm);
                let httpd = setup.proxy_to(&backend).start();
                httpd.close();
                test(&httpd, &backend, mpm);
            });
        }
    });
}

/// Clients that send everything before they read are not reset: they get the complete answer.
#[test]
fn uploads_to_their_end() {
    on_each("", |httpd, backend, mpm| {
        let chunk = [b"100000\r\n", &[b'x'; MEBIBYTE][..], b"\r\n"].concat();
        for (name, head, part, end) in [
            ("of a length", "Content-Length: 31457280", &[b'x'; MEBIBYTE][..], &b""[..]),
            ("in chunks", "Transfer-Encoding: chunked", &chunk, b"0\r\n\r\n"),
        ] {
            let named = format!("{mpm:?}, {name}");
            let start = Instant::now();
            let mut stream = connect(httpd.address());
            let head = format!("PUT /big HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("sent");
            (0..30).for_each(|_| stream.write_all(part).expect("sent"));
            stream.write_all(end).expect("sent");
            assert_one_refusal(&read_to_end(stream), &named);
            assert!(start.elapsed() < Duration::from_secs(5), "{named}: {:?}", start.elapsed());
        }
        assert_eq!(backend.received(), 0, "{mpm:?}");
        httpd.open();
        let client = httpd.client();
        let upload = client.request("PUT", "/big").body(vec![b'x'; 30 * MEBIBYTE]);
        assert_eq!(client.send(upload).body, "PUT /big\n", "{mpm:?}");
    });
}

/// A client that waits for 100 gets the refusal instead; an admitted client gets the 100.
#[test]
fn expect_continue() {
    let directives = "MaintenanceAllow env=PASSES\nSetEnvIf X-Pass . PASSES";
    on_each(directives, |httpd, backend, mpm| {
        for head in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
            let request = |more: &str| {
                format!(
                    "PUT /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{more}{head}\r\n\r\n"
                )
            };
            let mut stream = connect(httpd.address());
            stream.write_all(request("").as_bytes()).expect("sent");
            assert_one_refusal(&read_to_end(stream), &format!("{mpm:?}, {head}"));
            let before = backend.received();
            let mut stream = connect(httpd.address());
            let admitted = request("X-Pass: yes\r\nConnection: close\r\n");
            stream.write_all(admitted.as_bytes()).expect("sent");
            let mut interim = [0; 25];
            stream.read_exact(&mut interim).expect("an interim answer");
            assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n", "{mpm:?}");
            let body: &[u8] = match head.starts_with("Content") {
                true => b"hello",
                false => b"5\r\nhello\r\n0\r\n\r\n",
            };
            stream.write_all(body).expect("sent");
            assert!(read_to_end(stream).ends_with("PUT /x\n"), "{mpm:?}");
            assert_eq!(backend.received(), before + 1, "{mpm:?}");
        }
    });
}

/// The time when the header section is complete decides, however slowly it arrived.
#[test]
fn byte_by_byte() {
    on_each("", |httpd, backend, mpm| {
        let trickle = |flip: &dyn Fn()| {
            let mut stream = connect(httpd.address());
            let request = b"GET /slowly HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
            for (number, byte) in request.iter().enumerate() {
                if number == request.len() / 2 {
                    flip();
                }
                stream.write_all(&[*byte]).expect("sent");
                thread::sleep(Duration::from_millis(5));
            }
            read_to_end(stream)
        };
        assert_one_refusal(&trickle(&|| ()), &format!("{mpm:?}"));
        assert!(trickle(&|| httpd.open()).ends_with(&Backend::page_of("/slowly")), "{mpm:?}");
        assert_one_refusal(&trickle(&|| httpd.close()), &format!("{mpm:?}"));
        assert_eq!(backend.received(), 1, "{mpm:?}");
    });
}

/// Of pipelined requests, the first refusal with 500 closes the connection, as in httpd. None of
/// the requests after it reaches the backend, and admitted ones before it are answered.
#[test]
fn pipelined() {
    on_each("MaintenanceAllow path=/free", |httpd, backend, mpm| {
        let requests = ["/free/1", "/free/2", "/shut/1", "/free/3"]
            .map(|path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .concat();
        let answer = raw(httpd.address(), requests.as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{mpm:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 3, "{mpm:?}: {answer}");
        assert!(answer.contains(&Backend::page_of("/free/2")), "{mpm:?}: {answer}");
        assert!(answer.ends_with(PAGE), "{mpm:?}: {answer}");
        assert_eq!(backend.received(), 2, "{mpm:?}");
    });
}

/// HTTP/1.0, with and without keep-alive.
#[test]
fn http_1_0() {
    on_each("MaintenanceAllow path=/free", |httpd, backend, mpm| {
        for line in ["", "Connection: keep-alive\r\n"] {
            let get = |path: &str| format!("GET {path} HTTP/1.0\r\n{line}\r\n");
            assert_one_refusal(&raw(httpd.address(), get("/").as_bytes()), line);
            let two = get("/free") + &get("/");
            let answer = raw(httpd.address(), two.as_bytes());
            assert!(answer.contains(&Backend::page_of("/free")), "{mpm:?}, {line}: {answer}");
            assert_eq!(answer.ends_with(PAGE), !line.is_empty(), "{mpm:?}, {line}: {answer}");
        }
        wait_for("two requests", Duration::from_secs(5), || backend.received() == 2);
    });
}
