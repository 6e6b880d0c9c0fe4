//! The flag file: what closes which scope, and effects of the file system.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::status::{STATUS, report};
use maintenance_harness::{Httpd, Mpm, Setup, set_mode, wait_for};

/// Every kind of file closes the site; only a missing file leaves it open.
#[test]
fn kinds_of_files() {
    type Make = fn(&std::path::Path);
    let cases: &[(&str, Make, bool)] = &[
        ("nothing", |_| (), false),
        ("an empty file", |flag| fs::write(flag, "").expect("written"), true),
        ("text", |flag| fs::write(flag, "until six").expect("written"), true),
        ("bytes", |flag| fs::write(flag, [0, 255, 10]).expect("written"), true),
        ("a folder", |flag| fs::create_dir(flag).expect("made"), true),
        (
            "a FIFO",
            |flag| {
                rustix::fs::mkfifoat(rustix::fs::CWD, flag, 0o600.into()).expect("made");
            },
            true,
        ),
        (
            "a file that nobody may read",
            |flag| {
                fs::write(flag, "").expect("written");
                set_mode(flag, 0);
            },
            true,
        ),
        ("a link to a file", |flag| symlink("/etc/passwd", flag).expect("made"), true),
        ("a link to a folder", |flag| symlink("/etc", flag).expect("made"), true),
        ("a link to nothing", |flag| symlink("/nonexistent/flag", flag).expect("made"), false),
        ("a link to /dev/null", |flag| symlink("/dev/null", flag).expect("made"), true),
    ];
    let mut httpd = Httpd::start("");
    httpd.allow_log("the content of the flag .* cannot be used: line 1, column"); // of /etc/passwd
    let client = httpd.client();
    for (what, make, closes) in cases {
        make(&httpd.flag());
        let start = Instant::now();
        assert_eq!(client.get("/").status == 500, *closes, "{what}");
        assert!(start.elapsed() < Duration::from_secs(5), "{what}: blocked");
        let removed = match httpd.flag().is_dir() && !httpd.flag().is_symlink() {
            true => fs::remove_dir(httpd.flag()),
            false => fs::remove_file(httpd.flag()),
        };
        assert_eq!(removed.is_ok(), *what != "nothing", "{what}");
        assert_eq!(client.get("/").status, 200, "{what}: open again");
    }
}

#[test]
fn flags_add_up_from_server_to_virtual_host() {
    let hosts = "MaintenanceFlag all.flag also-all.flag
        <VirtualHost *>\nServerName plain\n</VirtualHost>
        <VirtualHost *>\nServerName own\nMaintenanceFlag own.flag\n</VirtualHost>
        <VirtualHost *>\nServerName off\nMaintenanceEngine Off\nMaintenanceFlag off.flag\n</VirtualHost>";
    let httpd = Httpd::start(hosts);
    let client = httpd.client();
    for (flag, closed) in [
        ("all.flag", &["plain", "own"][..]),
        ("also-all.flag", &["plain", "own"]),
        ("own.flag", &["own"]),
        ("off.flag", &[]),
        ("maintenance.flag", &[]), // the default counts only where there is no other
    ] {
        fs::write(httpd.path(flag), "").expect("written");
        for host in ["plain", "own", "off"] {
            let status = client.send(client.request("GET", "/").header("Host", host)).status;
            assert_eq!(status == 500, closed.contains(&host), "{flag} {host}");
        }
        fs::remove_file(httpd.path(flag)).expect("removed");
    }
    // Two flags: the scope opens when the second one is removed.
    for flag in ["all.flag", "also-all.flag"] {
        fs::write(httpd.path(flag), "").expect("written");
    }
    fs::remove_file(httpd.path("all.flag")).expect("removed");
    client.get("/").assert_refused();
    fs::remove_file(httpd.path("also-all.flag")).expect("removed");
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn the_log_says_the_version_and_what_is_looked_for() {
    let httpd = Httpd::start(
        "MaintenanceFlag b.flag /var/lib/a.flag b.flag\n<VirtualHost *>\nMaintenanceFlag c.flag\n\
         </VirtualHost>",
    );
    let root = httpd.path("").display().to_string();
    let root = root.trim_end_matches('/');
    let lines = [
        format!("version {}", env!("CARGO_PKG_VERSION").replace('.', r"\.")),
        format!("looking for {root}/b.flag, {root}/c.flag"),
        "looking for /var/lib/a.flag".into(),
    ];
    let lines = lines.map(|line| format!("maintenance:notice.* maintenance: {line}$"));
    let count = || lines.each_ref().map(|line| httpd.count_log(line));
    assert_eq!(count(), [1; 3], "one for each folder: {}", httpd.log());
    httpd.restart();
    assert_eq!(count(), [2; 3], "{}", httpd.log());
}

#[test]
fn a_virtual_host_with_its_own_flag_alone() {
    let httpd = Httpd::start(
        "<VirtualHost *>\nServerName plain\n</VirtualHost>
         <VirtualHost *>\nServerName own\nMaintenanceFlag own.flag\n</VirtualHost>",
    );
    let client = httpd.client();
    let status = |host: &str| client.send(client.request("GET", "/").header("Host", host)).status;
    httpd.close();
    assert_eq!((status("plain"), status("own")), (500, 200));
    fs::write(httpd.path("own.flag"), "").expect("written");
    assert_eq!((status("plain"), status("own")), (500, 500));
}

#[test]
fn a_folder_that_is_missing_or_open_to_all_is_a_warning() {
    let lines = format!("MaintenanceFlag missing/a.flag shared/b.flag shared/c.flag\n{STATUS}");
    let setup = Setup::new(&lines);
    fs::create_dir(setup.path("shared")).expect("a folder");
    set_mode(&setup.path("shared"), 0o1777);
    let (is_good, said) = setup.test_config();
    assert!(is_good && said.contains("Syntax OK"), "{said}");
    for line in [
        "/missing of the flag .*/missing/a.flag does not exist, so",
        "/shared of the flag .*/shared/b.flag and of 1 more flag is world-writable",
    ] {
        assert!(regex::Regex::new(line).expect(line).is_match(&said), "{line}: {said}");
    }
    let mut httpd = setup.start();
    let errors = || -> Vec<_> {
        let report = report(&httpd.client());
        let flags = report["flags"].as_array().expect("a list");
        flags.iter().map(|flag| flag["error"].as_str().map(str::to_owned)).collect()
    };
    let missing = "its folder does not exist, so the flag cannot be created";
    assert_eq!(errors(), [Some(missing.to_owned()), None, None]);
    assert!(httpd.client().get("/status?format=html").body.contains(missing));
    httpd
        .expect_log(r"maintenance:warn.*/missing of the flag .*/missing/a.flag does not exist, so");
    httpd.expect_log(
        r"maintenance:warn.*/shared of the flag .*/b.flag and of 1 more flag is world-writable",
    );
    assert_eq!(httpd.client().get("/").status, 200);
    // The folder appears, with the flag in it.
    fs::create_dir(httpd.path("missing")).expect("a folder");
    fs::write(httpd.path("missing/a.flag"), "").expect("written");
    httpd.client().get("/").assert_refused();
    let errors = report(&httpd.client())["flags"][0]["error"].clone();
    assert_eq!(errors, serde_json::Value::Null);
    // The folder becomes a file: the flag is not there.
    fs::remove_dir_all(httpd.path("missing")).expect("removed");
    fs::write(httpd.path("missing"), "").expect("written");
    assert_eq!(httpd.client().get("/").status, 200);
}

/// The children may no longer search the flag's folder: the last known state applies.
#[test]
fn no_permission() {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let setup = Setup::new("MaintenanceFlag private/site.flag").mpm(mpm);
        let (folder, flag) = (setup.path("private"), setup.path("private/site.flag"));
        fs::create_dir(&folder).expect("a folder");
        let mut httpd = setup.start();
        let client = httpd.client();
        let is_gone = r"maintenance:error.*site.flag exists: Permission denied.*scopes stay";
        assert_eq!(client.get("/").status, 200);

        set_mode(&folder, 0);
        for _ in 0..20 {
            assert_eq!(client.get("/").status, 200, "{mpm:?}: it was open");
        }
        httpd.expect_log(&format!("{is_gone} open"));
        assert_eq!(httpd.count_log(is_gone), 1, "{mpm:?}: {}", httpd.log());

        set_mode(&folder, 0o755);
        fs::write(&flag, "").expect("written");
        client.get("/").assert_refused();
        assert_eq!(httpd.count_log("maintenance:notice.*site.flag can be seen again"), 1);

        set_mode(&folder, 0);
        for _ in 0..20 {
            client.get("/").assert_refused();
        }
        httpd.expect_log(&format!("{is_gone} closed"));
        assert_eq!(httpd.count_log(is_gone), 2, "{mpm:?}: {}", httpd.log());

        set_mode(&folder, 0o755);
        fs::remove_file(&flag).expect("removed");
        assert_eq!(client.get("/").status, 200);
    }
}

/// A flag that only root may see is an error when the first child starts, and not when the flag is
/// used. The parent still sees it.
#[test]
fn a_flag_that_the_children_never_see() {
    if !rustix::process::geteuid().is_root() {
        return; // parent and children are the same user
    }
    let setup = Setup::new("MaintenanceFlag private/site.flag");
    fs::create_dir(setup.path("private")).expect("a folder");
    fs::write(setup.path("private/site.flag"), "").expect("written");
    set_mode(&setup.path("private"), 0o700);
    let mut httpd = setup.start();
    httpd.expect_log(
        "maintenance:error.*site.flag exists: Permission denied.*scopes stay closed until \
         httpd's children can see it, or until the parent process, which checks about every ten \
         seconds, sees a change",
    );
    httpd.client().get("/").assert_refused();
    fs::remove_file(httpd.path("private/site.flag")).expect("removed");
    let is = |status| {
        wait_for("the parent sees it", Duration::from_secs(15), || {
            httpd.client().get("/").status == status
        });
    };
    is(200);
    fs::write(httpd.path("private/site.flag"), "").expect("written");
    is(500);
}

/// With an interval the parent leaves the looks to its children.
#[test]
fn a_flag_that_the_children_never_see_with_an_interval() {
    if !rustix::process::geteuid().is_root() {
        return; // parent and children are the same user
    }
    let setup = Setup::new("MaintenanceFlag private/site.flag\nMaintenanceCheckInterval 100ms");
    fs::create_dir(setup.path("private")).expect("a folder");
    set_mode(&setup.path("private"), 0o700);
    let mut httpd = setup.start();
    httpd.client().get("/");
    httpd.expect_log("site.flag exists: Permission .*stay open until httpd's children can see it$");
}

/// With PrivateTmp= in httpd's unit, systemd gives it a private /tmp.
#[test]
fn a_flag_below_tmp() {
    let elsewhere = tempfile::tempdir_in("/tmp").expect("a folder");
    set_mode(elsewhere.path(), 0o755);
    let flag = elsewhere.path().join("site.flag");
    let line = format!("MaintenanceFlag {} /var/tmp/site.flag", flag.display());
    let mut httpd = Httpd::start(&line);
    for folder in ["/tmp", "/var/tmp"] {
        httpd.expect_log(&format!("maintenance:warn.*site.flag is below {folder}: .*PrivateTmp="));
    }
    httpd.allow_log("is world-writable");
    assert_eq!(httpd.count_log("PrivateTmp"), 2);
    httpd.restart();
    assert_eq!(httpd.count_log("PrivateTmp"), 2, "once");
    // A server whose own files are there sees them all.
    assert_eq!(Httpd::start("MaintenanceFlag own.flag").count_log("PrivateTmp"), 0);
}

/// A flag that replaces another one may have another owner.
#[test]
fn another_owner() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can give files away");
        return;
    }
    let httpd = Httpd::start("");
    let put = |content: &str, owner: u32| {
        let new = httpd.path("given");
        fs::write(&new, content).expect("written");
        std::os::unix::fs::chown(&new, Some(owner), None).expect("given away");
        fs::rename(&new, httpd.flag()).expect("moved");
        httpd.client().get("/").status
    };
    let count = |line: &str| httpd.count_log(line);
    assert_eq!(put("", 54_321), 500);
    assert_eq!(count("closed by the flag .*owner 54321"), 1, "{}", httpd.log());
    assert_eq!(put("", 54_322), 500);
    assert_eq!(count("has changed; still closed.*owner 54322"), 1, "{}", httpd.log());
    assert_eq!(put("message = 'x'", 54_323), 500);
    assert_eq!(count("has changed; still closed.*owner 54323"), 1, "{}", httpd.log());
    assert_eq!(put("message = 'x'", 54_323), 500);
    assert_eq!(count("has changed"), 2, "the same: {}", httpd.log());
    assert_eq!(put("start = 2999-01-01T00:00:00Z", 54_324), 200);
    assert_eq!(count("closes at .*owner 54324"), 1, "{}", httpd.log());
    assert_eq!(put("start = 2999-01-01T00:00:00Z", 54_325), 200);
    assert_eq!(count("closes at .*owner 54325"), 1, "{}", httpd.log());
}

/// A loop of symbolic links is a file system error: closed as long as nothing else is known.
#[test]
fn nothing_is_known_of_the_flag() {
    let setup = Setup::new("MaintenanceFlag loop/site.flag");
    symlink("loop", setup.path("loop")).expect("made");
    let mut httpd = setup.start();
    httpd.expect_log("maintenance:error.*site.flag exists: .*symbolic links.*scopes stay closed");
    httpd.client().get("/").assert_refused();
    fs::remove_file(httpd.path("loop")).expect("removed");
    assert_eq!(httpd.client().get("/").status, 200);
    assert_eq!(httpd.count_log("can be seen again"), 1);
}
