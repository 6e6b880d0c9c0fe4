//! The flag's content: when the site closes and opens automatically, and the texts.

mod announcements;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{Timestamp, ToSpan};

use maintenance_harness::{
    Children, Client, Httpd, Mpm, PAGE, Setup, replace_file, set_mode, wait_for,
};

/// Sixteen children that serve one request each at a time.
const SIXTEEN: &str = "StartServers 16\nMinSpareServers 16\nMaxSpareServers 16\nServerLimit 16\n\
    MaxRequestWorkers 16";

/// Sends requests continuously from eight threads, which keeps all children busy, until `until`.
/// Every answer must be correct for the time of its request, with a tolerance of `slack`.
fn watch(
    httpd: &Httpd,
    until: Timestamp,
    slack: Duration,
    is_closed: impl Fn(Timestamp) -> bool + Sync,
) -> usize {
    let over = AtomicBool::new(false);
    let slack = jiff::SignedDuration::try_from(slack).expect("a duration");
    thread::scope(|scope| {
        let watchers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let (client, mut count) = (httpd.client(), 0);
                    while !over.load(Ordering::Relaxed) {
                        let before = Timestamp::now();
                        let status = client.get("/").status;
                        let after = Timestamp::now();
                        let may_be = [is_closed(before - slack), is_closed(after + slack)];
                        assert!(may_be.contains(&(status == 500)), "{status} at {before}");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        while Timestamp::now() < until {
            thread::sleep(Duration::from_millis(20));
        }
        over.store(true, Ordering::Relaxed);
        watchers.into_iter().map(|watcher| watcher.join().expect("no wrong answer")).sum()
    })
}

#[test]
fn a_window_in_seconds() {
    for (reopen, last) in [
        ("", "warn.*overdue: the flag"),
        ("reopen = 'auto'", "open again, the flag .* has reached"),
    ] {
        let mut httpd = Setup::new(SIXTEEN).mpm(Mpm::Prefork).start();
        httpd.allow_log("AH00161"); // MaxRequestWorkers: as many clients as children
        let now = Timestamp::now();
        let (start, end) = (now + 2.seconds(), now + 4.seconds());
        replace_file(&httpd.flag(), format!("start = {start}\nend = {end}\n{reopen}"));
        let closed = |time| start <= time && (time < end || reopen.is_empty());
        // The request's own time decides, to the millisecond.
        let asked = watch(&httpd, now + 6.seconds(), Duration::from_millis(5), closed);
        assert!(asked > 500, "{asked}");
        for line in ["the flag .* closes at", "closed by the flag .*, until", last] {
            assert_eq!(httpd.count_log(line), 1, "{line}: {}", httpd.log());
        }
        httpd.allow_log("overdue: the flag");
        httpd.open();
        httpd.client().get("/");
        let news = if reopen.is_empty() {
            "open again, the flag .* is gone"
        } else {
            ": the flag .* is gone"
        };
        assert_eq!(httpd.count_log(news), 1, "{}", httpd.log());
    }
}

/// Every child uses changed content within a second, and the change is reported once.
#[test]
fn a_new_content_reaches_every_child() {
    let httpd = Children::setup("").start();
    let children = Children::of(&httpd);
    replace_file(&httpd.flag(), "message = 'number 0'");
    for number in 1..=5 {
        let wanted = format!("number {}", number - 1);
        let answers = children.ask(|client| client.get("/").body.contains(&wanted));
        assert_eq!(answers, [true; 16], "{wanted}");
        match number % 2 {
            0 => replace_file(&httpd.flag(), format!("message = 'number {number}'")),
            _ => fs::write(httpd.flag(), format!("message = 'number {number}'")).expect("written"),
        }
        thread::sleep(Duration::from_secs(1));
    }
    wait_for("five lines", Duration::from_secs(1), || {
        children.ask(|client| client.get("/"));
        httpd.count_log("the flag .* has changed; still closed") == 5
    });
    assert_eq!(httpd.count_log("closed by the flag"), 1);
}

/// Children that have never looked at a flag use a replacement at once, and content that is
/// rewritten in place only once it is unchanged.
#[test]
fn children_that_have_not_read_the_flag_before() {
    const AT_ONCE: Duration = Duration::from_millis(250);
    let httpd = Children::setup("").start();
    for round in 1..=5 {
        let children = Children::of(&httpd);
        let statuses = || children.ask(|client| client.get("/").status);
        let put_and_look_once = |content: &str, status| {
            fs::remove_file(httpd.flag()).ok();
            assert_eq!(statuses(), [200; 16], "there is none");
            replace_file(&httpd.flag(), content);
            assert_eq!(httpd.client().get("/").status, status);
        };
        put_and_look_once("start = 2999-01-01T00:00:00Z", 200);
        replace_file(&httpd.flag(), "");
        assert_eq!(statuses(), [404; 16], "round {round}: at once");

        put_and_look_once(&format!("message = 'old {round}'"), 404);
        let written = Instant::now();
        fs::write(httpd.flag(), format!("message = 'new {round}'")).expect("written");
        let message = format!("new {round}");
        let is_shown = |client: &Client| client.get("/").body.contains(&message);
        let early = children.ask(|client| (is_shown(client), written.elapsed() < AT_ONCE));
        assert!(!early.contains(&(true, true)), "round {round}: {early:?}");
        assert!(early.contains(&(false, true)), "round {round}: this machine is too slow");
        wait_for("rest", Duration::from_secs(2), || children.ask(is_shown) == [true; 16]);
        drop(children);
        httpd.restart();
    }
}

/// Whatever its content, the flag closes the site. Invalid content is not shown, and the log says
/// once what is wrong and where.
#[test]
fn contents_that_cannot_be_used() {
    let large = format!("message = 'secret' # {}", "x".repeat(64 * 1024));
    let cases: &[(&str, &[u8], &str)] = &[
        ("empty", b"", ""),
        ("blanks", b" \n\t\r\n\n", ""),
        ("a comment", b"# closed by Anna", ""),
        ("bytes", b"\x7fELF\0secret\0\xff", "line 1, column "),
        (
            "not UTF-8",
            b"message = 'secret \xff'",
            "line 1, column 19: this is not UTF-8; save the file",
        ),
        ("too large", large.as_bytes(), "has 65557 bytes; at most 65536 are allowed"),
        ("no TOML", b"message = 'secret'\nuntil six", "line 2, column "),
        ("twice", b"message = 'secret'\nmessage = 'x'", "line 2, column 1: duplicate key"),
        ("a start and nonsense", b"start = 2999-01-01T00:00:00Z\nx", "line 2, column "),
        (
            "end before start",
            b"message = 'secret'\nstart = 2999-01-02T00:00:00Z\nend = 2999-01-01T00:00:00Z",
            "line 3, column 7: the end is not later than the start",
        ),
        (
            "a date",
            b"message = 'secret'\nend = 2999-01-01",
            "line 2, column 7: this is a date without",
        ),
        ("year 10000", b"end = 10000-01-01T00:00:00Z", "line 1, column "),
        (
            "no time",
            b"message = 'secret'\nend = 'six'",
            "line 2, column 7: this is not a date with",
        ),
        (
            "negative",
            b"message = 'secret'\nretry_after = -1",
            "line 2, column 15: this is neither a duration",
        ),
        (
            "huge",
            b"retry_after = 99999999999999999999",
            "line 1, column 15: this is neither a duration",
        ),
        (
            "no network",
            b"allow = ['127.0.0.1', 'secret']",
            "line 1, column 23: this is neither an address",
        ),
        ("host bits", b"allow = ['127.0.0.1/8']", "line 1, column 10: this has bits set"),
        (
            "reopen",
            b"start = 2999-01-01T00:00:00Z\nreopen = 'auto'",
            "line 2, column 10: there is no",
        ),
    ];
    for (what, content, cause) in cases {
        let mut httpd = Httpd::start("");
        replace_file(&httpd.flag(), content);
        httpd.client().get("/").assert_refused();
        thread::sleep(Duration::from_millis(400));
        for _ in 0..10 {
            httpd.client().get("/").assert_refused();
        }
        if !cause.is_empty() {
            let said = format!("error.*the content of the flag .* cannot be used: {cause}");
            httpd.expect_log(&said);
            assert_eq!(httpd.count_log(&said), 1, "{what}");
            assert!(!httpd.log().contains("secret"), "{what}: {}", httpd.log());
        }
        assert_eq!(httpd.count_log("closed by the flag"), 1, "{what}: {}", httpd.log());
        httpd.open();
        assert_eq!(httpd.client().get("/").status, 200, "{what}");
    }
}

#[test]
fn contents_that_can_be_used() {
    for (content, expected) in [
        ("end = 9999-12-30T00:00:00Z", "<time datetime=\"9999-12-30T00:00:00+00:00\">"),
        (
            "end = 2999-06-01T12:00:00",
            "<time datetime=\"2999-06-01T12:00:00+00:00\">2999-06-01 12:00 +00:00</time>",
        ),
        ("retry_after = 0\nmessage = 'zero'", "zero"),
        (
            "message = \"<script>alert('x')</script> & \\\"quotes\\\"\\r\\nnext\\u0000\"",
            "&lt;script&gt;alert(&#x27;x&#x27;)&lt;&#x2f;script&gt; &amp; &quot;quotes&quot;\nnext\u{fffd}</p>",
        ),
        (
            "message = 'الموقع قيد الصيانة'",
            "<p class=\"message\" dir=\"auto\">الموقع قيد الصيانة</p>",
        ),
        (
            "message = { de = 'Hallo', en = 'Hello' }",
            "<p class=\"message\" dir=\"auto\" lang=\"en\">Hello</p>",
        ),
    ] {
        let httpd = Httpd::start("");
        replace_file(&httpd.flag(), content);
        let answer = httpd.client().get("/");
        assert_eq!(answer.status, 500);
        assert!(answer.body.contains(expected), "{content}: {}", answer.body);
        assert_eq!(answer.body.matches("<script>").count(), 1, "{content}");
        let json = httpd.client().request("GET", "/").header("Accept", "application/json");
        let json: serde_json::Value =
            serde_json::from_str(&httpd.client().send(json).body).expect("JSON");
        assert_eq!(json["type"], "tag:mod-maintenance.invalid,2026:closed");
    }
}

#[test]
fn a_key_that_nobody_knows() {
    let mut httpd = Httpd::start("");
    replace_file(&httpd.flag(), "mesage = 'x'\nmessage = 'good'\n");
    assert!(httpd.client().get("/").body.contains("good"), "the rest counts");
    httpd.expect_log("warn.*in the flag .*, line 1: unknown key \"mesage\"; did you mean message");
}

/// A flag that only root can read closes at once, whatever the parent reads in it, and stays closed
/// while the parent looks repeatedly.
#[test]
fn a_content_that_only_root_may_read() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut httpd = Httpd::start("");
    let new = httpd.path("new");
    fs::write(&new, "start = 2999-01-01T00:00:00Z").expect("written");
    set_mode(&new, 0o600);
    fs::rename(&new, httpd.flag()).expect("renamed");
    let start = Instant::now();
    httpd.client().get("/").assert_refused();
    thread::sleep(Duration::from_millis(400));
    httpd.client().get("/").assert_refused();
    httpd.expect_log(
        "the content of the flag .* cannot be used: cannot be read: Permission.*chmod 644",
    );
    while start.elapsed() < Duration::from_secs(12) {
        httpd.client().get("/").assert_refused();
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(httpd.count_log("maintenance:(notice|warn|error)"), 4, "{}", httpd.log());
    set_mode(&httpd.flag(), 0o644);
    wait_for("the children can read it", Duration::from_secs(2), || {
        httpd.client().get("/").status == 200
    });
}

/// Without requests the parent notices that the time has come.
#[test]
fn nobody_asks() {
    let httpd = Httpd::start("");
    replace_file(&httpd.flag(), format!("start = {}", Timestamp::now() + 1.second()));
    wait_for("closed", Duration::from_secs(25), || httpd.count_log("closed by the flag") == 1);
    assert_eq!(httpd.client().get("/").status, 500);
}

#[test]
fn those_whom_the_flag_lets_pass() {
    let httpd = Httpd::start(
        "MaintenanceFlag all.flag\nMaintenanceAllow 127.0.0.9\nMaintenanceFlag maintenance.flag",
    );
    let status = |address| httpd.client_from(address).get("/").status;
    replace_file(&httpd.flag(), "allow = ['127.0.0.2', '127.0.1.0/24']");
    for (address, expected) in
        [("127.0.0.1", 500), ("127.0.0.2", 200), ("127.0.1.77", 200), ("127.0.0.9", 200)]
    {
        assert_eq!(status(address), expected, "{address}");
    }
    let lines = httpd.access_log(4);
    assert!(lines[1].contains("allowed:flag allowed:flag"), "{}", lines[1]);
    // Another flag closes as well, and admits only one of them.
    replace_file(&httpd.path("all.flag"), "allow = ['127.0.0.2']");
    for (address, expected) in [("127.0.0.2", 200), ("127.0.1.77", 500), ("127.0.0.9", 200)] {
        assert_eq!(status(address), expected, "{address}");
    }
}

/// Of several flags, that of the innermost scope is shown, if it has texts.
#[test]
fn the_innermost_flag_speaks() {
    let httpd = Httpd::start(
        "MaintenanceFlag all.flag\n<VirtualHost *>\nServerName first\n</VirtualHost>\n\
         <VirtualHost *>\nServerName inner\nMaintenanceFlag inner.flag\n</VirtualHost>",
    );
    let body = |host| {
        let client = httpd.client();
        client.send(client.request("GET", "/").header("Host", host)).body
    };
    replace_file(&httpd.path("all.flag"), "message = 'all of it'");
    replace_file(&httpd.path("inner.flag"), "");
    assert!(body("inner").contains("all of it") && body("first").contains("all of it"));
    replace_file(&httpd.path("inner.flag"), "message = 'one of it'");
    wait_for("its own words", Duration::from_secs(1), || body("inner").contains("one of it"));
    assert!(body("first").contains("all of it"));
    fs::remove_file(httpd.path("all.flag")).expect("removed");
    assert!(body("inner").contains("one of it") && body("first").contains("hello"));
    fs::remove_file(httpd.path("inner.flag")).expect("removed");
    assert!(body("inner").contains("hello"));
}

/// A restart during the maintenance changes and reports nothing; neither does `touch`.
#[test]
fn restarts_and_touches() {
    let httpd = Httpd::start("");
    let flag = httpd.flag();
    replace_file(&flag, format!("start = {}\nmessage = 'now'", Timestamp::now() + 3.seconds()));
    assert_eq!(httpd.client().get("/").status, 200);
    httpd.restart();
    let touch = || {
        let file = fs::File::options().write(true).open(&flag).expect("the flag");
        file.set_modified(std::time::SystemTime::now()).expect("touched");
    };
    touch();
    assert_eq!(httpd.client().get("/").status, 200);
    wait_for("the start", Duration::from_secs(5), || httpd.client().get("/").status == 500);
    httpd.restart();
    assert!(httpd.client().get("/").body.contains("now"));
    touch();
    assert!(httpd.client().get("/").body != PAGE, "what it said still counts");
    assert_eq!(httpd.count_log("the flag .* closes at"), 1, "{}", httpd.log());
    assert_eq!(httpd.count_log("closed by the flag"), 1, "{}", httpd.log());
}

/// A flag that appears after its end first closes the site, with its owner, and is then overdue,
/// whatever was there before.
#[test]
fn a_flag_that_comes_too_late() {
    let late = "end = 2001-01-01T00:00:00Z";
    let announced = "start = 2999-01-01T00:00:00Z";
    let mut httpd = Httpd::start("");
    let cases = [None, Some(announced.to_owned()), Some(format!("{late}\nreopen = 'auto'"))];
    for (case, before) in (1..).zip(cases) {
        if let Some(content) = &before {
            replace_file(&httpd.flag(), content);
        }
        assert_eq!(httpd.client().get("/").status, 200, "{before:?}");
        replace_file(&httpd.flag(), late);
        assert_eq!(httpd.client().get("/").status, 500, "{before:?}");
        let log = httpd.log();
        let news = log.lines().filter_map(|line| line.split("maintenance: ").nth(1));
        let last: Vec<_> = news.rev().take(2).collect();
        assert!(last[0].starts_with("overdue: the flag"), "{before:?}: {log}");
        assert!(last[1].starts_with("closed by the flag"), "{before:?}: {log}");
        let closed = "closed by the flag .*, there since .*, owner .*, until 2001-01-01 00:00";
        assert_eq!(httpd.count_log(closed), case, "{before:?}: {log}");
        fs::remove_file(httpd.flag()).expect("removed");
    }
    httpd.expect_log("warn.*overdue: the flag .* was to end at 2001-01-01 00:00");
}
