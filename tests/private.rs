//! What admitted clients get while closed is not for a cache that shows it to others.

use maintenance_harness::{Backend, Mpm, Setup, replace_file};

fn answers(mpm: Mpm) {
    let backend = Backend::start();
    let setup = Setup::new(
        "MaintenanceAllow 127.0.0.2 path=/free\n\
         ExpiresActive On\nExpiresDefault \"access plus 1 hour\"\n\
         Header set Cache-Control \"public, max-age=3600\"\n\
         Header set CDN-Cache-Control max-age=600\nHeader set X-Accel-Expires 600\n\
         Header set Surrogate-Control max-age=600\n\
         <Location /always>\nHeader always set Cache-Control \"public\"\n</Location>\n\
         ErrorDocument 410 /index.html\nRedirect gone /gone\nRedirect /moved http://x.example/",
    );
    let setup = setup.mpm(mpm).modules(&["headers", "expires", "alias", "proxy", "proxy_http"]);
    let setup = setup.directives(&backend.proxy_directives().replace(" / ", " /app/ "));
    std::fs::create_dir_all(setup.path("htdocs/free")).expect("a folder");
    std::fs::create_dir_all(setup.path("htdocs/always")).expect("a folder");
    for name in ["free/page.html", "always/index.html"] {
        setup.write(&format!("htdocs/{name}"), "page");
    }
    let httpd = setup.start();
    let admitted = httpd.client_from("127.0.0.2");
    let others = httpd.client_from("127.0.0.3");
    let field = |path: &str, name: &str| {
        let client = if path.starts_with("/free/p") { &others } else { &admitted };
        let answer = client.get(path);
        let values: Vec<_> = answer.headers.get_all(name).iter().collect();
        let values = values.iter().map(|value| value.to_str().expect("text"));
        (answer.status, values.collect::<Vec<_>>().join(" | "))
    };
    assert_eq!(field("/index.html", "cache-control").1, "public, max-age=3600", "open");
    httpd.close();
    let private = "private, no-store";
    for (path, status, expected) in [
        ("/index.html", 200, private),
        ("/", 200, private),
        ("/always/", 200, private),
        ("/none", 404, private),
        ("/gone", 410, private),
        ("/moved", 302, private),
        ("/app/x", 200, private),
        ("/free/page.html", 200, "public, max-age=3600"),
        ("/free/../index.html", 200, private),
    ] {
        // mod_expires adds a max-age to the answers of httpd itself.
        let found = field(path, "cache-control");
        let found = (found.0, found.1.replace("no-store, max-age=3600", "no-store"));
        assert_eq!(found, (status, expected.to_owned()), "{path}");
        for name in ["cdn-cache-control", "surrogate-control", "x-accel-expires"] {
            let of_site = field(path, name).1;
            assert!(of_site.is_empty() || expected != private || status == 302, "{path}: {name}");
        }
        let expires = field(path, "expires").1;
        assert!(expires.is_empty() || expected != private || status == 302, "{path}: {expires}");
    }
    httpd.open();
    assert_eq!(field("/index.html", "cache-control").1, "public, max-age=3600", "open again");
}

#[test]
fn event() {
    answers(Mpm::Event);
}

#[test]
fn prefork() {
    answers(Mpm::Prefork);
}

/// Of several flags, the one that admits the fewest decides whether the answer is for everybody.
#[test]
fn behind_a_read_only_location() {
    let setup = Setup::new(
        "MaintenanceFlag outer.flag\n<Location /wiki>\nMaintenanceFlag wiki.flag\n</Location>\n\
         Header set Cache-Control public",
    );
    let setup = setup.modules(&["headers"]);
    std::fs::create_dir_all(setup.path("htdocs/wiki")).expect("a folder");
    setup.write("htdocs/wiki/page.html", "page");
    let httpd = setup.start();
    for (outer, inner, expected) in [
        ("allow = ['127.0.0.2']", "refuse = 'writes'", "private, no-store"),
        ("refuse = 'writes'", "allow = ['127.0.0.2']", "private, no-store"),
        ("admit_percent = 100", "refuse = 'writes'", "private, no-store"),
        ("refuse = 'writes'", "refuse = 'writes'", "public"),
    ] {
        replace_file(&httpd.path("outer.flag"), outer);
        replace_file(&httpd.path("wiki.flag"), inner);
        std::thread::sleep(std::time::Duration::from_millis(500));
        let answer = httpd.client_from("127.0.0.2").get("/wiki/page.html");
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (200, Some(expected)),
            "{outer}, {inner}"
        );
    }
}
