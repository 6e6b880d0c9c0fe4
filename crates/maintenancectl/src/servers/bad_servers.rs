//! Servers that give no report, each with the line that says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use serde_json::json;
use tempfile::TempDir;

use super::client::LONGEST;
use super::fake::{Behaviour, Fake, answer, one_scope, report, tls_config};
use super::fault::Fault;
use super::fleet::{Fleet, Reading};
use crate::settings::{Server, Settings};

const JSON: &str = "Content-Type: application/json\r\n";
const HTML: &str = "Content-Type: text/html\r\n";
const TEXT: &str = "Content-Type: text/plain\r\n";

fn server(url: &str) -> Server {
    Server { name: None, status: url.into(), ca: None, user: None, password_file: None }
}

fn ask(servers: Vec<Server>, timeout: Duration) -> Vec<Reading> {
    let settings = Settings { timeout: Some(timeout), servers, ..Settings::default() };
    let fleet = Fleet::new(&settings, &[]).expect("servers");
    fleet.ask(&[], &|| false).expect("not interrupted")
}

/// The line about a server.
fn line(server: Server) -> String {
    let reading = ask(vec![server], Duration::from_secs(1)).remove(0);
    reading.report.expect_err("no report").to_string()
}

#[test]
fn answers_that_are_no_report() {
    let whole = one_scope("closed", 0);
    let cut = whole.to_string().as_bytes()[..300].to_vec();
    let without = |member: &str| {
        let mut report = whole.clone();
        report.as_object_mut().expect("an object").remove(member);
        report
    };
    let with = |member: &str, value: serde_json::Value| {
        let mut report = whole.clone();
        report[member] = value;
        report
    };
    let mut undrained = whole.clone();
    undrained["in_flight"].as_object_mut().expect("an object").remove("from_before_closing");
    let promised = |length: usize, body: &[u8]| {
        let head = format!("HTTP/1.1 200 x\r\n{JSON}Content-Length: {length}\r\n\r\n");
        [head.as_bytes(), body].concat()
    };
    let page = "Maintenance: closed;end=@1764288000\r\n";
    for (bytes, kind, expected) in [
        (
            answer(401, "", ""),
            "password",
            "asks for a password (401); write user and password_file",
        ),
        (
            answer(403, HTML, "no"),
            "forbidden",
            "forbids its status page to this machine (403); add",
        ),
        (
            answer(404, HTML, "no"),
            "not-found",
            "has no status page at /status (404); write SetHandler maintenance-status there, or",
        ),
        (
            answer(301, "Location: https://elsewhere/\r\n", ""),
            "redirect",
            "redirects (301) to https://elsewhere/; write the final URL",
        ),
        (answer(302, "", ""), "redirect", "redirects (302) to nowhere"),
        (
            answer(500, &format!("{HTML}{page}"), "<!DOCTYPE html>"),
            "maintenance-page",
            "answers with its maintenance page (500); add this machine to the Require of the status \
             page, or correct the URL",
        ),
        (answer(503, page, "{}"), "maintenance-page", "answers with its maintenance page (503)"),
        (answer(404, page, "{}"), "maintenance-page", "answers with its maintenance page (404)"),
        (
            answer(503, HTML, "<html>"),
            "status",
            "answers with the status 503 and no report; see its error log",
        ),
        (answer(502, HTML, "<html>"), "status", "answers with the status 502 and no report; see"),
        (answer(204, "", ""), "status", "answers with the status 204 and no report"),
        (
            answer(400, TEXT, "unknown parameter \"format\"\n"),
            "query",
            "does not accept the query (400): unknown parameter \"format\"",
        ),
        (answer(400, HTML, "<html>"), "status", "answers with the status 400"),
        (
            answer(400, HTML, "You're speaking plain HTTP to an SSL-enabled server port.<br />"),
            "tls",
            "expects TLS; write https:// in the URL",
        ),
        (
            answer(200, HTML, "<!DOCTYPE html>"),
            "no-report",
            "answers with an HTML page and no report; write SetHandler maintenance-status for the path of the URL, or \
             correct the URL",
        ),
        (answer(200, JSON, " <html>"), "no-report", "answers with an HTML page and no report"),
        (
            answer(200, TEXT, "maintenance_up 1"),
            "no-report",
            "answers with text/plain and no report; write SetHandler maintenance-status for the path",
        ),
        (answer(200, JSON, ""), "no-report", "answers with an empty body and no report"),
        (answer(200, JSON, "[]"), "no-report", "answers with JSON that is no report of mod_main"),
        (answer(200, JSON, "{\"a\": 1}"), "no-report", "answers with JSON that is no report"),
        (answer(200, JSON, &cut), "broken-report", "sends a report that ends after 300 bytes, in"),
        (
            promised(5000, &cut),
            "broken-report",
            "sends a report that ends after 300 bytes, in the mi",
        ),
        (
            answer(200, JSON, "{\"schema\": 1,}"),
            "broken-report",
            "sends a report that cannot be used: ",
        ),
        (
            report(&with("schema", json!(0))),
            "format",
            "has a module (0.1.0) that reports in format 0, not 1; update the module",
        ),
        (
            report(&with("schema", json!(2))),
            "format",
            "has a module (0.1.0) that reports in format 2, not 1; update maintenancectl",
        ),
        (
            report(&without("scopes")),
            "format",
            "has a module (0.1.0) that does not report scopes; update the module",
        ),
        (report(&undrained), "format", "has a module (0.1.0) that does not report from_b"),
        (
            report(&with("scopes", json!(3))),
            "broken-report",
            "sends a report that cannot be used: inv",
        ),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n".to_vec(), "protocol", "does not speak HTTP ("),
        (
            answer(200, JSON, vec![b' '; LONGEST + 1]),
            "huge",
            "sends more than 64 MiB and no report; correct the URL",
        ),
    ] {
        let fake = Fake::start(Behaviour::Answer(bytes));
        let settings = Settings {
            timeout: Some(Duration::from_secs(10)),
            servers: vec![server(&fake.url())],
            ..Settings::default()
        };
        let fleet = Fleet::new(&settings, &[]).expect("a server");
        let readings = fleet.ask(&[], &|| false).expect("not interrupted");
        let fault = readings[0].report.as_ref().expect_err("no report");
        assert_eq!(fault.kind(), kind, "{fault}");
        assert!(fault.to_string().starts_with(expected), "{fault}\n{expected}");
        assert_eq!(fake.requests().len(), 1, "redirects are not followed");
    }
}

#[test]
fn servers_that_do_not_answer() {
    let silent = Fake::start(Behaviour::Hang);
    let slow = Fake::start(Behaviour::Stop(answer(200, JSON, "{")[..60].to_vec()));
    let closing = Fake::start(Behaviour::Close);
    let nobody = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        free.local_addr().expect("an address")
    };
    let within = "gives no answer within 1 s; if it is only slow, write a longer timeout";
    for (url, expected) in [
        (silent.url(), within),
        (slow.url(), within),
        (closing.url(), "ends the connection without a whole answer; see its error log"),
        (
            format!("http://{nobody}/status"),
            "refuses connections; start httpd, or correct the port",
        ),
        (
            "http://web9.invalid/status".into(),
            "cannot be found: the name web9.invalid does not resolve; correct the URL",
        ),
        (format!("https://{}/status", closing.address), "ends the connection without a whole"),
    ] {
        let line = line(server(&url));
        assert!(line.starts_with(expected), "{url}: {line}\n{expected}");
    }
    let plain = Fake::start(Behaviour::Answer(answer(400, HTML, "")));
    // The client's first bytes have no line end: the fake reads on, like a server that waits.
    let speaks = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = speaks.local_addr().expect("an address");
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = speaks.accept().expect("a connection");
        let _ = stream.read(&mut [0; 64]);
        let _ = stream.write_all(&answer(400, HTML, "bad"));
        let _ = stream.read_to_end(&mut vec![]);
    });
    let line = line(server(&format!("https://{address}/status")));
    assert!(line.starts_with("does not speak TLS; write http:// in the URL"), "{line}");
    drop(plain);
}

struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("written");
        Self { folder, issuer }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server with a certificate for this name from one year to another.
    fn serve(&self, name: &str, from: i32, until: i32) -> Fake {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let bytes = report(&one_scope("open", 0));
        Fake::secure(Behaviour::Answer(bytes), tls_config(&certificate, &key))
    }
}

#[test]
fn certificates() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let good = ours.serve("127.0.0.1", 2020, 2120);
    let other = ours.serve("web1.example.com", 2020, 2120);
    let old = ours.serve("127.0.0.1", 2020, 2021);
    let early = ours.serve("127.0.0.1", 2110, 2120);
    let ask_one = |fake: &Fake, ca: Option<&Path>| {
        let url = format!("https://{}/status", fake.address);
        let server = Server { ca: ca.map(Path::to_owned), ..server(&url) };
        ask(vec![server], Duration::from_secs(5)).remove(0).report
    };
    let (known, unknown) = (ours.file(), theirs.file());
    assert!(ask_one(&good, Some(&known)).is_ok());
    let nobody = "has a certificate of a CA that this machine does not trust; write ca = \"FILE\"";
    for (fake, ca, expected) in [
        (&good, Some(unknown.as_path()), nobody),
        (&good, None, nobody),
        (
            &other,
            Some(&known),
            "has a certificate for web1.example.com, not for 127.0.0.1; write a name of the",
        ),
        (&old, Some(&known), "has a certificate that expired on 2021-01-01; renew it"),
        (
            &early,
            Some(&known),
            "has a certificate that is not valid yet; check the clock of this machine",
        ),
    ] {
        let fault = ask_one(fake, ca).expect_err("no report");
        assert!(fault.to_string().starts_with(expected), "{fault}\n{expected}");
    }
}

#[test]
fn passwords() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("password");
    fs::write(&file, "se:cret\nanother line\n").expect("written");
    let fake = Fake::start(Behaviour::Answer(answer(401, "", "")));
    let known = Server {
        user: Some("anna".into()),
        password_file: Some(file.clone()),
        ..server(&fake.url())
    };
    let fault = ask(vec![known], Duration::from_secs(5)).remove(0).report.expect_err("no report");
    assert_eq!(fault, Fault::WrongPassword(file));
    let request = fake.requests().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("get /status?format=json http/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: basic yw5uytpzztpjcmv0\r\n"), "{request}");
    assert!(request.contains("connection: close\r\n"), "{request}");
}

#[test]
fn settings_that_cannot_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| Some(folder.path().join(name));
    fs::write(folder.path().join("empty"), "\n").expect("written");
    fs::write(folder.path().join("text"), "no certificate\n").expect("written");
    fs::write(folder.path().join("broken"), "-----BEGIN CERTIFICATE-----\n").expect("written");
    let plain = || server("http://web1/s");
    let secure = |ca: &str| Server { ca: at(ca), ..server("https://web1/s") };
    let user = |user: &str, file: &str| Server {
        user: Some(user.into()),
        password_file: at(file),
        ..plain()
    };
    for (servers, expected) in [
        (vec![server("web1")], "\"web1\" has no https:// or http://"),
        (vec![plain(), plain()], "two servers are called \"web1\"; write different names"),
        (vec![Server { user: Some("anna".into()), ..plain() }], "server web1: user needs password"),
        (vec![Server { password_file: at("x"), ..plain() }], "server web1: password_file needs us"),
        (vec![user("anna", "none")], "server web1: cannot read password_file = \"/"),
        (vec![user("anna", "empty")], "server web1: password_file = \"/"),
        (vec![user("an:na", "text")], "server web1: user has a colon"),
        (vec![secure("none")], "server web1: cannot read ca = \"/"),
        (vec![secure("text")], "server web1: ca = \"/"),
        (vec![secure("broken")], "server web1: ca = \"/"),
    ] {
        let settings = Settings { servers, ..Settings::default() };
        let error = Fleet::new(&settings, &[]).err().expect("an error");
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
}

#[test]
fn named_servers() {
    let name = |name: &str| Server { name: Some(name.into()), ..server("http://127.0.0.1/s") };
    let settings = Settings { servers: vec![name("web1"), name("web2")], ..Settings::default() };
    let names = |named: &[&str]| {
        let named: Vec<_> = named.iter().map(|word| (*word).to_owned()).collect();
        let fleet = Fleet::new(&settings, &named)?;
        Ok::<_, String>(fleet.names().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(names(&[]), Ok(vec!["web1".into(), "web2".into()]));
    assert_eq!(names(&["web2"]), Ok(vec!["web2".into()]));
    assert_eq!(names(&["http://other:81/s"]), Ok(vec!["other:81".into()]));
    assert_eq!(
        names(&["web3"]),
        Err("no server is called \"web3\" (the settings name web1, web2); write one of these, or \
             a URL"
            .into())
    );
}

#[test]
fn many_servers_of_which_some_hang() {
    let (good, hanging) = (
        Fake::start(Behaviour::Answer(report(&one_scope("closed", 0)))),
        Fake::start(Behaviour::Hang),
    );
    let server = |number: usize| {
        let url = if number % 10 == 3 { hanging.url() } else { good.url() };
        Server { name: Some(format!("web{number}")), ..server(&url) }
    };
    let limit = Duration::from_secs(1);
    let start = Instant::now();
    let readings = ask((0..50).map(server).collect(), limit);
    let time = start.elapsed();
    assert!(time < limit + Duration::from_millis(500), "{time:?}");
    for (number, reading) in readings.iter().enumerate() {
        assert_eq!(reading.name, format!("web{number}"));
        let is_late = matches!(reading.report, Err(Fault::Timeout(_)));
        assert_eq!((is_late, reading.report.is_ok()), (number % 10 == 3, number % 10 != 3));
    }
}

#[test]
fn an_interruption() {
    let hanging = Fake::start(Behaviour::Hang);
    let settings = Settings { servers: vec![server(&hanging.url())], ..Settings::default() };
    let fleet = Fleet::new(&settings, &[]).expect("a server");
    let start = Instant::now();
    assert!(fleet.ask(&[], &|| start.elapsed() > Duration::from_millis(100)).is_none());
    assert!(start.elapsed() < Duration::from_secs(2));
}
