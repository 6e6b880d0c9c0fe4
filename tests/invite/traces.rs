//! Where other modules could show the secret: the scoreboard, redirects, includes, CGI-like
//! variables and the logs of others.

use std::fs;
use std::time::Duration;

use maintenance_harness::{Backend, Setup, wait_for};

use super::{NAME, assert_nowhere, hash, new_secret, send};

/// httpd notes the request line for mod_status before it calls the first hook.
#[test]
fn the_scoreboard() {
    let secrets = [(); 2].map(|()| new_secret());
    let setup = Setup::new(
        "ExtendedStatus On\nMaintenanceAllow path=/server-status invite=guests\n\
         <Location /server-status>\nSetHandler server-status\n</Location>",
    )
    .modules(&["status"]);
    setup.write("guests", format!("anna {}\n", hash(&secrets[0])));
    let httpd = setup.start();
    for is_closed in [false, true] {
        if is_closed {
            httpd.close();
        }
        for secret in &secrets {
            let got = send(&httpd, "GET", &format!("/shown?a=1&{NAME}={secret}"), &[]);
            let is_wrong = is_closed && *secret == secrets[1];
            assert_eq!(got.status, if is_wrong { 500 } else { 303 });
            let page = httpd.client().get("/server-status").body;
            assert!(page.contains("GET /shown?a=1 HTTP/1.1"), "{page}");
            assert!(!page.contains(NAME) && !page.contains(secret.as_str()), "{page}");
        }
    }
    assert_nowhere(&httpd, &secrets);
}

/// Redirects and includes are decided once more, by what came with the client's request.
#[test]
fn other_sections() {
    let [anna, bert] = [(); 2].map(|()| new_secret());
    let setup = Setup::new(
        "TypesConfig mime.types\nRewriteEngine On\nRewriteRule ^/app/(.*)$ /blogs/$1 [PT]\n\
         <Location /blogs>\nMaintenanceAllow none invite=bloggers\n</Location>\n\
         <Directory />\nOptions +Includes\nAddType text/html .shtml\nAddOutputFilter INCLUDES .shtml\n\
         FallbackResource /blogs/page\n</Directory>\n\
         MaintenanceAllow invite=guests",
    )
    .modules(&["rewrite", "include", "mime"]);
    setup.write("mime.types", "");
    setup.write("guests", format!("anna {0}\nbert {1}\n", hash(&anna), hash(&bert)));
    setup.write("bloggers", format!("bert {}\n", hash(&bert)));
    fs::create_dir(setup.path("htdocs/blogs")).expect("a folder");
    setup.write("htdocs/blogs/page", "of the blogs\n");
    setup.write("htdocs/parts.shtml", "<!--#include virtual=\"/blogs/page\" -->end\n");
    setup.write("htdocs/set.shtml", "<!--#echo var=\"HTTP_COOKIE\" --> <!--#printenv -->");
    let mut httpd = setup.start();
    httpd.allow_log("AH0137[0-9]|unable to include");
    httpd.close();
    let get = |target: &str, secret: &str| {
        let cookie = format!("a=1; {NAME}={secret}");
        send(&httpd, "GET", target, &[("Cookie", cookie)])
    };
    for (target, secret, status, text) in [
        ("/", &anna, 200, "hello"),
        ("/blogs/page", &anna, 500, ""),
        ("/blogs/page", &bert, 200, "of the blogs"),
        ("/app/page", &anna, 500, ""),
        ("/app/page", &bert, 200, "of the blogs"),
        ("/no-such-file", &anna, 500, ""),
        ("/no-such-file", &bert, 200, "of the blogs"),
        ("/parts.shtml", &anna, 200, "[an error occurred while processing this directive]end"),
        ("/parts.shtml", &bert, 200, "of the blogs"),
        ("/set.shtml?x=1", &anna, 200, "a=1 "),
    ] {
        let got = get(target, secret);
        assert_eq!(got.status, status, "{target}: {got:?}");
        assert!(got.body.contains(text), "{target}: {got:?}");
        assert!(!got.body.contains(secret.as_str()) && !got.body.contains("invitation-hashes"));
    }
    assert_nowhere(&httpd, &[anna, bert]);
}

/// A server without invitations leaves the parameter and the cookie to the application.
#[test]
fn where_there_are_no_invitations() {
    let backend = Backend::start();
    let httpd = Setup::new("").proxy_to(&backend).start();
    let target = format!("/echo?{NAME}=x");
    let got = send(&httpd, "GET", &target, &[("Cookie", format!("{NAME}=x"))]);
    assert!(got.body.contains(&format!("uri: {target},")), "{got:?}");
    assert!(got.body.contains(&format!("\"cookie\": \"{NAME}=x\"")), "{got:?}");
}

/// One virtual host has invitations, and another one has none.
#[test]
fn virtual_hosts() {
    let secret = new_secret();
    let mut setup = Setup::new("");
    let address = setup.address();
    setup = setup.directives(&format!(
        "<VirtualHost {address}>\nServerName plain.test\n</VirtualHost>\n\
         <VirtualHost {address}>\nServerName guests.test\nMaintenanceAllow invite=guests\n\
         </VirtualHost>"
    ));
    setup.write("guests", format!("anna {}\n", hash(&secret)));
    let httpd = setup.start();
    httpd.close();
    let client = httpd.client();
    for (host, status) in [("plain.test", 500), ("guests.test", 200)] {
        let cookie = format!("{NAME}={secret}");
        let request = client.request("GET", "/").header("Host", host).header("Cookie", cookie);
        assert_eq!(client.send(request).status, status, "{host}");
    }
}

/// A dry run is not one of the client that asks.
#[test]
fn dry_runs() {
    let secret = new_secret();
    let setup = Setup::new(
        "MaintenanceAllow invite=guests\n\
         <Location /status>\nSetHandler maintenance-status\n</Location>",
    );
    setup.write("guests", format!("anna {}\n", hash(&secret)));
    let httpd = setup.start();
    httpd.close();
    let cookie = ("Cookie", format!("{NAME}={secret}"));
    let target = "/status?client=127.0.0.9&path=/&format=json";
    let got = send(&httpd, "GET", target, &[cookie]);
    assert_eq!(got.status, 200, "{got:?}");
    assert!(got.body.contains("\"verdict\": \"blocked\""), "{got:?}");
    assert!(!got.body.contains("\"verdict\": \"allowed:invite\""), "{got:?}");
}

/// mod_http2 has notes of its own on a stream, and logs at level debug.
#[test]
fn the_scoreboard_of_streams() {
    let secret = new_secret();
    let setup = Setup::new(
        "ExtendedStatus On\nProtocols h2c http/1.1\nLogLevel debug\n\
         MaintenanceAllow path=/server-status invite=guests\n\
         <Location /server-status>\nSetHandler server-status\n</Location>",
    )
    .modules(&["http2", "status"]);
    setup.write("guests", format!("anna {}\n", hash(&secret)));
    let httpd = setup.start();
    httpd.close();
    let client = httpd.http2_client();
    let mut seen = 0;
    // Another thread's next request may be noted in its place.
    wait_for("five streams are shown", Duration::from_secs(20), || {
        assert_eq!(client.get(&format!("/shown?a=1&{NAME}={secret}")).status, 303);
        let page = httpd.client().get("/server-status").body;
        assert!(!page.contains(secret.as_str()), "{page}");
        seen += usize::from(page.contains("GET /shown?a=1 HTTP/2.0"));
        seen >= 5
    });
    assert_nowhere(&httpd, &[secret]);
}
