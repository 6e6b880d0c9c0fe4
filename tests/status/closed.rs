//! The status page while the site is closed: `Require` alone decides who sees it.

use super::mapped::{PAGE, WAYS, assert_there, setup};
use super::{document, report_at, scope};
use maintenance_harness::{Backend, Httpd, Mpm, Setup};

#[track_caller]
fn assert_nothing_else(httpd: &Httpd, way: &str) {
    for address in ["127.0.0.2", "127.0.0.1"] {
        let client = httpd.client_from(address);
        for path in ["/", "/maintenance-statu", "/x/maintenance-status", "/maintenance-statusx"] {
            let answer = client.get(path);
            assert_eq!(answer.status, 500, "{way}: {path}");
            answer.assert_refused();
        }
    }
}

#[test]
fn ways_of_other_modules() {
    let backend = Backend::start();
    for (modules, lines, _) in WAYS {
        let mut httpd = setup(&backend, modules, lines).start();
        httpd.allow_log("AH01630");
        httpd.close();
        let received = backend.received();
        assert_there(&httpd, lines);
        assert_nothing_else(&httpd, lines);
        assert_eq!(backend.received(), received, "{lines}");
    }
}

#[test]
fn each_mpm() {
    for mpm in Mpm::ALL {
        let mut httpd = Setup::new(PAGE).modules(&["authz_host"]).mpm(mpm).start();
        httpd.allow_log("AH01630");
        httpd.close();
        assert_there(&httpd, &format!("{mpm:?}"));
        assert_nothing_else(&httpd, &format!("{mpm:?}"));
        let log = httpd.access_log(1);
        assert!(log.iter().any(|line| line.contains("127.0.0.2 200 status-page status-page ")));
        assert!(log.iter().any(|line| line.contains("127.0.0.1 403 status-page status-page ")));
    }
}

/// The page's own requests are neither in flight nor counted as admitted.
#[test]
fn own_requests() {
    let mut httpd = Setup::new(PAGE).modules(&["authz_host"]).start();
    httpd.allow_log("AH01630");
    let admitted = httpd.client_from("127.0.0.2");
    httpd.close();
    assert_eq!(httpd.client().get("/maintenance-status").status, 403);
    (0..3).for_each(|_| drop(document(&admitted.get("/maintenance-status?format=json"))));
    let report = report_at(&admitted, "/maintenance-status");
    let server = scope(&report, "maintenance.test", None);
    assert_eq!(report["in_flight"]["requests"], 0);
    assert_eq!(server["in_flight"]["from_before_closing"], 0);
    // The one that Require refused.
    assert_eq!(server["totals"]["allowed_by"], serde_json::json!({"status-page": 1}));
}

/// What a client that Require refuses gets: httpd's answer, or the maintenance page instead of a
/// page of the site.
#[test]
fn those_who_are_refused() {
    for (lines, status) in [
        ("", 403),
        ("ErrorDocument 403 \"not for you\"", 403),
        ("ErrorDocument 403 /index.html", 500),
        ("ErrorDocument 403 /no/such/file", 500),
        ("ErrorDocument 403 /maintenance-status/x", 403),
    ] {
        let setup = Setup::new(PAGE).modules(&["authz_host"]).directives(lines);
        let mut httpd = setup.start();
        httpd.allow_log("AH01630");
        httpd.close();
        let answer = httpd.client().get("/maintenance-status");
        assert_eq!(answer.status, status, "{lines}: {answer:?}");
        assert!(!answer.body.contains("hello from httpd"), "{answer:?}");
        if status == 500 {
            answer.assert_refused();
        }
    }
}

/// A password is asked for.
#[test]
fn password() {
    let page = "<Location /maintenance-status>\nSetHandler maintenance-status\nAuthType Basic
        AuthName page\nAuthUserFile conf/passwords\nRequire valid-user\n</Location>";
    let setup = Setup::new(page).modules(&["auth_basic", "authn_core", "authn_file", "authz_user"]);
    setup.write("conf/passwords", "anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n"); // secret
    let mut httpd = setup.start();
    httpd.allow_log("AH01617|AH01618");
    httpd.close();
    let client = httpd.client();
    let answer = client.get("/maintenance-status?format=json");
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"page\""));
    let ask = |password: &str| {
        let request = client.request("GET", "/maintenance-status?format=json");
        client.send(request.basic_auth("anna", Some(password)))
    };
    assert_eq!(ask("guess").status, 401);
    document(&ask("secret"));
    client.get("/").assert_refused();
}

/// A handler that does not look at the name of the handler.
#[test]
fn lua() {
    let setup = Setup::new(PAGE).modules(&["authz_host", "lua"]);
    setup.write(
        "conf/all.lua",
        "function handle(r)\n  r:puts(\"by lua\")\n  return apache2.OK\nend\n",
    );
    let lines = "LuaMapHandler ^/ \"${ROOT}/conf/all.lua\" handle";
    let mut httpd = setup.directives(lines).start();
    httpd.allow_log("AH01630");
    assert_eq!(httpd.client().get("/").body, "by lua");
    assert_there(&httpd, "lua, open");
    httpd.close();
    assert_there(&httpd, "lua, closed");
    assert_nothing_else(&httpd, "lua");
}

/// A module that replaces the name of the handler. What the page does not answer is refused.
#[test]
fn dav() {
    let lines = "DAVLockDB \"${ROOT}/logs/db\"\n<Location />\nDAV On\n</Location>";
    let setup = Setup::new(lines).directives(PAGE).modules(&["authz_host", "dav", "dav_fs"]);
    let mut httpd = setup.start();
    httpd.allow_log("AH01630");
    httpd.close();
    let admitted = httpd.client_from("127.0.0.2");
    document(&admitted.get("/maintenance-status?format=json"));
    for method in ["PUT", "DELETE", "PROPFIND", "MKCOL", "OPTIONS"] {
        let answer = admitted.send(admitted.request(method, "/maintenance-status"));
        assert!([405, 500].contains(&answer.status), "{method}: {answer:?}");
    }
    assert!(!httpd.path("htdocs/maintenance-status").exists());
}

/// A page in a folder has no section of its own, and stays closed.
#[test]
fn handler_of_a_folder() {
    let lines = "<Directory ${ROOT}/htdocs/page>\nSetHandler maintenance-status\n</Directory>";
    let setup = Setup::new(PAGE).modules(&["authz_host"]).directives(lines);
    std::fs::create_dir(setup.path("htdocs/page")).expect("a folder");
    let httpd = setup.start();
    document(&httpd.client().get("/page/?format=json"));
    httpd.close();
    httpd.client().get("/page/?format=json").assert_refused();
}
