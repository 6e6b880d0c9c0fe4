//! The lines in the logs and their number.

use std::thread;
use std::time::Duration;

use maintenance_harness::{Backend, Client, Httpd, Mpm, Setup, raw, wait_for};

/// One line for each opening and closing, however many children see it at the same time.
#[test]
fn one_line_with_sixteen_children() {
    const FLIPS: usize = 30;
    let httpd = Setup::new(
        "StartServers 16\nMinSpareServers 16\nMaxSpareServers 32\nMaxRequestWorkers 32\nServerLimit 32",
    )
    .mpm(Mpm::Prefork)
    .start();
    wait_for("16 children", Duration::from_secs(10), || httpd.processes().len() > 16);
    let everybody = |status: u16| {
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        assert_eq!(httpd.client().get("/").status, status);
                    }
                });
            }
        });
    };
    for flip in 1..=FLIPS {
        httpd.close();
        everybody(500);
        assert_eq!(httpd.count_log("maintenance:notice.*closed by the flag"), flip);
        httpd.open();
        everybody(200);
        assert_eq!(httpd.count_log("maintenance:notice.*open again"), flip);
    }
    assert_eq!(httpd.count_log("maintenance: "), 2 + 2 * FLIPS, "nothing else: {}", httpd.log());
}

#[test]
fn flag_time_and_owner() {
    let httpd = Httpd::start("");
    let a_second = filetime(1_700_000_000);
    httpd.close();
    std::fs::File::options()
        .write(true)
        .open(httpd.flag())
        .and_then(|file| file.set_modified(a_second))
        .expect("a time");
    httpd.client().get("/").assert_refused();
    let owner = match rustix::process::geteuid().is_root() {
        true => "root",
        false => r"\S+",
    };
    let flag = httpd.flag().display().to_string();
    let line = format!(
        r"maintenance:notice.*maintenance: closed by the flag {flag}, there since 2023-11-14 22:13:20 \+00:00, owner {owner}$"
    );
    assert_eq!(httpd.count_log(&line), 1, "{}", httpd.log());
    httpd.open();
    assert_eq!(httpd.client().get("/").status, 200);
    let line = format!("maintenance:notice.*maintenance: open again, the flag {flag} is gone$");
    assert_eq!(httpd.count_log(&line), 1, "{}", httpd.log());
}

fn filetime(seconds: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The parent notices changes without requests.
#[test]
fn without_requests() {
    let servers = Mpm::ALL.map(|mpm| Setup::new("").mpm(mpm).start());
    // httpd's parent looks about every ten seconds, and later on a busy machine.
    let limit = Duration::from_secs(40);
    let all = |pattern| servers.iter().all(|httpd| httpd.count_log(pattern) == 1);
    servers.iter().for_each(Httpd::close);
    wait_for("closed is logged", limit, || all("closed by the flag"));
    servers.iter().for_each(Httpd::open);
    wait_for("open is logged", limit, || all("open again"));
}

/// A restart during the maintenance is not reported, a start is.
#[test]
fn over_restarts() {
    let setup = Setup::new("");
    setup.write("maintenance.flag", "");
    let httpd = setup.start();
    assert_eq!(httpd.count_log("closed by the flag"), 1, "{}", httpd.log());
    httpd.client().get("/").assert_refused();
    for _ in 0..3 {
        httpd.restart();
        httpd.client().get("/").assert_refused();
    }
    assert_eq!(httpd.count_log("closed by the flag"), 1, "{}", httpd.log());
    httpd.open();
    httpd.restart();
    assert_eq!(httpd.client().get("/").status, 200);
    assert_eq!(httpd.count_log("open again"), 1, "{}", httpd.log());
}

/// The note and the environment variable, in the log and for the application.
#[test]
fn note_and_environment_variable() {
    let backend = Backend::start();
    let httpd = Setup::new(
        "MaintenanceAllow 127.0.0.2 env=PROBE\nSetEnvIf User-Agent ^probe PROBE\n\
         CustomLog logs/closed_log \"%a %{maintenance}n\" env=MAINTENANCE\n\
         RequestHeader set Maintenance %{MAINTENANCE}e env=MAINTENANCE",
    )
    .modules(&["setenvif", "headers"])
    .proxy_to(&backend)
    .start();
    let client = httpd.client();
    let probe = || client.send(client.request("GET", "/").header("User-Agent", "probe/1"));
    assert_eq!(client.get("/").header("x-maintenance"), None);
    assert_eq!(probe().header("x-maintenance"), None);
    httpd.close();
    client.get("/").assert_refused();
    assert_eq!(probe().header("x-maintenance"), Some("allowed:env"));
    let admitted = httpd.client_from("127.0.0.2").get("/");
    assert_eq!(admitted.header("x-maintenance"), Some("allowed:address"));
    let closed = || std::fs::read_to_string(httpd.path("logs/closed_log")).unwrap_or_default();
    let patience = Duration::from_secs(20);
    wait_for("the log is complete", patience, || closed().lines().count() >= 3);
    let mut lines: Vec<_> = closed().lines().map(str::to_owned).collect();
    lines.sort(); // a line is written when the client has its answer
    assert_eq!(lines, ["127.0.0.1 allowed:env", "127.0.0.1 blocked", "127.0.0.2 allowed:address"]);
    let mut log: Vec<_> = httpd
        .access_log(5)
        .iter()
        .filter_map(|line| Some(line.split_once(" \"")?.0.to_owned()))
        .collect();
    log.sort();
    assert_eq!(
        log,
        [
            "127.0.0.1 200 - -",
            "127.0.0.1 200 - -",
            "127.0.0.1 200 allowed:env allowed:env",
            "127.0.0.1 500 blocked blocked",
            "127.0.0.2 200 allowed:address allowed:address",
        ]
    );
}

/// The lines of docs/logging.md for httpd 2.4, and those for 2.2.
fn custom_logs(prefix: &str) -> String {
    [
        ("refused", "\"expr=%{note:maintenance} == 'blocked'\""),
        ("others", "\"expr=%{note:maintenance} != 'blocked'\""),
        ("closed", "env=MAINTENANCE"),
        ("open", "env=!MAINTENANCE"),
    ]
    .map(|(name, condition)| format!("CustomLog logs/{prefix}{name} told {condition}\n"))
    .concat()
}

const TOLD: &str = "LogFormat \"%a %>s %{maintenance}n %r\" told\n";

/// Every request is in exactly one log of each pair: these requests in the first, and those in the
/// second.
#[track_caller]
fn assert_logs(httpd: &Httpd, pair: [&str; 2], expected: [&[&str]; 2]) {
    let lines = |name: &str| {
        let log = std::fs::read_to_string(httpd.path("logs").join(name)).expect("a log");
        let mut lines: Vec<_> = log.lines().map(str::to_owned).collect();
        lines.sort(); // a line is written when the client has its answer
        lines
    };
    let count = expected.concat().len();
    wait_for("the logs are complete", Duration::from_secs(20), || {
        pair.iter().map(|name| lines(name).len()).sum::<usize>() >= count
    });
    for (name, expected) in pair.iter().zip(expected) {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(lines(name), expected, "{name}");
    }
}

/// Refusals have a log of their own, and are not in the other one.
#[test]
fn logs_of_refusals() {
    let setup = Setup::new(&format!(
        "{TOLD}{}MaintenanceAllow 127.0.0.2
        <Location /blogs>
            MaintenanceFlag blogs.flag
        </Location>
        <Directory \"${{ROOT}}/htdocs/fallback\">
            FallbackResource /blogs/page.html
        </Directory>
        <Directory \"${{ROOT}}/htdocs/rewritten\">
            RewriteEngine On
            RewriteRule ^ /blogs/page.html
        </Directory>
        <VirtualHost *>
            ServerName plain
            RewriteEngine On
            RewriteRule ^/passed-on$ /blogs/page.html [PT]
        </VirtualHost>
        <VirtualHost *>
            ServerName own
            {}
        </VirtualHost>",
        custom_logs(""),
        custom_logs("own-"),
    ))
    .modules(&["rewrite"]);
    for folder in ["blogs", "fallback", "rewritten"] {
        std::fs::create_dir(setup.path("htdocs").join(folder)).expect(folder);
    }
    setup.write("htdocs/blogs/page.html", "blogs\n");
    let httpd = setup.start();
    let get = |client: &Client, host: &str, path: &str| {
        client.send(client.request("GET", path).header("Host", host)).status
    };
    let (stranger, admitted) = (httpd.client(), httpd.client_from("127.0.0.2"));
    for (client, host) in [(&stranger, "plain"), (&admitted, "plain"), (&stranger, "own")] {
        assert_eq!(get(client, host, "/?open"), 200);
    }

    let flag = httpd.path("blogs.flag");
    std::fs::write(&flag, "").expect("a flag");
    assert_eq!(get(&stranger, "plain", "/?elsewhere"), 200);
    for path in ["/blogs/page.html", "/passed-on", "/fallback/x", "/rewritten/x"] {
        assert_eq!(get(&stranger, "plain", path), 500, "{path}");
        assert_eq!(get(&admitted, "plain", path), 200, "{path}");
    }

    httpd.close();
    for host in ["plain", "own"] {
        assert_eq!(get(&stranger, host, "/"), 500);
        assert_eq!(get(&admitted, host, "/"), 200);
    }
    let malformed = raw(httpd.address(), b"GET /malformed HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(malformed.starts_with("HTTP/1.1 400 "), "{malformed}");

    let refused = [
        "127.0.0.1 500 blocked GET / HTTP/1.1",
        "127.0.0.1 500 blocked GET /blogs/page.html HTTP/1.1",
        "127.0.0.1 500 blocked GET /fallback/x HTTP/1.1",
        "127.0.0.1 500 blocked GET /passed-on HTTP/1.1",
        "127.0.0.1 500 blocked GET /rewritten/x HTTP/1.1",
    ];
    let allowed = [
        "127.0.0.2 200 allowed:address GET / HTTP/1.1",
        "127.0.0.2 200 allowed:address GET /blogs/page.html HTTP/1.1",
        "127.0.0.2 200 allowed:address GET /fallback/x HTTP/1.1",
        "127.0.0.2 200 allowed:address GET /passed-on HTTP/1.1",
        "127.0.0.2 200 allowed:address GET /rewritten/x HTTP/1.1",
    ];
    let open = [
        "127.0.0.1 200 - GET /?elsewhere HTTP/1.1",
        "127.0.0.1 200 - GET /?open HTTP/1.1",
        "127.0.0.1 400 - GET /malformed HTTP/1.1",
        "127.0.0.2 200 - GET /?open HTTP/1.1",
    ];
    let others = [&open[..], &allowed].concat();
    assert_logs(&httpd, ["refused", "others"], [&refused, &others]);
    assert_logs(&httpd, ["closed", "open"], [&[refused, allowed].concat(), &open]);

    let (refused, allowed) = (refused[0], allowed[0]);
    let open = "127.0.0.1 200 - GET /?open HTTP/1.1";
    assert_logs(&httpd, ["own-refused", "own-others"], [&[refused], &[open, allowed]]);
    assert_logs(&httpd, ["own-closed", "own-open"], [&[refused, allowed], &[open]]);
}

/// The same over HTTP/2. A GlobalLog also has the requests of virtual hosts with their own logs.
#[test]
fn logs_of_refusals_http2() {
    let global = custom_logs("global-").replace("CustomLog", "GlobalLog");
    let httpd = Setup::new(&format!(
        "Protocols h2c http/1.1\n{TOLD}{global}MaintenanceAllow path=/free
        <VirtualHost *>\nServerName own\n{}</VirtualHost>",
        custom_logs(""),
    ))
    .modules(&["http2"])
    .start();
    let client = httpd.http2_client();
    assert_eq!(client.get("/").status, 200);
    httpd.close();
    client.get("/").assert_refused();
    assert_eq!(client.get("/free").status, 404);
    drop(client); // else the last stream may be logged only when mod_http2 looks again, in seconds
    let refused = "127.0.0.1 500 blocked GET / HTTP/2.0";
    let allowed = "127.0.0.1 404 allowed:path GET /free HTTP/2.0";
    let open = "127.0.0.1 200 - GET / HTTP/2.0";
    for prefix in ["", "global-"] {
        let [first, second] = ["refused", "others"].map(|name| format!("{prefix}{name}"));
        assert_logs(&httpd, [&first, &second], [&[refused], &[open, allowed]]);
        let [first, second] = ["closed", "open"].map(|name| format!("{prefix}{name}"));
        assert_logs(&httpd, [&first, &second], [&[allowed, refused], &[open]]);
    }
}
