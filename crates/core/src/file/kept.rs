//! The last good contents of files that other programs write, kept over restarts: httpd then
//! unloads the module, and the module's memory is lost. A file that has become invalid since must
//! not stop the server from restarting.
//!
//! The parent keeps each content it reads, at start and while it watches the file. It uses the kept
//! content if the file cannot be used when the configuration is read again.

use std::path::Path;
use std::time::SystemTime;

use crate::file::Version;
use crate::shared::hash;

/// The purpose of a file. The numbers must not change between builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// An allow file.
    List = 1,
    /// A plugin-cfg.xml.
    PluginCfg = 2,
    /// A page.
    Page = 3,
    /// The secret of the share.
    Secret = 4,
    /// A file of invitations.
    Invitations = 5,
}

/// A version that could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Good {
    /// Identifies the version; 0 if there has been none.
    pub word: u64,
    /// When it was written.
    pub modified: Option<SystemTime>,
    /// When it was read.
    pub read: Option<SystemTime>,
}

impl Good {
    /// No version.
    pub const NONE: Self = Self { word: 0, modified: None, read: None };

    /// A version that has just been read.
    pub fn now(version: Version) -> Self {
        let (word, modified) = (outcome(version, true), version.modified());
        Self { word, modified, read: Some(SystemTime::now()) }
    }
}

/// The outcome of reading a version, as one word.
pub(crate) fn outcome(version: Version, is_good: bool) -> u64 {
    hash::of((version, is_good)).max(1)
}

/// A content and its version.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The version.
    pub good: Good,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// Stores contents over restarts.
pub trait Keeper: Sync {
    /// Whether httpd is restarting. It must then keep running.
    fn is_restart(&self) -> bool;

    /// Replaces the kept content with that of a newer good version. Contents read by a child are
    /// not kept, because they could not outlive the child.
    fn keep(&self, of: Use, path: &Path, content: &[u8], good: Good);

    /// The content that was kept last.
    fn kept(&self, of: Use, path: &Path) -> Option<Kept>;
}

/// How a file's content is kept.
pub struct Keeping<T> {
    /// The store.
    pub keeper: &'static dyn Keeper,
    /// The purpose of the file.
    pub of: Use,
    /// The value used if there is no content.
    pub nothing: fn() -> T,
}
