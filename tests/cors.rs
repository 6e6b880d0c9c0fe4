//! MaintenanceCors: what browser applications of other origins can read of a refusal.

use maintenance_harness::client::Protocol;
use maintenance_harness::{Client, Mpm, Setup};

const APP: &str = "https://app.example.com";

/// The CORS fields of an answer and its Vary, or `-` for one that is missing.
fn fields(client: &Client, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = client.send(request);
    let names =
        ["allow-origin", "allow-credentials", "allow-methods", "allow-headers", "expose-headers"];
    let names = names.map(|name| format!("access-control-{name}"));
    let values = names.iter().map(|name| answer.header(name).unwrap_or("-").to_owned());
    let vary = answer.headers.get_all("vary").iter();
    let vary: Vec<_> = vary.map(|value| value.to_str().expect("text")).collect();
    assert!(answer.status < 400 || answer.header("retry-after").is_some(), "{answer:?}");
    (
        answer.status,
        format!(
            "{}; vary {}",
            values.collect::<Vec<_>>().join(" "),
            vary.join(",").replace(", ", ",")
        ),
    )
}

const REFUSED: &str = "- - - - -; vary Accept,Accept-Language,Accept-Encoding";
const REFUSED_BY_ORIGIN: &str = "- - - - -; vary Accept,Accept-Language,Accept-Encoding,Origin";

fn requests(mpm: Mpm, protocol: Protocol) {
    let directives = "MaintenanceCors HTTPS://App.Example.com:443 http://localhost:3000 null\n\
        <Location /any>\nMaintenanceCors *\n</Location>\n\
        <Location /own>\nMaintenanceCors https://own.example.com\n</Location>";
    let setup = Setup::new(directives).mpm(mpm);
    let httpd = match protocol {
        Protocol::Http1 => setup.start(),
        Protocol::Http2 => setup.modules(&["http2"]).directives("Protocols h2c http/1.1").start(),
    };
    let client = match protocol {
        Protocol::Http1 => httpd.client(),
        Protocol::Http2 => httpd.http2_client(),
    };
    let by_origin = |origin: &str| {
        format!(
            "{origin} true - - Retry-After, Maintenance; \
             vary Accept,Accept-Language,Accept-Encoding,Origin"
        )
    };
    let any = "* - - - Retry-After, Maintenance; vary Accept,Accept-Language,Accept-Encoding";
    let preflight_vary = "Origin,Access-Control-Request-Method,Access-Control-Request-Headers";
    let preflight = |origin: &str, credentials: &str, method: &str, headers: &str| {
        format!(
            "{origin} {credentials} {method} {headers} Retry-After, Maintenance; vary {preflight_vary}"
        )
    };
    const METHOD: &str = "Access-Control-Request-Method";
    const HEADERS: &str = "Access-Control-Request-Headers";

    let before = fields(&client, "GET", "/", &[("Origin", APP)]);
    assert!(before.0 == 200 && before.1.starts_with("- - - - -"), "open: the site's affair");
    httpd.close();
    for (method, path, headers, status, expected) in [
        ("GET", "/", &[][..], 500, REFUSED_BY_ORIGIN.to_owned()),
        ("GET", "/", &[("Origin", APP)], 500, by_origin(APP)),
        ("POST", "/", &[("Origin", APP)], 500, by_origin(APP)),
        ("DELETE", "/x", &[("Origin", APP)], 500, by_origin(APP)),
        (
            "GET",
            "/",
            &[("Origin", "http://localhost:3000")],
            500,
            by_origin("http://localhost:3000"),
        ),
        ("GET", "/", &[("Origin", "null")], 500, by_origin("null")),
        ("GET", "/", &[("Origin", "http://localhost")], 500, REFUSED_BY_ORIGIN.into()),
        ("GET", "/", &[("Origin", "http://app.example.com")], 500, REFUSED_BY_ORIGIN.into()),
        ("GET", "/", &[("Origin", "https://app.example.com:443")], 500, REFUSED_BY_ORIGIN.into()),
        (
            "GET",
            "/",
            &[("Origin", "https://app.example.com.evil.example")],
            500,
            REFUSED_BY_ORIGIN.into(),
        ),
        ("GET", "/", &[("Origin", "https://APP.example.com")], 500, REFUSED_BY_ORIGIN.into()),
        (
            "OPTIONS",
            "/",
            &[("Origin", APP), (METHOD, "PUT")],
            204,
            preflight(APP, "true", "PUT", "-"),
        ),
        (
            "OPTIONS",
            "/x?y",
            &[("Origin", APP), (METHOD, "PATCH"), (HEADERS, "authorization,x-own")],
            204,
            preflight(APP, "true", "PATCH", "authorization,x-own"),
        ),
        ("OPTIONS", "/", &[("Origin", APP)], 500, by_origin(APP)),
        ("OPTIONS", "/", &[(METHOD, "PUT")], 500, REFUSED_BY_ORIGIN.into()),
        (
            "OPTIONS",
            "/",
            &[("Origin", "https://x.example"), (METHOD, "PUT")],
            500,
            REFUSED_BY_ORIGIN.into(),
        ),
        ("GET", "/", &[("Origin", APP), (METHOD, "PUT")], 500, by_origin(APP)),
        ("GET", "/any", &[], 500, any.into()),
        ("GET", "/any", &[("Origin", "https://x.example")], 500, any.into()),
        (
            "OPTIONS",
            "/any",
            &[("Origin", "https://x.example"), (METHOD, "PUT")],
            204,
            preflight("*", "-", "PUT", "-"),
        ),
        ("GET", "/own", &[("Origin", APP)], 500, REFUSED_BY_ORIGIN.into()),
        (
            "GET",
            "/own",
            &[("Origin", "https://own.example.com")],
            500,
            by_origin("https://own.example.com"),
        ),
    ] {
        let found = fields(&client, method, path, headers);
        assert_eq!(found, (status, expected), "{protocol:?} {method} {path} {headers:?}");
    }
    let answer =
        client.send(client.request("OPTIONS", "/").header("Origin", APP).header(METHOD, "PUT"));
    for (name, value) in [
        ("cache-control", Some("no-store")),
        ("maintenance", Some("closed")),
        ("access-control-max-age", Some("0")),
        ("content-length", None),
        ("content-type", None),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(answer.body, "");
    // The JSON of the built-in page says the same.
    let json = [("Origin", APP), ("Accept", "application/json")];
    let expected = by_origin(APP).replace("Accept-Encoding,", ""); // it is too short for that
    assert_eq!(fields(&client, "GET", "/", &json), (500, expected));
}

#[test]
fn event() {
    requests(Mpm::Event, Protocol::Http1);
}

#[test]
fn http2() {
    requests(Mpm::Event, Protocol::Http2);
}

#[test]
fn prefork() {
    requests(Mpm::Prefork, Protocol::Http1);
}

#[test]
fn without_the_directive() {
    let httpd = Setup::new("").start();
    httpd.close();
    for headers in
        [&[("Origin", APP)][..], &[("Origin", APP), ("Access-Control-Request-Method", "PUT")]]
    {
        for method in ["GET", "OPTIONS"] {
            assert_eq!(fields(&httpd.client(), method, "/", headers), (500, REFUSED.to_owned()));
        }
    }
}
