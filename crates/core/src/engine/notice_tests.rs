//! The public notice in the engine: which requests it answers, and how long a look serves.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::fake::{FakeRequest, FakeServer};
use super::*;
use crate::events::EventSink;
use crate::file::watched::FileEvent;
use crate::flag::FlagEvent;

struct Quiet;

impl EventSink for Quiet {
    fn flag(&self, _: FlagEvent<'_>) {}
    fn file(&self, _: FileEvent<'_>) {}
    fn rendered(&self, _: Option<&Path>, _: &str) {}
}

fn server(lines: &str) -> FakeServer<Quiet> {
    let folder = tempfile::tempdir().expect("a folder");
    FakeServer::new(folder, lines, &["MaintenanceFlag $/app"], Quiet)
}

/// The status, the content, and the value of a header field of the reply; None if the request goes
/// on.
fn ask(request: &mut FakeRequest<'_, Quiet>, hook: Hook) -> Option<(u16, String, String)> {
    request.ahead = Some(vec![None]);
    match handle(request, hook) {
        Action::Reply(reply) => {
            let content = reply.content.as_ref().map(|(_, content)| content.bytes(true).0);
            let content = String::from_utf8_lossy(content.unwrap_or_default()).into_owned();
            let etag = reply.fields.iter().find(|(name, _)| *name == c"ETag");
            let etag = etag.map(|(_, value)| value.to_string_lossy().into_owned());
            Some((reply.status, content, etag.unwrap_or_default()))
        }
        _ => None,
    }
}

#[test]
fn which_requests() {
    let server = server("MaintenanceFlag $/flag\nMaintenanceNotice /notice");
    let get = |path| ask(&mut FakeRequest::new(&server, 1, path), Hook::Quick);
    let status = |path| get(path).map(|(status, ..)| status);
    for is_closed in [false, true] {
        if is_closed {
            fs::write(server.path("flag"), "").expect("written");
        }
        assert_eq!(status("/notice"), Some(200));
        assert_eq!(status("/notice/x"), Some(404));
        assert_eq!(status("/noticed"), None);
        assert_eq!(status("/notice/.."), None);
        let request = FakeRequest::new(&server, 1, "/notice");
        let mut post = FakeRequest { method: "POST", ..FakeRequest::new(&server, 1, "/notice") };
        assert_eq!(ask(&mut post, Hook::Quick).map(|(status, ..)| status), Some(405));
        // Only what a client asks for itself: a part of a page, or a redirection, goes its way.
        let decided = Decision::undecided(request.path_id());
        let mut part =
            FakeRequest { is_subrequest: true, ..FakeRequest::new(&server, 1, "/notice") };
        assert_eq!(ask(&mut part, Hook::Quick), None);
        let origin = Some(decided);
        let mut redirected = FakeRequest { origin, ..FakeRequest::new(&server, 1, "/notice") };
        assert_eq!(ask(&mut redirected, Hook::Quick), None);
    }
}

#[test]
fn without_the_directive() {
    let server = server("MaintenanceFlag $/flag");
    assert!(server.gates.notice().is_none());
    let mut request = FakeRequest::new(&server, 1, "/maintenance-notice");
    assert_eq!(ask(&mut request, Hook::Quick), None);
}

/// A look serves the requests of the next second, and covers the flags of sections.
#[test]
fn one_look_a_second() {
    let server = server("MaintenanceFlag $/flag\nMaintenanceNotice /notice");
    let get = || {
        let mut request = FakeRequest::new(&server, 1, "/notice/upcoming.json");
        ask(&mut request, Hook::Quick).expect("a reply")
    };
    let (_, nothing, first) = get();
    assert!(nothing.contains("\"scheduled_maintenances\":[]"), "{nothing}");
    fs::write(server.path("app"), "start = 2999-01-01T00:00:00Z\ntitle = 'one'").expect("written");
    assert_eq!(get().2, first, "the look is not a second old");
    // Until the flag is no longer young, and the last look is old.
    for _ in 0..2 {
        thread::sleep(Duration::from_millis(1100));
        get();
    }
    let (_, announced, second) = get();
    assert!(announced.contains("\"name\":\"one\"") && second != first, "{announced}");
    let mut request = FakeRequest::new(&server, 1, "/notice/upcoming.json");
    request.headers = vec![(c"If-None-Match", format!("\"x\", {second}"))];
    assert_eq!(ask(&mut request, Hook::Quick), Some((304, String::new(), second)));
}
