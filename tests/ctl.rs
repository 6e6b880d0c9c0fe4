//! `maintenancectl` and real servers: what it says about them is what they do.

mod night;

use std::io::{BufRead, BufReader, Read};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use maintenance_harness::client::Answer;
use maintenance_harness::{
    Backend, Client, Httpd, Maintenancectl, Said, Setup, replace_file, set_mode, wait_for,
};
use serde_json::Value;

use crate::status::STATUS;

/// Three servers in front of one backend. The backend is dropped first, so that no request waits
/// for it when a server stops.
struct Site {
    backend: Backend,
    servers: Vec<Httpd>,
    command: Maintenancectl,
}

impl Site {
    fn start() -> Self {
        Self::start_with("")
    }

    /// Servers with these directives.
    fn start_with(directives: &str) -> Self {
        let backend = Backend::start();
        let proxy = format!("ProxyPass /hold/ http://{}/hold/", backend.address);
        let server = |_| {
            let setup = Setup::new(STATUS).modules(&["proxy", "proxy_http"]);
            setup
                .directives("MaintenanceAllow 127.0.0.2")
                .directives(directives)
                .directives(&proxy)
                .start()
        };
        let servers: Vec<_> = (0..3).map(server).collect();
        let command = Maintenancectl::of(&servers);
        Self { backend, servers, command }
    }

    #[track_caller]
    fn check(&self, words: &str, code: i32) -> Said {
        let said = self.command.run(words);
        assert_eq!(said.code, Some(code), "{words}: {said:?}");
        said
    }

    /// Sends a request that ends when it is released.
    fn hold(&self, server: usize, name: &str) -> JoinHandle<Answer> {
        let (client, path) = (self.servers[server].client(), format!("/hold/{name}"));
        let held = self.backend.held();
        let running = thread::spawn(move || client.get(&path));
        wait_for(name, Duration::from_secs(15), || self.backend.held() > held);
        running
    }
}

/// The evening: everything is open, then one server after the other is closed by hand.
#[test]
fn servers_that_close_one_after_the_other() {
    let site = Site::start();
    let said = site.check("is-open", 0);
    assert_eq!(said.out, "open on all 3 servers\n");
    site.check("is-closed", 1);
    site.check("status", 0);
    let said = site.check("status --nagios", 0);
    assert!(
        said.out.starts_with("MAINTENANCE OK - open on all 3 servers | closed=0;;;0;3 "),
        "{said:?}"
    );
    for (count, (is_closed, status, nagios)) in
        [(2, 2, 2), (2, 2, 2), (0, 0, 1)].into_iter().enumerate()
    {
        site.servers[count].close();
        site.check("is-closed", is_closed);
        site.check("status", status);
        site.check("status --nagios", nagios);
    }
    let said = site.check("is-open", 1);
    assert_eq!(said.out, "closed on all 3 servers\n");
    let said = site.check("wait --timeout 20s", 0);
    let done = "All 3 servers are closed, and nothing from before the closing runs any more.\n";
    assert_eq!((said.out.as_str(), said.err.as_str()), (done, ""));
    for _ in 0..3 {
        site.servers[1].client().get("/x").assert_refused();
    }
    let said = site.check("status --json", 0);
    let json: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(json["state"], "closed");
    assert_eq!(json["refused"][0]["address"], "127.0.0.1");
    assert_eq!(json["refused"][0]["count"], 3);
    assert_eq!(json["refused"][0]["servers"], serde_json::json!(["web2"]));
    for (server, httpd) in json["servers"].as_array().expect("a list").iter().zip(&site.servers) {
        assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(server["flags"][0]["path"], httpd.flag().display().to_string());
        assert_eq!(server["error"], Value::Null);
    }
    assert_eq!(json["warnings"], serde_json::json!([]));
    site.servers.iter().for_each(Httpd::open);
    site.check("is-open", 0);
}

/// A slow request from before the closing: the command waits for it, and says where it runs.
#[test]
fn a_slow_request() {
    let site = Site::start();
    let slow = site.hold(1, "slow");
    let wait = site.command.start("wait --timeout 60s");
    site.servers.iter().for_each(Httpd::close);
    let said = site.check("wait --timeout 2s", 1);
    let over = "maintenancectl: the time is over (2 s): 1 request from before still runs: 1 on web2 (oldest ";
    assert!(said.err.lines().last().is_some_and(|line| line.starts_with(over)), "{said:?}");
    site.check("wait --closed --timeout 2s", 0);
    let said = site.check("status", 0);
    assert!(
        said.out.contains("\n1 request from before the closing still runs, the oldest for "),
        "{said:?}"
    );
    let mut wait = wait;
    let mut lines = BufReader::new(wait.stderr.take().expect("stderr")).lines();
    let runs =
        lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("from before still runs")));
    assert!(runs.is_some_and(|line| line.expect("text").contains(": 1 on web2 (oldest ")));
    site.backend.release("slow");
    let code = wait.wait().expect("it ends").code();
    let mut out = String::new();
    wait.stdout.take().expect("stdout").read_to_string(&mut out).expect("text");
    let done = "All 3 servers are closed, and nothing from before the closing runs any more.\n";
    assert_eq!((code, out.as_str()), (Some(0), done));
    assert_eq!(slow.join().expect("an answer").status, 200);
}

/// The status page of a server that is not there says nothing, and never that it is closed.
#[test]
fn a_server_that_is_not_there() {
    let mut site = Site::start();
    site.servers.iter().for_each(Httpd::close);
    site.check("is-closed", 0);
    site.servers.pop();
    let said = site.check("is-closed", 3);
    assert_eq!(said.out, "closed on web1, web2; no report from web3\n");
    let line =
        "maintenancectl: web3 refuses connections; start httpd, or correct the port in the URL\n";
    assert_eq!(said.err, line);
    let said = site.check("wait --timeout 1s", 3);
    let over = "the time is over (1 s): 2 of 3 servers are closed: web3 refuses connections; nothing was changed\n";
    assert!(said.err.ends_with(over), "{said:?}");
    site.check("status", 3);
    site.check("is-closed --server web1", 0);
}

/// What `explain` says about a client is what happens to it.
#[test]
fn clients() {
    let site = Site::start();
    let ask = |address: &str| -> Vec<u16> {
        let client = |httpd: &Httpd| Client::from(&httpd.url(), address).get("/").status;
        site.servers.iter().map(client).collect()
    };
    let said = site.check("explain --client 127.0.0.2", 0);
    assert!(said.out.starts_with("127.0.0.2 /\n\nweb1, web2, web3:\n  maintenance.test\n    now:          passes (open): "), "{said:?}");
    assert!(said.out.contains("    while closed: passes (allowed:address): "), "{said:?}");
    site.check("explain --client 127.0.0.3 --path /x%20y", 1);
    site.check("explain --client 127.0.0.3 --path /status", 0);
    site.servers.iter().for_each(Httpd::close);
    assert_eq!((ask("127.0.0.2"), ask("127.0.0.3")), (vec![200; 3], vec![500; 3]));
    site.check("explain --client 127.0.0.2", 0);
    let said = site.check("explain --client 127.0.0.3 --host nobody.test", 1);
    assert!(
        said.out.contains("  no server is called nobody.test; httpd falls back to this one:\n"),
        "{said:?}"
    );
    assert!(said.out.contains("is refused with 500: "), "{said:?}");
    // One server lets the client in.
    replace_file(&site.servers[2].flag(), "allow = ['127.0.0.3']");
    wait_for("the flag is read", Duration::from_secs(5), || ask("127.0.0.3") == [500, 500, 200]);
    site.check("explain --client 127.0.0.3", 2);
}

/// Only the scopes of the flag in question count.
#[test]
fn one_of_two_flags() {
    let setup = Setup::new(STATUS);
    let blogs = setup.path("blogs.flag");
    let blogs = blogs.display();
    let httpd = setup
        .directives(&format!("<Location /blogs>\nMaintenanceFlag {blogs}\n</Location>"))
        .start();
    let command = Maintenancectl::of([&httpd]);
    std::fs::write(blogs.to_string(), "").expect("written");
    let said = command.run("is-closed");
    assert_eq!(said.code, Some(2), "{said:?}");
    assert_eq!(
        said.err,
        "maintenancectl: web1: maintenance.test is open, maintenance.test <Location /status> is open\n"
    );
    assert_eq!(command.run(&format!("is-closed --flag {blogs}")).code, Some(0));
    assert_eq!(command.run(&format!("is-closed --flag {}", httpd.flag().display())).code, Some(2));
    let said = command.run("wait --closed --timeout 1s --flag /elsewhere/flag");
    let over = format!(
        " and has no flag /elsewhere/flag (it has {blogs}, {}); nothing was changed\n",
        httpd.flag().display()
    );
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(said.err.ends_with(&over), "{said:?}\n{over}");
}

/// One flag for three servers: written by `close --wait`, which ends when the slow request does.
#[test]
fn closing_and_waiting() {
    let folder = tempfile::tempdir().expect("a folder");
    set_mode(folder.path(), 0o755);
    let flag = folder.path().join("all.flag");
    let mut site = Site::start_with(&format!("MaintenanceFlag {}", flag.display()));
    site.servers.iter_mut().for_each(|httpd| httpd.allow_log("is below /tmp"));
    let slow = site.hold(2, "slow");
    let mut close = site.command.start(&format!("close --wait --flag {}", flag.display()));
    let mut lines = BufReader::new(close.stderr.take().expect("stderr")).lines();
    let runs = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(": 1 on web3 ")));
    assert!(runs.is_some(), "it says what still runs, and where");
    site.servers.iter().for_each(|httpd| httpd.client().get("/").assert_refused());
    site.backend.release("slow");
    let said: Said = close.wait_with_output().expect("it ends").into();
    let done = "All 3 servers are closed, and nothing from before the closing runs any more.\n";
    assert!(said.out.starts_with("closed") && said.out.ends_with(done), "{said:?}");
    assert_eq!((said.code, slow.join().expect("an answer").status), (Some(0), 200));
    let said = site.check("status", 0);
    assert!(said.out.starts_with("Closed on all 3 servers\n"), "{said:?}");
    site.check(&format!("open --flag {}", flag.display()), 0);
    site.check("is-open", 0);
}

/// A server with TLS, and with paths that are no status page for everybody.
fn with_tls(tls: &str, setup: Setup) -> Httpd {
    let made = rcgen::generate_simple_self_signed(["web1.test".to_owned()]).expect("a certificate");
    setup.write("conf/cert.pem", made.cert.pem());
    setup.write("conf/key.pem", made.signing_key.serialize_pem());
    // The password "secret", as htpasswd -s writes it.
    setup.write("conf/users", "anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    let modules = ["alias", "auth_basic", "authn_core", "authn_file", "authz_user"];
    let setup = setup.modules(&modules).modules(&["socache_shmcb", "ssl"]);
    let mut httpd = setup
        .directives(
            "<Location /secret>\nSetHandler maintenance-status\nAuthType Basic\nAuthName x\n\
             AuthUserFile conf/users\nRequire valid-user\n</Location>\n\
             <Location /forbidden>\nSetHandler maintenance-status\nRequire all denied\n\
             </Location>\nRedirect /moved /status",
        )
        .directives(&format!(
            "Listen {tls}\nSSLSessionCache shmcb:logs/cache\n<VirtualHost {tls}>\n\
             ServerName web1.test\nSSLEngine on\nSSLCertificateFile conf/cert.pem\n\
             SSLCertificateKeyFile conf/key.pem\n</VirtualHost>"
        ))
        .start();
    // A distribution's mod_ssl with an older OpenSSL, a wrong password, and Require.
    httpd.allow_log("AH01882|AH01617|AH01630");
    httpd
}

/// What httpd itself says instead of a report.
#[test]
fn what_httpd_says_instead() {
    let setup = Setup::new(STATUS);
    let tls = format!("{}:8443", setup.address().ip());
    let (right, wrong) = (setup.write("right", "secret\n"), setup.write("wrong", "guess\n"));
    let (right, wrong, ca) = (right.display(), wrong.display(), setup.path("conf/cert.pem"));
    let httpd = with_tls(&tls, setup);
    let command = Maintenancectl::of([&httpd]);
    let (plain, ca) = (httpd.url(), ca.display());
    command.add(&format!(
        "[[server]]\nname = \"right\"\nstatus = \"{plain}/secret\"\nuser = \"anna\"\n\
         password_file = \"{right}\"\n\
         [[server]]\nname = \"wrong\"\nstatus = \"{plain}/secret\"\nuser = \"anna\"\n\
         password_file = \"{wrong}\"\n\
         [[server]]\nname = \"other\"\nstatus = \"https://{tls}/status\"\nca = \"{ca}\"\n"
    ));
    let said = command.run("is-open --server right");
    assert_eq!(said.code, Some(0), "{said:?}");
    for (server, expected) in [
        (format!("{plain}/secret"), "asks for a password (401); write user and password_file"),
        ("wrong".to_owned(), "rejects the password in "),
        (format!("{plain}/forbidden"), "forbids its status page to this machine (403); add this"),
        (format!("{plain}/none"), "has no status page at /none (404); write SetHandler "),
        (format!("{plain}/moved"), "redirects (302) to "),
        (format!("{plain}/index.html"), "answers with "),
        (format!("http://{tls}/status"), "expects TLS; write https:// in the URL"),
        (plain.replace("http:", "https:") + "/status", "does not speak TLS; write http:// in the"),
        (format!("https://{tls}/status"), "has a certificate of a CA that this machine does not "),
        ("other".to_owned(), "has a certificate for web1.test, not for 127."),
    ] {
        let said = command.run(&format!("is-closed --server {server}"));
        let line = said.err.strip_prefix("maintenancectl: ").and_then(|line| line.split_once(' '));
        let (_, line) = line.expect("a line about the server");
        assert!(line.starts_with(expected), "{server}: {said:?}\n{expected}");
        assert_eq!(said.code, Some(3), "{server}: {said:?}");
    }
}

/// What the command prints is what the server answers, to the byte.
#[test]
fn the_notice_is_that_of_the_server() {
    let directives = "ServerName site.test\nMaintenanceNotice /maintenance-notice";
    let httpd = Setup::new(directives).start();
    let flag = httpd.flag();
    let command = Maintenancectl::with(&format!("flag = {flag:?}\nurl = 'http://site.test/'\n"));
    let announce = "announce --start 2096-11-24T22:00:00Z --end +2h --title Move -m Soon";
    let announced = command.run(announce);
    assert_eq!(announced.code, Some(0), "{announced:?}");
    for (format, path, ending) in [
        ("html", "/maintenance-notice", ""),
        ("json", "/maintenance-notice/upcoming.json", "\n"),
        ("ics", "/maintenance-notice/calendar.ics", ""),
    ] {
        let line = format!("notice --format {format} --lang de");
        let mut last = String::new();
        wait_for(&line, Duration::from_secs(5), || {
            let printed = command.run(&line);
            assert_eq!(printed.code, Some(0), "{printed:?}");
            let client = httpd.client();
            let request = client.request("GET", path).header("Accept-Language", "de");
            last = client.send(request).body + ending;
            last == printed.out
        });
        assert!(last.contains("Soon"), "{last}");
    }
}
