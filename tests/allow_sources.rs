//! Allow files, plugin-cfg.xml, names, expressions and exempt paths.

mod paths;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use maintenance_harness::{
    Children, Client, Httpd, Mpm, Setup, preload, replace_file, set_mode, wait_for,
};

const REMOTEIP: &str = "RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n";

/// The status for a client behind the proxy.
fn status(client: &Client, address: &str) -> u16 {
    client.send(client.request("GET", "/").header("X-Forwarded-For", address)).status
}

#[test]
fn plugin_cfg_samples() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("single-server.xml", &["127.30.0.1"], &["127.30.0.2", "127.0.0.1"]),
        (
            "cluster.xml",
            &["127.31.0.1", "127.31.0.2", "127.31.0.4"],
            &["127.31.0.3", "127.31.0.0", "127.30.0.1"],
        ),
        (
            "clusters-ipv6.xml",
            &["127.0.0.1", "127.32.0.2", "127.32.0.3", "2001:db8:41::1", "2001:db8:41::2"],
            &["127.32.0.99", "127.32.0.1", "2001:db8:41::3", "2001:db8:41::"],
        ),
    ];
    for (name, nodes, strangers) in cases {
        let setup = Setup::new(REMOTEIP)
            .modules(&["remoteip"])
            .directives("MaintenanceAllow plugin-cfg=cfg.xml");
        // A copy, because httpd's user may not be able to read the project's folder.
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("httpd-test/plugin-cfg");
        fs::copy(samples.join(name), setup.path("cfg.xml")).expect("a sample");
        set_mode(&setup.path("cfg.xml"), 0o644);
        let httpd = setup.start();
        httpd.close();
        let client = httpd.client();
        for address in *nodes {
            assert_eq!(status(&client, address), 200, "{name}: {address}");
        }
        for address in *strangers {
            assert_eq!(status(&client, address), 500, "{name}: {address}");
        }
    }
}

/// How the content of a file is changed.
type Change = fn(&Path, &str);

fn rewrite(path: &Path, text: &str) {
    fs::write(path, text).expect("written");
}

fn replace(path: &Path, text: &str) {
    replace_file(path, text);
}

/// Like a Kubernetes ConfigMap: a symbolic link to a folder is switched.
fn switch_link(path: &Path, text: &str) {
    let root = path.parent().expect("a folder").parent().expect("its parent");
    let number = fs::read_dir(root).expect("a folder").count();
    let (folder, link) = (root.join(format!("data{number}")), root.join("data.new"));
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("list"), text).expect("written");
    symlink(&folder, &link).expect("a link");
    fs::rename(link, root.join("data")).expect("switched");
}

/// Every child is asked: 16 at a time, and all of them within a second.
#[test]
fn changes_reach_every_child_within_a_second() {
    let setup = Children::setup("MaintenanceAllow file=data/list");
    fs::create_dir(setup.path("data0")).expect("a folder");
    symlink(setup.path("data0"), setup.path("data")).expect("a link");
    let list = setup.write("data/list", "127.0.0.9\n");
    let mut httpd = setup.start();
    httpd.close();
    let children = Children::of(&httpd);
    let everybody = || children.ask(|client| client.get("/").status);
    assert_eq!(everybody(), [404; 16]);
    let changes: [(&str, Change); 3] =
        [("rewritten", rewrite), ("replaced", replace), ("link switched", switch_link)];
    for idle in [true, false] {
        for (how, change) in changes {
            for (text, expected) in [("127.0.0.9\n127.0.0.1\n", 200), ("127.0.0.9\n", 404)] {
                change(&list, text);
                let start = Instant::now();
                // Idle children notice a change at their first request, busy children during it.
                while start.elapsed() < Duration::from_millis(950) {
                    if idle {
                        thread::sleep(Duration::from_millis(50));
                    } else {
                        everybody();
                    }
                }
                assert_eq!(everybody(), [expected; 16], "{how}, idle: {idle}");
            }
        }
    }
    assert_eq!(httpd.count_log("maintenance:notice.*/data/list has changed and was read"), 12);
    // Invalid content leaves the old list in force in each child, and is reported once.
    for text in ["127.0.0.1\n", "garbage\n"] {
        rewrite(&list, text);
        thread::sleep(Duration::from_millis(950));
        assert_eq!(everybody(), [200; 16], "{text}");
    }
    let error = "maintenance:error.*/data/list\" line 1: .*; the last good version stays";
    httpd.expect_log(error);
    assert_eq!(httpd.count_log(error), 1, "{}", httpd.log());
    // The parent looks every ten seconds, and may have missed the good version.
    httpd.allow_log("maintenance:error.*/data/list\" cannot be used, and this process");
}

/// An unusable file leaves the last good list in force, and is reported once.
#[test]
fn broken_versions() {
    let setup = Setup::new("MaintenanceAllow file=list plugin-cfg=cfg.xml").mpm(Mpm::Event);
    let list = setup.write("list", "127.0.0.2\n");
    let xml = "<Config><Server><Transport Hostname=\"127.0.0.3\"/></Server></Config>";
    let config = setup.write("cfg.xml", xml);
    let mut httpd = setup.start();
    httpd.close();
    let second = Duration::from_secs(1);
    let passes = |address: &str| httpd.client_from(address).get("/").status == 200;
    let good = || {
        assert!(passes("127.0.0.2") && passes("127.0.0.3") && !passes("127.0.0.4"));
    };
    good();
    let mut expected = vec![];
    let mut error = |file: &str, pattern: &str| {
        let line = format!("maintenance:error.*/{file}\" {pattern}.*; the last good version stays");
        wait_for(&line, 5 * second, || {
            good();
            httpd.count_log(&line) == 1
        });
        thread::sleep(second);
        good();
        assert_eq!(httpd.count_log(&line), 1, "{line}: once: {}", httpd.log());
        expected.push(line);
    };
    fs::write(&list, "127.0.0.4\ngarbage\n").expect("written");
    error("list", "line 2: \\\\?\"garbage");
    fs::write(&list, "").expect("written");
    error("list", "is empty");
    fs::remove_file(&list).expect("removed");
    error("list", "cannot be read: No such file");
    fs::write(&config, &xml[..xml.len() - 9]).expect("written");
    error("cfg.xml", "line 1: the file ends inside <Config>");
    fs::write(&config, "<Configuration/>").expect("written");
    error("cfg.xml", "the root element is <Configuration>");
    for line in expected {
        httpd.allow_log(&line);
    }
    // The files are valid again.
    fs::write(&list, "127.0.0.2\n127.0.0.4\n").expect("written");
    fs::write(&config, xml.replace("127.0.0.3", "127.0.0.5")).expect("written");
    let passes = |address: &str| httpd.client_from(address).get("/").status == 200;
    wait_for("the new list", 5 * second, || passes("127.0.0.4") && passes("127.0.0.5"));
    thread::sleep(second); // the other child has seen them, too
    assert!(!passes("127.0.0.3"));
    assert_eq!(httpd.count_log("maintenance:notice.*/list has changed and was read"), 1);
    assert_eq!(httpd.count_log("maintenance:notice.*/cfg.xml has changed and was read"), 1);
}

/// A child that starts late does not restore what the parent read at the last restart.
#[test]
fn a_new_child_while_the_file_is_broken() {
    let setup = Setup::new(
        "StartServers 1\nMinSpareServers 1\nMaxSpareServers 1\nMaintenanceAllow file=list",
    )
    .mpm(Mpm::Prefork);
    let list = setup.write("list", "127.0.0.1\n127.0.0.2\n");
    let mut httpd = setup.start();
    httpd.allow_log("maintenance:error.*/list\" line 1: .*; the last good version stays");
    httpd.allow_log("maintenance:error.*/list\" cannot be used, and this process");
    httpd.allow_log("core:notice.*exit signal Killed");
    httpd.close();
    let status = |address: &str| httpd.client_from(address).get("/").status;
    assert_eq!((status("127.0.0.1"), status("127.0.0.2")), (200, 200));
    fs::write(&list, "127.0.0.2\n").expect("written");
    wait_for("the new list", Duration::from_secs(5), || status("127.0.0.1") == 500);
    fs::write(&list, "garbage\n").expect("written");
    wait_for("the error", Duration::from_secs(5), || {
        assert_eq!((status("127.0.0.1"), status("127.0.0.2")), (500, 200));
        httpd.count_log("/list. line 1: ") == 1
    });
    let old = httpd.processes();
    for pid in old.iter().filter(|pid| **pid != httpd.pid()) {
        let pid = rustix::process::Pid::from_raw(*pid as i32).expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    }
    for _ in 0..20 {
        assert_eq!(status("127.0.0.1"), 500, "{}", httpd.log());
        thread::sleep(Duration::from_millis(50));
    }
    assert_ne!(httpd.processes(), old);
    fs::write(&list, "127.0.0.2\n").expect("written");
    wait_for("good again", Duration::from_secs(5), || status("127.0.0.2") == 200);
    assert_eq!(status("127.0.0.1"), 500);
}

/// A file that only root may read is an error when the first child starts, and not later.
#[test]
fn a_list_that_the_children_may_not_read() {
    if !rustix::process::geteuid().is_root() {
        return; // parent and children are the same user
    }
    let setup = Setup::new("MaintenanceAllow file=list");
    set_mode(&setup.write("list", "127.0.0.1\n"), 0o600);
    let mut httpd = setup.start();
    httpd.expect_log("maintenance:error.*/list\" cannot be read: Permission denied");
    assert_eq!(httpd.count_log("Permission denied"), 1);
    httpd.close();
    assert_eq!(httpd.client().get("/").status, 200);
}

/// A file that is being written is never used half-written.
#[test]
fn half_written() {
    let setup = Setup::new("MaintenanceAllow file=list");
    let list = setup.write("list", "127.0.0.2\n");
    let httpd = setup.start();
    httpd.close();
    let (text, mut written) = ("127.0.0.2\n127.0.0.33\n".repeat(20), String::new());
    let client = httpd.client_from("127.0.0.2");
    for piece in text.as_bytes().chunks(15) {
        written.push_str(std::str::from_utf8(piece).expect("text"));
        fs::write(&list, &written).expect("written");
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(80) {
            assert_eq!(client.get("/").status, 200);
        }
    }
    let other = httpd.client_from("127.0.0.33");
    wait_for("the whole list", Duration::from_secs(5), || other.get("/").status == 200);
    assert_eq!(httpd.count_log("has changed and was read"), 1, "{}", httpd.log());
}

/// Most published lists have no line ending after the last line. Such a list takes effect once the
/// file is unchanged, and not while it may still be written.
#[test]
fn without_a_last_line_end() {
    let setup = Setup::new("MaintenanceAllow file=list");
    let list = setup.write("list", "127.0.0.3\n127.0.0.2");
    let httpd = setup.start();
    httpd.close();
    let status = |address: &str| httpd.client_from(address).get("/").status;
    assert_eq!([status("127.0.0.2"), status("127.0.0.3"), status("127.0.0.1")], [200, 200, 500]);
    for text in ["127.0.0.2\n127.0.0.1", "# one\r\n127.0.0.1 # two"] {
        replace_file(&list, text);
        wait_for(text, Duration::from_secs(5), || status("127.0.0.1") == 200);
        replace_file(&list, "127.0.0.2\n");
        wait_for("the other list", Duration::from_secs(5), || status("127.0.0.1") == 500);
    }
}

/// 10,000 networks of both families, behind a proxy.
#[test]
fn ten_thousand_networks() {
    let setup =
        Setup::new(REMOTEIP).modules(&["remoteip"]).directives("MaintenanceAllow file=list");
    // Every second network of a range, so that each has a neighbour that is not in the list.
    let v4 = |n: usize| format!("10.{}.{}.", n / 128, n % 128 * 2);
    let v6 = |n: usize| format!("2001:db8:{:x}:", n * 2);
    let lines = (0..5000).flat_map(|n| [format!("{}0/24\n", v4(n)), format!("{}:/48\n", v6(n))]);
    setup.write("list", lines.collect::<String>());
    let httpd = setup.start();
    httpd.close();
    let client =
        Client::build(&httpd.url(), maintenance_harness::client::Protocol::Http1, None, true);
    for n in (0..5000).step_by(97) {
        assert_eq!(status(&client, &format!("{}77", v4(n))), 200, "{n}");
        assert_eq!(status(&client, &format!("{}:77", v6(n))), 200, "{n}");
        assert_eq!(status(&client, &format!("10.{}.{}.77", n / 128, n % 128 * 2 + 1)), 500, "{n}");
        assert_eq!(status(&client, &format!("2001:db8:{:x}::77", n * 2 + 1)), 500, "{n}");
    }
}

#[test]
fn names() {
    let start = Instant::now();
    let mut httpd = Httpd::start("MaintenanceAllow host=localhost host=does-not-exist.invalid");
    assert!(start.elapsed() < Duration::from_secs(15));
    httpd.expect_log("maintenance:warn.*the name does-not-exist.invalid does not resolve");
    httpd.close();
    assert_eq!(httpd.client_from("127.0.0.1").get("/").status, 200);
    assert_eq!(httpd.client_from("127.0.0.2").get("/").status, 500);
    httpd.restart();
    assert_eq!(httpd.client_from("127.0.0.1").get("/").status, 200);
}

/// The warning only speaks of the time limit if the time was up.
#[test]
fn a_name_server_that_does_not_answer() {
    let setup = Setup::new("MaintenanceAllow host=late.invalid host=wrong.invalid host=localhost");
    let mut httpd = preload::slow_resolver(setup, "late").start();
    let until = "it admits nobody until the next restart";
    httpd.expect_log(&format!("warn.*the name wrong.invalid does not resolve; {until}"));
    httpd.expect_log(&format!("warn.*the name late.invalid does not resolve within 5 s; {until}"));
    httpd.close();
    assert_eq!(httpd.client_from("127.0.0.1").get("/").status, 200);
}

/// Names in a new plugin-cfg.xml are admitted without a restart.
#[test]
fn new_names_in_plugin_cfg() {
    let text =
        |host: &str| format!("<Config><Server><Transport Hostname=\"{host}\"/></Server></Config>");
    let setup = Setup::new("MaintenanceAllow plugin-cfg=cfg.xml");
    let config = setup.write("cfg.xml", text("127.0.0.2"));
    let httpd = setup.start();
    httpd.close();
    assert_eq!(httpd.client().get("/").status, 500);
    fs::write(&config, text("localhost")).expect("written");
    let client = httpd.client();
    wait_for("localhost", Duration::from_secs(5), || client.get("/").status == 200);
    // Another child may be about to look.
    let other = httpd.client_from("127.0.0.2");
    wait_for("the old name is gone", Duration::from_secs(1), || other.get("/").status == 500);
}

#[test]
fn expressions() {
    let httpd = Httpd::start(
        "MaintenanceAllow \"expr=%{HTTP_USER_AGENT} =~ m#^probe/[0-9]# && -R '127.0.0.0/30'\"\n\
         MaintenanceAllow \"expr=%{REQUEST_METHOD} == 'OPTIONS'\"",
    );
    httpd.close();
    for (address, agent, method, status) in [
        ("127.0.0.2", "probe/1", "GET", 200),
        ("127.0.0.9", "probe/1", "GET", 500),
        ("127.0.0.2", "a probe/1", "GET", 500),
        ("127.0.0.9", "x", "OPTIONS", 200),
    ] {
        let client = httpd.client_from(address);
        let answer = client.send(client.request(method, "/").header("User-Agent", agent));
        assert_eq!(answer.status, status, "{address} {agent} {method}");
    }
}

/// A custom page with an image, and a load balancer's probe.
#[test]
fn images_of_the_page() {
    let setup = Setup::new("MaintenancePage page.html\nMaintenanceAllow path=/maintenance-files")
        .modules(&["alias"]);
    fs::create_dir(setup.path("files")).expect("a folder");
    setup.write("files/logo.svg", "<svg/>");
    setup.write("page.html", format!("<img src=/maintenance-files/logo.svg>{}", " ".repeat(600)));
    let files = setup.path("files").display().to_string();
    let httpd = setup.directives(&format!("Alias /maintenance-files {files}")).start();
    httpd.close();
    assert_eq!(httpd.client().get("/").status, 500);
    let image = httpd.client().get("/maintenance-files/logo.svg");
    assert_eq!((image.status, image.body.as_str()), (200, "<svg/>"));
    assert_eq!(httpd.client().get("/maintenance-files/../index.html").status, 500);
}

/// The kind in the note and the variable, and the exact entry at LogLevel debug.
#[test]
fn why_did_this_client_pass() {
    let setup = Setup::new(
        "LogLevel maintenance:debug\nSetEnvIf User-Agent ^env IS_ENV\n\
         MaintenanceAllow 127.0.1.0/24 host=localhost file=list plugin-cfg=cfg.xml env=IS_ENV \
         path=/probe \"expr=%{HTTP_USER_AGENT} == 'expr'\"",
    )
    .modules(&["setenvif"]);
    setup.write("list", "# nodes\n127.0.2.0/24\n");
    let transport = "<Transport Hostname=\"127.0.3.1\"/>";
    setup.write("cfg.xml", format!("<Config>\n<Server>\n{transport}</Server></Config>"));
    let httpd = setup.start();
    httpd.close();
    let root = httpd.path("").display().to_string();
    let root = root.trim_end_matches('/');
    let cases = [
        ("127.0.1.7", "/", "x", "address", "127.0.1.0/24".to_owned()),
        ("127.0.0.1", "/", "x", "host", "host=localhost (127.0.0.1)".into()),
        ("127.0.2.9", "/", "x", "file", format!("127.0.2.0/24 in line 2 of {root}/list")),
        ("127.0.3.1", "/", "x", "plugin-cfg", format!("127.0.3.1 in line 3 of {root}/cfg.xml")),
        ("127.0.9.9", "/", "env", "env", "env=IS_ENV".into()),
        ("127.0.9.9", "/probe/x", "x", "path", "path=/probe".into()),
        ("127.0.9.9", "/", "expr", "expr", "expr=%{HTTP_USER_AGENT} == 'expr'".into()),
    ];
    for (address, path, agent, ..) in &cases {
        let client = httpd.client_from(address);
        let answer = client.send(client.request("GET", path).header("User-Agent", *agent));
        assert!([200, 404].contains(&answer.status), "{address} {path} {agent}: {answer:?}");
    }
    let log = httpd.access_log(cases.len());
    for ((address, .., kind, entry), line) in cases.iter().zip(&log) {
        assert!(line.contains(&format!(" allowed:{kind} allowed:{kind} ")), "{line}");
        let text = format!("[client {address}:");
        let is_it = |line: &&str| {
            line.contains(&text) && line.ends_with(&format!("maintenance: allowed by {entry}"))
        };
        assert_eq!(httpd.log().lines().filter(is_it).count(), 1, "{entry}: {}", httpd.log());
    }
}
