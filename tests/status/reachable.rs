//! A main server that no request can reach does not count as open.

use serde_json::Value;

use super::{STATUS, report};
use maintenance_harness::Setup;

/// The servers whose scopes a request can reach, and those whose scopes it cannot.
fn servers(report: &Value) -> [Vec<&str>; 2] {
    let scopes = report["scopes"].as_array().expect("scopes");
    [true, false].map(|expected| {
        let found = scopes.iter().filter(|scope| scope["reachable"] == expected);
        found.map(|scope| scope["server"].as_str().expect("a name")).collect()
    })
}

/// The flag belongs to the virtual hosts. The status page's section is a scope of each server.
#[test]
fn main_servers() {
    let host = |address: &str| {
        format!(
            "<VirtualHost {address}>\nServerName host.test\nMaintenanceFlag host.flag\n\
             </VirtualHost>\n"
        )
    };
    for (address, more, is_reachable) in [
        ("*", "", false),
        ("*:8080", "", false),
        ("_default_:*", "", false),
        ("${ADDRESS}:8080", "", false),
        ("${ADDRESS}", "", false),
        ("*:8080", "Listen ${ADDRESS}:9081", true),
        (
            "${ADDRESS}:8080",
            "Listen ${ADDRESS}:9081\n<VirtualHost *:9081>\nServerName host.test\n\
            MaintenanceFlag host.flag\n</VirtualHost>",
            false,
        ),
        ("127.0.0.9:8080", "", true),
        ("*:443", "", true),
    ] {
        let lines = host(address);
        let httpd = Setup::new(STATUS).directives(&lines).directives(more).start();
        let client = httpd.client();
        std::fs::write(httpd.path("host.flag"), "").expect("written");
        // The main server has the other flag, which is absent.
        let report = report(&client);
        let [reachable, others] = servers(&report);
        let is_main = |name: &&str| name.starts_with("maintenance.test");
        assert_eq!(reachable.iter().any(is_main), is_reachable, "{address}: {report:#}");
        assert_eq!(others.len(), if is_reachable { 0 } else { 2 }, "{address}: {report:#}");
        assert!(others.iter().all(is_main), "{report:#}");
        assert_eq!(report["reachable_scopes"], reachable.len());
        assert_eq!(report["state"], "closed", "{address}");
        assert_eq!(
            report["closed_scopes"] == report["reachable_scopes"],
            !is_reachable,
            "{address}: {report:#}"
        );
        let page = client.get("/status?format=html").body;
        assert_eq!(page.contains("no request can reach it"), !is_reachable, "{address}");
        assert_eq!(page.contains("Not closed:"), is_reachable, "{address}");
        let metrics = client.get("/status?format=prometheus").body;
        let open = "{server=\"maintenance.test\",location=\"\",state=\"open\"} 1";
        assert_eq!(metrics.contains(open), is_reachable, "{address}: {metrics}");
    }
}

/// Without virtual hosts all requests reach the main server.
#[test]
fn no_virtual_hosts() {
    let report = report(&Setup::new(STATUS).start().client());
    assert_eq!(servers(&report), [vec!["maintenance.test"; 2], vec![]]);
}
