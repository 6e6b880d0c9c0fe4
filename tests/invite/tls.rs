//! Over TLS the cookie has another name, and only that one counts.

use maintenance_harness::Client;
use maintenance_harness::client::Protocol;

use super::{NAME, assert_nowhere, hash, new_secret};
use crate::neighbours::secure::{OLDER_OPENSSL, with_tls};

#[test]
fn cookies_over_tls() {
    let secret = new_secret();
    let (setup, tls) = with_tls("Protocols h2 http/1.1");
    let setup = setup.modules(&["http2"]).directives("MaintenanceAllow invite=guests");
    setup.write("guests", format!("anna {}\n", hash(&secret)));
    let mut httpd = setup.start();
    httpd.allow_log(OLDER_OPENSSL);
    httpd.close();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let client = Client::build(&format!("https://{tls}"), protocol, None, true);
        let answer = client.get(&format!("/a?{NAME}={secret}"));
        assert_eq!((answer.status, answer.header("location")), (303, Some("/a")));
        let cookie = format!("__Host-{NAME}={secret}");
        let attributes = "; Path=/; Secure; HttpOnly; SameSite=Lax";
        assert_eq!(answer.header("set-cookie"), Some(&*format!("{cookie}{attributes}")));
        for (cookie, status) in [
            (cookie.clone(), 200),
            (format!("a=1; {cookie}"), 200),
            (format!("{NAME}={secret}"), 200),
            (format!("{NAME}={secret}; {cookie}"), 200),
            (format!("__Host-{NAME}=wrong; {cookie}"), 200),
        ] {
            let answer = client.send(client.request("GET", "/").header("Cookie", &cookie));
            assert_eq!(answer.status, status, "{protocol:?} {cookie}");
        }
    }
    assert_nowhere(&httpd, &[secret]);
}
