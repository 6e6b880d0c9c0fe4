//! The file of invitations over time: ends, revocations, restarts, and what the status page shows.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use maintenance_harness::client::Protocol;
use maintenance_harness::{Client, Httpd, Setup, replace_file, wait_for};

use super::{NAME, assert_nowhere, hash, new_secret, send};
use crate::status::{ONE_CHILD, STATUS, report};

fn with_cookie(httpd: &Httpd, secret: &str) -> u16 {
    send(httpd, "GET", "/", &[("Cookie", format!("{NAME}={secret}"))]).status
}

/// Without a new reading, and to the second.
#[test]
fn ends() {
    let secret = new_secret();
    let setup = Setup::new("MaintenanceAllow invite=guests file=list");
    let end = Timestamp::from_second(Timestamp::now().as_second() + 4).expect("a time");
    setup.write("guests", format!("anna {} until={end}\n", hash(&secret)));
    setup.write("list", format!("127.0.0.0/8 until={end}\n127.0.0.7 until=2020-01-01T00:00Z\n"));
    let httpd = setup.start();
    fs::write(httpd.flag(), format!("allow = ['127.0.0.0/8 until={end}']")).expect("the flag");
    let list = || httpd.client_from("127.0.0.7").get("/").status;
    let mut before = 0;
    loop {
        let asked = Timestamp::now();
        let (answers, answered) = ([with_cookie(&httpd, &secret), list()], Timestamp::now());
        if answered < end {
            assert_eq!(answers, [200; 2], "{answered} {end}");
            before += 1;
        } else if asked >= end {
            assert_eq!(answers, [500; 2], "{asked} {end}");
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert!(before > 10, "{before}");
    let answer = httpd.client().get(&format!("/?{NAME}={secret}"));
    answer.assert_refused();
    assert_eq!(httpd.count_log("has changed and was read"), 0);
    assert_nowhere(&httpd, &[secret]);
}

/// The cookie ends with the invitation, as far as the browser knows.
#[test]
fn how_long_the_cookie_lasts() {
    let secret = new_secret();
    let setup = Setup::new("MaintenanceAllow invite=guests");
    let end = Timestamp::now().as_second() + 7200;
    let until = Timestamp::from_second(end).expect("a time");
    setup.write("guests", format!("anna {} until={until}\n", hash(&secret)));
    let httpd = setup.start();
    httpd.close();
    let answer = httpd.client().get(&format!("/x?{NAME}={secret}"));
    assert_eq!((answer.status, answer.header("location")), (303, Some("/x")));
    let cookie = answer.header("set-cookie").expect("a cookie");
    let start = format!("{NAME}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age=");
    let seconds: i64 = cookie.strip_prefix(&start).expect(cookie).parse().expect("seconds");
    assert!((7195..=7201).contains(&seconds), "{cookie}");
}

#[test]
fn revoked_within_a_second() {
    let [anna, bert] = [(); 2].map(|()| new_secret());
    let setup = Setup::new("MaintenanceAllow invite=guests");
    let guests = format!("anna {}\nbert {}\n", hash(&anna), hash(&bert));
    let file = setup.write("guests", &guests);
    let httpd = setup.start();
    httpd.close();
    assert_eq!([&anna, &bert].map(|secret| with_cookie(&httpd, secret)), [200, 200]);
    for is_replaced in [true, false] {
        replace_file(&file, &guests);
        wait_for("anna again", Duration::from_secs(5), || with_cookie(&httpd, &anna) == 200);
        thread::sleep(Duration::from_millis(500));
        let left = format!("bert {}\n", hash(&bert));
        match is_replaced {
            true => replace_file(&file, left),
            false => fs::write(&file, left).expect("written"),
        }
        let start = Instant::now();
        wait_for("revoked", Duration::from_secs(1), || with_cookie(&httpd, &anna) == 500);
        // Each child reads for itself.
        thread::sleep(Duration::from_secs(1).saturating_sub(start.elapsed()));
        for _ in 0..30 {
            assert_eq!([&anna, &bert].map(|secret| with_cookie(&httpd, secret)), [500, 200]);
        }
    }
    assert_nowhere(&httpd, &[anna, bert]);
}

/// What cannot be used changes nothing, and no message has a secret that stands in the file.
#[test]
fn unusable_versions() {
    let [anna, bert] = [(); 2].map(|()| new_secret());
    let setup = Setup::new(ONE_CHILD).directives("MaintenanceAllow invite=guests");
    let file = setup.write("guests", format!("anna {}\n", hash(&anna)));
    let mut httpd = setup.start();
    httpd.close();
    let wrong = bert.replace(|digit: char| digit.is_ascii_digit(), "x");
    for (content, message) in [
        (format!("bert {bert}\n"), "the hash has 32 hexadecimal digits instead of the 64"),
        (format!("bert {wrong}\n"), "the second word is not a SHA-256 hash"),
        (format!("bert {} {wrong}\n", hash(&bert)), "begins with neither until= nor path="),
    ] {
        fs::write(&file, content).expect("written");
        wait_for("the file is read", Duration::from_secs(5), || {
            assert_eq!([&anna, &bert].map(|secret| with_cookie(&httpd, secret)), [200, 500]);
            httpd.count_log(message) > 0
        });
        httpd.expect_log(&format!("guests\" line 1: .*{message}.*; the last good version stays"));
    }
    fs::write(&file, "# nobody\n").expect("written");
    wait_for("nobody", Duration::from_secs(2), || with_cookie(&httpd, &anna) == 500);
    assert_nowhere(&httpd, &[anna, bert, wrong]);
}

/// A wrong file stops a start, but no restart.
#[test]
fn restarts() {
    let secret = new_secret();
    let mut setup = Setup::new("");
    for (content, message) in [
        (None, "guests\" cannot be read: No such file or directory"),
        (Some(""), "guests\" is empty; to admit nobody, leave one comment line"),
        (
            Some("anna abc\n"),
            "guests\" line 1: the hash has 3 hexadecimal digits instead of the 64",
        ),
    ] {
        content.map(|content| setup.write("guests", content));
        let (is_good, said) = setup.test_lines("MaintenanceAllow invite=guests");
        assert!(!is_good && said.contains(message), "{said}");
    }
    let file = setup.write("guests", format!("anna {}\n", hash(&secret)));
    let mut httpd = setup.directives("").start();
    httpd.close();
    assert_eq!(with_cookie(&httpd, &secret), 200);
    fs::write(&file, "anna\n").expect("written");
    httpd.allow_log("guests\" line 1: there is no hash behind the name");
    httpd.restart();
    httpd.expect_log(
        "there is no hash behind the name.*; the last good version, of .*stays in force",
    );
    assert_eq!(with_cookie(&httpd, &secret), 200);
    fs::remove_file(&file).expect("removed");
    httpd.allow_log("guests\" cannot be read");
    httpd.restart();
    assert_eq!(with_cookie(&httpd, &secret), 200);
}

#[test]
fn on_the_status_page() {
    let [anna, bert, old] = [(); 3].map(|()| new_secret());
    let directives = format!("{STATUS}{ONE_CHILD}LogLevel maintenance:debug\n");
    let setup = Setup::new(&directives).directives("MaintenanceAllow invite=guests file=list");
    setup.write(
        "guests",
        format!(
            "anna {} until=2099-01-01T00:00Z path=/x\nbert {}\nold {} until=2026-01-01T00:00Z\n",
            hash(&anna),
            hash(&bert),
            hash(&old)
        ),
    );
    setup.write("list", "10.0.0.1 until=2026-01-01T00:00Z\n10.0.0.2 until=2099-01-01T00:00Z\n");
    let httpd = setup.start();
    fs::write(httpd.flag(), "allow = ['10.9.0.0/16 until=2026-01-01T00:00Z', '10.8.0.0/16']")
        .expect("the flag");
    for _ in 0..3 {
        assert_eq!(with_cookie(&httpd, &bert), 200);
    }
    assert_eq!(with_cookie(&httpd, &old), 500);
    let client = Client::build(&httpd.url(), Protocol::Http1, None, false);
    let report = report(&client);
    let allow = report["scopes"][0]["allow"].as_array().expect("a list");
    let entry = |kind: &str| allow.iter().find(|entry| entry["kind"] == kind).expect("an entry");
    let (invite, list) = (entry("invite"), entry("file"));
    let names = invite["invitations"].as_array().expect("invitations").iter().map(|invitation| {
        let last = invitation["last_used"].as_str().map(|at| at.parse::<Timestamp>());
        let is_recent = last.is_some_and(|last| {
            (Timestamp::now().as_second() - last.expect("a time").as_second()).abs() < 30
        });
        format!(
            "{} {} {} {} {} {is_recent}",
            invitation["name"],
            invitation["until"],
            invitation["expired"],
            invitation["path"],
            invitation["uses"]
        )
    });
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "\"anna\" \"2099-01-01T00:00:00Z\" false \"/x\" 0 false",
            "\"bert\" null false null 3 true",
            "\"old\" \"2026-01-01T00:00:00Z\" true null 0 false",
        ]
    );
    assert_eq!((&invite["count"], &invite["expired"]), (&3.into(), &1.into()));
    assert_eq!((&list["count"], &list["expired"]), (&2.into(), &1.into()));
    assert_eq!(list["networks"][0]["expired"], true);
    assert_eq!(list["networks"][1]["until"], "2099-01-01T00:00:00Z");
    let flag = &report["flags"][0];
    assert_eq!(flag["allow"], serde_json::json!(["10.8.0.0/16"]));
    assert_eq!(flag["expired"], serde_json::json!(["10.9.0.0/16 until=2026-01-01T00:00:00Z"]));
    assert_eq!(report["scopes"][0]["totals"]["allowed_by"]["invite"], 3);
    let page = client.get("/status?format=html").body;
    for text in
        ["<br>bert, used 3 times, last ", "<br>old <strong class=\"late\">expired ", "2 expired"]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    let metrics = client.get("/status?format=prometheus").body;
    for line in [
        "maintenance_invitation_requests_total{name=\"bert\"} 3",
        "maintenance_allow_expired_entries{server=\"maintenance.test\",location=\"\"} 2",
        "kind=\"invite\"} 3",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let flag = format!("maintenance_flag_expired_entries{{flag=\"{}\"}} 1", httpd.flag().display());
    assert!(metrics.contains(&flag), "{metrics}");
    for (shown, secret) in [(&page, &bert), (&metrics, &bert)] {
        assert!(!shown.contains(secret.as_str()) && !shown.contains(&hash(secret)[..16]));
    }
    assert!(!report.to_string().contains(&hash(&bert)[..16]));
    assert_eq!(httpd.count_log("maintenance: allowed by invitation bert"), 3);
    assert_nowhere(&httpd, &[anna, bert, old]);
}
