//! A look at a flag: what the file system tells about its name. Most requests only need
//! [`is_name_missing`], all others [`Look::at`].

use std::ffi::CStr;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use nix::errno::Errno;
use nix::sys::stat::stat;
use nix::unistd::{AccessFlags, eaccess};

use super::kind::{FileKind, FlagFile, Mounts};

/// The longest chain of symbolic links, as in the kernel (MAXSYMLINKS).
const MAX_LINKS: usize = 40;

/// Whether there is no file of this name, and no more: the `stat` that nearly every request costs.
/// ENOTDIR means that the flag is absent, too, but its folder should exist, so [`Look::at`] deals
/// with that.
#[inline(always)]
pub(super) fn is_name_missing(path: &CStr) -> bool {
    #[cfg(test)]
    count::add();
    stat(path).is_err() && Errno::last_raw() == Errno::ENOENT as i32
}

/// A flag that is present.
#[derive(Debug)]
pub(super) enum Look {
    /// The file can be examined.
    Seen(Metadata, FileKind),
    /// The folder can be searched, so the name exists, but the file cannot be examined. SELinux
    /// causes this for a file that was moved here and has kept its label.
    Denied(io::Error),
}

impl Look {
    /// Looks at the file at a path. Symbolic links are followed.
    ///
    /// # Errors
    /// The errors of stat(2), except for a [`Look::Denied`].
    pub(super) fn at(path: &Path, mounts: &Mounts) -> io::Result<Self> {
        #[cfg(test)]
        count::add();
        match fs::metadata(path) {
            Ok(metadata) => Ok(Self::seen(path, metadata, mounts)),
            Err(error) if is_denied(&error) => Self::again(path, error, mounts),
            Err(error) => Err(error),
        }
    }

    /// Looks at the file of a flag that was present. It is absent only if a second look finds it
    /// absent as well. In a mounted ConfigMap, the path leads through a symbolic link to a folder.
    /// The kubelet first moves the link to a new folder, then deletes the old one, so a look that
    /// has followed the link before can arrive too late, although the flag is there all the time.
    pub(super) fn again_at(path: &Path, mounts: &Mounts) -> io::Result<Self> {
        match Self::at(path, mounts) {
            Err(error) if is_absence(&error) => Self::at(path, mounts),
            look => look,
        }
    }

    /// Finds out whether the folder cannot be searched or the file in it cannot be examined.
    #[cold]
    fn again(path: &Path, error: io::Error, mounts: &Mounts) -> io::Result<Self> {
        if !can_be_reached(path) {
            return Err(error);
        }
        // The folder may have become searchable since the look.
        match fs::metadata(path) {
            Err(error) if is_denied(&error) && can_be_reached(path) => Ok(Self::Denied(error)),
            other => other.map(|metadata| Self::seen(path, metadata, mounts)),
        }
    }

    fn seen(path: &Path, metadata: Metadata, mounts: &Mounts) -> Self {
        let kind = FileKind::of(path, &metadata, mounts);
        Self::Seen(metadata, kind)
    }

    /// What is known about the file. Its time is in `zone`.
    pub(super) fn file(&self, zone: &TimeZone) -> Option<FlagFile> {
        match self {
            Self::Seen(metadata, kind) => Some(FlagFile::of(metadata, *kind, zone)),
            Self::Denied(_) => None,
        }
    }
}

/// Whether this process may search the folder of the name and, if the name is a symbolic link, the
/// folder of the link's target.
fn can_be_reached(path: &Path) -> bool {
    let mut path = PathBuf::from(path);
    for _ in 0..MAX_LINKS {
        let can_be_searched =
            path.parent().is_some_and(|folder| eaccess(folder, AccessFlags::X_OK).is_ok());
        if !can_be_searched {
            return false;
        }
        match fs::read_link(&path) {
            Ok(target) => path = path.parent().map(|folder| folder.join(target)).unwrap_or(path),
            Err(error) => return error.kind() != ErrorKind::NotFound, // it is no link, or denied
        }
    }
    false
}

/// Whether the error means that the file does not exist.
pub(super) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn is_denied(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EACCES)
}

/// The number of looks of this thread.
#[cfg(test)]
pub(crate) mod count {
    use std::cell::Cell;

    thread_local!(static LOOKS: Cell<usize> = const { Cell::new(0) });

    pub(in crate::flag) fn add() {
        LOOKS.set(LOOKS.get() + 1);
    }

    /// The number of looks since the last call.
    pub(crate) fn take() -> usize {
        LOOKS.take()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_can_be_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "").expect("written");
        fs::create_dir(at("sub")).expect("made");
        symlink("file", at("link")).expect("a link");
        symlink("../link", at("sub/far")).expect("a link");
        symlink("loop", at("loop")).expect("a link");
        symlink("none/flag", at("nowhere")).expect("a link");
        for (name, expected) in [
            ("file", true),
            ("sub", true),
            ("link", true),
            ("sub/far", true),
            ("none", false),
            ("none/flag", false),
            ("file/flag", false),
            ("loop", false),
            ("nowhere", false),
        ] {
            assert_eq!(can_be_reached(&at(name)), expected, "{name}");
        }
    }
}
