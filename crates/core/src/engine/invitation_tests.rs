//! Invitations in the engine: links, cookies, and what is counted.

use std::fs;
use std::path::Path;

use jiff::Timestamp;

use super::fake::{FakeRequest, FakeServer};
use super::gates::tests::In;
use super::*;
use crate::allow::AllowKind;
use crate::allow::invitations::SecretHash;
use crate::events::EventSink;
use crate::file::watched::FileEvent;
use crate::flag::{FlagEvent, Observer};

struct Quiet;

impl EventSink for Quiet {
    fn flag(&self, _: FlagEvent<'_>) {}
    fn file(&self, _: FileEvent<'_>) {}
    fn rendered(&self, _: Option<&Path>, _: &str) {}
}

type TestRequest<'r> = FakeRequest<'r, Quiet>;

const BLOGS: Option<&In> = Some(&In(&[1]));

fn hex(secret: &str) -> String {
    SecretHash::of(secret.as_bytes()).expect("a secret").to_hex()
}

/// A server with invitations, and a section with a flag and invitations of its own.
fn server() -> FakeServer<Quiet> {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        fs::write(folder.path().join(name), text).expect("written");
    };
    let [anna, old, app] = ["anna", "old", "app"].map(hex);
    write(
        "guests",
        format!(
            "anna {anna}\nold {old} until=2026-01-01T00:00Z\napp {app} path=/app \
             until=2099-01-01T00:00Z\n"
        ),
    );
    write("bloggers", format!("bert {}\n", hex("bert")));
    let lines = "MaintenanceFlag $/flag\nMaintenanceAllow 10.0.0.1 invite=$/guests";
    let sections = ["MaintenanceFlag $/blogs\nMaintenanceAllow invite=$/bloggers"];
    let server = FakeServer::new(folder, lines, &sections, Quiet);
    for flag in &server.flags {
        flag.look(Observer::Child, Timestamp::MIN, &Timestamp::now, &mut |_| ());
    }
    server
}

/// Status, Location and Set-Cookie of the reply; "decline" or the status otherwise.
fn ask(request: &mut TestRequest<'_>, hook: Hook) -> String {
    match handle(request, hook) {
        Action::Decline => "decline".into(),
        Action::Answer(answer) => answer.status.code().to_string(),
        Action::Reply(reply) => {
            let fields =
                reply.fields.iter().filter(|(name, _)| [c"Location", c"Set-Cookie"].contains(name));
            let fields = fields.map(|(_, value)| format!(" {}", value.to_string_lossy()));
            assert!(reply.fields.contains(&(c"Cache-Control", c"no-store".into())));
            assert!(reply.fields.contains(&(c"Referrer-Policy", c"no-referrer".into())));
            format!("{}{}", reply.status, fields.collect::<String>())
        }
        Action::Plain => "plain".into(),
        Action::Fail => "fail".into(),
    }
}

#[test]
fn links() {
    const COOKIE: &str = "__Host-maintenance-invite";
    const ATTRIBUTES: &str = "; Path=/; Secure; HttpOnly; SameSite=Lax";
    let anna = format!("{COOKIE}=anna{ATTRIBUTES}");
    let server = server();
    for is_closed in [false, true] {
        if is_closed {
            fs::write(server.path("flag"), "").expect("closed");
        }
        for (client, section, path, query, open, closed) in [
            (9, None, "/", "maintenance-invite=anna", "303 /", format!("303 / {anna}")),
            (1, None, "/", "maintenance-invite=anna", "303 /", format!("303 / {anna}")),
            (
                9,
                None,
                "/x",
                "a=1&maintenance-invite=no&maintenance-invite=anna&b",
                "303 /x?a=1&b",
                format!("303 /x?a=1&b {anna}"),
            ),
            (
                9,
                None,
                "//x/y",
                "maintenance-invite=anna",
                "303 /.//x/y",
                format!("303 /.//x/y {anna}"),
            ),
            (
                9,
                BLOGS,
                "/blogs",
                "maintenance-invite=anna",
                "303 /blogs",
                format!("303 /blogs {anna}"),
            ),
            (
                9,
                BLOGS,
                "/blogs",
                "maintenance-invite=bert",
                "303 /blogs",
                format!("303 /blogs {COOKIE}=bert{ATTRIBUTES}"),
            ),
            (9, None, "/", "maintenance-invite=bert", "303 /", "500".into()),
            (9, None, "/", "maintenance-invite=no", "303 /", "500".into()),
            (9, None, "/", "maintenance-invite=", "303 /", "500".into()),
            (9, None, "/", "maintenance-invite=old", "303 /", "500".into()),
            (9, None, "/", "maintenance-invite=app", "303 /", "500".into()),
            (9, None, "/app/../x", "maintenance-invite=app", "303 /app/../x", "500".into()),
            (1, None, "/", "maintenance-invite=no", "303 /", "decline".into()),
            (9, None, "/", "a=1", "decline", "500".into()),
        ] {
            let mut request = TestRequest {
                query: Some(query),
                sections: vec![None],
                ahead: Some(vec![section]),
                ..TestRequest::new(&server, client, path)
            };
            let expected = if is_closed { closed.as_str() } else { open };
            assert_eq!(ask(&mut request, Hook::Quick), expected, "{path} {query} {is_closed}");
            let is_link = query.contains("maintenance-invite");
            assert_eq!(request.query.is_none(), is_link, "{query}");
        }
    }
    let mut request = TestRequest {
        query: Some("maintenance-invite=app"),
        ..TestRequest::new(&server, 9, "/app/x")
    };
    let reply = ask(&mut request, Hook::Quick);
    let start = format!("303 /app/x {COOKIE}=app{ATTRIBUTES}; Max-Age=");
    let seconds: i64 = reply.strip_prefix(&start).expect("a cookie").parse().expect("seconds");
    let end = Timestamp::now().as_second() + seconds;
    assert!((4_070_908_800 - 5..=4_070_908_800 + 5).contains(&end), "{reply}");
}

/// A subrequest and an internal redirect find what came with the client's request.
#[test]
fn cookies() {
    let server = server();
    fs::write(server.path("flag"), "").expect("closed");
    for (cookie, path, expected) in [
        (Some("maintenance-invite=anna"), "/", "invitation anna"),
        (Some("maintenance-invite=anna"), "/app/x", "invitation anna"),
        (Some("maintenance-invite=app"), "/app", "invitation app"),
        (Some("maintenance-invite=app"), "/app/x", "invitation app"),
        (Some("maintenance-invite=app"), "/application", ""),
        (Some("maintenance-invite=app"), "/", ""),
        (Some("maintenance-invite=old"), "/", ""),
        (Some("maintenance-invite=bert"), "/", ""),
        (Some("maintenance-invite=Anna"), "/", ""),
        (None, "/", ""),
    ] {
        let mut request = TestRequest { cookie, ..TestRequest::new(&server, 9, path) };
        let action = ask(&mut request, Hook::Quick);
        assert_eq!(
            action,
            if expected.is_empty() { "500" } else { "decline" },
            "{cookie:?} {path}"
        );
        assert_eq!(request.admissions.take().concat(), expected, "{cookie:?} {path}");
        request.end();
    }
    let totals = server.counters.stats.totals(server.counters.own);
    assert_eq!((totals.allowed[&AllowKind::Invite], totals.refused[&500]), (4, 6));
    let mut request = TestRequest {
        cookie: Some("maintenance-invite=app"),
        ..TestRequest::new(&server, 9, "/app")
    };
    assert_eq!(ask(&mut request, Hook::Quick), "decline");
    for (path, expected) in [("/app/x", "decline"), ("/other", "500")] {
        let mut next =
            TestRequest { cookie: Some("maintenance-invite=app"), ..request.redirected(path) };
        assert_eq!(ask(&mut next, Hook::Quick), expected, "redirected to {path}");
        let mut part = TestRequest {
            cookie: Some("maintenance-invite=app"),
            path_id: 3,
            ..request.subrequest(path)
        };
        let expected = if expected == "500" { "fail" } else { expected };
        assert_eq!(ask(&mut part, Hook::Quick), expected, "a part at {path}");
    }
    let of = |name: &str| {
        let list = server.gates.own().allowlist().report(9, Timestamp::now());
        let invitations = list.into_iter().flat_map(|entry| entry.invitations);
        let mut invitations = invitations.filter(|listed| listed.invitation.name == name);
        let listed = invitations.next().expect(name);
        (server.counters.stats.invitations().of(listed.invitation.id).count, listed.is_expired)
    };
    assert_eq!([of("anna"), of("old"), of("app")], [(2, false), (0, true), (3, false)]);
}

/// The line of an invitation is taken away.
#[test]
fn revoked() {
    let server = server();
    fs::write(server.path("flag"), "").expect("closed");
    let ask_anna = || {
        let mut request = TestRequest {
            cookie: Some("maintenance-invite=anna"),
            ..TestRequest::new(&server, 9, "/")
        };
        ask(&mut request, Hook::Quick)
    };
    assert_eq!(ask_anna(), "decline");
    fs::write(server.path("guests"), "# nobody\n").expect("written");
    let start = std::time::Instant::now();
    while ask_anna() != "500" {
        assert!(start.elapsed().as_millis() < 1000);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Nothing is looked for where no invitation is configured.
#[test]
fn where_there_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = FakeServer::new(folder, "MaintenanceFlag $/flag", &[], Quiet);
    assert!(server.gates.is_plain());
    for _ in 0..2 {
        let query = Some("maintenance-invite=anna");
        let mut request = TestRequest { query, ..TestRequest::new(&server, 9, "/") };
        ask(&mut request, Hook::Quick);
        assert_eq!(request.query, query);
        fs::write(server.path("flag"), "").expect("closed");
    }
    let server = self::server();
    assert!(!server.gates.is_plain() && server.gates.has_invitations());
}
