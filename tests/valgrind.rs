//! Memory errors and leaks of the module, detected by valgrind.

use std::fs;
use std::time::Duration;

use regex::Regex;

use maintenance_harness::{Mpm, Setup, installation::debug_module};

const VALGRIND: &[&str] = &[
    "valgrind",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    // The module is unloaded at a restart and at the end; its symbols must remain available for
    // reports.
    "--keep-debuginfo=yes",
    "--trace-children=yes",
    "--child-silent-after-fork=no",
];

/// Opens, closes, refuses requests, and restarts if there is a parent.
fn session(arguments: &[&'static str], restart: bool) {
    let setup = Setup::new(
        "MaintenanceFlag maintenance.flag b.flag\nMaintenancePage page.html ours.json.j2\n\
         MaintenanceAllow 127.0.0.2 10.0.0.0/8 2001:db8::/32 env=PROBE\nMaintenanceStatus 599\n\
         MaintenanceAllow host=localhost.localdomain file=list plugin-cfg=cfg.xml path=/probe\n\
         MaintenanceAllow \"expr=%{HTTP_USER_AGENT} =~ /probe/\"\n\
         <VirtualHost *>\nMaintenanceAllow none 127.0.0.3\nMaintenanceFlag c.flag\n</VirtualHost>\n\
         StartServers 1\nMinSpareServers 1\nMaxSpareServers 1",
    )
    .mpm(Mpm::Prefork)
    .module(debug_module());
    setup.write("page.html", "<p>closed".repeat(100));
    let template = setup.write("ours.json.j2", "{\"message\": {{ message }}}");
    let list = setup.write("list", "10.1.0.0/16\n");
    let transport =
        |host: &str| format!("<Config><Server><Transport Hostname=\"{host}\"/></Server></Config>");
    let config = setup.write("cfg.xml", transport("127.0.0.5"));
    let reports = tempfile::tempdir().expect("a folder");
    let log_file = format!("--log-file={}/%p", reports.path().display());
    let words: Vec<_> = VALGRIND.iter().copied().chain([log_file.as_str()]).collect();
    let mut httpd = setup.wrapper(&words).arguments(arguments).start();
    for _ in 0..=usize::from(restart) {
        for _ in 0..5 {
            assert_eq!(httpd.client().get("/").status, 200);
            httpd.close();
            assert_eq!(httpd.client().get("/").status, 599);
            assert_eq!(httpd.client_from("127.0.0.3").get("/").status, 200);
            httpd.open();
        }
        // New versions, including an invalid one, and a name to resolve.
        httpd.close();
        for (text, host, content, page) in [
            ("x", "127.0.0.5", "message = 'x'", "{{ message"),
            ("127.0.0.4\n", "localhost6", "message = 'x", "{\"message\": {{ message }}}"),
            ("# none", "127.0.0.6", "allow = ['10.0.0.1']", "{\"end\": {{ end }}}"),
        ] {
            fs::write(&list, text).expect("written");
            fs::write(&config, transport(host)).expect("written");
            fs::write(httpd.flag(), content).expect("written");
            fs::write(&template, page).expect("written");
            std::thread::sleep(Duration::from_millis(400));
            for accept in ["application/json", "text/html", "text/plain"] {
                let client = httpd.client();
                let request = client.request("GET", "/").header("Accept", accept);
                let answer = client.send(request.header("Accept-Encoding", "gzip, br;q=0.5"));
                assert_eq!(answer.status, 599);
                std::thread::sleep(Duration::from_millis(250));
            }
        }
        httpd.open();
        if restart {
            httpd.restart();
        }
    }
    httpd.allow_log("maintenance:error.*/list. line 1: .*neither an address");
    httpd.allow_log("maintenance:error.*the content of the flag .* cannot be used: line 1");
    httpd.allow_log("maintenance:error.*/ours.json.j2. line 1: .*; the last good version");
    httpd.allow_log(
        "maintenance:warn.*names in .*/cfg.xml do not resolve and admit nobody: \
         localhost6",
    );
    httpd.allow_log("maintenance:warn.*localhost.localdomain does not resolve");
    drop(httpd);

    let mut summaries = 0;
    // Records are separated by lines that contain only the process number.
    let separator = Regex::new(r"(?m)^==\d+== $").expect("a pattern");
    for report in fs::read_dir(reports.path()).expect("reports") {
        let text = fs::read_to_string(report.expect("a report").path()).expect("text");
        summaries += text.matches("ERROR SUMMARY").count();
        for record in separator.split(&text) {
            let ours = ["mod_maintenance", "(shim.c:", "(hooks.c:"]
                .iter()
                .any(|name| record.contains(name));
            let faults = ["Invalid", "uninitialised", "are definitely lost in loss record"];
            let fault = faults.iter().any(|fault| record.contains(fault));
            assert!(!(ours && fault), "{record}");
        }
    }
    // Each process that ended has a record; a child that was not waited for may have none.
    assert!(summaries >= 1, "valgrind reported nothing");
}

#[test]
fn one_process() {
    session(&["-X"], false);
}

#[test]
fn parent_and_child_over_restarts() {
    session(&[], true);
}
