//! The share of the clients that a flag admits, and the gradual reopening.

use std::fs;
use std::thread;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::status::{ONE_CHILD, STATUS, report};
use maintenance_harness::client::Answer;
use maintenance_harness::{Client, Mpm, Setup, replace_file, wait_for};

fn setup(mpm: Mpm) -> Setup {
    let setup = Setup::new(STATUS).mpm(mpm).http2_where_possible();
    match mpm {
        Mpm::Event => setup.directives(ONE_CHILD),
        _ => setup,
    }
}

fn with_cookie(client: &Client, cookie: &str) -> Answer {
    client.send(client.request("GET", "/").header("Cookie", cookie))
}

/// A ticket as the module sets them, by its number.
fn ticket(number: u32) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |at: u32| char::from(DIGITS[(number >> (6 * at) & 63) as usize]);
    let number: String = (0..4).map(digit).collect();
    format!("maintenance-ticket={number}AAAAAAAAAAAAAAAAAA")
}

/// Which of so many tickets pass.
fn passing(client: &Client, tickets: u32) -> Vec<bool> {
    (0..tickets).map(|number| with_cookie(client, &ticket(number)).status == 200).collect()
}

/// About as many clients pass as the flag says, each share has those of the smaller ones, and the
/// same pass in another child, by another protocol, and after a restart.
#[test]
fn a_share_of_the_clients() {
    const TICKETS: u32 = 200;
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let httpd = setup(mpm).start();
        let mut before = vec![false; TICKETS as usize];
        for percent in [0, 10, 30, 100] {
            replace_file(&httpd.flag(), format!("admit_percent = {percent}"));
            let passes = passing(&httpd.client(), TICKETS);
            let is_superset = before.iter().zip(&passes).all(|(before, now)| *now || !before);
            assert!(is_superset, "{percent}");
            let count = passes.iter().filter(|passes| **passes).count() as f64;
            let share = f64::from(percent) / 100.0;
            let deviation = (f64::from(TICKETS) * share * (1.0 - share)).sqrt();
            let expected = f64::from(TICKETS) * share;
            assert!((count - expected).abs() <= 4.0 * deviation, "{percent}: {count}");
            before = passes;
            if percent == 30 {
                for client in httpd.clients() {
                    assert_eq!(passing(&client, TICKETS), before);
                }
                httpd.restart();
                assert_eq!(passing(&httpd.client(), TICKETS), before);
            }
        }
        let log = "the flag .* has changed; still closed for all but 30 per cent of the clients";
        assert_eq!(httpd.count_log(log), 1, "{}", httpd.log());
    }
}

/// Clients without a cookie are told apart by their addresses.
#[test]
fn addresses() {
    let httpd = setup(Mpm::Event).start();
    replace_file(&httpd.flag(), "admit_percent = 50");
    let status = |number: u8| httpd.client_from(&format!("127.1.2.{number}")).get("/").status;
    let statuses: Vec<_> = (1..=60).map(status).collect();
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert!((12..=48).contains(&passed), "{statuses:?}");
    assert_eq!(statuses, (1..=60).map(status).collect::<Vec<_>>(), "the same each time");
    let notes = httpd.access_log(120);
    assert_eq!(notes.iter().filter(|line| line.contains(" allowed:share ")).count(), 2 * passed);
}

/// The cookie is set with a refusal, while a share is in force, for a client that sent none.
#[test]
fn the_cookie() {
    let shared = "admit_percent = 0";
    let httpd = setup(Mpm::Event).start();
    let good = ticket(7);
    for (content, cookie, is_set) in [
        (shared, "", true),
        (shared, "a=b; c=d", true),
        (shared, "maintenance-ticket=short", true),
        (shared, good.as_str(), false),
        (shared, &format!("a=b; {good}"), false),
        ("", "", false),
        ("retry_after = 5", "", false),
        ("admit_percent = 100", "", false),
    ] {
        replace_file(&httpd.flag(), content);
        for client in httpd.clients() {
            let answer = match cookie {
                "" => client.get("/"),
                cookie => with_cookie(&client, cookie),
            };
            let set = answer.header("set-cookie");
            assert_eq!(set.is_some(), is_set, "{content} {cookie}: {answer:?}");
            let vary = answer.header("vary").unwrap_or_default().contains("Cookie");
            assert_eq!(vary, content == shared, "{content} {cookie}: {answer:?}");
            let Some(set) = set else { continue };
            let (value, rest) = set.split_once(';').expect("attributes");
            let value = value.strip_prefix("maintenance-ticket=").expect("the name");
            assert_eq!(value.len(), 22, "{set}");
            assert_eq!(rest, " Path=/; Max-Age=86400; HttpOnly; SameSite=Lax");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            let again = with_cookie(&client, &format!("maintenance-ticket={value}"));
            assert_eq!(again.header("set-cookie"), None);
        }
    }
}

/// Two servers with the same path of the flag and the same secret admit the same clients; with
/// another secret, others.
#[test]
fn servers_of_a_fleet() {
    let folder = tempfile::tempdir().expect("a folder");
    maintenance_harness::set_mode(folder.path(), 0o755);
    let flag = folder.path().join("site.flag");
    let start = |secret: &str| {
        let setup = setup(Mpm::Event).directives(&format!("MaintenanceFlag {}", flag.display()));
        if secret.is_empty() {
            return setup.start();
        }
        let path = setup.write("secret", secret);
        maintenance_harness::set_mode(&path, 0o600);
        setup.directives("MaintenanceShareSecret secret").start()
    };
    let mut servers = ["one secret", "one secret\n", "another", ""].map(start);
    servers.iter_mut().for_each(|server| server.allow_log("of the flag .* is below /tmp"));
    replace_file(&flag, "admit_percent = 50");
    let [first, second, other, without] =
        servers.each_ref().map(|server| passing(&server.client(), 100));
    assert_eq!(first, second);
    assert!(first != other && first != without && other != without);
}

/// A secret that cannot be used any more at a restart.
#[test]
fn a_secret_that_is_lost() {
    let setup = setup(Mpm::Event).directives("MaintenanceShareSecret secret");
    let path = setup.write("secret", "one secret");
    let mut httpd = setup.start();
    replace_file(&httpd.flag(), "admit_percent = 50");
    let before = passing(&httpd.client(), 50);
    fs::write(&path, " \n").expect("written");
    httpd.restart();
    httpd.expect_log("error.*/secret\" is empty; write a secret into it.*; the last good version");
    assert_eq!(passing(&httpd.client(), 50), before);
    fs::write(&path, "another").expect("written");
    httpd.restart();
    assert_ne!(passing(&httpd.client(), 50), before);
}

/// What a client is told, in all forms and languages: when it is let in.
#[test]
fn turns_are_told() {
    let httpd = setup(Mpm::Event).start();
    let end = Timestamp::now() + 1.hours();
    replace_file(&httpd.flag(), format!("end = {end}\nreopen = 'gradual'\nover = '1h'"));
    let client = httpd.client();
    let cookie = ticket(3);
    let ask = |accept: &str, language: &str| {
        let request = client.request("GET", "/").header("Accept", accept);
        client.send(request.header("Accept-Language", language).header("Cookie", &cookie))
    };
    let problem: Value = serde_json::from_str(&ask("application/json", "en").body).expect("JSON");
    let turn: Timestamp = problem["turn"].as_str().expect("a turn").parse().expect("a time");
    assert!((end..=end + 1.hours()).contains(&turn), "{problem}");
    let shown = turn.strftime("%Y-%m-%d %H:%M:%S +00:00").to_string();
    for (language, label) in [
        ("en", "You will be let in at"),
        ("de", "Sie werden eingelassen:"),
        ("fr", "Vous pourrez entrer"),
        ("es", "Podrá entrar:"),
        ("it", "Potrà accedere:"),
        ("pt", "Poderá entrar:"),
        ("nl", "U wordt toegelaten:"),
        ("pl", "Zostaną Państwo wpuszczeni:"),
        ("ja", "ご利用いただける日時"),
        ("zh-Hans", "您可以进入的时间"),
    ] {
        for accept in ["text/html", "text/plain"] {
            let answer = ask(accept, language);
            let is_told = answer.body.contains(label) && answer.body.contains(&shown);
            assert!(is_told, "{accept} {language} {shown}: {}", answer.body);
            let field = answer.header("maintenance").expect("Maintenance");
            assert!(field.starts_with("closed;end=@"), "nobody passes yet: {field}");
            let after = answer.header("retry-after").expect("Retry-After");
            let told = Timestamp::now() + after.parse::<i64>().expect("seconds").seconds();
            let distance = told.duration_since(turn).as_secs_f64();
            assert!((-1.0..=2.0).contains(&distance), "{distance}");
        }
    }
    assert!(ask("text/html", "en").body.contains("setTimeout(load, "), "it loads itself");
    let path = "/status?client=192.0.2.1&format=json";
    let forecast: Value = serde_json::from_str(&client.get(path).body).expect("JSON");
    let reason = forecast["preflight"]["answers"][0]["now"]["reason"].as_str().expect("a reason");
    assert!(reason.contains(", which admits this address from 2"), "{reason}");
    // A page of one's own.
    let other = setup(Mpm::Event).directives("MaintenancePage own.html.j2");
    other.write("own.html.j2", format!("<p>{{{{ turn_text }}}} {{{{ turn }}}}{}", " ".repeat(600)));
    let other = other.start();
    replace_file(&other.flag(), format!("end = {end}\nreopen = 'gradual'\nover = '1h'"));
    let turn_of = |number| with_cookie(&other.client(), &ticket(number)).body;
    assert_ne!(turn_of(1), turn_of(2), "each client has its own");
    assert_eq!(turn_of(1), turn_of(1));
}

/// Sixteen children let each client in within a second of the turn that it was told, whether it
/// keeps the cookie or not, and the scope is open when all have been let in.
#[test]
fn gradually() {
    const SIXTEEN: &str = "StartServers 16\nMinSpareServers 16\nMaxSpareServers 16\n\
        ServerLimit 16\nMaxRequestWorkers 16";
    let mut httpd = Setup::new(STATUS).directives(SIXTEEN).mpm(Mpm::Prefork).start();
    httpd.allow_log("AH00161"); // MaxRequestWorkers
    let end = Timestamp::now() + 3.seconds();
    replace_file(&httpd.flag(), format!("end = {end}\nreopen = 'gradual'\nover = '20s'"));
    let told_by = |answer: &Answer| {
        assert_eq!(answer.status, 500, "{answer:?}");
        let is_rising = Timestamp::now() > end + 1.second();
        let state = if is_rising { "reopening;" } else { "" };
        let field = answer.header("maintenance").expect("Maintenance");
        assert!(field.starts_with(state), "{field}");
        let problem: Value = serde_json::from_str(&answer.body).expect("JSON");
        problem["turn"].as_str().expect("a turn").parse::<Timestamp>().expect("a time")
    };
    thread::scope(|scope| {
        for number in 0..12_u8 {
            let (httpd, told_by) = (&httpd, &told_by);
            scope.spawn(move || {
                let client = httpd.client_from(&format!("127.4.5.{}", number + 1));
                let keeps_cookies = number % 2 == 0;
                let accept = match keeps_cookies {
                    true => "application/json, text/html;q=0.1",
                    false => "application/json",
                };
                let ask = |cookie: Option<&str>| {
                    let request = client.request("GET", "/").header("Accept", accept);
                    client.send(match cookie {
                        Some(cookie) => request.header("Cookie", cookie),
                        None => request,
                    })
                };
                let first = ask(None);
                let told = told_by(&first);
                let cookie = first.header("set-cookie").expect("a cookie");
                let cookie = cookie.split(';').next().filter(|_| keeps_cookies);
                let let_in = loop {
                    let before = Timestamp::now();
                    let answer = ask(cookie);
                    if answer.status == 200 {
                        break before;
                    }
                    assert_eq!(told_by(&answer), told, "it is told the same each time");
                    thread::sleep(Duration::from_millis(100));
                };
                let late = let_in.duration_since(told).as_secs_f64();
                assert!((-1.0..=1.0).contains(&late), "client {number}: {late} s");
            });
        }
    });
    wait_for("the end", Duration::from_secs(25), || {
        report(&httpd.client_from("127.4.5.99")).get("state") == Some(&json!("open"))
    });
    for line in
        ["reopening, the flag .* has reached its end", "open again, the flag .* all clients pass"]
    {
        assert_eq!(httpd.count_log(line), 1, "{line}: {}", httpd.log());
    }
    assert_eq!(report(&httpd.client())["flags"][0]["state"], "reopened");
}

/// The share in force in all forms of the report; its clients count as admitted, so there is nothing
/// from before the closing.
#[test]
fn the_state() {
    let mut httpd = setup(Mpm::Event).start();
    httpd.allow_log("overdue: the flag");
    let now = Timestamp::now();
    let rising = format!("end = {}\nreopen = 'gradual'\nover = '2h'", now - 1.hours());
    for (content, state, flag, low, high) in [
        ("admit_percent = 10".to_owned(), "reopening", "closed", 10.0, 10.0),
        ("admit_percent = 0".to_owned(), "closed", "closed", 0.0, 0.0),
        ("admit_percent = 10\nend = 2020-01-01T0:00Z".into(), "reopening", "overdue", 10.0, 10.0),
        (rising, "reopening", "reopening", 50.0, 51.0),
    ] {
        replace_file(&httpd.flag(), &content);
        let seen = report(&httpd.client());
        assert_eq!((&seen["state"], &seen["flags"][0]["state"]), (&json!(state), &json!(flag)));
        let share = seen["flags"][0]["share"].as_f64().expect("a share");
        assert!((low..=high).contains(&share), "{content}: {share}");
        let metrics = httpd.client().get("/status?format=prometheus").body;
        assert!(metrics.contains(&format!("state=\"{state}\"}} 1")), "{metrics}");
        assert!(metrics.contains("maintenance_flag_admitted_share_ratio{flag="), "{metrics}");
        let html = httpd.client().get("/status?format=html").body;
        assert!(html.contains("% of the clients pass now"), "{html}");
    }
}

/// Every flag has to let a request pass.
#[test]
fn several_flags() {
    let httpd = setup(Mpm::Event)
        .directives("MaintenanceFlag outer.flag inner.flag\nMaintenanceAllow path=/status")
        .start();
    let end = Timestamp::now() + 1.hours();
    let gradual = format!("end = {end}\nreopen = 'gradual'\nover = '1h'");
    for (outer, inner, status, is_told) in [
        ("admit_percent = 100", "admit_percent = 100", 200, false),
        ("admit_percent = 100", "admit_percent = 0", 500, false),
        ("", "admit_percent = 100", 500, false),
        ("admit_percent = 100", "", 500, false),
        ("admit_percent = 100", "refuse = 'writes'", 200, false),
        (&*gradual, "admit_percent = 100", 500, true),
        (&*gradual, &*gradual, 500, true),
        (&*gradual, "admit_percent = 0", 500, false),
        (&*gradual, "", 500, false),
    ] {
        for (name, content) in [("outer.flag", outer), ("inner.flag", inner)] {
            replace_file(&httpd.path(name), content);
        }
        let client = httpd.client();
        let answer = client.send(client.request("GET", "/").header("Accept", "application/json"));
        assert_eq!(answer.status, status, "{outer:?} {inner:?}");
        assert_eq!(answer.body.contains("\"turn\""), is_told, "{outer:?} {inner:?}: {answer:?}");
    }
}

/// What cannot be used closes for all, and the log says what to write.
#[test]
fn bad_input() {
    let mut httpd = setup(Mpm::Event).start();
    httpd.allow_log("cannot be used|unknown key");
    let percent = "from 0 to 100; write admit_percent = 10";
    let over = "from 1 second to 7 days; write \"15m\"";
    let end = "end = 2020-01-01T00:00:00Z\n";
    for (content, message) in [
        ("admit_percent = -1".to_owned(), percent),
        ("admit_percent = 101".to_owned(), percent),
        ("admit_percent = 10.5".to_owned(), percent),
        ("admit_percent = '10'".to_owned(), percent),
        ("percent = 10".to_owned(), "did you mean admit_percent"),
        (format!("{end}reopen = 'gradual'\nover = 0"), over),
        (format!("{end}reopen = 'gradual'\nover = '-1m'"), over),
        (format!("{end}reopen = 'gradual'\nover = '8760h'"), over),
        (format!("{end}reopen = 'gradual'"), "write over = \"15m\""),
        (format!("{end}reopen = 'slowly'"), "write \"auto\" or \"gradual\""),
        (format!("{end}over = '15m'"), "write reopen = \"gradual\""),
        (format!("{end}reopen = 'auto'\nover = '15m'"), "write reopen = \"gradual\""),
        ("reopen = 'gradual'\nover = '15m'".to_owned(), "there is no end to reopen at"),
    ] {
        replace_file(&httpd.flag(), &content);
        wait_for(message, Duration::from_secs(5), || {
            assert_eq!(httpd.client().get("/").status, 500, "{content}");
            httpd.count_log(message) > 0
        });
        httpd.open();
        assert_eq!(httpd.client().get("/").status, 200);
    }
}
