//! The report of a server with many scopes: parts of it, and answers in pieces.

use std::fs;
use std::time::Duration;

use super::{ONE_CHILD, STATUS, document};
use maintenance_harness::{Httpd, Setup, wait_for};

const HOSTS: usize = 600;

/// Virtual hosts `host0.test` and so on, each with a flag of its own and with the location of the
/// status page.
fn server() -> Httpd {
    let host = |number| {
        format!(
            "<VirtualHost *>\nServerName host{number}.test\nMaintenanceFlag flags/{number}.flag\n\
             </VirtualHost>\n"
        )
    };
    let hosts: String = (0..HOSTS).map(host).collect();
    let setup = Setup::new(STATUS).directives(ONE_CHILD).directives(&hosts);
    fs::create_dir(setup.path("flags")).expect("a folder");
    setup.start()
}

/// The query, whether the flag 7 is there, and of the JSON: the state, the closed and the reachable
/// scopes, and how many scopes and flags are listed.
#[test]
fn parts_of_the_report() {
    let httpd = server();
    let client = httpd.client();
    let all = HOSTS * 2;
    for is_closed in [false, true] {
        if is_closed {
            fs::write(httpd.path("flags/7.flag"), "").expect("written");
            wait_for("closed", Duration::from_secs(10), || {
                document(&client.get("/status?format=json&state=closed"))["closed_scopes"] == 2
            });
        }
        let closed = if is_closed { 2 } else { 0 };
        let state = if is_closed { "closed" } else { "open" };
        for (query, state, counts) in [
            // The main server and its location cannot be reached, and have a flag.
            ("", state, [closed, all, all + 2, HOSTS + 1]),
            ("scope=host7.test", state, [closed, 2, 2, 1]),
            ("scope=HOST7.test+<loc", state, [closed / 2, 1, 1, 1]),
            ("scope=host59", "open", [0, 22, 22, 11]),
            ("state=closed", state, [closed, all, closed, closed / 2]),
            ("state=error", state, [closed, all, 0, 0]),
            ("scope=host59&state=closed", "open", [0, 22, 0, 0]),
        ] {
            let document = document(&client.get(&format!("/status?format=json&{query}")));
            let number = |name: &str| document[name].as_u64().expect(name) as usize;
            let length = |name: &str| document[name].as_array().expect(name).len();
            let found = [
                number("closed_scopes"),
                number("reachable_scopes"),
                length("scopes"),
                length("flags"),
            ];
            assert_eq!((&document["state"], found), (&state.into(), counts), "{query}");
            let page = client.get(&format!("/status?{query}"));
            assert_eq!(page.status, 200, "{query}");
            assert!(page.body.len() < 200_000, "{query}: {}", page.body.len());
            let rows = page.body.matches("<td role=\"cell\" class=\"pill\">").count();
            let reachable = if query.is_empty() { counts[1] } else { counts[2] };
            assert_eq!(rows, reachable.min(50), "{query}");
        }
        for (query, scopes) in [("", 0), ("scope=host7.test", 2), ("scope=host59", 22)] {
            let metrics = client.get(&format!("/status?format=prometheus&{query}")).body;
            let count = metrics.matches("maintenance_scope_state{").count();
            assert_eq!(count, 7 * scopes, "{query}: {metrics}");
            assert!(metrics.contains("maintenance_scopes{state=\"closed\"} "), "{metrics}");
        }
    }
}

/// Answers in pieces have the same header fields as others, also for HEAD and over HTTP/2.
#[test]
fn in_pieces() {
    let setup = Setup::new(STATUS).modules(&["http2", "filter", "deflate"]);
    let sections: String = (0..400)
        .map(|number| format!("<Location /app{number}>\nMaintenanceStatus 503\n</Location>\n"))
        .collect();
    let setup =
        setup.directives("Protocols h2c http/1.1\nAddOutputFilterByType DEFLATE application/json");
    let httpd = setup.directives(&sections).start();
    for client in [httpd.client(), httpd.http2_client()] {
        for format in ["json", "prometheus", "html"] {
            let target = format!("/status?format={format}");
            let whole = client.get(&target);
            assert_eq!(whole.status, 200, "{format}");
            let end = match format {
                "json" => {
                    let document = document(&whole);
                    assert_eq!(document["scopes"].as_array().map(Vec::len), Some(402));
                    assert!(whole.body.len() > 400_000, "{}", whole.body.len());
                    "\n}\n"
                }
                "html" => "</html>",
                _ => "} 0\n",
            };
            assert!(whole.body.ends_with(end), "{format}: {}", whole.body);
            let head = client.send(client.request("HEAD", &target));
            assert_eq!((head.status, head.body.as_str()), (200, ""), "{format}");
        }
        assert_eq!(client.get("/").status, 200, "the connection can be used again");
    }
}
