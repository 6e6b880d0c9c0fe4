use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use jiff::Timestamp;

use super::fake::{FakeRequest, FakeServer, Panics};
use super::gates::tests::In;
use super::*;
use crate::allow::AllowKind;
use crate::events::EventSink;
use crate::file::watched::FileEvent;
use crate::flag::{FlagEvent, Observer};
use crate::stats::ScopeTotals;

mod looks;
mod status_page;

struct Quiet;

impl EventSink for Quiet {
    fn flag(&self, _: FlagEvent<'_>) {}
    fn file(&self, _: FileEvent<'_>) {}
    fn rendered(&self, _: Option<&Path>, _: &str) {}
}

type TestServer = FakeServer<Quiet>;
type TestRequest<'r> = FakeRequest<'r, Quiet>;

const BLOGS: Option<&In> = Some(&In(&[1]));
const WIKI: Option<&In> = Some(&In(&[2]));

/// A server with two sections, each with its own refusal status. The allowlist admits 10.0.0.1, and
/// everybody at /health.
fn server() -> TestServer {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = "MaintenanceFlag $/flag\nMaintenanceAllow 10.0.0.1 path=/health";
    let sections = [
        "MaintenanceFlag $/blogs\nMaintenanceStatus 503",
        "MaintenanceFlag $/wiki\nMaintenanceStatus 403",
    ];
    let server = FakeServer::new(folder, lines, &sections, Quiet);
    for flag in &server.flags {
        // As a child does when it starts.
        flag.look(Observer::Child, Timestamp::MIN, &Timestamp::now, &mut |_| ());
    }
    server
}

impl TestServer {
    fn close(&self, flag: &str) {
        fs::write(self.path(flag), "").expect("written");
    }

    fn open(&self, flag: &str) {
        fs::remove_file(self.path(flag)).expect("removed");
    }

    /// The totals of the server and of its sections.
    fn totals(&self) -> [ScopeTotals; 3] {
        let of = |section| self.counters.stats.totals(self.counters.scope(section));
        [None, BLOGS, WIKI].map(of)
    }

    /// The numbers of requests admitted while open, allowed, and refused, in the server and in its
    /// sections.
    fn counts(&self) -> [[u64; 3]; 3] {
        self.totals().map(|totals| {
            [totals.open, totals.allowed.values().sum(), totals.refused.values().sum()]
        })
    }

    fn running(&self) -> usize {
        self.counters.stats.running().len()
    }
}

const NOTHING: [u64; 3] = [0, 0, 0];
const OPEN: [u64; 3] = [1, 0, 0];
const ALLOWED: [u64; 3] = [0, 1, 0];
const REFUSED: [u64; 3] = [0, 0, 1];

/// The action in one word, or the status of the answer.
fn word(action: &Action<'_>) -> String {
    match action {
        Action::Decline => "decline".into(),
        Action::Answer(answer) => answer.status.code().to_string(),
        Action::Reply(reply) => reply.status.to_string(),
        Action::Plain => "plain".into(),
        Action::Fail => "fail".into(),
    }
}

fn ask(request: &mut TestRequest<'_>, hook: Hook) -> String {
    word(&handle(request, hook))
}

/// All hooks, in the order in which a client request passes them.
const ALL: [Hook; 5] =
    [Hook::Quick, Hook::LocationWalked, Hook::LocationWalked, Hook::LookedUp, Hook::Handler];

fn ask_all(request: &mut TestRequest<'_>) -> [String; 5] {
    ALL.map(|hook| ask(request, hook))
}

fn label(request: &TestRequest<'_>) -> Option<&'static str> {
    request.decision().expect("a decision").outcome.label().and_then(|label| label.to_str().ok())
}

#[test]
fn an_open_server() {
    let server = server();
    let mut request = TestRequest::new(&server, 9, "/");
    assert_eq!(ask_all(&mut request), [(); 5].map(|()| "decline"));
    assert_eq!((label(&request), server.running()), (None, 1));
    assert_eq!(server.counts(), [NOTHING; 3], "it counts when it ends");
    request.end();
    assert_eq!((server.counts(), server.running()), ([OPEN, NOTHING, NOTHING], 0));
}

#[test]
fn an_engine_that_is_off() {
    let server = server();
    server.close("flag");
    let mut request = TestRequest { server: None, ..TestRequest::new(&server, 9, "/") };
    assert_eq!(ask_all(&mut request), [(); 5].map(|()| "decline"));
    assert!(request.decision().is_none());
}

#[test]
fn a_client_on_the_allowlist() {
    let server = server();
    server.close("flag");
    let mut request = TestRequest::new(&server, 1, "/");
    assert_eq!(ask_all(&mut request), [(); 5].map(|()| "decline"));
    assert_eq!(label(&request), Some("allowed:address"));
    assert_eq!(request.admissions.take(), ["10.0.0.1/32"], "said once");
    request.end();
    assert_eq!(server.totals()[0].allowed[&AllowKind::Address], 1);
    assert_eq!((server.counts(), server.running()), ([ALLOWED, NOTHING, NOTHING], 0));
}

#[test]
fn a_client_that_is_refused() {
    let server = server();
    server.close("flag");
    let mut request = TestRequest::new(&server, 9, "/page");
    let Action::Answer(answer) = handle(&mut request, Hook::Quick) else { panic!("no answer") };
    assert_eq!(answer.status.code(), 500);
    let mut fields = vec![];
    answer.each_field(|name, value| fields.push((name, value)));
    assert_eq!(fields, [(c"Cache-Control", c"no-store"), (c"Maintenance", c"closed")]);
    assert_eq!(answer.content_type, c"text/html; charset=utf-8");
    assert!(answer.vary().all(|fields| fields.to_bytes().starts_with(b"Accept")));
    assert!(!answer.content(true).0.is_empty() && answer.content(true).1.is_none());
    assert_eq!((label(&request), server.running()), (Some("blocked"), 0));
    request.end();
    assert_eq!(server.counts(), [REFUSED, NOTHING, NOTHING]);
    let clients = server.counters.stats.refused().clients();
    let [client] = &clients[..] else { panic!("{clients:?}") };
    assert_eq!(client.address.to_string(), "10.0.0.9");
    assert_eq!((&client.path.start[..], &client.agent.start[..]), (&b"/page"[..], &b"test"[..]));
}

/// Another module continues with a refused request.
#[test]
fn a_second_refusal_counts_once() {
    let server = server();
    server.close("flag");
    let mut request = TestRequest::new(&server, 9, "/");
    assert_eq!(ask_all(&mut request), ["500", "500", "500", "decline", "500"]);
    let mut error_document = request.redirected("/error");
    assert_eq!(ask_all(&mut error_document), ["500", "500", "500", "decline", "500"]);
    assert_eq!(server.counts(), [REFUSED, NOTHING, NOTHING]);
    server.open("flag");
    assert_eq!(ask(&mut request, Hook::Handler), "decline", "it is decided again");
    request.end();
    assert_eq!(server.counts(), [REFUSED, NOTHING, NOTHING], "it has been counted");
}

#[test]
fn a_decision_holds_while_the_flag_changes() {
    let server = server();
    let mut request = TestRequest::new(&server, 9, "/");
    assert_eq!(ask(&mut request, Hook::Quick), "decline");
    server.close("flag");
    assert_eq!(ask(&mut request, Hook::Handler), "decline");
    let mut part = request.subrequest("/part");
    assert_eq!(ask_all(&mut part), [(); 5].map(|()| "decline"));
    let mut redirected = request.redirected("/elsewhere");
    assert_eq!(ask_all(&mut redirected), [(); 5].map(|()| "decline"));
    redirected.end();
    assert_eq!((server.counts(), server.running()), ([OPEN, NOTHING, NOTHING], 0));
}

#[test]
fn a_subrequest_into_a_closed_section() {
    let server = server();
    server.close("blogs");
    let mut main = TestRequest::new(&server, 9, "/");
    assert_eq!(ask_all(&mut main), [(); 5].map(|()| "decline"));
    let mut part = main.subrequest("/blogs/part");
    part.sections = vec![BLOGS];
    // Once the main request is being answered, no handler runs for a looked-up resource.
    assert_eq!(ask_all(&mut part), ["fail", "decline", "decline", "fail", "fail"]);
    assert_eq!(label(&part), Some("blocked"));
    assert_eq!(server.running(), 1, "the main request goes on");
    main.end();
    assert_eq!(server.counts(), [OPEN, NOTHING, NOTHING]);
}

/// A part of a request that httpd rejected before the module saw it.
#[test]
fn a_subrequest_of_an_unknown_request() {
    let server = server();
    let main = TestRequest::new(&server, 9, "/");
    let mut part = main.subrequest("/part");
    assert_eq!(ask(&mut part, Hook::Quick), "decline");
    assert!(part.decision().is_some_and(|decision| decision.tracked.is_none()));
    assert_eq!(server.running(), 0);
    // Its ErrorDocument is a request like any other.
    let mut error_document = main.redirected("/error");
    assert_eq!(ask(&mut error_document, Hook::Quick), "decline");
    assert_eq!(server.running(), 1);
    error_document.end();
}

#[test]
fn look_ups() {
    let server = server();
    server.close("blogs");
    let mut main = TestRequest::new(&server, 9, "/");
    ask(&mut main, Hook::LocationWalked);
    let look_up = |main: &TestRequest<'_>, is_get: bool| {
        let part = main.subrequest("/blogs/");
        ask(&mut TestRequest { sections: vec![BLOGS], is_get, ..part }, Hook::LookedUp)
    };
    assert_eq!(look_up(&main, true), "decline", "it comes to a handler");
    assert_eq!(look_up(&main, false), "fail", "mod_dav acts on what it looks up");
    ask(&mut main, Hook::Handler);
    assert_eq!(look_up(&main, true), "fail", "a handler shows something of it");
    main.end();
}

#[test]
fn an_internal_redirect_into_a_closed_section() {
    let server = server();
    server.close("blogs");
    let mut request = TestRequest::new(&server, 9, "/");
    assert_eq!(ask_all(&mut request), [(); 5].map(|()| "decline"));
    let mut redirected = request.redirected("/blogs/");
    redirected.sections = vec![BLOGS];
    assert_eq!(ask(&mut redirected, Hook::Quick), "503");
    assert_eq!(server.running(), 0);
    request.end();
    assert_eq!(server.counts(), [NOTHING, REFUSED, NOTHING]);
}

/// The request is counted once, in the last scope that it entered.
#[test]
fn an_internal_redirect_into_an_open_section() {
    let server = server();
    server.close("blogs");
    let mut request = TestRequest::new(&server, 9, "/");
    ask(&mut request, Hook::Quick);
    let mut redirected = request.redirected("/wiki/");
    redirected.sections = vec![WIKI];
    assert_eq!(ask_all(&mut redirected), [(); 5].map(|()| "decline"));
    assert_eq!(server.running(), 1);
    redirected.end();
    assert_eq!(server.counts(), [NOTHING, NOTHING, OPEN]);
}

/// mod_rewrite maps a request to another section than the one expected by the quick handler.
#[test]
fn a_request_that_is_rewritten() {
    let server = server();
    server.close("wiki");
    let mut request = TestRequest { ahead: Some(vec![BLOGS]), ..TestRequest::new(&server, 9, "/") };
    assert_eq!(ask(&mut request, Hook::Quick), "decline");
    (request.ahead, request.sections) = (None, vec![BLOGS]);
    assert_eq!(ask(&mut request, Hook::LocationWalked), "decline");
    (request.sections, request.path_id) = (vec![WIKI], 2);
    assert_eq!(ask(&mut request, Hook::LocationWalked), "403");
    assert_eq!(server.counts(), [NOTHING, NOTHING, REFUSED]);
}

/// A request admitted by its path must not be rewritten to another path.
#[test]
fn an_admission_by_path_ends_with_it() {
    let server = server();
    server.close("flag");
    let mut request = TestRequest::new(&server, 9, "/health");
    assert_eq!(ask_all(&mut request), [(); 5].map(|()| "decline"));
    assert_eq!(label(&request), Some("allowed:path"));
    assert_eq!(ask(&mut request.redirected("/private"), Hook::Quick), "500");
    assert_eq!(ask(&mut request.subrequest("/health"), Hook::Quick), "decline");
    let mut part = request.subrequest("/private");
    part.path_id = 3;
    assert_eq!(ask(&mut part, Hook::Quick), "fail");
    (request.path, request.path_id) = ("/private", 4);
    assert_eq!(ask(&mut request, Hook::LocationWalked), "500");
    // This does not apply to an admission by address.
    let mut request = TestRequest::new(&server, 1, "/");
    ask(&mut request, Hook::Quick);
    assert_eq!(ask(&mut request.redirected("/private"), Hook::Quick), "decline");
}

/// The strictest reading applies, in its own scope.
#[test]
fn several_readings_of_a_path() {
    let server = server();
    let readings = || vec![None, BLOGS, WIKI, BLOGS];
    let new = |client| TestRequest {
        sections: readings(),
        ahead: Some(readings()),
        ..TestRequest::new(&server, client, "/a%2fb")
    };
    let mut open = new(9);
    assert_eq!(ask(&mut open, Hook::Quick), "decline");
    open.ahead = None;
    assert_eq!(ask(&mut open, Hook::LocationWalked), "decline");
    server.close("wiki");
    assert_eq!(ask(&mut new(9), Hook::Quick), "403");
    let mut allowed = new(1);
    assert_eq!(ask(&mut allowed, Hook::Quick), "decline");
    assert_eq!(label(&allowed), Some("allowed:address"));
    server.close("blogs");
    assert_eq!(ask(&mut new(9), Hook::Quick), "503");
    let mut one = TestRequest { sections: vec![None], ..new(9) };
    one.ahead = Some(vec![None]);
    assert_eq!(ask(&mut one, Hook::Quick), "decline");
    [open, allowed, one].iter().for_each(TestRequest::end);
    assert_eq!(server.counts(), [[2, 0, 0], REFUSED, [0, 1, 1]]);
}

/// Runs a hook like the module, with the panic boundary.
fn ask_guarded(request: &mut TestRequest<'_>, hook: Hook) -> String {
    let action = catch_unwind(AssertUnwindSafe(|| word(&handle(request, hook))));
    let guard = |body: &mut dyn FnMut()| drop(catch_unwind(AssertUnwindSafe(body)));
    action.unwrap_or_else(|_| word(&panic::after_panic(request, guard)))
}

#[test]
fn after_a_panic_the_last_known_state_counts() {
    let server = server();
    let new = || TestRequest { panics: Panics::Once, ..TestRequest::new(&server, 9, "/") };
    let mut request = new();
    assert_eq!(ask_guarded(&mut request, Hook::Quick), "decline");
    assert_eq!(label(&request), None);
    assert_eq!(ALL.map(|hook| ask(&mut request, hook)), [(); 5].map(|()| "decline"), "it holds");
    request.end();
    assert_eq!(server.counts(), [OPEN, NOTHING, NOTHING]);

    let mut before = TestRequest::new(&server, 9, "/");
    ask(&mut before, Hook::Quick);
    server.close("blogs");
    assert_eq!(ask_guarded(&mut new(), Hook::Quick), "decline", "not known yet");
    ask(&mut TestRequest { sections: vec![BLOGS], ..TestRequest::new(&server, 9, "/") }, ALL[0]);
    let mut request = new();
    assert_eq!(ask_guarded(&mut request, Hook::Quick), "plain", "the strictest gate counts");
    assert_eq!(label(&request), Some("blocked"));
    assert_eq!(ask_guarded(&mut request, Hook::Handler), "plain");
    assert_eq!(server.counts(), [[1, 0, 1], REFUSED, NOTHING], "in the server's scope, once");

    for main in [request, before] {
        let mut part = main.subrequest("/part");
        (part.sections, part.panics) = (vec![WIKI], Panics::Once);
        assert_eq!(ask_guarded(&mut part, Hook::Quick), "plain");
    }
    assert_eq!(server.counts(), [[1, 0, 1], REFUSED, NOTHING], "a part does not count");
}

/// The state of the server is not known then.
#[test]
fn a_panic_after_a_panic_refuses() {
    let server = server();
    let mut request = TestRequest { panics: Panics::Always, ..TestRequest::new(&server, 9, "/") };
    request.keep(Decision::undecided(request.path_id()));
    assert_eq!(ask_guarded(&mut request, Hook::Quick), "plain");
    assert_eq!(label(&request), Some("blocked"));
}
