//! Exempt paths in front of a backend.

use maintenance_harness::{Backend, PAGE, Setup, raw};

/// Nothing but the exempt paths ever reaches the backend.
#[test]
fn exempt_paths() {
    let backend = Backend::start();
    let httpd = Setup::new("MaintenanceAllow path=/healthz path=/static/\nAllowEncodedSlashes On")
        .proxy_to(&backend)
        .start();
    httpd.close();
    for (target, exempt) in [
        ("/healthz", true),
        ("/healthz/", true),
        ("/healthz/db", true),
        ("/healthz?verbose", true),
        ("/static/logo.png", true),
        ("/", false),
        ("/healthzz", false),
        ("/HEALTHZ", false),
        ("/static", false),
        ("//healthz", false),
        ("/healthz//x", false),
        ("/healthz/../x", false),
        ("/healthz/./x", false),
        ("/healthz/..", false),
        ("/healthz/.git", true),
        ("/healthz/.", false),
        ("/healthz%2f..%2fx", false),
        ("/healthz/%2e%2e/x", false),
        ("/healthz/%2E%2E%2Fx", false),
        ("/healthz/%252e%252e/x", false),
        ("/healthz%00", false),
        ("/healthz;/../x", false),
        ("/healthz;x=y", false),
        ("/healthz/..;/x", false),
        ("/healthz\\..\\x", false),
        ("/static/../x", false),
        ("/x?/healthz", false),
        ("/x/../healthz", false),
        ("/x#/healthz", false),
        ("/healthz#/../x", false),
        ("http://maintenance.test/healthz", false),
        ("http://elsewhere.test/healthz", false),
        ("HTTP://maintenance.test/healthz/../x", false),
        ("*", false),
        ("healthz", false),
    ] {
        let before = backend.received();
        let method = if target == "*" { "OPTIONS" } else { "GET" };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: maintenance.test\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(httpd.address(), request.as_bytes());
        assert_eq!(answer.starts_with("HTTP/1.1 200"), exempt, "{target}: {answer}");
        assert_eq!(backend.received() - before, usize::from(exempt), "{target} came through");
        // httpd itself turns down what is no request target at all.
        assert!(exempt || answer.ends_with(PAGE) || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

/// A certificate authority's challenge is exempt, and no path that only begins like one, not even for
/// a servlet container, which drops what follows a `;`.
#[test]
fn a_hidden_folder() {
    hidden_folder(&[""]);
}

/// Nor for a proxy that maps paths as a servlet container does.
#[test]
fn a_hidden_folder_with_a_mapping() {
    hidden_folder(&[" mapping=servlet", " mapping=encoded"]);
}

fn hidden_folder(mappings: &[&str]) {
    for mapping in mappings {
        let backend = Backend::start();
        let proxy = backend.proxy_directives().replacen('\n', &format!("{mapping}\n"), 1);
        let httpd = Setup::new("MaintenanceAllow path=/.well-known/acme-challenge")
            .modules(&["proxy", "proxy_http"])
            .directives(&format!("{proxy}AllowEncodedSlashes NoDecode"))
            .start();
        httpd.close();
        for (target, exempt) in [
            ("/.well-known/acme-challenge/token", true),
            ("/.well-known/acme-challenge/.x", true),
            ("/.well-known/other", false),
            ("/.well-known/..;/x", false),
            ("/.well-known/acme-challenge/..;/x", false),
            ("/.well-known/acme-challenge/..;/..;/x", false),
            ("/.well-known/acme-challenge/..;a=b/x", false),
            ("/.well-known/acme-challenge/.;/..;/x", false),
            ("/.well-known/acme-challenge/../x", false),
            ("/.well-known/acme-challenge/..", false),
            ("/.well-known/acme-challenge/..%3b/x", false),
            ("/.well-known/acme-challenge/%2e%2e/x", false),
            ("/.well-known/acme-challenge/.%2e;/x", false),
            ("/.well-known/acme-challenge%2f..%2fx", false),
            ("/.well-known/acme-challenge/..\\x", false),
            ("/x/..;/.well-known/acme-challenge/token", false),
        ] {
            let before = backend.received();
            let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let answer = raw(httpd.address(), request.as_bytes());
            assert_eq!(answer.starts_with("HTTP/1.1 200"), exempt, "{mapping} {target}: {answer}");
            assert_eq!(backend.received() - before, usize::from(exempt), "{mapping} {target}");
        }
    }
}
