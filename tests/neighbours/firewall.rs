//! mod_security2. Its phase 1 runs when httpd has read the header section, before all quick
//! handlers. The phases of the answer treat the refusal like any other answer.

use super::{ask, get, round_counting};
use maintenance_harness::{PAGE, Setup};

const MODULES: [&str; 2] = ["unique_id", "security2"];

/// Its log lines at start and for a denied request.
const DENIED: &str = "ModSecurity: Access denied with code";

/// Content that phase 2 denies, such as arguments in the body, is not checked while the site is
/// closed.
#[test]
fn later_phase_of_the_request() {
    let setup = Setup::new(
        "SecRuleEngine On\nSecRequestBodyAccess On\n\
         SecRule ARGS \"@contains evil\" \"id:2,phase:2,deny,status:406\"",
    )
    .modules(&MODULES);
    let form = "application/x-www-form-urlencoded";
    let asks = [
        get("/", 200, "hello from httpd"),
        get("/?x=evil", 406, ""),
        ask("POST", "/", 406, "").header("Content-Type", form).body("x=evil"),
    ];
    round_counting(setup, &asks, &|httpd| httpd.count_log(DENIED)).allow_log(DENIED);
}

/// Requests denied in phase 1 are always denied, also for admitted clients. While the site is
/// closed, other clients get the maintenance page instead of an ErrorDocument from the site.
#[test]
fn first_phase_of_the_request() {
    for (document, closed_to_strangers) in [("\"denied\"", false), ("/denied.html", true)] {
        let setup = Setup::new(
            "SecRuleEngine On\nMaintenanceAllow 127.0.0.2\n\
             SecRule REQUEST_HEADERS:X-Evil \"@rx .\" \"id:1,phase:1,deny,status:406\"",
        )
        .directives(&format!("ErrorDocument 406 {document}"))
        .modules(&MODULES);
        setup.write("htdocs/denied.html", "denied");
        let mut httpd = setup.start();
        httpd.allow_log(DENIED);
        let (public, admitted) = (httpd.client(), httpd.client_from("127.0.0.2"));
        for is_closed in [false, true] {
            if is_closed {
                httpd.close();
                public.get("/").assert_refused();
                assert_eq!(admitted.get("/").status, 200);
            }
            for (client, is_stranger) in [(&public, true), (&admitted, false)] {
                let answer = client.send(client.request("GET", "/").header("X-Evil", "yes"));
                match is_closed && is_stranger && closed_to_strangers {
                    true => answer.assert_refused(),
                    false => assert_eq!((answer.status, &*answer.body), (406, "denied")),
                }
            }
        }
        assert_eq!(httpd.count_log(DENIED), 4, "{document}");
    }
}

/// If mod_security2 reads the answer's body, the page is still complete. A rule against answers
/// with 500, which some rule sets have, also applies to the refusal: one answer, and nobody passes.
#[test]
fn phases_of_the_answer() {
    let body = "SecRuleEngine On\nSecResponseBodyAccess On\nSecResponseBodyMimeType text/html\n";
    let no_500 = "SecRule RESPONSE_STATUS \"@streq 500\" \"id:3,phase:3,deny,status:403\"";
    let no_title = "SecRule RESPONSE_BODY \"@contains <title>\" \"id:4,phase:4,deny,status:403\"";
    for (rule, denied) in [("", false), (no_500, true), (no_title, true)] {
        let mut httpd = Setup::new(body).directives(rule).modules(&MODULES).start();
        httpd.allow_log(DENIED);
        let client = httpd.client();
        httpd.close();
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let answer = maintenance_harness::raw(httpd.address(), request);
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{rule}: {answer}");
        match denied {
            false => client.get("/").assert_refused(),
            true => assert!(answer.starts_with("HTTP/1.1 403 "), "{rule}: {answer}"),
        }
        assert_eq!(answer.ends_with(PAGE), !denied, "{rule}: {answer}");
        httpd.open();
        assert_eq!(client.get("/").body, "hello from httpd\n", "{rule}");
    }
}
