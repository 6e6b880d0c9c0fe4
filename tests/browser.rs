//! The module's pages in a real browser: `make test-browser`, which installs what this needs.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use maintenance_harness::{Backend, Httpd, Setup};

/// Runs a program in tests/browser with these variables.
fn run(program: &str, variables: &[(&str, OsString)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let mut command = Command::new("node");
    command.arg(program).current_dir(folder).envs(variables.iter().cloned());
    assert!(command.status().expect("Node.js").success());
}

#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn the_built_in_page() {
    let setup = Setup::new("");
    let title = "<!doctype html><html lang=en><title>The application</title><p>All is well.";
    setup.write("htdocs/index.html", title);
    let mut httpd = setup.start();
    httpd.allow_log("overdue: the flag");
    let site = httpd.url() + "/";
    run("check.mjs", &[("SITE", site.into()), ("FLAG", httpd.flag().into())]);
}

#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn the_status_page() {
    let backend = Backend::start();
    let setup = Setup::new("").modules(&["proxy", "proxy_http"]).directives(&format!(
        "MaintenanceFlag maintenance.flag\n\
         MaintenanceAllow path=/status file=conf/nodes.txt host=localhost 127.0.0.40/30\n\
         ProxyPass /slow/ http://{}/slow/\n\
         ProxyTimeout 60\n\
         <Location /status>\n\
             SetHandler maintenance-status\n\
         </Location>\n\
         <VirtualHost ${{ADDRESS}}:${{PORT}}>\n\
             ServerName www.example.com\n\
             <Location /blogs>\n\
                 MaintenanceFlag blogs.flag\n\
                 MaintenanceStatus 503\n\
                 MaintenanceAllow env=TRUSTED\n\
             </Location>\n\
         </VirtualHost>\n\
         <VirtualHost ${{ADDRESS}}:${{PORT}}>\n\
             ServerName static.example.com\n\
             MaintenanceEngine Off\n\
         </VirtualHost>",
        backend.address,
    ));
    let nodes = setup.write("conf/nodes.txt", "127.0.0.50\n10.20.0.0/16\n2001:db8::/32\n");
    let mut httpd = setup.start();
    httpd.allow_log("overdue: the flag");
    httpd.allow_log("nodes.txt.* is neither an address nor a network");
    let variables = [
        ("SITE", OsString::from(httpd.url())),
        ("FLAG", httpd.flag().into()),
        ("BLOGS_FLAG", httpd.path("blogs.flag").into()),
        ("NODES", nodes.into()),
    ];
    run("status.mjs", &variables);
}

/// 60 virtual hosts, each with four locations.
#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn the_status_page_of_many_scopes() {
    let backend = Backend::start();
    let host = |number: usize| {
        let app = |name: &str| {
            format!("<Location /{name}>\nMaintenanceFlag flags/{number}-{name}.flag\n</Location>\n")
        };
        let apps = ["blogs", "files", "mail", "wiki"].map(app).concat();
        let flag = format!("MaintenanceFlag flags/{number}.flag");
        format!(
            "<VirtualHost ${{ADDRESS}}:${{PORT}}>\nServerName host{number}.example.com\n{flag}\n{apps}\
             </VirtualHost>\n"
        )
    };
    let hosts: String = (0..60).map(host).collect();
    let setup = Setup::new("").modules(&["proxy", "proxy_http", "status"]).directives(&format!(
        "ProxyPass /mail/hold/ http://{}/hold/\n\
         ProxyTimeout 600\n\
         <Location /status>\n\
             SetHandler maintenance-status\n\
         </Location>\n\
         {hosts}",
        backend.address,
    ));
    std::fs::create_dir(setup.path("flags")).expect("a folder");
    let mut httpd = setup.start();
    httpd.allow_log("overdue: the flag");
    httpd.allow_log("20-files.flag cannot be used");
    let variables = [("SITE", OsString::from(httpd.url())), ("FLAGS", httpd.path("flags").into())];
    run("many.mjs", &variables);
    backend.release("upload");
}

#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn who_passes() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let setup = Setup::new(&format!(
        "MaintenanceAllow invite=conf/guests\n\
         <Location /cors>\n\
             MaintenanceCors http://127.0.0.1:{port}\n\
         </Location>\n\
         ProxyPass /ws ws://127.0.0.1:{port}/ws\n\
         ProxyPass / http://127.0.0.1:{port}/"
    ));
    let setup = setup.modules(&["proxy", "proxy_http", "proxy_wstunnel"]);
    let secret = "correct-horse-battery-staple";
    let hash = Command::new("sh")
        .args(["-c", &format!("printf %s {secret} | sha256sum | cut -d' ' -f1")])
        .output()
        .expect("sha256sum");
    setup.write("conf/guests", format!("anna {}", String::from_utf8_lossy(&hash.stdout)));
    let httpd = setup.start();
    httpd.close();
    let variables = [
        ("SITE", OsString::from(httpd.url())),
        ("PORT", port.to_string().into()),
        ("SECRET", secret.into()),
    ];
    run("passing.mjs", &variables);
}

/// A server with the notice, and the pages of tests/browser/site with the bar: as they are, with a
/// Content-Security-Policy, with hostile style sheets, and from right to left.
fn with_notice() -> Httpd {
    let setup = Setup::new(
        "MaintenanceNotice /maintenance-notice\n\
         <FilesMatch \\.html$>\nForceType text/html\n</FilesMatch>\n\
         <FilesMatch \\.css$>\nForceType text/css\n</FilesMatch>\n\
         <FilesMatch \\.svg$>\nForceType image/svg+xml\n</FilesMatch>\n\
         <Files csp.html>\nHeader set Content-Security-Policy \"default-src 'self'\"\n</Files>\n\
         <Files nonce.html>\nHeader set Content-Security-Policy \
             \"default-src 'none'; style-src 'self'; img-src 'self'; script-src 'nonce-Zm9v'\"\n</Files>",
    )
    .modules(&["headers"]);
    let page = include_str!("browser/site/index.html");
    let hostile = "<link rel=\"stylesheet\" href=\"/hostile.css\">\n</head>";
    for (name, from, to) in [
        ("index.html", "", ""),
        ("files.html", "", ""),
        ("csp.html", "", ""),
        ("nonce.html", "<script ", "<script nonce=\"Zm9v\" "),
        ("hostile.html", "</head>", hostile),
        ("rtl.html", "lang=\"en\" dir=\"ltr\"", "lang=\"ar\" dir=\"rtl\""),
    ] {
        assert!(page.contains(from), "{from}");
        setup.write(&format!("htdocs/{name}"), page.replacen(from, to, 1));
    }
    setup.write("htdocs/site.css", include_str!("browser/site/site.css"));
    setup.write("htdocs/hostile.css", include_str!("browser/site/hostile.css"));
    setup.write("htdocs/icon.svg", include_str!("browser/site/icon.svg"));
    setup.start()
}

fn notice(program: &str) {
    let httpd = with_notice();
    run(program, &[("SITE", httpd.url().into()), ("FLAG", httpd.flag().into())]);
}

#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn pictures_for_the_documentation() {
    if std::env::var_os("SHOTS").is_some() {
        notice("pictures.mjs");
    }
}

#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn how_the_notice_looks() {
    notice("notice.mjs");
}

#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn how_the_bar_behaves() {
    notice("bar.mjs");
}

#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn open_tabs_over_a_maintenance() {
    notice("tab.mjs");
}
