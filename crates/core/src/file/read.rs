//! Reads a file of the administrator's: completely, up to a size limit, and without blocking on a
//! FIFO.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::stat::FileStat;
use thiserror::Error;

use crate::shared::hash;

/// Why a file cannot be used. The message follows the file's name.
#[derive(Debug, Error)]
pub enum FileError {
    /// The file does not exist or cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// A folder, a FIFO, a device.
    #[error("is not a regular file")]
    NotRegular,
    /// Larger than its purpose allows.
    #[error("has {size} bytes; at most {max} are allowed")]
    TooLarge {
        /// The size in bytes.
        size: u64,
        /// The limit in bytes.
        max: u64,
    },
    /// The file was changed while it was being read.
    #[error("is being written")]
    Changing,
}

impl FileError {
    /// Whether a retry may succeed although nobody changes the file.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Changing => true,
            Self::Read(error) => error.kind() != io::ErrorKind::PermissionDenied,
            Self::NotRegular | Self::TooLarge { .. } => false,
        }
    }
}

/// Distinguishes the versions of a file.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub struct Version {
    is_file: bool,
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// The time of creation, if the file system records it.
    born: Option<SystemTime>,
}

impl Version {
    /// Stands for a missing file.
    pub const MISSING: Self = Self {
        is_file: false,
        device: 0,
        inode: 0,
        size: 0,
        modified: (0, 0),
        changed: (i64::MAX, 0),
        born: None,
    };

    /// The version of the file at a path. Symbolic links are followed.
    ///
    /// # Errors
    /// Those of stat(2).
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// Whether stat(2) finds this version. It does not tell when the file was created, but a file
    /// cannot replace another one without a change of the inode at this nanosecond.
    #[expect(clippy::unnecessary_cast, reason = "the fields have other types on other platforms")]
    pub(crate) fn is_of(&self, found: &FileStat) -> bool {
        (self.device, self.inode) == (found.st_dev as u64, found.st_ino as u64)
            && self.size == found.st_size as u64
            && self.modified == (found.st_mtime as i64, found.st_mtime_nsec as i64)
            && self.changed == (found.st_ctime as i64, found.st_ctime_nsec as i64)
            && self.is_file == (found.st_mode & libc::S_IFMT == libc::S_IFREG)
    }

    /// Identifies the file, in a hash: unchanged when the file is written to, different when
    /// another file replaces it.
    pub fn file(&self) -> u64 {
        hash::of((self.device, self.inode, self.born))
    }

    /// Whether this is a regular file.
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// The size of the file, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The modification time; None if it is before 1970.
    pub fn modified(&self) -> Option<SystemTime> {
        let (seconds, nanoseconds) = self.modified;
        let since = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }

    /// How long ago the file was last written, renamed or replaced, by the clock of its file
    /// system; None if that clock is ahead of the local one.
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

/// Reads a regular file of at most `max` bytes, and returns its content and version.
///
/// # Errors
/// [`FileError`]
pub fn read(path: &Path, max: u64) -> Result<(Vec<u8>, Version), FileError> {
    // Checked before opening the file, because opening a device can have side effects.
    check(&fs::metadata(path)?, max)?;
    // Miri does not support O_NONBLOCK here.
    let flags = if cfg!(miri) { 0 } else { libc::O_NONBLOCK };
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let before = file.metadata()?;
    check(&before, max)?;
    let mut content = Vec::with_capacity(before.size().try_into().unwrap_or(0));
    // A file that grows in the meantime must not exceed the limit.
    Read::by_ref(&mut file).take(max + 1).read_to_end(&mut content)?;
    finish(&file, content, Version::from(&before))
}

/// Reads this version of a regular file of at most `max` bytes.
///
/// # Errors
/// [`FileError::Changing`] also if the file has a newer version by now.
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
