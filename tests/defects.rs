//! Checks that the sanitizer is on. A module with the feature `provoke-defect` has defects on
//! demand, and each of them must be reported (see `make asan`, which runs this test).

#![cfg(feature = "provoke-defect")]

use std::fs;

use maintenance_harness::{Client, Httpd, Mpm, Setup, sanitizer};

fn start() -> Httpd {
    assert!(sanitizer::is_on(), "run `make asan`");
    let setup = Setup::new("StartServers 1\nMinSpareServers 1\nMaxSpareServers 1");
    setup.mpm(Mpm::Prefork).start()
}

fn provoke(client: &Client, defect: &str) -> bool {
    client.request("GET", "/").header("X-Provoke-Defect", defect).send().is_ok()
}

/// The child aborts with this message.
fn assert_reported(defect: &str, expected: &[&str]) {
    let mut httpd = start();
    assert!(provoke(&httpd.client(), "none"), "a healthy request");
    assert_eq!(httpd.take_reports(), vec![""; 0]);
    assert!(!provoke(&httpd.client(), defect), "{defect} goes unnoticed");
    httpd.expect_log("exit signal Abort");
    let stderr = fs::read_to_string(httpd.path("logs/stderr")).expect("a file");
    let said = httpd.take_reports().concat() + &httpd.log() + &stderr;
    for words in expected {
        assert!(said.contains(words), "{defect}: no {words:?} in\n{said}");
    }
    httpd.allow_log("");
}

#[test]
#[ignore = "for `make asan`"]
fn in_c() {
    assert_reported("c-overflow", &["heap-buffer-overflow", "maintenance_provoke_overflow"]);
    assert_reported("c-signed-overflow", &["signed integer overflow", "shim.c"]);
}

#[test]
#[ignore = "for `make asan`"]
fn in_rust() {
    assert_reported("rust-overflow", &["heap-buffer-overflow", "provoke"]);
    assert_reported("rust-use-after-free", &["heap-use-after-free", "provoke"]);
    assert_reported("rust-misaligned", &["misaligned pointer dereference"]);
}
