//! Files that httpd may not access although it may search their folders, as with SELinux for a file
//! that was moved and has kept its label. A preloaded library (denied.c) simulates this.

use std::fs::{self, File};
use std::path::PathBuf;

use super::{Setup, preload};

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
        let control = setup.path("denied");
        let paths: Vec<_> =
            paths.iter().map(|path| setup.path(path).display().to_string()).collect();
        let mut words = vec![
            format!("DENIED_PATHS={}", paths.join(":")),
            format!("DENIED_WHILE={}", control.display()),
        ];
        if let Who::User(user) = who {
            words.push(format!("DENIED_USER={user}"));
        }
        let library = preload::compile(setup.root(), "denied.c");
        (Self(control), preload::with(setup, &library, &words))
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
