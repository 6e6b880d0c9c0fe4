//! While the site is open, and for admitted clients, the module is invisible: the answers are the
//! same, byte for byte, as those of a server without it.

mod requests;
mod site;

use std::fmt;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use maintenance_harness::client::Answer;
use maintenance_harness::{Client, Httpd, Mpm, raw_bytes, replace_file};
use requests::{Case, REQUESTS, cases};
use site::{Own, Pair, WITHOUT};

type Pattern = LazyLock<Regex>;

macro_rules! pattern {
    ($pattern:literal) => {
        LazyLock::new(|| Regex::new(concat!("(?m-u)", $pattern)).expect("a pattern"))
    };
}

/// Many directives. The flags do not exist.
const DIRECTIVES: Own = Own {
    before: "",
    server: "MaintenanceFlag all.flag logs/more.flag\nMaintenanceAllow 10.0.0.0/8 path=/page.html\n\
             MaintenanceAllow file=conf/allow.txt \"expr=%{HTTP_USER_AGENT} =~ /probe/\"\n\
             MaintenancePage conf/page.html\nMaintenanceStatus 503 \"expr=%{HTTP:X-Mine} == 'yes'\"\n\
             MaintenanceRetryAfter 10m spread=5m",
    host: "MaintenanceFlag host.flag\nMaintenanceAllow none ::1 env=BY host=localhost\n\
           MaintenanceStatus 404\nMaintenanceRetryAfter off\nMaintenanceEngine On\n\
           <Location />\nMaintenanceFlag location.flag\nMaintenanceAllow 127.0.0.9\n</Location>\n\
           <LocationMatch \"\\.html$\">\nMaintenanceFlag match.flag\nMaintenanceStatus 503\n</LocationMatch>",
};

#[test]
fn without_directives() {
    let pair = Pair::start(Mpm::Event, WITHOUT, Own::default());
    assert_same(&pair);
}

#[test]
fn with_directives() {
    let pair = Pair::start(Mpm::Worker, WITHOUT, DIRECTIVES);
    assert_same(&pair);
}

/// The flag exists and takes effect later.
#[test]
fn announced() {
    let variable = "SetEnvIf Remote_Addr . MAINTENANCE=announced";
    let pair = Pair::start(Mpm::Prefork, Own { server: variable, ..WITHOUT }, Own::default());
    replace_file(&pair.other.flag(), "start = 2099-01-01T00:00:00Z\nmessage = \"Later.\"\n");
    assert_same_but_for(&pair, &ANNOUNCED);
    assert_eq!(pair.other.count_log("maintenance: .*2099-01-01"), 1, "{}", pair.other.log());
}

/// Admitted clients get the same answers while the site is closed as while it is open, except for
/// the variable. The server without the module sets the variable too, so that all bytes can be
/// compared.
#[test]
fn those_who_pass() {
    let variable = "SetEnvIf Remote_Addr . MAINTENANCE=allowed:address";
    let allow = "MaintenanceAllow 127.0.0.1 192.0.2.7";
    let reference = Own { server: variable, ..WITHOUT };
    let pair = Pair::start(Mpm::Event, reference, Own { server: allow, ..Own::default() });
    pair.other.close();
    assert_same_but_for(&pair, &CACHING);
    assert_eq!(pair.other.count_log("closed by the flag"), 1, "{}", pair.other.log());
}

/// An expression that uses a field adds it to Vary, as with mod_setenvif, because the field affects
/// the answer while the site is closed. While it is open, no expression is evaluated
/// (`with_directives`).
#[test]
fn those_who_pass_by_an_expression() {
    let label = "MAINTENANCE=allowed:expr";
    let set = format!("SetEnvIfExpr \"%{{HTTP_USER_AGENT}} != 'x'\" {label}");
    let allow = "MaintenanceAllow \"expr=%{HTTP_USER_AGENT} != 'x'\"";
    let reference = Own { server: &set, ..WITHOUT };
    let pair = Pair::start(Mpm::Event, reference, Own { server: allow, ..Own::default() });
    pair.other.close();
    // On internal redirects mod_setenvif evaluates again, the module does not.
    let is_redirect = |name: &str| {
        ["/%2e", "/lost", "/cgi/local", "/action", "/map.var"]
            .iter()
            .any(|path| name.contains(path))
    };
    let mut found = compare(&pair);
    found.retain(|found| !is_redirect(&found.name) && !found.is_only_in(&CACHING));
    assert!(found.is_empty(), "{}", found[0]);
}

/// The module controls all these requests: while closed it answers all of them, except those that
/// httpd itself rejects.
#[test]
fn the_gate_sees_the_requests() {
    let pair = Pair::start(Mpm::Event, WITHOUT, Own::default());
    pair.other.close();
    let refused: Vec<_> = compare(&pair).into_iter().map(|found| found.name).collect();
    let others = cases().into_iter().filter(|case| !refused.contains(&case.name));
    let others: Vec<_> = others.flat_map(|case| case.statuses).collect();
    assert_eq!(others, [417, 414]);
}

/// The comparison must be able to find differences: a field, a variable, what a backend receives, a
/// status, a byte of a body, a redirect.
#[test]
fn differences_are_found() {
    let planted = Own {
        host: "<Location /asis>\nHeader set X-Planted y\n</Location>\n\
               <Location /action>\nSetEnv PLANTED y\n</Location>\n\
               <Location /backend>\nRequestHeader set X-Planted y\n</Location>\n\
               ErrorDocument 410 planted\nRedirect permanent /moved http://elsewhere.test/new\n\
               <Location /alias/page.html>\nHeader set Age 0\n</Location>",
        ..WITHOUT
    };
    let pair = Pair::start(Mpm::Event, WITHOUT, planted);
    let found: Vec<_> = compare(&pair).into_iter().map(|found| found.name).collect();
    let expected = |name: &str| {
        let planted = ["/asis/", "/action/", "/backend/echo", "/gone", " /moved", "/alias/"];
        let through = name.contains("/rewritten/through"); // leads to /alias/
        through || planted.iter().any(|path| name.contains(path))
    };
    let names = cases().into_iter().map(|case| case.name);
    let expected: Vec<_> = names.filter(|name| expected(name)).collect();
    assert_eq!(found, expected);
    assert!(found.len() > 8, "{found:?}");
}

/// The same over HTTP/2, as far as a client can see it.
#[test]
fn http2() {
    let h2 = "LoadModule http2_module \"${MODULES}/mod_http2.so\"\nProtocols h2c http/1.1";
    let (reference, directives) = (Own { server: h2, ..WITHOUT }, DIRECTIVES);
    let server = format!("{h2}\n{}", directives.server);
    let pair = Pair::start(Mpm::Event, reference, Own { server: &server, ..directives });
    let servers = [&pair.reference, &pair.other];
    let clients = servers.map(|httpd| Client::http2_as("site.test", httpd.address()));
    for (line, fields, status, _) in REQUESTS {
        // Raw requests cannot be sent by this client.
        if !line.starts_with("GET /") || line.contains("/%2e") {
            continue;
        }
        let [reference, other] = [0, 1].map(|which| {
            let answer = ask(&clients[which], line, fields);
            assert_eq!((answer.status, answer.version), (*status, reqwest::Version::HTTP_2));
            let mut text = String::new();
            for (name, value) in &answer.headers {
                text += &format!("{name}: {}\r\n", value.to_str().expect("text"));
            }
            normalised(servers[which], (text + "\r\n" + &answer.body).into_bytes())
        });
        let name = format!("{line} {fields}");
        assert!(reference == other, "{}", Difference { name, reference, other });
    }
}

fn ask(client: &Client, line: &str, fields: &str) -> Answer {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let fields = fields.split_terminator("\r\n").filter_map(|field| field.split_once(": "));
    let request = client.request(method, path);
    client.send(fields.fold(request, |request, (name, value)| request.header(name, value)))
}

/// A request with two different answers.
struct Difference {
    name: String,
    reference: Vec<u8>,
    other: Vec<u8>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let start = self.reference.iter().zip(&self.other).take_while(|(a, b)| a == b).count();
        let [reference, other] = [&self.reference, &self.other].map(|answer| {
            let around = &answer[start.saturating_sub(300)..answer.len().min(start + 300)];
            String::from_utf8_lossy(around)
        });
        write!(f, "{}\n--- without:\n{reference}\n--- with:\n{other}\n", self.name)
    }
}

impl Difference {
    /// Whether the answers differ in nothing but lines of this pattern.
    fn is_only_in(&self, lines: &Pattern) -> bool {
        let without = |answer| lines.replace_all(answer, b"").into_owned();
        // No cache keeps what those who pass get, so none answers them.
        let is_cached = std::ptr::eq(lines, &CACHING) && self.name.contains("/cached/");
        is_cached || without(&self.reference) == without(&self.other)
    }
}

#[track_caller]
fn assert_same(pair: &Pair) {
    assert_same_but_for(pair, &NOTHING);
}

#[track_caller]
fn assert_same_but_for(pair: &Pair, lines: &Pattern) {
    let mut found = compare(pair);
    found.retain(|found| !found.is_only_in(lines));
    let found: Vec<_> = found.iter().map(Difference::to_string).collect();
    assert!(found.is_empty(), "{} requests differ:\n{}", found.len(), found.join("\n"));
    let [reference, other] = [&pair.reference, &pair.other].map(access_log);
    assert_eq!(other, reference);
}

/// The lines of the access log, which has a note and a variable of the module's, without the note
/// of admitted clients. The end of one request and the start of the next can change places.
fn access_log(httpd: &Httpd) -> Vec<String> {
    let answers = |case: Case| case.statuses.iter().filter(|status| **status != 100).count().max(1);
    let lines = httpd.access_log(cases().into_iter().map(answers).sum());
    let mut lines: Vec<_> = lines
        .iter()
        .map(|line| line.replace(" allowed:address allowed:address ", " - allowed:address "))
        .map(|line| line.replace(" announced announced ", " - announced "))
        .collect();
    lines.sort();
    lines
}

/// Sends all requests to both servers, one after the other.
#[track_caller]
fn compare(pair: &Pair) -> Vec<Difference> {
    let (mut differences, mut wrong) = (vec![], vec![]);
    for Case { name, request, statuses: expected, witness } in cases() {
        let [reference, other] = [&pair.reference, &pair.other]
            .map(|httpd| normalised(httpd, raw_bytes(httpd.address(), &request)));
        let found = statuses(&reference);
        if found != expected || !text(&reference).contains(witness) {
            let head: String = text(&reference).chars().take(2000).collect();
            wrong
                .push(format!("{name}: {found:?}, {expected:?} and {witness:?} expected:\n{head}"));
        }
        if reference != other {
            differences.push(Difference { name, reference, other });
        }
    }
    assert!(wrong.is_empty(), "these requests do not show what they are to:\n{}", wrong.join("\n"));
    differences
}

fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).into_owned()
}

fn statuses(answer: &[u8]) -> Vec<u16> {
    let found = STATUS.captures_iter(answer).map(|found| text(&found[1]));
    found.map(|status| status.parse().expect("a number")).collect()
}

static STATUS: Pattern = pattern!(r"^HTTP/1\.1 (\d{3}) ");
/// No line.
static NOTHING: Pattern = pattern!(r"^\b\B");
/// What the module says about caching to those who pass.
static CACHING: Pattern = pattern!(r"^([Cc]ache-[Cc]ontrol|[Ee]xpires|[Pp]ragma): .*\r\n");
/// What the module says while a flag announces a closing.
static ANNOUNCED: Pattern = pattern!(r"^[Mm]aintenance: announced;start=@4070908800\r\n");
/// The second in which an answer was made. (Backends and HTTP/2 use lower-case names.)
static DATE: Pattern = pattern!(r"^([Dd]ate): \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r$");
/// How many seconds mod_cache has stored the answer.
static AGE: Pattern = pattern!(r"^([Aa]ge): \d+\r$");
/// The methods are in the order of a hash table with a random seed per process.
static ALLOW: Pattern = pattern!(r"^([Aa]llow): ([A-Z,]+)\r$");
/// Connections have different ports; the script pads them to one length.
static PORT: Pattern = pattern!(r"(REMOTE_PORT)=[\d ]{15}$");
/// Addresses differ because no two servers share one.
static ADDRESS: Pattern = pattern!(r"(SERVER_ADDR)=([\d. ]{15})$");
/// A random number per process separates the parts of an answer.
static BOUNDARY: Pattern = pattern!(r"boundary=([0-9a-f]{1,16})\r$");
static PART: Pattern = pattern!(r"(boundary=|^--)([0-9a-f]{1,16})\b");
/// The number has up to sixteen digits, which affects the length.
static LENGTH: Pattern = pattern!(r"^([Cc]ontent-[Ll]ength): (\d+)\r$");

/// An answer without the values that differ by nature.
fn normalised(httpd: &Httpd, answer: Vec<u8>) -> Vec<u8> {
    let answer = DATE.replace_all(&answer, b"$1: *\r");
    let answer = AGE.replace_all(&answer, b"$1: *\r");
    let answer = ALLOW.replace_all(&answer, |found: &Captures| {
        let mut methods: Vec<_> = found[2].split(|byte| *byte == b',').collect();
        methods.sort_unstable();
        [&found[1], b": ", &methods.join(&b','), b"\r"].concat()
    });
    let answer = PORT.replace_all(&answer, b"$1=*");
    let own = format!("{:<15}", httpd.address().ip()).into_bytes();
    let answer = ADDRESS.replace_all(&answer, |found: &Captures| {
        [&found[1], b"=", if found[2] == own { b"*" } else { &found[2] }].concat()
    });
    let Some(boundary) = BOUNDARY.captures(&answer).map(|found| found[1].to_vec()) else {
        return answer.into_owned();
    };
    let mut missing = 0;
    let without = PART.replace_all(&answer, |found: &Captures| {
        let is_boundary = found[2] == boundary;
        missing += usize::from(is_boundary && found[1] == *b"--") * (16 - boundary.len());
        [&found[1], if is_boundary { b"*" } else { &found[2] }].concat()
    });
    let longest = |found: &Captures| {
        let length: usize = text(&found[2]).parse().expect("a number");
        format!("{}: {}\r", text(&found[1]), length + missing).into_bytes()
    };
    LENGTH.replace(&without, longest).into_owned()
}
