//! `ThreadStackSize`: the module works with every size with which httpd itself works.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::status::STATUS;
use maintenance_harness::{Mpm, Setup, replace_file, wait_for};

/// Approximately the minimum. httpd takes 25 KiB just for a line in the error log, and its threads
/// crash at a line with 36 KiB, with or without the module.
const LEAST: usize = 48 * 1024;

const DIRECTIVES: &str = "StartServers 1\nServerLimit 1\nThreadsPerChild 4\nMaxRequestWorkers 4\n\
    MinSpareThreads 1\nMaxSpareThreads 4\nLogLevel maintenance:debug\nExtendedStatus On\n\
    <Location /server-status>\nSetHandler server-status\nMaintenanceAllow path=/server-status\n\
    </Location>\n<Location /ours>\nMaintenancePage ours.html.j2 ours.json.j2 ours.html.de\n\
    MaintenanceStatus 503 \"expr=%{REQUEST_URI} =~ /unavailable/\"\n</Location>\n\
    <LocationMatch unavailable>\nMaintenanceRetryAfter 7m\nMaintenanceAllow 10.0.0.7\n</LocationMatch>\n\
    MaintenanceAllow file=list plugin-cfg=plugin-cfg.xml";

const CONTENT: &str = "start = 2020-01-01T00:00:00Z\nend = 2999-01-01T00:00:00\n\
    message = { en = 'NUMBER', de = 'NUMMER' }\nallow = ['192.0.2.0/24']\nvars = { ticket = 'x' }";

fn nodes(hosts: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Config><ServerCluster Name=\"c\"><Server Name=\"s\">\
         <Transport Hostname=\"{hosts}\" Port=\"9080\" Protocol=\"http\"/></Server></ServerCluster>\
         </Config>"
    )
}

fn template(number: usize) -> String {
    let nested =
        format!("{}{{{{ message }}}}{}", "{% if 1 %}".repeat(20), "{% endif %}".repeat(20));
    format!(
        "<!--{}-->{{{{ host }}}} {{{{ vars.ticket|upper }}}} {nested} {number}",
        "x".repeat(600)
    )
}

/// Everything that the module does in a request.
fn everything(mpm: Mpm, size: usize) {
    let setup = Setup::new(&format!("{DIRECTIVES}\nThreadStackSize {size}\n{STATUS}")).mpm(mpm);
    let setup = setup.modules(&["status"]);
    setup.write("list", "10.0.0.1\n");
    setup.write("plugin-cfg.xml", nodes("10.0.0.2"));
    setup.write("ours.html.j2", template(0));
    setup.write("ours.json.j2", "{\"m\": {{ message }}}");
    setup.write("ours.html.de", format!("<!--{}-->deutsch", "x".repeat(600)));
    let mut httpd = setup.start();
    if size < 64 * 1024 {
        httpd.expect_log(&format!("warn.*ThreadStackSize {size}"));
    }
    let client = httpd.client();
    for (number, content) in [CONTENT, "message = ", "[[[["].into_iter().enumerate() {
        replace_file(&httpd.flag(), content);
        replace_file(&httpd.path("list"), format!("10.0.1.{number}/32\n2001:db8::/32\n"));
        replace_file(&httpd.path("plugin-cfg.xml"), nodes(&format!("10.0.2.{number}")));
        replace_file(&httpd.path("ours.html.j2"), template(number + 1));
        wait_for("the new page", Duration::from_secs(5), || {
            let page = client.send(client.request("GET", "/ours").header("Accept", "text/html"));
            page.body.ends_with(&format!(" {}", number + 1))
        });
        for path in ["/", "/ours", "/ours/unavailable"] {
            for accept in ["text/html", "application/json", "text/plain"] {
                for language in ["en", "de", "ja", "pl, en;q=0.5", "zh-Hans"] {
                    for coding in ["identity", "gzip", "br"] {
                        let request = client.request("GET", path).header("Accept", accept);
                        let request = request.header("Accept-Language", language);
                        let request = request.header("Accept-Encoding", coding);
                        let answer = request.send().expect("an answer");
                        assert!([500, 503].contains(&answer.status().as_u16()), "{answer:?}");
                        answer.bytes().expect("a body");
                    }
                }
            }
        }
        for query in [
            "",
            "?format=json",
            "?format=prometheus",
            "?client=10.0.0.1&path=/ours/x",
            "?client=2001:db8::1&path=/&format=json",
            "?refresh=5",
            "?format=nonsense",
        ] {
            let answer = client.get(&format!("/status{query}"));
            assert_eq!(
                answer.status,
                if query.contains("nonsense") { 400 } else { 200 },
                "{query}"
            );
        }
        for path in ["/server-status", "/server-status?auto"] {
            assert_eq!(client.get(path).status, 200, "{path}");
        }
    }
    httpd.expect_log("error.*the content of the flag .* cannot be used");
    replace_file(&httpd.path("list"), "10.0.0.300\n");
    replace_file(&httpd.path("plugin-cfg.xml"), "<Config");
    replace_file(&httpd.path("ours.html.j2"), "{{ x");
    thread::sleep(Duration::from_millis(900));
    client.get("/ours");
    client.get("/ours");
    httpd.expect_log("list\" .*the last good version");
    httpd.expect_log("plugin-cfg.xml\" .*the last good version");
    httpd.expect_log("ours.html.j2\" .*the last good version");
    fs::remove_file(httpd.flag()).expect("the flag was there");
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn event_64_kib() {
    everything(Mpm::Event, 64 * 1024);
}

#[test]
fn worker_64_kib() {
    everything(Mpm::Worker, 64 * 1024);
}

#[test]
fn event_with_the_least() {
    everything(Mpm::Event, LEAST);
}

#[test]
fn worker_with_the_least() {
    everything(Mpm::Worker, LEAST);
}
