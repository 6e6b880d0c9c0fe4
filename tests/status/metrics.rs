//! The metrics, read by a parser of the format.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use nom_openmetrics::{MetricDescriptor, MetricType, parser};
use serde_json::Value;

use super::machine::machine;
use super::{ONE_CHILD, STATUS, report};
use maintenance_harness::{Client, Setup, replace_file, wait_for};

/// Each family with its type and the names of its labels.
const FAMILIES: [(&str, char, &[&str]); 26] = [
    ("build_info", 'g', &["machine", "version"]),
    ("check_interval_seconds", 'g', &[]),
    ("scopes", 'g', &["state"]),
    ("scopes_in_error", 'g', &[]),
    ("flags", 'g', &["state"]),
    ("all_requests_in_flight", 'g', &[]),
    ("all_requests_in_flight_from_before_closing", 'g', &[]),
    ("all_passed_requests_total", 'c', &[]),
    ("all_allowed_requests_total", 'c', &[]),
    ("all_refused_requests_total", 'c', &[]),
    ("omitted_scopes", 'g', &[]),
    ("omitted_flags", 'g', &[]),
    ("flag_closes", 'g', &["flag"]),
    ("flag_state", 'g', &["flag", "state"]),
    ("flag_admitted_share_ratio", 'g', &["flag"]),
    ("scope_state", 'g', &["server", "location", "state"]),
    ("requests_in_flight", 'g', &["server", "location"]),
    ("requests_in_flight_from_before_closing", 'g', &["server", "location"]),
    ("writes_in_flight_from_before_closing", 'g', &["server", "location"]),
    ("untracked_requests_in_flight", 'g', &[]),
    ("passed_requests_total", 'c', &["server", "location"]),
    ("allowed_requests_total", 'c', &["server", "location", "kind"]),
    ("refused_requests_total", 'c', &["server", "location", "status"]),
    ("oldest_request_in_flight_seconds", 'g', &["server", "location"]),
    ("flag_expired_entries", 'g', &["flag"]),
    ("allow_expired_entries", 'g', &["server", "location"]),
];

/// The name and labels of a sample, which must be unique.
type Samples = BTreeMap<(String, Vec<String>), f64>;

/// Reads the metrics, and checks them against [`FAMILIES`].
#[track_caller]
fn metrics(client: &Client) -> Samples {
    let answer = client.get("/status?format=prometheus");
    assert_eq!(answer.status, 200, "{answer:?}");
    let (rest, families) = parser::prometheus(&answer.body).expect("the format of Prometheus");
    assert_eq!(rest, "");
    let mut samples = Samples::new();
    let mut names = BTreeSet::new();
    for family in &families {
        let [MetricDescriptor::Help { metric, help }, MetricDescriptor::Type { r#type, .. }] =
            &family.descriptors[..]
        else {
            panic!("HELP and TYPE, once each: {family:?}");
        };
        assert!(help.len() > 20 && help.ends_with('.'), "{help}");
        assert_eq!(family.descriptors[1].metric(), *metric);
        assert!(names.insert(*metric), "{metric} comes twice");
        let name = metric.strip_prefix("maintenance_").expect(metric);
        let known = FAMILIES.iter().find(|(known, ..)| *known == name);
        let (_, kind, labels) = known.unwrap_or_else(|| panic!("{name} is new"));
        let kind = if *kind == 'c' { MetricType::Counter } else { MetricType::Gauge };
        assert_eq!(r#type, &kind, "{name}");
        assert_eq!(name.ends_with("_total"), kind == MetricType::Counter, "{name}");
        for sample in &family.samples {
            assert_eq!(sample.name(), *metric);
            let of_sample: Vec<_> = sample.labels().iter().map(|label| label.name).collect();
            assert_eq!(&of_sample, labels, "{name}");
            assert!(sample.number() >= 0.0 && sample.number().is_finite(), "{sample:?}");
            let values = sample.labels().iter().map(|label| label.value.clone()).collect();
            let before = samples.insert((name.to_owned(), values), sample.number());
            assert_eq!(before, None, "the same labels twice: {sample:?}");
        }
    }
    samples
}

#[track_caller]
fn value(samples: &Samples, name: &str, labels: &[&str]) -> Option<f64> {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    samples.get(&(name.to_owned(), labels)).copied()
}

#[test]
fn values() {
    let httpd = Setup::new(STATUS)
        .directives(ONE_CHILD)
        .directives(
            "MaintenanceCheckInterval 0\nMaintenanceFlag site.flag app.flag
            MaintenanceAllow 127.0.0.2
            MaintenanceStatus 503 \"expr=%{HTTP_USER_AGENT} == 'bot'\"",
        )
        .start();
    let (client, server) = (httpd.client(), "maintenance.test");
    for _ in 0..3 {
        assert_eq!(client.get("/").status, 200);
    }
    let flag = httpd.path("site.flag");
    replace_file(&flag, "start = 2099-01-01T00:00:00Z");
    let state = |samples: &Samples| -> Vec<_> {
        let states = ["off", "open", "announced", "closed", "overdue"];
        let is_it = |state: &&str| {
            value(samples, "scope_state", &[server, "", state]).expect("a sample") == 1.0
        };
        states.into_iter().filter(is_it).collect()
    };
    assert_eq!(state(&metrics(&client)), ["announced"]);
    replace_file(&flag, "");
    for _ in 0..2 {
        client.get("/").assert_refused();
    }
    assert_eq!(client.send(client.request("GET", "/").header("User-Agent", "bot")).status, 503);
    assert_eq!(httpd.client_from("127.0.0.2").get("/").status, 200);
    let is_counted = |samples: &Samples| {
        value(samples, "allowed_requests_total", &[server, "", "address"]) == Some(1.0)
            && value(samples, "passed_requests_total", &[server, ""]) == Some(3.0)
    };
    wait_for("all are counted", Duration::from_secs(10), || is_counted(&metrics(&client)));
    let samples = metrics(&client);
    assert_eq!(state(&samples), ["closed"]);
    let (flag, other) = (flag.display().to_string(), httpd.path("app.flag").display().to_string());
    let location = "<Location /status>";
    for (name, labels, expected) in [
        ("build_info", &[&machine(), env!("CARGO_PKG_VERSION")][..], Some(1.0)),
        ("check_interval_seconds", &[], Some(0.0)),
        ("flag_closes", &[&flag], Some(1.0)),
        ("flag_closes", &[&other], Some(0.0)),
        ("scopes", &["closed"], Some(2.0)),
        ("scopes", &["open"], Some(0.0)),
        ("scopes_in_error", &[], Some(0.0)),
        ("flags", &["closed"], Some(1.0)),
        ("flags", &["absent"], Some(1.0)),
        ("all_passed_requests_total", &[], Some(3.0)),
        ("all_allowed_requests_total", &[], Some(1.0)),
        ("all_refused_requests_total", &[], Some(3.0)),
        ("omitted_scopes", &[], Some(0.0)),
        ("requests_in_flight", &[server, ""], Some(0.0)),
        ("requests_in_flight", &[server, location], Some(0.0)),
        ("requests_in_flight_from_before_closing", &[server, ""], Some(0.0)),
        ("oldest_request_in_flight_seconds", &[server, ""], None),
        ("untracked_requests_in_flight", &[], Some(0.0)),
        ("allowed_requests_total", &[server, "", "path"], Some(0.0)),
        // Looks at the metrics themselves.
        ("allowed_requests_total", &[server, location, "path"], Some(0.0)),
        ("refused_requests_total", &[server, "", "500"], Some(2.0)),
        ("refused_requests_total", &[server, "", "503"], Some(1.0)),
        ("refused_requests_total", &[server, location, "500"], Some(0.0)),
        ("refused_requests_total", &[server, location, "404"], None),
    ] {
        assert_eq!(value(&samples, name, labels), expected, "{name} {labels:?}: {samples:#?}");
    }
    fs::remove_file(flag).expect("removed");
    assert_eq!(state(&metrics(&client)), ["open"]);
}

/// The names of scopes and flags may contain characters with a meaning in the format. A line break
/// can get into httpd.conf only through the environment.
#[test]
fn odd_names() {
    let setup = Setup::new(STATUS).directives(
        "MaintenanceFlag \"flags/a\\\"b\\\\c<d>${BREAK}e{f=,}ü.flag\"
        <LocationMatch \"^/a\\\"b\\\\.c<d>&(\\\\w+)\\\\\\\\{2,}$\">\nMaintenanceStatus 503\n</LocationMatch>",
    );
    fs::create_dir(setup.path("flags")).expect("a folder");
    let httpd = setup.wrapper(&["env", "BREAK=\n"]).start();
    let flag = httpd.path("flags/a\"b\\c<d>\ne{f=,}ü.flag");
    fs::write(&flag, "").expect("written");
    let samples = metrics(&httpd.client());
    let flag = flag.to_str().expect("text");
    assert_eq!(value(&samples, "flag_closes", &[flag]), Some(1.0), "{samples:#?}");
    // As in the JSON, which has the text of the configuration.
    let report = report(&httpd.client());
    let shapes = report["scopes"].as_array().expect("a list").iter();
    let shapes: Vec<_> = shapes.filter_map(|scope| scope["location"].as_str()).collect();
    let shape = "<LocationMatch \"^/a\\\"b\\\\.c<d>&(\\\\w+)\\\\\\\\{2,}$\">";
    assert!(shapes.contains(&shape), "{shapes:?}");
    let closed = value(&samples, "scope_state", &["maintenance.test", shape, "closed"]);
    assert_eq!(closed, Some(1.0), "{samples:#?}");
    fs::remove_file(flag).expect("removed");
}

/// Prometheus accepts one sample for each name and set of labels, also for scopes with the same
/// name.
#[test]
fn scopes_of_the_same_name() {
    let sections = "<Location /app>\nMaintenanceStatus 503\n</Location>
        <Location /app>\nMaintenanceStatus 502\n</Location>";
    let hosts: String = ["*", "*", "127.0.0.1"]
        .iter()
        .map(|address| {
            format!(
                "<VirtualHost {address}>\nServerName maintenance.test\n{sections}\n</VirtualHost>\n"
            )
        })
        .collect();
    let mut httpd = Setup::new(STATUS).directives(sections).directives(&hosts).start();
    httpd.allow_log("AH0054[78]|AH01597");
    let scopes = report(&httpd.client())["scopes"].as_array().map(Vec::len);
    let samples = metrics(&httpd.client());
    let of = |name: &str| samples.keys().filter(|(sample, _)| sample == name).count();
    assert_eq!(Some(of("requests_in_flight")), scopes, "{samples:#?}");
    for labels in [
        ["maintenance.test", "<Location /app>"],
        ["maintenance.test", "<Location /app> (2)"],
        ["maintenance.test (2)", ""],
        ["maintenance.test (4)", "<Location /app>"],
    ] {
        assert!(
            value(&samples, "requests_in_flight", &labels).is_some(),
            "{labels:?}: {samples:#?}"
        );
    }
}

/// The sums over all scopes are those of the JSON.
#[test]
fn the_same_as_the_json() {
    let httpd = Setup::new(STATUS)
        .directives("<VirtualHost *>\nServerName one.test\nMaintenanceEngine Off\n</VirtualHost>")
        .directives("<Location /app>\nMaintenanceFlag app.flag\n</Location>")
        .start();
    let off = metrics(&httpd.client());
    assert_eq!(value(&off, "scope_state", &["one.test", "", "off"]), Some(1.0), "{off:#?}");
    let report = report(&httpd.client());
    for scope in report["scopes"].as_array().expect("a list") {
        let text = |name: &str| scope[name].as_str().unwrap_or_default();
        let labels = [text("server"), text("location")];
        for state in ["off", "open", "announced", "closed", "overdue"] {
            let expected = f64::from(u8::from(scope["state"] == state));
            let labels = [labels[0], labels[1], state];
            // A virtual host takes all requests of the main server.
            let expected = (scope["reachable"] == true).then_some(expected);
            assert_eq!(value(&off, "scope_state", &labels), expected, "{labels:?}");
        }
    }
    let closes = |flag: &Value| flag["closes"] == true;
    let flags = report["flags"].as_array().expect("a list");
    for flag in flags {
        let expected = f64::from(u8::from(closes(flag)));
        let path = flag["path"].as_str().expect("a path");
        assert_eq!(value(&off, "flag_closes", &[path]), Some(expected), "{path}");
    }
    assert_eq!(flags.len(), off.keys().filter(|(name, _)| name == "flag_closes").count());
}
