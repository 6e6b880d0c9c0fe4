//! The kind of file at a flag's path. Every kind closes the scope, but the administrator is told if
//! the flag is not a regular file, or if it cannot be removed here.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::file::Version;
use crate::shared::hash;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::text::time::Moment;

/// The kind of file of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// The file type.
    pub form: FileForm,
    /// The file has no name left: it was deleted at its source, but is still mounted here, as a
    /// single file in a container can be.
    pub is_deleted: bool,
}

/// File types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum FileForm {
    File,
    Folder,
    Fifo,
    Socket,
    Device,
}

impl FileForm {
    const ALL: [Self; 5] = [Self::File, Self::Folder, Self::Fifo, Self::Socket, Self::Device];

    /// The name in the JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "folder",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Device => "device",
        }
    }
}

impl FileKind {
    const DELETED: u64 = 8;

    pub(super) fn of(path: &Path, metadata: &Metadata, mounts: &Mounts) -> Self {
        let kind = metadata.file_type();
        let form = match () {
            () if kind.is_file() => FileForm::File,
            () if kind.is_dir() => FileForm::Folder,
            () if kind.is_fifo() => FileForm::Fifo,
            () if kind.is_socket() => FileForm::Socket,
            () => FileForm::Device,
        };
        // Files that are being removed, and all files of some file systems, also have no link
        // count.
        Self { form, is_deleted: metadata.nlink() == 0 && mounts.hold(path, metadata) }
    }

    /// Encodes the kind for the shared state table; 0 means unknown.
    pub(super) fn word(self) -> u64 {
        let form = 1 + self.form as u64;
        if self.is_deleted { form | Self::DELETED } else { form }
    }

    /// Decodes the kind.
    pub(super) fn of_word(word: u64) -> Option<Self> {
        let form = FileForm::ALL.into_iter().find(|form| 1 + *form as u64 == word & 7)?;
        Some(Self { form, is_deleted: word & Self::DELETED != 0 })
    }

    /// Whether this is an ordinary file, about which there is nothing to report.
    pub fn is_plain(self) -> bool {
        self.form == FileForm::File && !self.is_deleted
    }
}

/// What the file system tells about a flag.
#[derive(Clone, Copy, Debug)]
pub struct FlagFile {
    /// The modification time. For a file created by `touch`, the time of that command.
    pub since: Option<Moment>,
    /// The user ID of the file's owner.
    pub owner: u32,
    /// The kind of file.
    pub kind: FileKind,
}

impl FlagFile {
    pub(super) fn of(metadata: &Metadata, kind: FileKind, zone: &TimeZone) -> Self {
        let modified = metadata.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        let since = modified.map(|at| Moment::local(at, zone));
        Self { since, owner: metadata.uid(), kind }
    }
}

/// What was known about the file of a present flag.
#[derive(Clone, Copy, Default)]
pub(super) struct Noted {
    pub(super) owner: Option<u32>,
    pub(super) kind: Option<FileKind>,
}

/// Describes what is unusual about the file, if anything.
impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            FileForm::File => "",
            FileForm::Folder => "is a folder and not a regular file",
            FileForm::Fifo => "is a FIFO and not a regular file",
            FileForm::Socket => "is a socket and not a regular file",
            FileForm::Device => "is a device and not a regular file",
        };
        let and = if !form.is_empty() && self.is_deleted { ", and " } else { "" };
        let deleted = if self.is_deleted { "was deleted, but is still mounted here" } else { "" };
        write!(f, "{form}{and}{deleted}")
    }
}

/// Whether a file without a name is mounted. Checked once for each version of the file, because the
/// mount table can be long.
#[derive(Debug, Default)]
pub(super) struct Mounts(AtomicU64);

impl Mounts {
    #[cold]
    fn hold(&self, path: &Path, metadata: &Metadata) -> bool {
        let version = hash::of(Version::from(metadata)) & !1;
        let known = self.0.load(Ordering::Relaxed);
        if known & !1 == version {
            return known & 1 != 0;
        }
        let is_mounted = is_mounted(path);
        self.0.store(version | u64::from(is_mounted), Ordering::Relaxed);
        is_mounted
    }
}

/// Whether a file system, or a part of one, is mounted at exactly this path.
fn is_mounted(path: &Path) -> bool {
    let mounts = || fs::read("/proc/self/mountinfo").ok();
    let Some((path, mounts)) = fs::canonicalize(path).ok().zip(mounts()) else { return false };
    // proc(5): the fifth field is the mount point, with blanks and backslashes in octal.
    let fields = mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    fields.map(decoded).any(|place| place == path.as_os_str().as_bytes())
}

/// Replaces each escape such as `\040` by its byte.
fn decoded(field: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::with_capacity(field.len()), field);
    while let [first, more @ ..] = rest {
        let code = more.get(..3).filter(|_| *first == b'\\');
        let byte = code.and_then(|code| u8::from_str_radix(str::from_utf8(code).ok()?, 8).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = more.get(byte.map_or(0, |_| 3)..).unwrap_or_default();
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts() {
        assert_eq!(decoded(b"/a\\040b\\134\\04"), b"/a b\\\\04");
        assert_eq!(["/proc", "/proc/self"].map(|path| is_mounted(Path::new(path))), [true, false]);
    }

    #[test]
    fn words() {
        for form in FileForm::ALL {
            for is_deleted in [false, true] {
                let kind = FileKind { form, is_deleted };
                assert_eq!(FileKind::of_word(kind.word()), Some(kind));
                assert_eq!(kind.to_string().is_empty(), kind.is_plain());
            }
        }
        assert_eq!([0, 8, 6, u64::MAX].map(FileKind::of_word), [None; 4]);
    }
}
