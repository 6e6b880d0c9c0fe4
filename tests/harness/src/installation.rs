//! The locations of httpd, its modules and the module under test on this machine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::sanitizer;

/// The locations of httpd and its modules on this machine.
pub struct Installation {
    pub binary: PathBuf,
    pub modules: PathBuf,
    /// The user and the group of the children.
    pub user: Option<String>,
}

pub fn installation() -> &'static Installation {
    static FOUND: OnceLock<Installation> = OnceLock::new();
    FOUND.get_or_init(|| {
        let apxs = apxs();
        let query = |name: &str| {
            let output = Command::new(&apxs).args(["-q", name]).output().expect("apxs runs");
            String::from_utf8(output.stdout).expect("text").trim().to_owned()
        };
        let binary = Path::new(&query("SBINDIR")).join(query("PROGNAME"));
        let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
        let known = |user: &&str| passwd.lines().any(|line| line.starts_with(&format!("{user}:")));
        let user = rustix::process::geteuid().is_root().then(|| {
            let user = ["www-data", "apache", "httpd"].iter().find(|user| known(user));
            user.expect("httpd's user").to_string()
        });
        Installation { binary, modules: query("LIBEXECDIR").into(), user }
    })
}

/// httpd's build tool, which knows where everything is.
pub fn apxs() -> OsString {
    let named = ["MAINTENANCE_APXS", "APXS"].iter().find_map(std::env::var_os);
    named.unwrap_or_else(|| "apxs".into())
}

/// The user that httpd's children run as, if it differs from the current user.
pub fn user() -> Option<&'static str> {
    installation().user.as_deref()
}

/// The module under test: the value of MAINTENANCE_MODULE, or otherwise the one built with the
/// tests.
pub fn module_under_test() -> PathBuf {
    match std::env::var_os("MAINTENANCE_MODULE") {
        Some(module) => fs::canonicalize(module).expect("MAINTENANCE_MODULE"),
        None => debug_module(),
    }
}

/// The module as cargo builds it for tests: without optimizations, and with the feature
/// `provoke-panic`; or the value of MAINTENANCE_PANIC_MODULE, which has this feature. A module with a
/// sanitizer must be built before.
pub fn debug_module() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if sanitizer::is_on() {
        return module_under_test();
    }
    if let Some(module) = std::env::var_os("MAINTENANCE_PANIC_MODULE") {
        return fs::canonicalize(module).expect("MAINTENANCE_PANIC_MODULE");
    }
    let build = || {
        // Cargo does not build a cdylib for a test.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let words = ["build", "--quiet", "--locked", "--features", "provoke-panic"];
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo).args(words).current_dir(&root).status().expect("cargo");
        assert!(built.success(), "the module does not build");
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        fs::canonicalize(root.join(target).join("debug/libmod_maintenance.so")).expect("built")
    };
    BUILT.get_or_init(build).clone()
}
