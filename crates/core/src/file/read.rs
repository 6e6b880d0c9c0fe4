//! Reading a file of the administrator's: whole, bounded, and never blocking on a FIFO.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use thiserror::Error;

use crate::shared::hash;

/// Why a file cannot be used; its name stands in front.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is not there, or may not be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A folder, a FIFO, a device.
    #[error("is not a regular file")]
    NotRegular,
    /// Larger than its purpose allows.
    #[error("has {size} bytes, more than the {max} that are allowed")]
    TooLarge {
        /// The size in bytes.
        size: u64,
        /// The limit in bytes.
        max: u64,
    },
    /// It was written to meanwhile.
    #[error("is being written")]
    Changing,
}

impl FileError {
    /// May the file be read a moment later, though nobody changes it?
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Changing => true,
            Self::Read(error) => error.kind() != io::ErrorKind::PermissionDenied,
            Self::NotRegular | Self::TooLarge { .. } => false,
        }
    }
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Version {
    is_file: bool,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Where the file system says it.
    born: Option<SystemTime>,
}

impl Version {
    /// In the place of a version where there is no file.
    pub const MISSING: Self = Self {
        is_file: false,
        device: 0,
        inode: 0,
        size: 0,
        modified: (0, 0),
        changed: (i64::MAX, 0),
        born: None,
    };

    /// The version that lies at a path now; a link is followed.
    ///
    /// # Errors
    /// Those of stat(2).
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// Which file it is a version of, in a hash: the same after it was written to, and another one
    /// for what took its place.
    pub fn file(&self) -> u64 {
        hash::of((self.device, self.inode, self.born))
    }

    /// Is it a regular file?
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// How large the file is, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// When it was last written; None before 1970.
    pub fn modified(&self) -> Option<SystemTime> {
        let (seconds, nanoseconds) = self.modified;
        let since = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }

    /// How long ago the file was last written, renamed or replaced, by the clock of its file
    /// system; None where that is ahead of ours.
    pub fn age(&self) -> Option<Duration> {
        let (seconds, nanoseconds) = self.changed;
        let since = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH.checked_add(since)?).ok()
    }
}

impl From<&Metadata> for Version {
    fn from(metadata: &Metadata) -> Self {
        Self {
            is_file: metadata.is_file(),
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            born: metadata.created().ok(),
        }
    }
}

/// The content of a regular file of at most `max` bytes, and which version it is.
///
/// # Errors
/// [`FileError`]
pub fn read(path: &Path, max: u64) -> Result<(Vec<u8>, Version), FileError> {
    // Before the open, which can have effects on a device.
    check(&fs::metadata(path)?, max)?;
    // Miri opens no file so.
    let flags = if cfg!(miri) { 0 } else { libc::O_NONBLOCK };
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let before = file.metadata()?;
    check(&before, max)?;
    let mut content = Vec::with_capacity(before.size().try_into().unwrap_or(0));
    // A file that grows meanwhile is still held to the limit.
    Read::by_ref(&mut file).take(max + 1).read_to_end(&mut content)?;
    finish(&file, content, Version::from(&before))
}

/// The content of this version of a regular file of at most `max` bytes.
///
/// # Errors
/// [`FileError::Changing`] also where another version has come meanwhile.
pub(crate) fn read_version(path: &Path, max: u64, version: Version) -> Result<Vec<u8>, FileError> {
    match read(path, max)? {
        (content, read) if read == version => Ok(content),
        _ => Err(FileError::Changing),
    }
}

fn check(metadata: &Metadata, max: u64) -> Result<(), FileError> {
    if !metadata.is_file() {
        return Err(FileError::NotRegular);
    }
    match metadata.size() {
        size if size > max => Err(FileError::TooLarge { size, max }),
        _ => Ok(()),
    }
}

fn finish(file: &File, content: Vec<u8>, before: Version) -> Result<(Vec<u8>, Version), FileError> {
    let after = Version::from(&file.metadata()?);
    let whole = after == before && content.len() as u64 == before.size;
    if whole { Ok((content, before)) } else { Err(FileError::Changing) }
}
