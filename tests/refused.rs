//! The list of the clients that are refused most often.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use maintenance_harness::client::Protocol;
use maintenance_harness::report::RefusedClient;
use maintenance_harness::{Client, Httpd, Mpm, Reports, Setup, wait_for};

/// The clients on the list, once it has this number of refusals.
#[track_caller]
fn listed(reports: &Reports, refusals: u64) -> Vec<RefusedClient> {
    let start = Instant::now();
    loop {
        let clients = reports.read().refused.clients;
        if clients.iter().map(|client| client.count).sum::<u64>() == refusals {
            return clients;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "not {refusals}: {clients:#?}");
    }
}

/// Closes the site, and waits until that has cleared the list.
fn close(httpd: &Httpd, reports: &Reports) {
    let closings = || httpd.count_log("closed by the flag");
    let before = closings();
    httpd.close();
    wait_for("the closing is noticed", Duration::from_secs(5), || {
        reports.read();
        closings() > before
    });
}

fn counts(clients: &[RefusedClient]) -> Vec<(&str, u64)> {
    clients.iter().map(|client| (client.address.as_str(), client.count)).collect()
}

fn a_moment_ago(time: &Option<String>) -> bool {
    let time: Timestamp = time.as_deref().expect("a time").parse().expect("RFC 3339");
    Timestamp::now().duration_since(time).abs() < SignedDuration::from_secs(30)
}

/// Refusals of several addresses at the same time.
fn most_refused_first(mpm: Mpm) {
    let lines = "MaintenanceAllow 127.0.0.9\nMaintenanceStatus 404";
    let httpd = Setup::new(lines).directives(Reports::directives()).mpm(mpm).start();
    let reports = Reports::of(&httpd);
    for address in ["127.0.0.2", "127.0.0.9"] {
        assert_eq!(httpd.client_from(address).get("/open").status, 404);
    }
    assert!(reports.read().refused.clients.is_empty(), "{mpm:?}: nobody is refused");
    assert_eq!(reports.read().refused.since, None);
    close(&httpd, &reports);
    const TIMES: [(&str, u64); 5] = [
        ("127.0.0.2", 7),
        ("127.0.0.3", 30),
        ("127.0.0.4", 1),
        ("127.0.0.5", 12),
        ("127.0.0.9", 20),
    ];
    std::thread::scope(|scope| {
        for (address, times) in TIMES {
            let httpd = &httpd;
            scope.spawn(move || {
                for number in 1..=times {
                    let client = httpd.client_from(address);
                    let path = format!("/{address}/{number}?of={times}");
                    let request = client.request("GET", &path).header("User-Agent", address);
                    assert_eq!(client.send(request).status, 404);
                }
            });
        }
    });
    let clients = listed(&reports, 50);
    let expected = [("127.0.0.3", 30), ("127.0.0.5", 12), ("127.0.0.2", 7), ("127.0.0.4", 1)];
    assert_eq!(counts(&clients), expected, "{mpm:?}");
    for RefusedClient { address, count, error, path, user_agent, time } in &clients {
        assert_eq!(*path, format!("/{address}/{count}"), "{mpm:?}: the last one");
        assert_eq!((user_agent, *error), (address, 0), "{mpm:?}");
        assert!(a_moment_ago(time), "{mpm:?}: {time:?}");
    }
    // The next closing starts a new list.
    httpd.open();
    assert!(!httpd.client().get("/open").body.contains("maintenance"));
    assert_eq!(counts(&listed(&reports, 50)), expected, "{mpm:?}: who it was can still be seen");
    close(&httpd, &reports);
    assert!(reports.read().refused.clients.is_empty(), "{mpm:?}");
    assert!(a_moment_ago(&reports.read().refused.since), "{mpm:?}");
    httpd.client_from("127.0.0.4").get("/again");
    assert_eq!(counts(&listed(&reports, 1)), [("127.0.0.4", 1)], "{mpm:?}");
    // A restart is not a new closing.
    httpd.restart();
    httpd.client_from("127.0.0.4").get("/again");
    assert_eq!(counts(&listed(&reports, 2)), [("127.0.0.4", 2)], "{mpm:?}");
}

#[test]
fn event() {
    most_refused_first(Mpm::Event);
}

#[test]
fn worker() {
    most_refused_first(Mpm::Worker);
}

#[test]
fn prefork() {
    most_refused_first(Mpm::Prefork);
}

/// Text from clients is stored up to a maximum length, and shown readably.
#[test]
fn paths_and_user_agents() {
    let httpd = Setup::new(Reports::directives()).start();
    let reports = Reports::of(&httpd);
    close(&httpd, &reports);
    let client = httpd.client();
    let a = |count: usize| "a".repeat(count);
    let cut = |text: &str| format!("{text}…");
    for (number, (path, agent, shown_path, shown_agent)) in [
        ("/", "", "/".into(), String::new()),
        // Queries may contain private data.
        ("/x%20y?token=secret", "tool/1", "/x%20y".into(), "tool/1".into()),
        (&format!("/{}", a(127)), &a(128), format!("/{}", a(127)), a(128)),
        (&format!("/{}", a(128)), &a(129), cut(&format!("/{}", a(127))), cut(&a(128))),
        (&format!("/{}", a(5000)), &a(5000), cut(&format!("/{}", a(127))), cut(&a(128))),
        ("/short", "short", "/short".into(), "short".into()),
        // In the middle of a character.
        ("/", &format!("{}ü", a(127)), "/".into(), cut(&format!("{}\u{fffd}", a(127)))),
        ("/<b>", "<script>\u{202e}ü", "/%3Cb%3E".into(), "<script>\\u{202e}ü".into()),
    ]
    .into_iter()
    .enumerate()
    {
        let request = client.request("GET", path).header("User-Agent", agent.as_bytes());
        assert_eq!(client.send(request).status, 500);
        let clients = listed(&reports, number as u64 + 1);
        let shown = (clients[0].path.as_str(), clients[0].user_agent.as_str());
        assert_eq!(shown, (shown_path.as_str(), shown_agent.as_str()));
    }
}

/// The client is the one that httpd assumes: behind a proxy, the one that the proxy names.
#[test]
fn addresses() {
    let httpd = Setup::new("RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1")
        .modules(&["remoteip"])
        .directives(Reports::directives())
        .start();
    let reports = Reports::of(&httpd);
    close(&httpd, &reports);
    for (from, header, times) in [
        ("127.0.0.1", "192.0.2.7", 5),
        ("127.0.0.1", "192.0.2.8", 2),
        ("127.0.0.1", "2001:db8::7", 4),
        ("127.0.0.1", "::ffff:192.0.2.7", 1),
        ("127.0.0.2", "192.0.2.9", 3), // who may not name others
    ] {
        let client = httpd.client_from(from);
        for _ in 0..times {
            let request = client.request("GET", "/").header("X-Forwarded-For", header);
            client.send(request).assert_refused();
        }
    }
    let clients = listed(&reports, 15);
    let expected = [("192.0.2.7", 6), ("2001:db8::7", 4), ("127.0.0.2", 3), ("192.0.2.8", 2)];
    assert_eq!(counts(&clients), expected);
}

/// A stream counts as a request.
#[test]
fn http2() {
    let httpd = Setup::new("Protocols h2c http/1.1\nMaintenanceAllow 127.0.0.2")
        .modules(&["http2"])
        .directives(Reports::directives())
        .start();
    let reports = Reports::of(&httpd);
    close(&httpd, &reports);
    for (address, times) in [("127.0.0.1", 4), ("127.0.0.2", 5), ("127.0.0.3", 6)] {
        let address = Some(address.parse().expect("an address"));
        let client = Client::build(&httpd.url(), Protocol::Http2, address, true);
        (0..times).for_each(|_| drop(client.get("/")));
    }
    assert_eq!(counts(&listed(&reports, 10)), [("127.0.0.3", 6), ("127.0.0.1", 4)]);
}

/// A new list starts if everything was open before, and not with every further flag.
#[test]
fn a_second_flag() {
    let lines = "<Location /blogs>\nMaintenanceFlag blogs.flag\n</Location>";
    let httpd = Setup::new(lines).directives(Reports::directives()).start();
    let reports = Reports::of(&httpd);
    close(&httpd, &reports);
    httpd.client_from("127.0.0.2").get("/").assert_refused();
    let before = listed(&reports, 1);
    std::fs::write(httpd.path("blogs.flag"), "").expect("a flag");
    httpd.client_from("127.0.0.2").get("/blogs/").assert_refused();
    assert_eq!(httpd.count_log("closed by the flag .*blogs.flag"), 1);
    assert_eq!(counts(&listed(&reports, 2)), [("127.0.0.2", 2)], "{before:?}");
}
