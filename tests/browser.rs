//! The built-in page in a real browser: `make test-browser`, which installs what this needs.

use std::path::Path;
use std::process::Command;

use crate::support::Setup;

#[test]
#[ignore = "needs Chromium and Node.js; make test-browser installs them"]
fn the_built_in_page() {
    let setup = Setup::new("");
    let title = "<!doctype html><html lang=en><title>The application</title><p>All is well.";
    setup.write("htdocs/index.html", title);
    let mut httpd = setup.start();
    httpd.allow_log("overdue: the flag");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let status = Command::new("node")
        .arg("check.mjs")
        .current_dir(folder)
        .env("SITE", httpd.url() + "/")
        .env("FLAG", httpd.flag())
        .status();
    assert!(status.expect("Node.js").success());
}
