//! A flag that exists but that httpd's children may not access. SELinux causes this for a file that
//! was moved and has kept its label.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use maintenance_harness::denied::{Denied, Who};
use maintenance_harness::{Httpd, Mpm, Setup, replace_file, set_mode, wait_for};

const DENIED: &str = r#"maintenance:error.*flag \S+/maintenance.flag exists, but .* may not access it: Permission denied.* it closes its scopes.*"restorecon \S+/maintenance.flag".*"mv -Z""#;
const RECOVERED: &str = r"maintenance:notice.*the flag \S+/maintenance.flag can be seen again";

/// The flag closes its scope, and the log says once what to do. Its content applies once it can be
/// read. The same holds after a restart.
#[test]
fn closes_and_says_what_to_do() {
    for (mpm, lines) in
        [(Mpm::Event, ""), (Mpm::Prefork, ""), (Mpm::Event, "MaintenanceCheckInterval 200ms")]
    {
        let setup = Setup::new(lines).mpm(mpm);
        let (denied, setup) = Denied::setup(setup, &["maintenance.flag"], Who::All);
        let mut httpd = setup.start();
        let client = httpd.client();
        denied.deny();
        assert_eq!(client.get("/").status, 200, "there is none");
        let is = |status| {
            wait_for("the state", Duration::from_secs(3), || client.get("/").status == status);
            for _ in 0..10 {
                assert_eq!(client.get("/").status, status);
            }
        };
        httpd.close();
        if lines.is_empty() {
            client.get("/").assert_refused();
        }
        is(500);
        httpd.expect_log(DENIED);
        httpd.restart();
        is(500);
        assert_eq!(httpd.count_log("maintenance:error"), 1, "{mpm:?}: {}", httpd.log());
        denied.permit();
        is(500);
        wait_for("recovery", Duration::from_secs(3), || {
            client.get("/");
            httpd.count_log(RECOVERED) == 1
        });
        httpd.open();
        is(200);
        for line in ["closed by the flag", "open again"] {
            assert_eq!(httpd.count_log(line), 1, "{mpm:?}, {line}: {}", httpd.log());
        }
        assert_eq!(httpd.count_log("has changed"), 0, "{}", httpd.log());
    }
}

/// If an announcement becomes inaccessible, it closes its scope, and announces again once it can be
/// read.
#[test]
fn an_announcement() {
    let (denied, setup) = Denied::setup(Setup::new(""), &["maintenance.flag"], Who::All);
    let mut httpd = setup.start();
    let client = httpd.client();
    replace_file(&httpd.flag(), "start = 2999-01-01T00:00:00Z");
    assert_eq!(client.get("/").status, 200);
    denied.deny();
    client.get("/").assert_refused();
    httpd.expect_log(DENIED);
    denied.permit();
    assert_eq!(client.get("/").status, 200);
    assert_eq!(httpd.count_log(RECOVERED), 1);
    assert_eq!(httpd.count_log("open again, the flag .* closes at"), 1, "{}", httpd.log());
}

/// For a symbolic link, the folder of its target is relevant.
#[test]
fn links() {
    let paths = ["maintenance.flag", "elsewhere/flag"];
    let (denied, setup) = Denied::setup(Setup::new(""), &paths, Who::All);
    fs::create_dir(setup.path("elsewhere")).expect("a folder");
    fs::write(setup.path("elsewhere/flag"), "").expect("written");
    let mut httpd = setup.start();
    let client = httpd.client();
    assert_eq!(client.get("/").status, 200);
    denied.deny();
    symlink("elsewhere/flag", httpd.flag()).expect("a link");
    client.get("/").assert_refused();
    httpd.expect_log(DENIED);
    fs::remove_file(httpd.path("elsewhere/flag")).expect("removed");
    assert_eq!(client.get("/").status, 200, "a link to nothing");
    if httpd.is_of_another_user() {
        fs::write(httpd.path("elsewhere/flag"), "").expect("written");
        set_mode(&httpd.path("elsewhere"), 0o700);
        for _ in 0..5 {
            assert_eq!(client.get("/").status, 200, "the state is unknown: as before");
        }
        httpd.expect_log("error.*cannot determine whether the flag .*maintenance.flag exists");
    }
}

/// A flag that only the parent cannot access is judged by its children. A flag that the children
/// cannot access or read stays closed.
#[test]
fn only_the_children_decide() {
    let is_root = rustix::process::geteuid().is_root();
    let Some(user) = maintenance_harness::installation::user().filter(|_| is_root) else {
        eprintln!("left out: parent and children have the same user");
        return;
    };
    const ROUND: Duration = Duration::from_secs(12); // the parent looks around every ten seconds
    let (parents, setup) = Denied::setup(Setup::new(""), &["maintenance.flag"], Who::User(0));
    let parent = setup.start();
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let line = passwd.lines().find(|line| line.starts_with(&format!("{user}:")));
    let number = line.and_then(|line| line.split(':').nth(2)?.parse().ok()).expect("a number");
    let setup = Setup::new("");
    let (childrens, setup) = Denied::setup(setup, &["maintenance.flag"], Who::User(number));
    let mut child = setup.start();
    let mut private = Httpd::start("");
    private.close();
    private.client().get("/").assert_refused();
    // As root writes it under umask 077. No request arrives before the parent looks.
    let new = private.path("new.flag");
    fs::write(&new, "start = 2999-01-01T00:00:00Z").expect("written");
    set_mode(&new, 0o600);
    fs::rename(&new, private.flag()).expect("renamed");
    parents.deny();
    childrens.deny();
    for httpd in [&parent, &child] {
        assert_eq!(httpd.client().get("/").status, 200);
        replace_file(&httpd.flag(), "start = 2999-01-01T00:00:00Z");
    }
    child.client().get("/").assert_refused();
    std::thread::sleep(ROUND);
    assert_eq!(parent.count_log("maintenance:error|closed by"), 0, "{}", parent.log());
    assert_eq!(parent.client().get("/").status, 200, "announced");
    child.client().get("/").assert_refused();
    child.expect_log(DENIED);
    assert_eq!(child.count_log("open again|can be seen again"), 0, "{}", child.log());
    assert_eq!(private.count_log("open again"), 0, "{}", private.log());
    private.client().get("/").assert_refused();
    private.expect_log("error.*Permission denied.*make it readable for httpd's children");
}
