//! Logins, .htaccess and ErrorDocument.

use std::fs;

use super::{get, round, round_counting};
use maintenance_harness::{Httpd, Setup};

/// Nobody is asked for a password, and no password is checked.
#[test]
fn basic_authentication() {
    let setup = Setup::new(
        "<Location />\nAuthType Basic\nAuthName staff\nAuthBasicProvider file\n\
         AuthUserFile conf/users\nRequire valid-user\n</Location>",
    )
    .modules(&["auth_basic", "authn_core", "authn_file", "authz_user"]);
    setup.write("conf/users", "anna:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n"); // "password"
    let mismatch = "AH01617";
    let asks = [
        get("/", 401, "www-authenticate: Basic realm=\"staff\"\n"),
        get("/", 200, "hello from httpd").header("Authorization", "Basic YW5uYTpwYXNzd29yZA=="),
        get("/", 401, "www-authenticate: Basic").header("Authorization", "Basic YW5uYTp4"),
    ];
    let looked = |httpd: &Httpd| httpd.count_log(mismatch);
    round_counting(setup, &asks, &looked).allow_log(mismatch);
}

/// .htaccess files are not read while the site is closed; an invalid one is not even logged.
#[test]
fn htaccess() {
    let setup = Setup::new("<Directory \"${ROOT}/htdocs\">\nAllowOverride All\n</Directory>")
        .modules(&["rewrite"]);
    fs::create_dir(setup.path("htdocs/faulty")).expect("a folder");
    setup.write("htdocs/faulty/.htaccess", "NoSuchDirective\n");
    setup.write(
        "htdocs/.htaccess",
        "RewriteEngine On\nRewriteRule ^moved$ http://elsewhere.test/ [R]\n\
         ErrorDocument 403 \"keep out\"\nErrorDocument 500 \"it fails\"\n\
         RewriteRule ^fails$ - [R=500]\n<Files secret>\nRequire all denied\n</Files>\n",
    );
    let asks = [
        get("/moved", 302, "location: http://elsewhere.test/\n"),
        get("/secret", 403, "keep out"),
        get("/fails", 500, "it fails"),
        get("/faulty/", 500, ""),
        get("/", 200, "hello from httpd"),
    ];
    let complaints = "AH01630|Invalid command";
    round_counting(setup, &asks, &|httpd| httpd.count_log(complaints)).allow_log(complaints);
}

/// Every status of a refusal, and every form of ErrorDocument for it.
#[test]
fn error_documents() {
    let (mut hosts, mut asks) = (String::new(), vec![]);
    for code in [401, 403, 404, 500, 503] {
        for (form, document, status, shows) in [
            ("text", "\"in words\"", code, "in words"),
            ("path", "/error.html", code, "from a file"),
            ("url", "http://elsewhere.test/e", 302, "location: http://elsewhere.test/e\n"),
        ] {
            if (code, form) == (401, "url") {
                continue; // httpd ignores it
            }
            let name = format!("{form}-{code}");
            hosts.push_str(&format!(
                "<VirtualHost *>\nServerName {name}\nMaintenanceStatus {code}\n\
                 ErrorDocument {code} {document}\nRedirect {code} /fails\n</VirtualHost>\n"
            ));
            asks.push(get("/fails", status, shows).header("Host", name).refusal(code));
        }
    }
    let setup = Setup::new("MaintenanceAllow 127.0.0.2").directives(&hosts).modules(&["alias"]);
    setup.write("htdocs/error.html", "from a file\n");
    round(setup, &asks);
}
