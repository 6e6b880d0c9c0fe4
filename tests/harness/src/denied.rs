//! Files that httpd may not access although it may search their folders, as with SELinux for a file
//! that was moved and has kept its label. A preloaded library (denied.c) simulates this.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Setup;

/// The processes whose looks fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    All,
    /// The user with this id.
    User(u32),
}

/// Decides when looks fail.
pub struct Denied(PathBuf);

impl Denied {
    /// A server for which looks at these files fail while they are denied.
    pub fn setup(setup: Setup, paths: &[&str], who: Who) -> (Self, Setup) {
        let library = build(setup.root());
        let control = setup.path("denied");
        let paths: Vec<_> =
            paths.iter().map(|path| setup.path(path).display().to_string()).collect();
        // A sanitizer's library must be the first one.
        let first = std::env::var("MAINTENANCE_PRELOAD").map_or(String::new(), |first| first + ":");
        let mut words = vec![
            "env".to_owned(),
            format!("LD_PRELOAD={first}{}", library.display()),
            format!("DENIED_PATHS={}", paths.join(":")),
            format!("DENIED_WHILE={}", control.display()),
        ];
        if let Who::User(user) = who {
            words.push(format!("DENIED_USER={user}"));
        }
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        (Self(control), setup.wrapper(&words))
    }

    /// Makes looks fail.
    pub fn deny(&self) {
        File::create(&self.0).expect("a file");
    }

    /// Makes looks succeed again.
    pub fn permit(&self) {
        fs::remove_file(&self.0).expect("it was denied");
    }
}

fn build(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/denied.c");
    let library = folder.join("denied.so");
    let mut cc = Command::new("cc");
    let status = cc.args(["-shared", "-fPIC", "-O", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(status.status().expect("cc").success(), "a library");
    super::set_mode(&library, 0o755);
    library
}
