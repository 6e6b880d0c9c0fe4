//! Files that httpd may not look at, though it may search their folders, as it is with SELinux for
//! one that was moved and has kept its label: a library that is preloaded (denied.c) plays it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Setup;

/// Whose looks fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    All,
    /// The user with this id.
    User(u32),
}

/// Decides when looks fail.
pub struct Denied(PathBuf);

impl Denied {
    /// A server for which looks at these files fail as long as they are denied.
    pub fn setup(setup: Setup, paths: &[&str], who: Who) -> (Self, Setup) {
        let library = build(setup.root());
        let control = setup.path("denied");
        let paths: Vec<_> =
            paths.iter().map(|path| setup.path(path).display().to_string()).collect();
        // That of a sanitizer has to be the first one.
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

    /// From now on looks fail.
    pub fn deny(&self) {
        File::create(&self.0).expect("a file");
    }

    /// They do no more.
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
