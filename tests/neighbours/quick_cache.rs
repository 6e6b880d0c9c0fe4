//! mod_cache as a quick handler answers before httpd knows the location of a request.

use std::fs;

use maintenance_harness::{Backend, Setup, set_mode};

const CACHE: &str = "CacheEnable disk /";

const CLOSED: &str = "<Location /closed>\nMaintenanceFlag closed.flag\n</Location>";

fn setup(directives: &str) -> Setup {
    let setup =
        Setup::new("CacheRoot \"${ROOT}/cache\"\nCacheDefaultExpire 3600\nCacheIgnoreNoLastMod On")
            .modules(&["cache", "cache_disk", "rewrite"])
            .directives(directives);
    fs::create_dir(setup.path("cache")).expect("a folder");
    set_mode(&setup.path("cache"), 0o777);
    setup
}

fn host(name: &str, directives: &str) -> String {
    format!("<VirtualHost *>\nServerName {name}\n{directives}\n</VirtualHost>")
}

/// `httpd -t` and the start warn if such a cache and such a location are combined, and name the
/// server.
#[test]
fn a_warning() {
    let both = format!("{CACHE}\n{CLOSED}");
    let cases: [(&str, String, &[&str]); 11] = [
        ("both", both.clone(), &["maintenance.test"]),
        (
            "in a section for a module",
            format!("<IfModule mod_cache.c>\n{CACHE}\n</IfModule>\n{CLOSED}"),
            &["maintenance.test"],
        ),
        ("no quick handler", format!("{both}\nCacheQuickHandler Off"), &[]),
        ("no cache", CLOSED.into(), &[]),
        ("no location", CACHE.into(), &[]),
        (
            "a location without a flag",
            format!("{CACHE}\n<Location /x>\nMaintenanceStatus 503\n</Location>"),
            &[],
        ),
        // Where it looks up nothing.
        (
            "a cache in a location",
            format!("<Location /x>\nCacheEnable disk\n</Location>\n{CLOSED}"),
            &[],
        ),
        ("apart", format!("{}\n{}", host("one", CACHE), host("two", CLOSED)), &[]),
        ("in one host", format!("{}\n{}", host("one", &both), host("two", CLOSED)), &["one"]),
        (
            "of the server in a host",
            format!(
                "{CACHE}\nCacheQuickHandler off\n{}\n{}",
                host("one", CLOSED),
                host("two", &format!("CacheQuickHandler on\n{CLOSED}"))
            ),
            &["two"],
        ),
        ("off", format!("MaintenanceEngine Off\n{both}"), &[]),
    ];
    for (what, directives, servers) in cases {
        let setup = setup(&format!("ServerName maintenance.test\n{directives}"));
        let (ok, said) = setup.test_config();
        assert!(ok, "{what}: {said}");
        let is_named = |text: &str| {
            let mut lines = text.lines().filter(|line| line.contains("CacheQuickHandler off"));
            lines.next().map(|line| {
                assert!(servers.iter().all(|server| line.contains(server)), "{what}: {line}");
                let others = ["maintenance.test", "one", "two"];
                let others = others.iter().filter(|name| !servers.contains(name));
                assert!(
                    !others.into_iter().any(|name| line.contains(&format!("of {name}"))),
                    "{what}: {line}"
                );
            })
        };
        let expected = (!servers.is_empty()).then_some(());
        assert_eq!(is_named(&said), expected, "{what}: httpd -t: {said}");
        let mut httpd = setup.start();
        httpd.allow_log("maintenance:warn.*CacheQuickHandler off");
        assert_eq!(is_named(&httpd.log()), expected, "{what}: {}", httpd.log());
    }
}

/// The problem that the warning is about, and that the suggested directive solves it.
#[test]
fn what_a_rewrite_leads_to() {
    for (quick, expected) in [("on", 200), ("off", 500)] {
        let backend = Backend::start();
        let rules = format!(
            "{CACHE}\n{CLOSED}\nCacheQuickHandler {quick}\nRewriteEngine On\nRewriteRule ^/open/(.*) /closed/$1 [PT]"
        );
        let mut httpd = setup(&rules).proxy_to(&backend).start();
        httpd.allow_log("maintenance:warn.*CacheQuickHandler off");
        assert_eq!(httpd.client().get("/open/x").status, 200);
        fs::write(httpd.path("closed.flag"), "").expect("written");
        assert_eq!(httpd.client().get("/open/x").status, expected, "CacheQuickHandler {quick}");
        assert_eq!(httpd.client().get("/open/y").status, 500, "what is not in the cache");
        assert_eq!(httpd.client().get("/closed/x").status, 500);
    }
}
