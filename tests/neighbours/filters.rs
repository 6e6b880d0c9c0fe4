//! Modules that change answers: the refusal passes their filters unchanged.

use std::io::Read;

use super::{get, round};
use maintenance_harness::{Client, PAGE, Setup};

/// The status and the body, decoded according to Content-Encoding.
#[track_caller]
fn decoded(client: &Client, host: &str, accept_encoding: &str) -> (u16, String) {
    let request = client.request("GET", "/").header("Host", host);
    let answer = request.header("Accept-Encoding", accept_encoding).send().expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.bytes().expect("a whole answer");
    let mut codings = headers.get_all("content-encoding").iter();
    let coding = codings.next().map_or("", |value| value.to_str().expect("text"));
    assert_eq!(codings.next(), None, "{headers:?}");
    assert!(coding.is_empty() || accept_encoding.contains(coding), "{headers:?}");
    let mut text = String::new();
    let read = match coding {
        "" => (&body[..]).read_to_string(&mut text),
        "gzip" => flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text),
        "br" => brotli::Decompressor::new(&body[..], 4096).read_to_string(&mut text),
        other => panic!("{other} was not asked for"),
    };
    read.unwrap_or_else(|error| panic!("{accept_encoding}, {headers:?}: {error}"));
    (status, text)
}

/// A virtual host for each row of directives, by name.
fn hosts<'a>(rows: impl Iterator<Item = &'a str>) -> String {
    rows.enumerate().fold(String::new(), |hosts, (number, directives)| {
        format!("{hosts}<VirtualHost *>\nServerName host-{number}\n{directives}\n</VirtualHost>\n")
    })
}

/// However the filters are configured, the page arrives in a coding that the client can read.
#[test]
fn bodies() {
    let rows = [
        "SetOutputFilter DEFLATE",
        "AddOutputFilterByType DEFLATE text/html",
        "SetOutputFilter BROTLI_COMPRESS",
        "AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/html",
        "SetOutputFilter INFLATE",
        "SetOutputFilter INFLATE;SUBSTITUTE;DEFLATE\nSubstitute s/elsewhere.test/here.test/",
        "SetOutputFilter BUFFER",
        "SetOutputFilter RATE_LIMIT\nSetEnvIf Request_URI . rate-limit=1000",
        "ProxyHTMLEnable On",
    ];
    let httpd = Setup::new("MaintenanceAllow 127.0.0.2")
        .directives(&hosts(rows.into_iter()))
        .modules(&["deflate", "brotli", "filter", "substitute", "buffer", "ratelimit"])
        .modules(&["setenvif", "proxy", "xml2enc", "proxy_html"])
        .start();
    let (public, admitted) = (httpd.client(), httpd.client_from("127.0.0.2"));
    let assert_all = |client: &Client, status: u16, page: &str| {
        for (number, filters) in rows.iter().enumerate() {
            let host = format!("host-{number}");
            for coding in ["identity", "gzip", "br", "gzip, br", "deflate", "gzip;q=0.2, br;q=0.1"]
            {
                let page = page.replace(">maintenance.test<", &format!(">{host}<"));
                assert_eq!(decoded(client, &host, coding), (status, page), "{filters}: {coding}");
            }
        }
    };
    assert_all(&public, 200, "hello from httpd\n");
    httpd.close();
    assert_all(&public, 500, PAGE);
    assert_all(&admitted, 200, "hello from httpd\n");
    httpd.open();
    assert_all(&public, 200, "hello from httpd\n");
}

/// The effect of a directive on a field of the refusal, each in its own virtual host.
#[test]
fn fields() {
    let rows = [
        ("Header always unset Retry-After", "retry-after", ""),
        ("Header unset Vary", "vary", ""),
        ("Header always merge Cache-Control private", "cache-control", "no-store, private"),
        ("Header always edit Cache-Control no-store no-cache", "cache-control", "no-cache"),
        ("Header always set X-Frame-Options DENY", "x-frame-options", "DENY"),
        ("Header setifempty X-Frame-Options DENY", "x-frame-options", "DENY"),
        ("Header set X-Early yes early", "x-early", "yes"),
        ("Header always set X-Label %{MAINTENANCE}e", "x-label", "blocked"),
        ("RequestHeader set Accept-Language de early", "content-language", "de"),
        ("RequestHeader set Accept-Language de", "content-language", "en"),
        ("ExpiresActive On\nExpiresDefault A600", "expires", ""),
        ("ExpiresActive On\nExpiresByType text/html A600", "cache-control", "no-store"),
        ("MaintenanceStatus 404\nExpiresActive On\nExpiresDefault A600", "expires", ""),
        ("MaintenanceStatus 410\nExpiresActive On\nExpiresDefault A600", "expires", ""),
    ];
    let setup = Setup::new(&hosts(rows.iter().map(|row| row.0))).modules(&["headers", "expires"]);
    let httpd = setup.start();
    httpd.close();
    let client = httpd.client();
    for (number, (directives, name, expected)) in rows.iter().enumerate() {
        let host = format!("host-{number}");
        let answer = client.send(client.request("GET", "/").header("Host", host));
        assert!(answer.status >= 400, "{directives}: {answer:?}");
        let values: Vec<_> = answer.headers.get_all(*name).iter().collect();
        let values: Vec<_> = values.iter().map(|value| value.to_str().expect("text")).collect();
        assert_eq!(values.join(", "), *expected, "{directives}: {answer:?}");
    }
}

/// Fields for the site's own answers do not apply to the refusal.
#[test]
fn fields_of_the_site() {
    let setup = Setup::new(
        "ExpiresActive On\nExpiresDefault A600\nHeader onsuccess set X-Site yes \"expr=%{REQUEST_STATUS} == 200\"\n\
         <Directory \"${ROOT}/htdocs\">\nHeader set X-Folder yes\n</Directory>",
    )
    .modules(&["headers", "expires"]);
    let asks = [get("/", 200, "x-site: yes\n"), get("/", 200, "x-folder: yes\n")];
    round(setup, &asks);
}

/// mod_filter also works on errors if the variable is set.
#[test]
fn filters_with_an_init_function() {
    let httpd = Setup::new("SetEnvIf Request_URI . filter-errordocs")
        .directives("AddOutputFilterByType DEFLATE text/html")
        .modules(&["setenvif", "filter", "deflate"])
        .start();
    httpd.close();
    for coding in ["identity", "gzip"] {
        assert_eq!(decoded(&httpd.client(), "x", coding), (500, PAGE.into()));
    }
}

/// A text filter gets uncompressed text, whatever the client accepts.
#[test]
fn filters_for_text() {
    let httpd = Setup::new("SetOutputFilter SUBSTITUTE\nSubstitute s/e/E/")
        .modules(&["substitute"])
        .start();
    httpd.close();
    for coding in ["identity", "gzip", "br"] {
        assert_eq!(decoded(&httpd.client(), "x", coding), (500, PAGE.replace('e', "E")));
    }
}
