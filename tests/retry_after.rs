//! Retry-After: the spread over many answers and processes, the value in a flag, and the countdown
//! to the end.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::ops::RangeInclusive;
use std::thread;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};

use maintenance_harness::{Httpd, Mpm, Setup, replace_file, wait_for};

/// A status that keeps the connection open, with an unlimited number of requests.
const FAST: &str = "MaintenanceStatus 404\nMaxKeepAliveRequests 0\n";

/// The maximum value of the field in seconds.
const MAX_SECONDS: u32 = i32::MAX as u32;

/// A client that sends HEAD repeatedly on one connection.
struct Connection(BufReader<TcpStream>);

/// The field of one answer, and the time around it.
#[derive(Clone, Copy, Debug)]
struct Answer {
    retry_after: Option<u32>,
    sent: Timestamp,
    received: Timestamp,
}

impl Connection {
    fn new(httpd: &Httpd) -> Self {
        let stream = TcpStream::connect(httpd.address()).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        Self(BufReader::new(stream))
    }

    #[track_caller]
    fn ask(&mut self, host: &str) -> Answer {
        let sent = Timestamp::now();
        let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).expect("sent");
        let mut lines = vec![];
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).expect("a line") > 0, "cut behind {lines:?}");
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_ascii_lowercase());
        }
        let received = Timestamp::now();
        assert_eq!(lines[0], "http/1.1 404 not found");
        let mut values = lines.iter().filter_map(|line| line.strip_prefix("retry-after: "));
        let retry_after = values.next().map(|value| value.parse().expect("seconds"));
        assert!(values.next().is_none(), "two of them: {lines:?}");
        Answer { retry_after, sent, received }
    }

    /// An answer with the field.
    #[track_caller]
    fn seconds(&mut self, host: &str) -> u32 {
        self.ask(host).retry_after.expect("a Retry-After")
    }
}

/// Requests this number of answers with several concurrent clients, each with a new connection now
/// and then.
fn answers(httpd: &Httpd, clients: usize, total: usize) -> Vec<Answer> {
    const PER_CONNECTION: usize = 125;
    assert_eq!(total % (clients * PER_CONNECTION), 0);
    let client = || -> Vec<Answer> {
        (0..total / clients / PER_CONNECTION)
            .flat_map(|_| {
                let mut connection = Connection::new(httpd);
                [(); PER_CONNECTION].map(|()| connection.ask("x"))
            })
            .collect()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("answers")).collect()
    })
}

/// From 300 to 360 seconds, evenly distributed: chi-squared, with a bound that chance exceeds once
/// in a million times.
fn is_spread_evenly(mpm: Mpm) {
    const ANSWERS: usize = 10_000;
    const BOUND: f64 = 127.1;
    const RANGE: RangeInclusive<u32> = 300..=360;
    let directives = format!("{FAST}CustomLog logs/pids \"%P\"");
    let httpd = Setup::new(&directives).mpm(mpm).start();
    httpd.close();
    let mut counts = [0_u32; 61];
    for answer in answers(&httpd, 8, ANSWERS) {
        let seconds = answer.retry_after.expect("a Retry-After");
        assert!(RANGE.contains(&seconds), "{seconds}");
        counts[(seconds - RANGE.start()) as usize] += 1;
    }
    let expected = ANSWERS as f64 / counts.len() as f64;
    let distances = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected);
    let chi_squared: f64 = distances.sum();
    httpd.access_log(ANSWERS);
    let pids = std::fs::read_to_string(httpd.path("logs/pids")).expect("a log");
    let children: HashSet<_> = pids.lines().collect();
    println!("{mpm:?}: chi-squared is {chi_squared:.1} with {} children", children.len());
    assert!(chi_squared < BOUND, "{mpm:?}: {chi_squared}, {counts:?}");
    assert!(children.len() > 1, "{mpm:?}: all answers came from one child");
}

#[test]
fn spread_evenly_event() {
    is_spread_evenly(Mpm::Event);
}

#[test]
fn spread_evenly_prefork() {
    is_spread_evenly(Mpm::Prefork);
}

/// Virtual hosts with one directive each.
const HOSTS: &str = "MaintenanceRetryAfter 90\n\
    <VirtualHost *>\nServerName inherits\n</VirtualHost>\n\
    <VirtualHost *>\nServerName exactly\nMaintenanceRetryAfter 5m\n</VirtualHost>\n\
    <VirtualHost *>\nServerName spread\nMaintenanceRetryAfter 2s spread=3s\n</VirtualHost>\n\
    <VirtualHost *>\nServerName zero\nMaintenanceRetryAfter 0\n</VirtualHost>\n\
    <VirtualHost *>\nServerName off\nMaintenanceRetryAfter off\n</VirtualHost>";

/// The distinct values in many answers of a host; None if there is no field.
fn values(connection: &mut Connection, host: &str) -> Vec<Option<u32>> {
    let values: HashSet<_> = (0..200).map(|_| connection.ask(host).retry_after).collect();
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable();
    values
}

#[test]
fn directives_and_what_the_flag_says() {
    let mut httpd = Httpd::start(&format!("{FAST}{HOSTS}"));
    httpd.close();
    let mut connection = Connection::new(&httpd);
    for (host, expected) in [
        ("inherits", &[Some(90)][..]),
        ("exactly", &[Some(300)]),
        ("spread", &[Some(2), Some(3), Some(4), Some(5)]),
        ("zero", &[Some(0)]),
        ("off", &[None]),
    ] {
        assert_eq!(values(&mut connection, host), expected, "{host}");
    }
    httpd.open();
    let status = httpd.client().get("/").status;
    assert_eq!(status, 200);
    // A flag that appears again takes effect at once.
    replace_file(&httpd.flag(), "retry_after = 20");
    for (host, expected) in [
        ("inherits", &[Some(20)][..]),
        ("exactly", &[Some(20)]),
        ("spread", &[Some(20), Some(21), Some(22), Some(23)]),
        ("zero", &[Some(20)]),
        ("off", &[Some(20)]),
    ] {
        assert_eq!(values(&mut connection, host), expected, "{host}, and the flag says 20");
    }
    // Either the new content applies at once, or the previous one does.
    for (content, former, expected) in [
        ("retry_after = '1h'", Some(20), Some(3600)),
        ("retry_after = 0", Some(3600), Some(0)),
        ("retry_after = 2147483647", Some(0), Some(MAX_SECONDS)),
        ("message = 'x'", Some(MAX_SECONDS), None),
        ("retry_after = 5", None, Some(5)),
        ("retry_after = -1", Some(5), None),
        ("retry_after = 7", None, Some(7)),
    ] {
        replace_file(&httpd.flag(), content);
        wait_for(content, Duration::from_secs(5), || {
            let now = connection.ask("off").retry_after;
            assert!(now == former || now == expected, "{content}: {now:?}");
            now == expected
        });
        if content.ends_with("-1") {
            let unusable = "the content of the flag .* cannot be used: line 1, column 15";
            wait_for(unusable, Duration::from_secs(2), || {
                connection.ask("off");
                httpd.count_log(unusable) == 1
            });
        }
    }
    // Each virtual host looks for itself.
    let is_seen = || connection.seconds("spread") < 20;
    wait_for("the change elsewhere", Duration::from_secs(5), is_seen);
    assert_eq!(values(&mut connection, "spread"), [7, 8, 9, 10].map(Some));
    httpd.allow_log("the content of the flag .* cannot be used: line 1, column 15");
}

/// Whether no client returns before the end, and none later than a second and the spread after it.
#[track_caller]
fn check_countdown(answer: Answer, end: Timestamp, spread: i64) {
    let seconds = i64::from(answer.retry_after.expect("a Retry-After"));
    let (earliest, latest) = (answer.received + seconds.seconds(), answer.sent + seconds.seconds());
    assert!(earliest >= end, "{answer:?} is earlier than {end}");
    let limit = end + (1 + spread).seconds() + 1.microsecond();
    assert!(latest < limit, "{answer:?} is much later than {end}");
}

#[test]
fn never_before_the_end() {
    for (directive, spread) in [("", 60), ("MaintenanceRetryAfter 7", 0)] {
        let httpd = Httpd::start(&format!("{FAST}{directive}"));
        let end = Timestamp::now() + 1.hour() + 123_456.microseconds();
        replace_file(&httpd.flag(), format!("retry_after = 20\nend = {end}"));
        for answer in answers(&httpd, 4, 1000) {
            check_countdown(answer, end, spread);
        }
    }
}

/// Several clients send requests while the end passes.
#[test]
fn the_end_passes() {
    let mut httpd = Httpd::start(&format!("{FAST}{HOSTS}"));
    // Neither at a full second nor at one of the test's start.
    let end = Timestamp::now() + 2.seconds() + 217.milliseconds();
    replace_file(&httpd.flag(), format!("end = {end}"));
    let start = Instant::now();
    let client = || {
        let (mut connection, mut before, mut after) = (Connection::new(&httpd), 0, 0);
        while start.elapsed() < Duration::from_millis(3500) {
            let answer = connection.ask("exactly");
            if answer.received < end {
                check_countdown(answer, end, 0);
                before += 1;
            } else if answer.sent >= end {
                assert_eq!(answer.retry_after, Some(300), "{answer:?}, overdue since {end}");
                after += 1;
            }
            assert_eq!(connection.ask("off").retry_after, None);
            thread::sleep(Duration::from_millis(1));
        }
        assert!(before > 10 && after > 10, "{before} answers before the end, {after} after it");
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(client);
        }
    });
    httpd.expect_log("maintenance:warn.*overdue: the flag .* still closed until it is removed");
    assert_eq!(httpd.count_log("overdue"), 1);
}

#[test]
fn an_end_that_is_far_away() {
    let httpd = Httpd::start(FAST);
    let mut connection = Connection::new(&httpd);
    // The latest possible end, in server time, and less than 2^32 seconds ahead.
    for end in ["9999-12-30T22:00:00Z", "9999-07-01T00:00:00", "2150-01-01T00:00:00Z"] {
        replace_file(&httpd.flag(), format!("end = {end}"));
        for _ in 0..100 {
            assert_eq!(connection.seconds("x"), MAX_SECONDS, "{end}");
        }
        httpd.open();
        assert_eq!(httpd.client().get("/").status, 200);
    }
}

/// Content that is rewritten in place may still be incomplete, so the previous content applies for
/// 300 ms. Content that is replaced takes effect at once.
#[test]
fn a_changed_content_counts_when_it_has_settled() {
    let httpd = Httpd::start(&format!("{FAST}MaintenanceRetryAfter off"));
    let mut connection = Connection::new(&httpd);
    replace_file(&httpd.flag(), "retry_after = 10");
    for seconds in [20, 30, 40] {
        let former = connection.seconds("x");
        let start = Instant::now();
        std::fs::write(httpd.flag(), format!("retry_after = {seconds}")).expect("written");
        while start.elapsed() < Duration::from_millis(250) {
            let now = connection.seconds("x");
            assert_eq!(now, former, "{:?} after the change to {seconds}", start.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
        wait_for("the change", Duration::from_secs(2), || connection.seconds("x") == seconds);
    }
    replace_file(&httpd.flag(), "retry_after = 50");
    assert_eq!(connection.seconds("x"), 50);
}
