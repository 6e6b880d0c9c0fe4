//! mod_md: a certificate can be renewed while the site is closed.

use std::fs;

use super::secure::{OLDER_OPENSSL, with_tls};
use maintenance_harness::Client;
use maintenance_harness::client::{Answer, Protocol};
use maintenance_harness::set_mode;

const CHALLENGE: &str = "/.well-known/acme-challenge/token";

/// mod_md answers challenges and redirects to https when httpd has read the header section, before
/// all quick handlers.
#[test]
fn challenges() {
    let (setup, tls) = with_tls("");
    let plain = setup.address();
    let setup = setup.modules(&["md"]).directives(&format!(
        "MDStoreDir md\nMDCertificateAgreement accepted\nMDContactEmail x@maintenance.test\n\
         MDCertificateAuthority http://127.0.0.1:1/\nMDRenewMode manual\n\
         MDPortMap http:{} https:8443\nMDomain maintenance.test\n\
         <MDomainSet secure.test>\nMDRequireHttps temporary\n</MDomainSet>\n\
         <VirtualHost {plain}>\nServerName maintenance.test\n</VirtualHost>\n\
         <VirtualHost {plain}>\nServerName secure.test\n</VirtualHost>\n\
         <VirtualHost {tls}>\nServerName secure.test\nSSLEngine on\n\
         SSLCertificateFile conf/cert.pem\nSSLCertificateKeyFile conf/key.pem\n</VirtualHost>",
        plain.port()
    ));
    let mut httpd = setup.start();
    httpd.allow_log(OLDER_OPENSSL);
    for folder in ["md", "md/challenges", "md/challenges/maintenance.test"] {
        let _ = fs::create_dir(httpd.path(folder));
        set_mode(&httpd.path(folder), 0o755);
    }
    let file = httpd.path("md/challenges/maintenance.test/acme-http-01.txt");
    fs::write(&file, "token.thumbprint").expect("a challenge");
    let (public, admitted) = (httpd.client(), httpd.client_from("127.0.0.2"));
    let of = |client: &Client, host: &str, path: &str| -> Answer {
        client.send(client.request("GET", path).header("Host", host))
    };
    for is_closed in [false, true, false] {
        if is_closed {
            httpd.close();
            for path in ["/", "/.well-known/other", "/.well-known/acme-challenge/a/b"] {
                of(&public, "maintenance.test", path).assert_refused();
            }
            of(&public, "secure.test", CHALLENGE).assert_refused();
            let secure = format!("https://{tls}");
            Client::build(&secure, Protocol::Http1, None, false).get("/").assert_refused();
        }
        for client in [&public, &admitted] {
            let answer = of(client, "maintenance.test", CHALLENGE);
            assert_eq!((answer.status, &*answer.body), (200, "token.thumbprint"));
            let answer = of(client, "secure.test", "/x");
            let location = answer.header("location");
            assert_eq!((answer.status, location), (302, Some("https://secure.test/x")));
        }
        assert_eq!(of(&admitted, "maintenance.test", "/").body, "hello from httpd\n");
        if is_closed {
            httpd.open();
        }
    }
}
