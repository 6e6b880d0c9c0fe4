//! Libraries that are preloaded into httpd, to simulate what a machine does.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Setup, set_mode};

/// Compiles one of the harness's C files for the httpd under test, with `MAINTENANCE_CC` or cc.
pub(super) fn compile(folder: &Path, source: &str) -> PathBuf {
    let library = folder.join(source).with_extension("so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(source);
    let compiler = std::env::var("MAINTENANCE_CC").unwrap_or_else(|_| "cc".into());
    let mut words = compiler.split(' ');
    let mut cc = Command::new(words.next().expect("a compiler"));
    cc.args(words).args(["-shared", "-fPIC", "-O", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(cc.status().expect("cc").success(), "a library");
    set_mode(&library, 0o755);
    library
}

/// A server with this library and these variables of the environment.
pub(super) fn with(setup: Setup, library: &Path, variables: &[String]) -> Setup {
    // A sanitizer's library must be the first one.
    let first = std::env::var("MAINTENANCE_PRELOAD").map_or(String::new(), |first| first + ":");
    let library = format!("LD_PRELOAD={first}{}", library.display());
    let words = ["env", &library].into_iter().chain(variables.iter().map(String::as_str));
    setup.wrapper(&words.collect::<Vec<_>>())
}

/// A server for whose httpd the resolver answers to names with this label after a minute, and to all
/// others at once.
pub fn slow_resolver(setup: Setup, label: &str) -> Setup {
    let library = compile(setup.root(), "slow_resolver.c");
    with(setup, &library, &[format!("SLOW_LABEL={label}")])
}
