//! Decisions before httpd itself determines the location: before mod_cache's quick handler, and
//! without side effects.

use std::fs;

use super::{touch, with_pages};
use maintenance_harness::{Backend, Httpd, Setup, raw, set_mode};

const CLOSED: &str = "<Location /blogs>\nMaintenanceFlag blogs.flag\n</Location>\n";
const CACHE: &str = "CacheEnable disk /\nCacheRoot \"${ROOT}/cache\"\nCacheIgnoreNoLastMod On
    CacheDefaultExpire 600\nCacheStoreNoStore On\n";

fn with_cache(setup: Setup, directives: &str) -> Setup {
    fs::create_dir(setup.path("cache")).expect("a folder");
    set_mode(&setup.path("cache"), 0o777);
    setup.directives(&format!("{CACHE}{directives}"))
}

fn get(httpd: &Httpd, target: &str) -> String {
    let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    raw(httpd.address(), head.as_bytes())
}

/// Every spelling of the path of a cached page.
#[test]
fn cached_pages() {
    for (directives, inside, outside) in [
        (
            "",
            &["/blogs/x", "/%62logs/x", "//blogs//x", "/a/../blogs/x"][..],
            &["/other/x", "/blogs/../other/x"][..],
        ),
        (
            "AllowEncodedSlashes On",
            &["/blogs%2fx", "/a%2f..%2fblogs/x"],
            &["/blogs%2f..%2fother/x"],
        ),
        // The application may decode what httpd does not decode.
        ("AllowEncodedSlashes NoDecode", &["/blogs/a%2fx", "/blogs%2fx"], &["/other%2fx"]),
    ] {
        hold_cached_pages(directives, inside, outside);
    }
}

/// httpd 2.4.49 and later merges slashes before it removes dot segments, and removes them again
/// after decoding slashes.
#[test]
fn cached_pages_with_slashes_and_dots() {
    hold_cached_pages("", &["/a//../blogs/x"], &["/blogs//../other/x"]);
    hold_cached_pages("AllowEncodedSlashes On", &["/..%2fblogs/x"], &["/..%2fother/x"]);
}

/// All targets are cached, and only those inside the location are refused.
fn hold_cached_pages(directives: &str, inside: &[&str], outside: &[&str]) {
    let backend = Backend::start();
    let lines = format!("{CLOSED}CacheQuickHandler On\n{directives}");
    let setup = with_cache(Setup::new(""), &lines).modules(&["cache", "cache_disk"]);
    let proxy = format!("ProxyPass / http://{}/ nocanon", backend.address);
    let mut httpd = setup.modules(&["proxy", "proxy_http"]).directives(&proxy).start();
    httpd.allow_log("AH01136"); // of dot segments with nocanon
    httpd.expect_log("write \"CacheQuickHandler off\"");
    for target in [inside, outside].concat() {
        for _ in 0..2 {
            assert!(get(&httpd, target).starts_with("HTTP/1.1 200"), "{directives} {target}");
        }
    }
    let received = backend.received();
    touch(&httpd, "blogs.flag");
    for target in inside {
        assert!(get(&httpd, target).starts_with("HTTP/1.1 500"), "{directives} {target}");
    }
    for target in outside {
        assert!(get(&httpd, target).starts_with("HTTP/1.1 200"), "{directives} {target}");
    }
    assert_eq!(backend.received(), received, "{directives}: all was in the cache");
}

/// mod_cache's handler is as early as possible, and mod_cache may be loaded first.
#[test]
fn cache_before_the_gate() {
    let before = "LoadModule cache_module \"${MODULES}/mod_cache.so\"";
    let lines = format!(
        "{CLOSED}CacheQuickHandler Off\n<Directory \"${{ROOT}}/htdocs/other\">\n\
         DirectoryIndex /blogs/page.html\n</Directory>"
    );
    let setup = with_cache(Setup::new("").before(before), &lines).modules(&["cache_disk"]);
    let httpd = with_pages(setup, &["blogs", "other"]).start();
    for _ in 0..3 {
        for path in ["/blogs/page.html", "/other/"] {
            assert_eq!(httpd.client().get(path).body, "blogs\n");
        }
    }
    touch(&httpd, "blogs.flag");
    for path in ["/blogs/page.html", "/other/"] {
        httpd.client().get(path).assert_refused();
    }
}

/// mod_cache also answers subrequests in its quick handler. It treats them as requests to port 80.
#[test]
fn cached_parts_of_a_page() {
    if !rustix::process::geteuid().is_root() {
        return; // nobody else may listen there
    }
    let lines = format!(
        "{CLOSED}Listen ${{ADDRESS}}:80\nCacheQuickHandler On\nTypesConfig /dev/null\n\
         AddHandler server-parsed .shtml\nOptions +Includes\nCacheDisable /page.shtml"
    );
    let setup = with_cache(Setup::new(""), &lines);
    let setup = setup.modules(&["cache", "cache_disk", "include", "mime"]);
    setup.write("htdocs/page.shtml", "<!--#include virtual=\"/blogs/page.html\" -->");
    let mut httpd = with_pages(setup, &["blogs"]).start();
    httpd.allow_log("include:error");
    httpd.expect_log("write \"CacheQuickHandler off\"");
    let client = maintenance_harness::Client::new(&format!("http://{}", httpd.address().ip()));
    for _ in 0..3 {
        assert_eq!(client.get("/blogs/page.html").body, "blogs\n");
        assert_eq!(client.get("/page.shtml").body, "blogs\n");
    }
    touch(&httpd, "blogs.flag");
    client.get("/blogs/page.html").assert_refused();
    let page = client.get("/page.shtml").body;
    assert!(page.contains("an error occurred"), "{page}");
}

/// Sections of other modules, and their named groups, work as without the module.
#[test]
fn sections_of_others() {
    let lines = "MergeSlashes Off\n<LocationMatch \"//\">\nRequire all denied\n</LocationMatch>
        <LocationMatch \"^/(?<first>[^/]+)/\">\n
        Header set X-First \"expr=%{env:MATCH_FIRST}\"\n</LocationMatch>";
    let with = format!("{lines}\n{CLOSED}");
    let answers = [("Define WITHOUT_MODULE", lines), ("", &with)].map(|(before, lines)| {
        let setup = Setup::new(lines).modules(&["headers"]).before(before);
        let mut httpd = with_pages(setup, &["blogs", "other"]).start();
        httpd.allow_log("AH01630");
        ["/other//page.html", "/other/page.html", "/x/../other/page.html"].map(|target| {
            let answer = get(&httpd, target);
            let kept = |line: &&str| line.starts_with("HTTP/1.1 ") || line.starts_with("X-First");
            answer.lines().filter(kept).map(str::to_owned).collect::<Vec<_>>()
        })
    });
    assert_eq!(answers[0][0], ["HTTP/1.1 403 Forbidden"]);
    assert_eq!(answers[0][1], ["HTTP/1.1 200 OK", "X-First: other"]);
    assert_eq!(answers[0], answers[1]);
}

/// A location's allowlist also applies before httpd has determined the location.
#[test]
fn admitted_by_the_location() {
    let lines = "AllowEncodedSlashes On\n<Location /pub>\nMaintenanceAllow 127.0.0.1\n</Location>";
    let backend = Backend::start();
    let proxy = format!("ProxyPass / http://{}/ nocanon", backend.address);
    let httpd = Setup::new(lines).modules(&["proxy", "proxy_http"]).directives(&proxy).start();
    httpd.close();
    for (target, status) in
        [("/pub/a", 200), ("/pub/a%2fb", 200), ("/pub%2fa", 200), ("/a", 500), ("/pub/../a", 500)]
    {
        let expected = format!("HTTP/1.1 {status} ");
        assert!(get(&httpd, target).starts_with(&expected), "{target}");
    }
}
