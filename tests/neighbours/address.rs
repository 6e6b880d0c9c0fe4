//! Modules that determine the client before the gate does: mod_remoteip and mod_setenvif.

use std::net::SocketAddr;

use super::{ask, get, round};
use maintenance_harness::{PAGE, Setup, raw};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// The header of PROXY protocol version 2 for a TCP connection over IPv4 from this address.
fn version_2(from: [u8; 4]) -> Vec<u8> {
    let addresses = [&from[..], &[127, 0, 0, 1], &[4, 87, 31, 144]].concat();
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses].concat()
}

fn answer(address: SocketAddr, prologue: &[u8], header: &str) -> String {
    let request = REQUEST.replace("Host: x\r\n", &format!("Host: x\r\n{header}"));
    raw(address, &[prologue, request.as_bytes()].concat())
}

/// The address in the load balancer's PROXY header applies, and no header field can change it.
#[test]
fn proxy_protocol() {
    let mut httpd = Setup::new("RemoteIPProxyProtocol On\nMaintenanceAllow 192.0.2.7 2001:db8::7")
        .modules(&["remoteip"])
        .start();
    httpd.allow_log("AH10184"); // of the connection that finds out whether it listens
    let line = |words: &str| format!("PROXY {words}\r\n").into_bytes();
    let prologues = [
        (line("TCP4 192.0.2.7 127.0.0.1 1111 8080"), true),
        (line("TCP4 192.0.2.70 127.0.0.1 1111 8080"), false),
        (line("TCP6 2001:db8::7 ::1 1111 8080"), true),
        (line("TCP6 2001:db8::8 ::1 1111 8080"), false),
        (line("TCP4 127.0.0.1 192.0.2.7 1111 8080"), false),
        (line("UNKNOWN 192.0.2.7 127.0.0.1 1111 8080"), false),
        (version_2([192, 0, 2, 7]), true),
        (version_2([192, 0, 2, 8]), false),
    ];
    for is_closed in [false, true, false] {
        if is_closed {
            httpd.close();
        }
        for (prologue, admitted) in &prologues {
            for header in ["", "X-Forwarded-For: 192.0.2.7\r\n", "Forwarded: for=192.0.2.7\r\n"] {
                let answer = answer(httpd.address(), prologue, header);
                let expected = match *admitted || !is_closed {
                    true => ("HTTP/1.1 200 ", "hello from httpd\n"),
                    false => ("HTTP/1.1 500 ", PAGE),
                };
                let named = String::from_utf8_lossy(prologue);
                assert!(answer.starts_with(expected.0), "{named}{header}: {answer}");
                assert!(answer.ends_with(expected.1), "{named}{header}: {answer}");
            }
        }
        if is_closed {
            httpd.open();
        }
    }
    let requests = prologues.len() * 3 * 3;
    let log = httpd.access_log(requests);
    assert_eq!(log.iter().filter(|line| line.starts_with("192.0.2.7 ")).count(), 18, "{log:#?}");
}

/// The variables that change how httpd and its modules answer.
#[test]
fn variables() {
    let setup = Setup::new(
        "SetEnvIf X-Old . nokeepalive downgrade-1.0 force-response-1.0\n\
         SetEnvIf X-Plain . no-gzip\nBrowserMatch ^odd no-gzip=1 nokeepalive\n\
         SetOutputFilter DEFLATE\nMaintenanceAllow env=PASSES\nSetEnvIf Request_Method BREW PASSES\n\
         Redirect 302 /away http://elsewhere.test/",
    )
    .modules(&["setenvif", "deflate", "alias"]);
    let asks = [
        get("/", 200, "hello").header("X-Plain", "yes").header("Accept-Encoding", "gzip, br"),
        get("/", 200, "hello").header("User-Agent", "odd").header("Accept-Encoding", "gzip"),
        ask("POST", "/away", 302, "location: http://elsewhere.test/"),
    ];
    let httpd = round(setup, &asks);
    httpd.close();
    let client = httpd.client();
    assert_eq!(client.send(client.request("BREW", "/away")).status, 302);
    client.get("/away").assert_refused();
    let old = answer(httpd.address(), b"", "X-Old: yes\r\n");
    assert!(old.starts_with("HTTP/1.0 500 ") && old.ends_with(PAGE), "{old}");
}
