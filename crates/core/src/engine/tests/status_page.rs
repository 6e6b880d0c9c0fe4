//! Requests for the status page.

use super::*;
use crate::stats::in_flight::ClosingFlags;

/// It passes as far as the gate is concerned, and so it does not drain. It passes no further than
/// to the page.
#[test]
fn a_request_for_the_status_page() {
    let server = server();
    server.close("flag");
    let new =
        || TestRequest { is_for_status_page: true, ..TestRequest::new(&server, 9, "/status") };
    let mut request = new();
    assert_eq!(ask_all(&mut request), [(); 5].map(|()| "decline"));
    assert_eq!(label(&request), Some("status-page"));
    let closing = ClosingFlags { all: u64::MAX, ..ClosingFlags::default() };
    let generation = server.counters.generation;
    let running = server.counters.stats.running();
    assert_eq!(running.len(), 1);
    assert!(!running[0].is_from_before(closing, generation));
    let mut document = request.redirected("/error.html");
    assert_eq!(ask(&mut document, Hook::Quick), "500", "the ErrorDocument of a 403");
    let mut part = request.subrequest("/part");
    part.path_id = 3;
    assert_eq!(ask(&mut part, Hook::Quick), "fail");
    for hook in [Hook::LocationWalked, Hook::Handler] {
        let mut request = new();
        assert_eq!(ask(&mut request, Hook::Quick), "decline");
        request.is_for_status_page = false; // another module has taken it
        assert_eq!(ask(&mut request, hook), "500");
    }
    let mut friend = TestRequest { client: 1, ..new() };
    assert_eq!(
        (ask(&mut friend, Hook::Quick), label(&friend)),
        ("decline".into(), Some("allowed:address"))
    );
}
