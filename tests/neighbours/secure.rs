//! mod_ssl and mod_http2.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use maintenance_harness::client::Protocol;
use maintenance_harness::{Backend, Client, Mpm, PAGE, Setup, raw, wait_for, without_host};

/// Messages of a distribution's mod_ssl at start.
pub const OLDER_OPENSSL: &str = "AH01882";

const PATIENCE: Duration = Duration::from_secs(10);

/// A virtual host with TLS in addition to the plain one, and its URL.
pub fn with_tls(directives: &str) -> (Setup, String) {
    let made =
        rcgen::generate_simple_self_signed(["maintenance.test", "secure.test"].map(String::from));
    let made = made.expect("a certificate");
    let setup = Setup::new("MaintenanceAllow 127.0.0.2").modules(&["socache_shmcb", "ssl"]);
    setup.write("conf/cert.pem", made.cert.pem());
    setup.write("conf/key.pem", made.signing_key.serialize_pem());
    let tls = format!("{}:8443", setup.address().ip());
    let setup = setup.directives(&format!(
        "Listen {tls}\nSSLSessionCache shmcb:logs/cache\n<VirtualHost {tls}>\n\
         ServerName maintenance.test\nSSLEngine on\nSSLCertificateFile conf/cert.pem\n\
         SSLCertificateKeyFile conf/key.pem\nSSLCACertificateFile conf/cert.pem\n{directives}\n\
         </VirtualHost>"
    ));
    (setup, tls)
}

/// Clients are not asked for a certificate while the site is closed.
#[test]
fn tls() {
    let (setup, tls) = with_tls(
        "<Location /private>\nSSLVerifyClient require\n</Location>\n\
         <Location /strong>\nSSLRequire %{SSL_CIPHER_USEKEYSIZE} >= 1024\n</Location>",
    );
    let mut httpd = setup.start();
    // No certificate; no cipher of 1024 bits.
    let denials = "AH10158|SSL Library Error|AH02229";
    httpd.allow_log(&format!("{OLDER_OPENSSL}|{denials}"));
    let secure = format!("https://{tls}");
    let public = Client::build(&secure, Protocol::Http1, None, false);
    let admitted = Client::from(&secure, "127.0.0.2");
    let assert_answered = |client: &Client| {
        let before = httpd.count_log(denials);
        for (path, status) in [("/", 200), ("/private", 403), ("/strong", 403)] {
            assert_eq!(client.get(path).status, status, "{path}");
        }
        assert!(httpd.count_log(denials) > before);
    };
    assert_answered(&public);
    let before = httpd.count_log(denials);
    httpd.close();
    for path in ["/", "/private", "/strong"] {
        public.get(path).assert_refused();
    }
    assert_eq!(httpd.count_log(denials), before);
    assert_answered(&admitted);
    // Without TLS it is not a request for this virtual host, and httpd itself rejects it.
    let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = raw(tls.parse().expect("an address"), request);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    httpd.open();
    assert_answered(&public);
}

/// Admitted and refused streams on one connection, streams that were running when the site was
/// closed, and changes in the middle of them.
fn streams_of_one_connection(mpm: Mpm) {
    let backend = Backend::start();
    let httpd = Setup::new(
        "Protocols h2c http/1.1\nMaintenanceAllow path=/free\n\
         CustomLog logs/ports \"%{remote}p %{User-agent}i\"",
    )
    .mpm(mpm)
    .modules(&["http2"])
    .proxy_to(&backend)
    .start();
    let client = httpd.http2_client();
    let asked = AtomicUsize::new(0);
    let status_of = |path: &str| {
        let request = client.request("GET", path).header("User-Agent", "streams");
        let answer = client.send(request);
        asked.fetch_add(1, Ordering::Relaxed);
        assert_eq!(answer.version, reqwest::Version::HTTP_2);
        match answer.status {
            200 => assert!(answer.body == Backend::page_of(path), "{mpm:?}: a cut page"),
            500 => {
                assert!(without_host(&answer.body) == without_host(PAGE), "{mpm:?}: a cut refusal")
            }
            _ => panic!("{mpm:?}: neither passed nor refused: {answer:?}"),
        }
        answer.status
    };
    assert_eq!(status_of("/"), 200);
    thread::scope(|scope| {
        let slow: Vec<_> = (0..5).map(|_| scope.spawn(|| status_of("/slow/600"))).collect();
        wait_for("streams under way", PATIENCE, || backend.received() == 6);
        httpd.close();
        let both: Vec<_> = (0..20)
            .map(|number| {
                let (folder, status) = [("free", 200), ("shut", 500)][number % 2];
                let path = format!("/{folder}/{number}");
                let status_of = &status_of;
                scope.spawn(move || (0..5).for_each(|_| assert_eq!(status_of(&path), status)))
            })
            .collect();
        both.into_iter().for_each(|streams| streams.join().expect("answers"));
        assert_eq!(backend.received(), 6 + 50, "{mpm:?}: no more than those on free paths");
        for stream in slow {
            assert_eq!(stream.join().expect("an answer"), 200, "{mpm:?}");
        }
        let streams = || (0..30).map(|number| status_of(&format!("/{number}"))).collect();
        let streams: Vec<_> = (0..8).map(|_| scope.spawn(streams)).collect();
        let probe = httpd.client();
        while !streams.iter().all(thread::ScopedJoinHandle::is_finished) {
            httpd.open();
            assert_eq!(probe.get("/").status, 200);
            httpd.close();
            probe.get("/").assert_refused();
        }
        let statuses = streams.into_iter().map(|streams| streams.join().expect("answers"));
        let statuses: Vec<u16> = statuses.flat_map(|statuses: Vec<_>| statuses).collect();
        for status in [200, 500] {
            assert!(statuses.contains(&status), "{mpm:?}: no flip in the middle: {statuses:?}");
        }
    });
    drop(client); // else the last stream may be logged only when mod_http2 looks again, in seconds
    let lines = || -> Vec<String> {
        let log = fs::read_to_string(httpd.path("logs/ports")).expect("a log");
        log.lines().filter(|line| line.ends_with(" streams")).map(str::to_owned).collect()
    };
    let asked = asked.into_inner();
    wait_for("the log is complete", PATIENCE, || lines().len() == asked);
    let (lines, first) = (lines(), &lines()[0]);
    assert!(lines.iter().all(|line| line == first), "{mpm:?}: more than one connection");
}

/// A large upload is refused on its own stream: the streams beside and after it continue.
#[test]
fn http2_uploads() {
    for mpm in [Mpm::Event, Mpm::Worker] {
        let backend = Backend::start();
        let httpd = Setup::new("Protocols h2c http/1.1\nMaintenanceAllow path=/free")
            .mpm(mpm)
            .modules(&["http2"])
            .proxy_to(&backend)
            .start();
        httpd.close();
        let client = httpd.http2_client();
        thread::scope(|scope| {
            let client = &client;
            for number in 0..3 {
                scope.spawn(move || {
                    let upload = client.request("PUT", "/big").body(vec![b'x'; 30 * 1024 * 1024]);
                    client.send(upload).assert_refused();
                });
                scope.spawn(move || {
                    for part in 0..20 {
                        let path = format!("/free/{number}/{part}");
                        assert!(client.get(&path).body == Backend::page_of(&path), "{mpm:?}");
                    }
                });
            }
        });
        assert_eq!(backend.received(), 60, "{mpm:?}");
        httpd.open();
        assert_eq!(client.get("/").status, 200, "{mpm:?}");
    }
}

#[test]
fn http2_event() {
    streams_of_one_connection(Mpm::Event);
}

#[test]
fn http2_worker() {
    streams_of_one_connection(Mpm::Worker);
}
