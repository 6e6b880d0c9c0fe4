//! Contents of real plugin-cfg.xml files other than hosts.

use std::fs;
use std::time::Duration;

use maintenance_harness::{Httpd, Reports, Setup, replace_file, wait_for};

const SECONDS: Duration = Duration::from_secs(20);

fn config(inner: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<Config>\n{inner}\n</Config>\n")
}

fn server(hosts: &[&str]) -> String {
    let transports: Vec<_> = hosts
        .iter()
        .map(|host| format!("<Transport Hostname=\"{host}\" Port=\"9080\"/>"))
        .collect();
    config(&format!("<Server Name=\"s\">\n{}\n</Server>", transports.join("\n")))
}

fn setup(content: &str) -> Setup {
    let setup = Setup::new("MaintenanceAllow plugin-cfg=cfg.xml").directives(Reports::directives());
    setup.write("cfg.xml", content);
    setup.write("maintenance.flag", "");
    setup
}

fn passes(httpd: &Httpd, address: &str) -> bool {
    httpd.client_from(address).get("/").status == 200
}

/// Well-formed files start httpd, whatever they contain. An invalid host is a warning, also in
/// `httpd -t`.
#[test]
fn what_is_no_host() {
    let connectors = "<IntelligentManagement>\n<ConnectorCluster name=\"c\" enabled=\"true\">\n\
        <Property name=\"uri\" value=\"/ibm/odr\"/>\n\
        <Connector host=\"127.0.0.2\" port=\"9043\" protocol=\"https\">\n\
        <Property name=\"keyring\" value=\"x\"/>\n</Connector>\n\
        <Connector host=\"127.0.0.3\" port=\"9043\"/>\n</ConnectorCluster>\n</IntelligentManagement>";
    let odd = ["127.0.0.2", "*", "${VAR}", "fe80::1%eth0", "a b", "127.0.0.3"];
    let cases: [(&str, String, &[&str]); 6] = [
        ("Intelligent Management alone", config(connectors), &[]),
        (
            "good ones among others",
            server(&odd),
            &[
                r#"line 5: "\*" is neither a host name"#,
                r#"line 6: "\$\{VAR\}" is neither a host name"#,
                r#"line 7: "fe80::1%eth0" has a zone index"#,
                r#"line 8: "a b" is neither a host name"#,
            ],
        ),
        (
            "an empty one",
            server(&["", "127.0.0.2", "127.0.0.3"]),
            &["line 4: \"\" is neither a host name"],
        ),
        (
            "none at all",
            config(
                "<Server><Transport Port=\"1\"/><Transport Hostname=\"127.0.0.2\"/>\
                <Transport Hostname=\"127.0.0.3\"/></Server>",
            ),
            &["line 3: a Transport without a Hostname"],
        ),
        ("no server", config(""), &["has no Transport of a Server"]),
        (
            "a server without hosts",
            config("<Server Name=\"s\"/>"),
            &["has no Transport of a Server"],
        ),
    ];
    for (what, content, warnings) in cases {
        let setup = setup(&content);
        let (ok, said) = setup.test_config();
        assert!(ok, "{what}: {said}");
        let mut httpd = setup.start();
        for warning in warnings {
            let line = regex::Regex::new(&format!("maintenance:warn.*/cfg.xml.*{warning}"));
            assert!(line.expect("a pattern").is_match(&said), "{what}: {said}");
            httpd.expect_log(&format!("maintenance:warn.*/cfg.xml.*{warning}"));
        }
        assert_eq!(httpd.count_log("maintenance:warn"), warnings.len().min(1), "{}", httpd.log());
        let is_server = !warnings.contains(&"has no Transport of a Server");
        for (address, expected) in
            [("127.0.0.2", is_server), ("127.0.0.3", is_server), ("127.0.0.4", false)]
        {
            assert_eq!(passes(&httpd, address), expected, "{what}: {address}");
        }
        let report = Reports::of(&httpd).json();
        let shown = report["scopes"][0]["allow"][0]["warnings"].as_array().map(Vec::len);
        assert_eq!(shown, Some(warnings.len()), "{what}: {report:#}");
    }
}

/// A text that is not such an XML document still fails.
#[test]
fn what_is_no_plugin_cfg() {
    for content in ["", "hello", "<html/>", "<Config>\n<Server>"] {
        let (ok, said) = setup(content).test_config();
        assert!(!ok && said.contains("/cfg.xml\""), "{said}");
    }
}

/// The same while httpd runs: one warning, and the rest applies.
#[test]
fn a_new_version_with_what_is_no_host() {
    let mut httpd = setup(&server(&["127.0.0.2"])).start();
    assert!(passes(&httpd, "127.0.0.2"));
    replace_file(&httpd.path("cfg.xml"), server(&["127.0.0.3", "*"]));
    wait_for("the new version", SECONDS, || passes(&httpd, "127.0.0.3"));
    httpd.expect_log("maintenance:warn.*/cfg.xml.*line 5: \"\\*\" is neither a host name");
    replace_file(&httpd.path("cfg.xml"), config(""));
    wait_for("the last version", SECONDS, || !passes(&httpd, "127.0.0.3"));
    httpd.expect_log("maintenance:warn.*/cfg.xml.* has no Transport of a Server");
    assert_eq!(httpd.count_log("maintenance:warn"), 2, "{}", httpd.log());
}

/// Names that do not resolve cause one line that does not list too few names, and one when they
/// resolve.
#[test]
fn many_names() {
    let names: Vec<_> = (0..26).map(|number| format!("node{number}.invalid")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut httpd = setup(&server(&[&names[..], &["127.0.0.2"]].concat())).start();
    httpd.expect_log(
        "maintenance:warn.*names in .*/cfg.xml do not resolve and admit nobody: node0.invalid, \
         .*every 30 s",
    );
    assert!(passes(&httpd, "127.0.0.2"));
    assert_eq!(httpd.count_log("do(es)? not resolve"), 1, "{}", httpd.log());
    assert_eq!(httpd.count_log("until the next restart"), 0, "{}", httpd.log());
    fs::write(httpd.path("cfg.xml"), server(&["localhost", "127.0.0.2"])).expect("written");
    wait_for("localhost", SECONDS, || passes(&httpd, "127.0.0.1"));
    let good = "maintenance:notice.*all names in .*/cfg.xml resolve";
    wait_for(good, SECONDS, || passes(&httpd, "127.0.0.2") && httpd.count_log(good) == 1);
    // `host=` is resolved only at a restart, and several names also take one line.
    httpd.reconfigure("", "MaintenanceAllow host=a.invalid host=b.invalid plugin-cfg=cfg.xml");
    httpd.expect_log(
        "maintenance:warn.*the names a.invalid, b.invalid do not resolve; they admit nobody until the next restart",
    );
    assert_eq!(httpd.count_log("do(es)? not resolve"), 2, "{}", httpd.log());
}
