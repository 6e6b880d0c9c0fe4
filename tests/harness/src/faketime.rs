//! A server whose clock differs from the real one by the offset in a file, simulated by
//! libfaketime.

use std::path::{Path, PathBuf};

use super::{Setup, replace_file};

/// Sets the clock of one server. The monotonic clock is not affected.
#[derive(Clone)]
pub struct Clock(PathBuf);

impl Clock {
    /// None if libfaketime is not installed.
    pub fn setup(setup: Setup) -> Option<(Self, Setup)> {
        let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib/aarch64-linux-gnu"];
        let usual = folders.map(|folder| format!("{folder}/faketime/libfaketimeMT.so.1"));
        // The one for the architecture under test.
        let named = std::env::var("MAINTENANCE_FAKETIME").ok();
        let library = named.into_iter().chain(usual).find(|library| Path::new(library).exists())?;
        let offset = setup.write("conf/clock", "+0\n");
        let words = [
            "env".to_owned(),
            format!("LD_PRELOAD={library}"),
            format!("FAKETIME_TIMESTAMP_FILE={}", offset.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
        ];
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Some((Self(offset), setup.wrapper(&words)))
    }

    /// Sets the clock this number of seconds ahead.
    pub fn set(&self, offset: i64) {
        replace_file(&self.0, format!("{offset:+}\n"));
    }
}
