//! The yardstick: a handler in C that does the least possible (bare/mod_bare.c).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use maintenance_harness::installation::apxs;
use maintenance_harness::set_mode;
use tempfile::TempDir;

/// The module, which is built at its first use.
pub fn module() -> PathBuf {
    static BUILT: OnceLock<TempDir> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        set_mode(folder.path(), 0o755);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("bare/mod_bare.c");
        std::fs::copy(source, folder.path().join("mod_bare.c")).expect("a copy");
        let mut command = Command::new(apxs());
        let output = command.args(["-c", "mod_bare.c"]).current_dir(&folder).output();
        let output = output.expect("apxs runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    });
    folder.path().join(".libs/mod_bare.so")
}
