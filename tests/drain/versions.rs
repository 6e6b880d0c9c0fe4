//! A client can write any version into its request line. An HTTP/1.1 request is in flight until its
//! whole answer has been sent, whatever its version.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::{Gauges, MAIN, Site};
use maintenance_harness::{Mpm, Setup};

const VERSIONS: [&str; 4] = ["HTTP/1.1", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"];

/// More than the socket buffers hold.
const BIG: u64 = 64 << 20;

fn requests_in_any_version(mpm: Mpm, modules: &[&'static str]) {
    let setup = Setup::new(super::room(mpm)).mpm(mpm).modules(modules);
    let setup = setup.directives(
        "MaxKeepAliveRequests 0\nEnableSendfile On\nEnableMMAP Off\n<IfModule http2_module>\n
        Protocols h2c http/1.1\n</IfModule>",
    );
    let file = File::create(setup.path("htdocs/big")).expect("a file");
    file.set_len(BIG).expect("room for it");
    let site = Site::start(setup);
    let send = |path: &str, version: &str| {
        let mut stream = TcpStream::connect(site.httpd.address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        let head = format!("GET {path} {version}\r\nHost: x\r\n");
        stream.write_all(format!("{head}\r\n").as_bytes()).expect("sent");
        (stream, head)
    };
    for version in VERSIONS {
        let (mut stream, _) = send("/big", version);
        let mut chunk = vec![0; 1 << 16];
        let size = stream.read(&mut chunk).expect("the beginning");
        let head = chunk[..size].windows(4).position(|four| four == b"\r\n\r\n");
        let mut left = BIG + 4 + head.expect("a whole header") as u64 - size as u64;
        thread::sleep(Duration::from_millis(300)); // the rest does not go anywhere
        site.shows(&Gauges::of(&[(MAIN, 1, 0)]));
        while left > 0 {
            let size = stream.read(&mut chunk).expect("the rest") as u64;
            assert!(size > 0, "{version}: {left} bytes are missing");
            left = left.saturating_sub(size);
        }
        site.shows(&Gauges::default());
    }
    for version in VERSIONS {
        let (mut stream, head) = send("/index.html", version);
        let requests = format!("{head}\r\n").repeat(498) + &head + "Connection: close\r\n\r\n";
        stream.write_all(requests.as_bytes()).expect("sent");
        let mut answers = String::new();
        stream.read_to_string(&mut answers).expect("all answers");
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 500, "{version}");
        site.shows(&Gauges::default());
    }
    assert_eq!(site.reports.read().scopes[0].totals.open, 501 * VERSIONS.len() as u64);
}

#[test]
fn any_version() {
    for mpm in Mpm::ALL {
        requests_in_any_version(mpm, &[]);
    }
}

#[test]
fn any_version_beside_http2() {
    requests_in_any_version(Mpm::Event, &["http2"]);
}
