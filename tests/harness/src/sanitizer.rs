//! The runtime of a sanitizer, named by `MAINTENANCE_PRELOAD`. Only httpd loads it, and its reports
//! fail the test (see `make asan`).

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The folder in the ServerRoot.
const REPORTS: &str = "reports";

/// Whether the module under test was built with a sanitizer.
pub fn is_on() -> bool {
    env::var_os("MAINTENANCE_PRELOAD").is_some()
}

/// Makes a server load the runtime, which writes its reports to files.
pub fn watch(command: &mut Command, root: &Path) {
    let Some(runtime) = env::var_os("MAINTENANCE_PRELOAD") else { return };
    let reports = root.join(REPORTS);
    if fs::create_dir(&reports).is_ok() {
        super::set_mode(&reports, 0o777); // children have another user
    }
    command.env("LD_PRELOAD", runtime);
    for name in ["ASAN_OPTIONS", "UBSAN_OPTIONS"] {
        let options = env::var(name).unwrap_or_default();
        command.env(name, format!("{options}:log_path={}/report", reports.display()));
    }
}

/// The new reports of the server with this ServerRoot.
pub fn take_reports(root: &Path) -> Vec<String> {
    let files = fs::read_dir(root.join(REPORTS)).into_iter().flatten().filter_map(Result::ok);
    let mut reports: Vec<_> = files
        .map(|file| {
            let report = fs::read(file.path()).expect("a report");
            fs::remove_file(file.path()).expect("removed");
            String::from_utf8_lossy(&report).into_owned()
        })
        .collect();
    reports.sort();
    reports
}
