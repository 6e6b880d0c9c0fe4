//! `<Location>`: one application closed and the others open, however a request comes in.

use std::fs::{self, File};

use maintenance_harness::{Httpd, Mpm, Setup, raw};

mod ahead;
mod encoded;
mod lookups;
mod other_ways;

/// Five applications with their own flags, as with Connections, and one flag for all.
const APPLICATIONS: [&str; 5] = ["activities", "blogs", "communities", "files", "profiles"];

fn applications() -> String {
    let section =
        |name: &&str| format!("<Location /{name}>\nMaintenanceFlag {name}.flag\n</Location>\n");
    APPLICATIONS.iter().map(section).collect()
}

fn touch(httpd: &Httpd, name: &str) {
    File::create(httpd.path(name)).expect("a flag");
}

fn remove(httpd: &Httpd, name: &str) {
    fs::remove_file(httpd.path(name)).expect("the flag was there");
}

/// A file in each application, so that an open one answers 200.
fn with_pages(setup: Setup, folders: &[&str]) -> Setup {
    for name in folders {
        let folder = setup.path("htdocs").join(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("page.html"), format!("{name}\n")).expect("a page");
        fs::write(folder.join("index.html"), format!("{name}\n")).expect("a page");
    }
    setup
}

fn several_flags(mpm: Mpm) {
    let setup = Setup::new(&applications()).mpm(mpm);
    let httpd = with_pages(setup, &APPLICATIONS).start();
    let client = httpd.client();
    let closed = |expected: &[&str]| {
        for name in APPLICATIONS {
            let answer = client.get(&format!("/{name}/page.html"));
            match expected.contains(&name) {
                true => answer.assert_refused(),
                false => assert_eq!((answer.status, answer.body), (200, format!("{name}\n"))),
            }
        }
    };
    closed(&[]);
    touch(&httpd, "blogs.flag");
    closed(&["blogs"]);
    touch(&httpd, "files.flag");
    closed(&["blogs", "files"]);
    assert_eq!(client.get("/").status, 200);
    remove(&httpd, "blogs.flag");
    closed(&["files"]);
    httpd.close(); // the default flag of the server closes them, too
    closed(&APPLICATIONS);
    client.get("/").assert_refused();
    httpd.open();
    closed(&["files"]);
    remove(&httpd, "files.flag");
    closed(&[]);
    for (pattern, count) in
        [("closed by the flag .*files.flag", 1), ("open again, the flag .*/files.flag is gone", 1)]
    {
        assert_eq!(httpd.count_log(pattern), count, "{pattern}");
    }
}

#[test]
fn several_flags_event() {
    several_flags(Mpm::Event);
}

#[test]
fn several_flags_worker() {
    several_flags(Mpm::Worker);
}

#[test]
fn several_flags_prefork() {
    several_flags(Mpm::Prefork);
}

const PLAIN: &str = "<Location /blogs>\nMaintenanceFlag blogs.flag\n</Location>";

/// Spellings of a path, and whether each is in the location, for several servers.
#[test]
fn request_targets() {
    let decoded = format!("AllowEncodedSlashes On\n{PLAIN}");
    let regex =
        "<LocationMatch \"^/(blogs|wikis)(/|$)\">\nMaintenanceFlag blogs.flag\n</LocationMatch>";
    let servlet =
        "<LocationMatch \"(?i)^/blogs([/;]|$)\">\nMaintenanceFlag blogs.flag\n</LocationMatch>";
    let wild = "<Location /b?ogs*>\nMaintenanceFlag blogs.flag\n</Location>";
    let suffix = "<LocationMatch \"\\.jsp$\">\nMaintenanceFlag blogs.flag\n</LocationMatch>";
    let slash = "<Location /blogs/>\nMaintenanceFlag blogs.flag\n</Location>";
    let root = "<Location />\nMaintenanceFlag blogs.flag\n</Location>";
    let cases: &[(&str, &[(&str, bool)])] = &[
        (
            PLAIN,
            &[
                ("/blogs", true),
                ("/blogs/", true),
                ("/blogs/page.html", true),
                ("/blogs/does/not/exist", true),
                ("/blogs?a=b", true),
                ("/blogs/page.html?x=/../other", true),
                ("/blogs/page.html/path/info", true),
                ("//blogs/page.html", true),
                ("///blogs//page.html", true),
                ("/blogs//page.html", true),
                ("/./blogs/page.html", true),
                ("/blogs/./page.html", true),
                ("/other/../blogs/page.html", true),
                ("/other/x/../../blogs/page.html", true),
                ("/blogs/../blogs/page.html", true),
                ("/%62logs/page.html", true),
                ("/%62%6C%6f%67%73/page.html", true),
                ("/blogs/%70age.html", true),
                ("/%2e/blogs/page.html", true),
                ("/other/%2e%2e/blogs/page.html", true),
                ("/other/.%2e/blogs/page.html", true),
                ("/blogs;jsessionid=1/page.html", false),
                ("/blogs/page.html;jsessionid=1", true),
                ("/blogs/%20", true),
                ("/blogs/%C3%BC", true),
                ("/other/page.html", false),
                ("/other/page.html?/blogs/", false),
                ("/blogs/../other/page.html", false),
                ("/blogs/%2e%2e/other/page.html", false),
                ("/blogs/./../other/page.html", false),
                ("/blogsx/page.html", false),
                ("/xblogs/page.html", false),
                ("/BLOGS/page.html", false),
                ("/Blogs/page.html", false),
                ("/other/blogs/page.html", false),
                ("/", false),
                ("*", false),
            ],
        ),
        (
            &decoded,
            &[
                ("/blogs%2fpage.html", true),
                ("/blogs%2Fpage.html", true),
                ("/other%2f..%2fblogs/page.html", true),
            ],
        ),
        (
            regex,
            &[
                ("/blogs", true),
                ("/wikis/page.html", true),
                ("/%77ikis/page.html", true),
                ("/other/../wikis/x", true),
                ("/blogsx", false),
                ("/forums/blogs", false),
            ],
        ),
        (
            servlet,
            &[
                ("/blogs", true),
                ("/BLOGS/page.html", true),
                ("/blogs;jsessionid=1", true),
                ("/Blogs;jsessionid=1/page.html", true),
                ("/blogs%3bx/page.html", true),
                ("/blogsx/page.html", false),
                ("/other/blogs", false),
            ],
        ),
        (wild, &[("/blogs", true), ("/blogsx", true), ("/bxogs", true), ("/bogs", false)]),
        (
            suffix,
            &[
                ("/other/x.jsp", true),
                ("/other/x.jsp?y", true),
                ("/other/x%2ejsp", true),
                ("/other/x.jsp;v=1", false),
                ("/other/x.jspx", false),
                ("/other/y?x.jsp", false),
            ],
        ),
        (slash, &[("/blogs/", true), ("/blogs/page.html", true), ("/blogs", false)]),
        (root, &[("/", true), ("/other/page.html", true), ("/no/such", true)]),
    ];
    for (lines, targets) in cases {
        hold_targets(lines, targets);
    }
}

#[test]
fn slashes_that_are_not_merged() {
    let lines = format!("MergeSlashes Off\n{PLAIN}");
    hold_targets(&lines, &[("//blogs//page.html", true), ("/blogs/page.html", true)]);
}

/// The targets that a server with these lines refuses while `blogs.flag` exists. It refuses none
/// while the flag does not exist.
fn hold_targets(lines: &str, targets: &[(&str, bool)]) {
    let setup = with_pages(Setup::new(lines), &["blogs", "other", "blogsx"]);
    let mut httpd = setup.start();
    httpd.allow_log("AH01630|AH10244|AH00026"); // of paths that httpd turns down
    let answer = |target: &str| {
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        raw(httpd.address(), head.as_bytes())
    };
    for (target, _) in targets {
        assert!(!is_refused(&answer(target)), "open: {target}");
    }
    touch(&httpd, "blogs.flag");
    for (target, is_inside) in targets {
        assert_eq!(is_refused(&answer(target)), *is_inside, "{lines}: {target}");
    }
}

fn is_refused(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 500 ") && answer.contains("\r\nCache-Control: no-store\r\n")
}

/// Each scope has different settings, and a request is checked against their combination.
#[test]
fn scopes_merge() {
    let setup = Setup::new(
        "MaintenanceFlag all.flag
        MaintenanceAllow 127.0.0.2
        MaintenanceRetryAfter 100
        <Location /api>
            MaintenanceStatus 503
            MaintenancePage api.json api.html
            MaintenanceRetryAfter 200
            MaintenanceAllow 127.0.0.3
        </Location>
        <Location /api/closed>
            MaintenanceFlag closed.flag
            MaintenanceAllow none 127.0.0.4
        </Location>
        <VirtualHost *>
            ServerName plain
        </VirtualHost>
        <VirtualHost *>
            ServerName own
            MaintenanceFlag own.flag
            MaintenanceAllow 127.0.0.5
            <Location /api>
                MaintenanceStatus 599
            </Location>
        </VirtualHost>
        <VirtualHost *>
            ServerName off
            MaintenanceEngine Off
        </VirtualHost>",
    );
    setup.write("api.html", format!("<p>api{}", " ".repeat(600)));
    setup.write("api.json", "{}");
    let httpd = with_pages(setup, &["api", "api/closed", "web"]).start();
    let status = |from: &str, host: &str, path: &str| {
        let client = httpd.client_from(from);
        let answer = client.send(client.request("GET", path).header("Host", host));
        let retry_after = answer.header("retry-after").map(str::to_owned);
        let is_api = answer.body.starts_with("<p>api");
        (answer.status, retry_after.unwrap_or_default(), is_api)
    };
    let open = (200, String::new(), false);
    let server = (500, "100".to_owned(), false);
    let api = (503, "200".to_owned(), true);
    let (web, in_api, closed) = ("/web/page.html", "/api/page.html", "/api/closed/page.html");
    for path in [web, in_api, closed] {
        assert_eq!(status("127.0.0.1", "plain", path), open, "{path}");
    }
    touch(&httpd, "all.flag");
    for (from, host, path, expected) in [
        ("127.0.0.1", "plain", web, &server),
        ("127.0.0.2", "plain", web, &open),
        ("127.0.0.3", "plain", web, &server),
        ("127.0.0.1", "plain", in_api, &api),
        ("127.0.0.2", "plain", in_api, &open),
        ("127.0.0.3", "plain", in_api, &open),
        ("127.0.0.4", "plain", in_api, &api),
        ("127.0.0.2", "plain", closed, &api),
        ("127.0.0.3", "plain", closed, &api),
        ("127.0.0.4", "plain", closed, &open),
        ("127.0.0.5", "plain", closed, &api),
        ("127.0.0.5", "own", web, &open),
        ("127.0.0.5", "own", closed, &(599, "200".to_owned(), true)),
        ("127.0.0.1", "own", in_api, &(599, "200".to_owned(), true)),
        ("127.0.0.1", "off", web, &open),
        ("127.0.0.1", "off", closed, &open),
    ] {
        assert_eq!(&status(from, host, path), expected, "{from} {host} {path}");
    }
    remove(&httpd, "all.flag");
    touch(&httpd, "closed.flag");
    for (from, host, path, expected) in [
        ("127.0.0.1", "plain", web, &open),
        ("127.0.0.1", "plain", in_api, &open),
        ("127.0.0.1", "plain", closed, &api),
        ("127.0.0.2", "plain", closed, &api),
        ("127.0.0.4", "plain", closed, &open),
        ("127.0.0.1", "own", closed, &(599, "200".to_owned(), true)),
        ("127.0.0.1", "off", closed, &open),
    ] {
        assert_eq!(&status(from, host, path), expected, "{from} {host} {path}");
    }
}

/// Logs and applications get the verdict of the innermost scope, and each request is logged once.
#[test]
fn notes() {
    let httpd = with_pages(
        Setup::new(&format!("{}\nMaintenanceAllow 127.0.0.2", applications())),
        &["blogs", "files"],
    );
    let httpd = httpd.start();
    touch(&httpd, "blogs.flag");
    httpd.client().get("/blogs/");
    httpd.client_from("127.0.0.2").get("/blogs/");
    httpd.client().get("/files/");
    let mut lines = httpd.access_log(3);
    lines.sort(); // a line is written when the client has its answer
    assert_eq!(
        lines,
        [
            "127.0.0.1 200 - - \"GET /files/ HTTP/1.1\"",
            "127.0.0.1 500 blocked blocked \"GET /blogs/ HTTP/1.1\"",
            "127.0.0.2 200 allowed:address allowed:address \"GET /blogs/ HTTP/1.1\"",
        ]
    );
}

/// httpd compares configurations to tell whether a subrequest needs its own authentication. The
/// module's lookup ahead must not affect that.
#[test]
fn authorization_is_not_repeated() {
    let lines = "LogLevel authz_core:debug\n<Location />\nRequire ip 127.0.0.0/8\n</Location>
        <Location /blogs>\nRequire all granted\n</Location>";
    let [without, with] = ["Define WITHOUT_MODULE", ""].map(|before| {
        let own = if before.is_empty() { applications() } else { String::new() };
        let setup = Setup::new(&format!("{lines}\n{own}")).modules(&["authz_host"]).before(before);
        let httpd = with_pages(setup, &["blogs"]).start();
        assert_eq!(httpd.client().get("/blogs/").body, "blogs\n", "through mod_dir");
        httpd.count_log("authorization result of")
    });
    assert!(without > 0);
    assert_eq!(with, without);
}
