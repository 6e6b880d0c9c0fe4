//! The module's section on the mod_status page.

use std::time::Duration;

use super::{STATUS, text_of};
use maintenance_harness::{Client, Setup, wait_for};

const PLACE: &str = "<Location /server-status>\nSetHandler server-status\n\
    MaintenanceAllow path=/server-status\n</Location>\n";

/// The value of a line of `?auto`.
fn value(client: &Client, name: &str) -> String {
    let (text, begin) = (client.get("/server-status?auto").body, format!("{name}: "));
    let found: Vec<_> = text.lines().filter_map(|line| line.strip_prefix(&begin)).collect();
    assert_eq!(found.len(), 1, "{name}: {text}");
    found[0].to_owned()
}

#[test]
fn lines_and_tables() {
    let sections = "MaintenanceAllow 127.0.0.2
        <LocationMatch \"^/<b>\\\"&amp;(x|y)$\">\nMaintenanceStatus 503\n</LocationMatch>
        <VirtualHost *>\nServerName one.test\n</VirtualHost>
        <VirtualHost *>\nServerName off.test\nMaintenanceEngine Off\n</VirtualHost>";
    let setup = Setup::new(STATUS).directives(PLACE).directives(sections).modules(&["status"]);
    let httpd = setup.start();
    let client = httpd.client();
    let values = |expected: [(&str, &str); 6]| {
        for (name, expected) in expected {
            // An admitted request is counted when it has ended.
            wait_for(&format!("{name} {expected}"), Duration::from_secs(10), || {
                value(&client, &format!("Maintenance{name}")) == expected
            });
        }
    };
    for _ in 0..3 {
        assert_eq!(client.get("/").status, 200);
    }
    // The requests for /server-status itself are counted as well.
    let passed: u64 = value(&client, "MaintenancePassed").parse().expect("a number");
    assert!(passed >= 3, "{passed}");
    assert_eq!(value(&client, "MaintenanceState"), "open");
    httpd.close();
    for _ in 0..4 {
        client.get("/").assert_refused();
    }
    let shape = client.get("/%3Cb%3E%22&amp;x");
    assert_eq!(shape.status, 503);
    assert_eq!(httpd.client_from("127.0.0.2").get("/").status, 200);
    values([
        ("State", "closed"),
        ("InFlight", "0"),
        ("InFlightFromBeforeClosing", "0"),
        ("Refused", "5"),
        ("Scopes", "5"),
        ("ClosedScopes", "4"),
    ]);
    let allowed: u64 = value(&client, "MaintenanceAllowed").parse().expect("a number");
    assert!(allowed >= 2, "{allowed}");
    for query in ["", "?refresh=5", "?notable"] {
        let html = client.get(&format!("/server-status{query}"));
        assert_eq!(html.status, 200);
        let (_, section) =
            html.body.split_once("<hr />\n<h2>Maintenance</h2>").unwrap_or_else(|| {
                html.body.split_once("<hr /><pre>Maintenance").expect("the section")
            });
        if query == "?notable" {
            assert!(section.contains("\nMaintenanceState: closed\n"), "{section}");
            assert!(section.contains("\nMaintenanceRefused: 5\n"), "{section}");
            continue;
        }
        let (table, _) = section.split_once("</table>").expect("the end of the table");
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with("<tr><td>")).collect();
        // One virtual host with three locations, and one that is off. They take all requests of the
        // main server.
        assert_eq!(rows.len(), 5, "{table}");
        let shape = "<LocationMatch \"^/<b>\\\"&amp;(x|y)$\">";
        let of = |server: &str, location: &str, state: &str| {
            let name = format!("{server} {location}").trim_end().to_owned();
            let begin = format!("<tr><td>{name}</td><td>{state}</td>");
            rows.iter().filter(|row| text_of(row).starts_with(&begin)).count()
        };
        for (server, location, state) in [
            ("one.test", "", "closed"),
            ("one.test", "<Location /status>", "closed"),
            ("one.test", shape, "closed"),
            ("off.test", "", "off"),
        ] {
            assert_eq!(of(server, location, state), 1, "{server} {location}: {table}");
        }
        assert!(!table.contains("<b>") && !table.contains("<Location"), "{table}");
        // In flight, from before the closing, passed, allowed, refused.
        let counts = "<td>0</td><td>0</td><td>3</td><td>1</td><td>4</td></tr>";
        assert!(rows.iter().any(|row| row.ends_with(counts)), "{table}");
    }
}
