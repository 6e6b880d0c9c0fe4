//! The last good content of the files that other programs write, kept over restarts: httpd unloads the
//! module then, and its memory goes with it. A file that broke since must not decide whether httpd goes
//! on.
//!
//! The parent keeps what it has read, at a start and while it watches, and asks for it when it reads the
//! configuration again and the file is of no use.

use std::path::Path;
use std::time::SystemTime;

use crate::file::Version;
use crate::shared::hash;

/// What a file is for. The numbers stay the same from one build to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// An allow file.
    List = 1,
    /// A plugin-cfg.xml.
    PluginCfg = 2,
    /// A page.
    Page = 3,
}

/// A version that could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Good {
    /// Tells it from other versions; 0 where there has been none.
    pub word: u64,
    /// When it was written.
    pub modified: Option<SystemTime>,
    /// When it was read.
    pub read: Option<SystemTime>,
}

impl Good {
    /// Where there has been none.
    pub const NONE: Self = Self { word: 0, modified: None, read: None };

    /// A version that is read just now.
    pub fn now(version: Version) -> Self {
        let (word, modified) = (outcome(version, true), version.modified());
        Self { word, modified, read: Some(SystemTime::now()) }
    }
}

/// What came of a version, as one word.
pub(crate) fn outcome(version: Version, is_good: bool) -> u64 {
    hash::of((version, is_good)).max(1)
}

/// A content, and which version it is.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The version.
    pub good: Good,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Who keeps contents.
pub trait Keeper: Sync {
    /// Does httpd run already? Then it must go on.
    fn is_restart(&self) -> bool;

    /// Keeps the content of a good version in the place of the one before. Of what a child has read
    /// nothing is kept: it could not outlive the child.
    fn keep(&self, of: Use, path: &Path, content: &[u8], good: Good);

    /// What was kept last.
    fn kept(&self, of: Use, path: &Path) -> Option<Kept>;
}

/// How a file is kept.
pub struct Keeping<T> {
    /// By whom.
    pub keeper: &'static dyn Keeper,
    /// What it is for.
    pub of: Use,
    /// What stands in for a content where there is none.
    pub nothing: fn() -> T,
}
