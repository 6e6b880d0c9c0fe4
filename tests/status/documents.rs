//! The JSON: its data about the configuration, and that the schema describes all of it.

use std::fs;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::{ONE_CHILD, STATUS, document, errors, line_of, report, report_with, scope};
use maintenance_harness::{Backend, Httpd, Setup, replace_file, wait_for};

/// A server that fills every member of the report.
fn rich() -> Setup {
    let setup = Setup::new(STATUS).modules(&["setenvif"]).directives(
        "MaintenanceAllow 192.0.2.1 10.0.0.0/255.0.0.0 2001:db8::/32
        MaintenanceAllow host=localhost host=nowhere.invalid
        MaintenanceAllow file=allow.txt
        MaintenanceAllow plugin-cfg=cfg.xml
        SetEnvIf User-Agent ^probe IS_PROBE
        MaintenanceAllow env=IS_PROBE
        MaintenanceAllow \"expr=%{HTTP_USER_AGENT} == 'a\\\"b'\"
        MaintenanceAllow path=/healthz
        MaintenanceStatus 503 \"expr=%{HTTP_USER_AGENT} =~ /bot/\"
        MaintenanceStatus 404
        MaintenancePage page.html page.html.de page.json.j2
        <VirtualHost *>
            ServerName one.test
            MaintenanceAllow none 192.0.2.2
            MaintenanceStatus 500
        </VirtualHost>
        <VirtualHost *>
            ServerName off.test
            MaintenanceEngine Off
        </VirtualHost>",
    );
    setup.write("allow.txt", "# administrators\n198.51.100.7\n\n2001:db9::/48  # theirs\n");
    let hosts = "<Transport Hostname=\"127.0.3.1\"/>\n<Transport Hostname=\"nobody.invalid\"/>";
    setup.write("cfg.xml", format!("<Config>\n<Server>\n{hosts}</Server></Config>"));
    for (name, text) in [("page.html", "one"), ("page.html.de", "eins")] {
        setup.write(name, format!("<p>{text}</p>{}", " ".repeat(600)));
    }
    setup.write("page.json.j2", "{\"detail\": {{ message }}}");
    setup
}

fn start(setup: Setup) -> Httpd {
    let mut httpd = setup.start();
    httpd.allow_log("does not resolve|do not resolve");
    httpd
}

#[test]
fn where_entries_come_from() {
    let httpd = start(rich());
    let report = report_with(&httpd.client(), "unknown.test", "");
    // Of two virtual hosts on one address the first is httpd's default.
    let names: Vec<_> = report["scopes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|scope| {
            let (server, location) = (scope["server"].as_str(), scope["location"].as_str());
            (server.expect("a name"), location.unwrap_or_default())
        })
        .collect();
    let location = "<Location /status>";
    let expected = [
        ("maintenance.test", ""),
        ("maintenance.test", location),
        ("one.test", ""),
        ("one.test", location),
        ("off.test", ""),
    ];
    assert_eq!(names, expected, "in the order of the configuration");
    let root = httpd.path("");
    let root = root.to_str().expect("text").trim_end_matches('/');
    let network = |network: &str, line: Option<u32>| json!({"network": network, "line": line, "until": null, "expired": false});
    let address =
        |word: &str, address: &str| (word.to_owned(), "address", vec![network(address, None)]);
    let expected = [
        address("192.0.2.1", "192.0.2.1"),
        address("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        address("2001:db8::/32", "2001:db8::/32"),
        ("host=localhost".into(), "host", vec![network("127.0.0.1", None)]),
        ("host=nowhere.invalid".into(), "host", vec![]),
        (
            "file=allow.txt".into(),
            "file",
            vec![network("198.51.100.7", Some(2)), network("2001:db9::/48", Some(4))],
        ),
        ("plugin-cfg=cfg.xml".into(), "plugin-cfg", vec![network("127.0.3.1", Some(3))]),
        ("env=IS_PROBE".into(), "env", vec![]),
        ("expr=%{HTTP_USER_AGENT} == 'a\"b'".into(), "expr", vec![]),
        ("path=/healthz".into(), "path", vec![]),
    ];
    let main = scope(&report, "maintenance.test", None);
    let allow = main["allow"].as_array().expect("a list");
    assert_eq!(allow.len(), expected.len(), "{allow:#?}");
    for (entry, (token, kind, networks)) in allow.iter().zip(&expected) {
        assert_eq!((&entry["token"], &entry["kind"]), (&json!(token), &json!(kind)));
        let word = token.replace('"', "\\\"");
        assert_eq!(entry["defined"], line_of(&httpd, &word), "{token}");
        let found: Vec<_> = entry["networks"].as_array().expect("a list").clone();
        let found: Vec<_> = match token.as_str() {
            "host=localhost" => found.into_iter().filter(|one| one["network"] != "::1").collect(),
            _ => found,
        };
        assert_eq!(&found, networks, "{token}");
        assert_eq!(
            entry["count"],
            entry["networks"].as_array().map(Vec::len).unwrap_or(0),
            "{token}"
        );
    }
    let unresolved = |index: usize| &allow[index]["unresolved"];
    assert_eq!(unresolved(4), &json!(["nowhere.invalid"]));
    assert_eq!(unresolved(6), &json!(["nobody.invalid"]));
    assert_eq!(unresolved(3), &json!([]));
    for (index, name) in [(5, "allow.txt"), (6, "cfg.xml")] {
        assert_eq!(allow[index]["file"]["path"], format!("{root}/{name}"));
    }
    let one = scope(&report, "one.test", None);
    assert_eq!(one["allow"].as_array().map(Vec::len), Some(1), "{one:#}");
    assert_eq!(one["allow"][0]["defined"], line_of(&httpd, "none 192.0.2.2"));
    assert_eq!((&one["addresses"], &one["kind"]), (&json!(["*"]), &json!("virtual_host")));
    let line = line_of(&httpd, "ServerName one.test");
    let (file, line) = line.rsplit_once(':').expect("FILE:LINE");
    let line = line.parse::<u32>().expect("a number") - 1;
    assert_eq!(one["defined"], format!("{file}:{line}"));
    assert_eq!((&main["addresses"], &main["kind"]), (&json!([]), &json!("server")));
    let status = scope(&report, "one.test", Some(location));
    let tokens: Vec<_> =
        status["allow"].as_array().expect("a list").iter().map(|entry| &entry["token"]).collect();
    assert_eq!(tokens, ["192.0.2.2", "path=/status"]);
    assert_eq!((&main["statuses"], &one["statuses"]), (&json!([503, 404]), &json!([500])));
}

#[test]
fn pages_and_other_values() {
    let setup = rich().directives("MaintenanceCheckInterval 500ms");
    let started = Timestamp::now() - 1.second();
    let httpd = start(setup);
    let answer = httpd.client().get("/status?format=json");
    let report = document(&answer);
    assert_eq!(report["check_interval"], 0.5);
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["server"].as_str(), answer.header("server"));
    for name in ["time", "counting_since"] {
        let at: Timestamp = report[name].as_str().expect(name).parse().expect("a time");
        assert!((started..=Timestamp::now()).contains(&at), "{name}: {at}");
    }
    let pages = |server: &str| -> Vec<(Value, Value, Value)> {
        let pages = scope(&report, server, None)["pages"].as_array().expect("a list").clone();
        pages
            .iter()
            .map(|page| {
                (page["type"].clone(), page["language"].clone(), page["file"]["path"].clone())
            })
            .collect()
    };
    let row = |media: &str, language: Value, file: Value| (json!(media), language, file);
    let html = "text/html; charset=utf-8";
    let expected = [
        row(html, Value::Null, json!(httpd.path("page.html"))),
        row(html, json!("de"), json!(httpd.path("page.html.de"))),
        row("application/problem+json", Value::Null, json!(httpd.path("page.json.j2"))),
        row("text/plain; charset=utf-8", Value::Null, Value::Null),
    ];
    assert_eq!(pages("maintenance.test"), expected);
    assert_eq!(pages("one.test"), expected);
    assert_eq!(pages("off.test"), []);
}

/// A version that cannot be used: the last good one is in force, and the report says so.
#[test]
fn files_that_are_broken() {
    let setup = rich().directives(ONE_CHILD);
    let (list, page) = (setup.path("allow.txt"), setup.path("page.html"));
    let old = std::time::SystemTime::now() - Duration::from_secs(3600);
    for path in [&list, &page] {
        fs::File::options().write(true).open(path).and_then(|f| f.set_modified(old)).expect("set");
    }
    let mut httpd = start(setup);
    httpd.allow_log("the last good version stays");
    let files = |report: &Value| {
        let main = scope(report, "maintenance.test", None);
        [main["allow"][5]["file"].clone(), main["pages"][0]["file"].clone()]
    };
    let before = files(&report(&httpd.client()));
    for file in &before {
        assert_eq!(file["is_last"], true, "{file:#}");
        assert!((3600..3630).contains(&file["age"].as_u64().expect("an age")), "{file:#}");
        let read: Timestamp = file["read"].as_str().expect("a time").parse().expect("a time");
        assert!(read > Timestamp::now() - 30.seconds(), "{file:#}");
    }
    let newer = |is_last: bool| {
        let seen = || files(&report(&httpd.client()));
        wait_for("the newer version was seen", Duration::from_secs(10), || {
            seen().iter().all(|file| file["is_last"] == is_last)
        });
        seen()
    };
    replace_file(&list, "198.51.100.7\nnonsense\n");
    replace_file(&page, [0xff; 600]);
    for (file, before) in newer(false).iter().zip(&before) {
        assert_eq!((&file["modified"], &file["read"]), (&before["modified"], &before["read"]));
    }
    replace_file(&list, "198.51.100.8\n");
    replace_file(&page, format!("<p>two</p>{}", " ".repeat(600)));
    for (file, before) in newer(true).iter().zip(&before) {
        assert!(file["modified"].as_str() > before["modified"].as_str(), "{file:#} {before:#}");
        assert!(file["age"].as_u64() < Some(60), "{file:#}");
    }
    let report = report(&httpd.client());
    let entry = &scope(&report, "maintenance.test", None)["allow"][5];
    assert_eq!(
        entry["networks"],
        json!([{"network": "198.51.100.8", "line": 1, "until": null, "expired": false}])
    );
}

/// More networks than the report lists.
#[test]
fn long_lists() {
    let setup = Setup::new(STATUS).directives("MaintenanceAllow file=list");
    let networks: String =
        (0..1000).map(|n| format!("10.{}.{}.0/24\n", n / 250, n % 250)).collect();
    setup.write("list", networks);
    let httpd = setup.start();
    let report = report(&httpd.client());
    let entry = &scope(&report, "maintenance.test", None)["allow"][0];
    assert_eq!(
        (&entry["count"], entry["networks"].as_array().map(Vec::len)),
        (&json!(1000), Some(256))
    );
    assert_eq!(
        entry["networks"][255],
        json!({"network": "10.1.5.0/24", "line": 256, "until": null, "expired": false})
    );
}

/// Virtual hosts, ports, and two hosts with the same name.
#[test]
fn names_and_addresses() {
    let httpd = Setup::new(STATUS);
    let port = httpd.address().port();
    let hosts = format!(
        "<VirtualHost *:{port} 127.0.0.1:{port}>\nServerName both.test\n</VirtualHost>
        <VirtualHost *:{port} [::1]:8443>\nServerName two.test:9000\n</VirtualHost>
        <VirtualHost *:{port}>\nServerName same.test\n</VirtualHost>
        <VirtualHost *:{port}>\nServerName same.test\n</VirtualHost>"
    );
    let mut httpd = httpd.directives(&hosts).start();
    httpd.allow_log("AH0054[78]|AH01597");
    let report = report(&httpd.client());
    for (server, addresses) in [
        (format!("both.test:{port}"), json!([format!("*:{port}"), format!("127.0.0.1:{port}")])),
        ("two.test".into(), json!([format!("*:{port}"), "[::1]:8443"])),
    ] {
        assert_eq!(scope(&report, &server, None)["addresses"], addresses, "{report:#}");
    }
    let same = format!("same.test:{port}");
    let scopes = report["scopes"].as_array().expect("a list").iter();
    let same: Vec<_> = scopes.filter(|scope| scope["server"] == same.as_str()).collect();
    assert_eq!(same.len(), 4, "each with a location: {report:#}");
}

/// Requests in flight, in all members that report them.
#[test]
fn requests_in_flight() {
    let backend = Backend::start();
    let status = format!("{STATUS}<Location /status>\nProxyPass !\n</Location>\n");
    let httpd = Setup::new(&status).proxy_to(&backend).start();
    let client = httpd.client();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| httpd.client().get("/slow/4000").status);
        wait_for("a request in flight", Duration::from_secs(10), || {
            report(&client)["in_flight"]["requests"] == 1
        });
        let open = report(&client)["in_flight"].clone();
        assert_eq!((&open["from_before_closing"], &open["untracked"]), (&json!(0), &json!(0)));
        assert_eq!(open["oldest_from_before_closing"], Value::Null);
        httpd.close();
        let report = report(&client);
        for part in
            [&report["in_flight"], &self::scope(&report, "maintenance.test", None)["in_flight"]]
        {
            assert_eq!((&part["requests"], &part["from_before_closing"]), (&json!(1), &json!(1)));
            assert!(part["oldest"].as_u64() <= Some(5), "{part}");
            assert_eq!(part["oldest"], part["oldest_from_before_closing"]);
        }
        assert_eq!(slow.join().expect("an answer"), 200);
    });
}

/// A document with each kind of part.
fn rich_document() -> Value {
    let httpd = start(rich());
    replace_file(&httpd.flag(), "message = 'soon'\nend = 2099-01-01T00:00:00Z\nallow = ['::7']");
    let stranger = httpd.client_from("127.0.0.9");
    assert_eq!(stranger.send(stranger.request("GET", "/").header("Host", "one.test")).status, 500);
    // Requests for the report are not counted, except rejected ones.
    let client = httpd.client();
    let request = client.request("POST", "/status").header("Host", "one.test");
    assert_eq!(client.send(request).status, 405);
    wait_for("a request by its path was let in", Duration::from_secs(10), || {
        let report = report_with(&httpd.client(), "one.test", "");
        let totals = &scope(&report, "one.test", Some("<Location /status>"))["totals"];
        totals["allowed_by"]["path"] == totals["allowed"] && totals["allowed"] != 0
    });
    report_with(&httpd.client(), "one.test", "&client=192.0.2.9&path=/status&host=one.test")
}

/// A schema that accepts everything would be useless: no member may be missing, added, or of
/// another type.
#[test]
fn the_schema_is_strict() {
    let document = rich_document();
    let mut places = vec![];
    objects(&document, &mut String::new(), &mut places);
    let is_map = |place: &str| place.ends_with("/allowed_by") || place.ends_with("/refused_with");
    let is_optional = |place: &str, name: &str| place.is_empty() && name == "preflight";
    let mut tried = 0;
    let mut rejects =
        |what: &str, change: &dyn Fn(&mut serde_json::Map<String, Value>), place: &str| {
            let mut changed = document.clone();
            change(changed.pointer_mut(place).and_then(Value::as_object_mut).expect("an object"));
            assert!(!errors(&changed).is_empty(), "{what} in {place} passes: {changed:#}");
            tried += 1;
        };
    for place in &places {
        rejects("another member", &|object| drop(object.insert("colour".into(), json!(7))), place);
        let object = document.pointer(place).and_then(Value::as_object).expect("an object");
        for name in object.keys().filter(|_| !is_map(place)) {
            if !is_optional(place, name) {
                rejects(&format!("no {name}"), &|object| drop(object.remove(name)), place);
            }
            for other in [json!({"colour": 7}), json!([[]]), json!(-7)] {
                let change = |object: &mut serde_json::Map<String, Value>| {
                    object.insert(name.clone(), other.clone());
                };
                rejects(&format!("{name} = {other}"), &change, place);
            }
        }
    }
    assert!(tried > 500, "{tried}");
    for (place, value) in [
        ("/schema", json!(2)),
        ("/state", json!("closing")),
        ("/time", json!("yesterday")),
        ("/flags/0/state", json!("gone")),
        ("/flags/0/state", json!("absent")), // which does not close
        ("/scopes/0/kind", json!("location")),
        ("/scopes/0/statuses/0", json!(200)),
        ("/scopes/0/allow/0/kind", json!("flag")),
        ("/refused/clients/0/address", json!("node1")),
        ("/preflight/answers/0/now/verdict", json!("refused")),
        ("/preflight/answers/0/now/verdict", json!("blocked")), // without a status
    ] {
        let mut changed = document.clone();
        *changed.pointer_mut(place).expect(place) = value.clone();
        assert!(!errors(&changed).is_empty(), "{place} = {value} passes");
    }
}

/// The JSON pointers of all objects in a document (RFC 6901).
fn objects(part: &Value, place: &mut String, found: &mut Vec<String>) {
    if part.is_object() {
        found.push(place.clone());
    }
    let members = part.as_object().into_iter().flatten().map(|(name, part)| (name.clone(), part));
    let items = part.as_array().into_iter().flatten().enumerate();
    for (name, part) in members.chain(items.map(|(number, part)| (number.to_string(), part))) {
        let length = place.len();
        place.push_str(&format!("/{}", name.replace('~', "~0").replace('/', "~1")));
        objects(part, place, found);
        place.truncate(length);
    }
}
