//! One look at a flag: what the file system says of its name.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use nix::unistd::{AccessFlags, eaccess};

use super::kind::{FileKind, FlagFile, Mounts};

/// A chain of so many links is followed, as by the kernel (MAXSYMLINKS).
const MAX_LINKS: usize = 40;

/// Something is there.
#[derive(Debug)]
pub(super) enum Look {
    /// Anybody may see what.
    Seen(Metadata, FileKind),
    /// Its folder can be searched, so the name exists, but what it names may not be looked at. So it
    /// is with SELinux, for a file that was moved here and has kept its label.
    Denied(io::Error),
}

impl Look {
    /// Looks at what lies at a path; a link is followed.
    ///
    /// # Errors
    /// Those of stat(2), but for a [`Look::Denied`].
    pub(super) fn at(path: &Path, mounts: &Mounts) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Self::seen(path, metadata, mounts)),
            Err(error) if is_denied(&error) => Self::again(path, error, mounts),
            Err(error) => Err(error),
        }
    }

    /// Is it the folder that may not be searched, or what lies in it that may not be looked at?
    #[cold]
    fn again(path: &Path, error: io::Error, mounts: &Mounts) -> io::Result<Self> {
        if !can_be_reached(path) {
            return Err(error);
        }
        // The folder may have been opened for all since the look.
        match fs::metadata(path) {
            Err(error) if is_denied(&error) && can_be_reached(path) => Ok(Self::Denied(error)),
            other => other.map(|metadata| Self::seen(path, metadata, mounts)),
        }
    }

    fn seen(path: &Path, metadata: Metadata, mounts: &Mounts) -> Self {
        let kind = FileKind::of(path, &metadata, mounts);
        Self::Seen(metadata, kind)
    }

    /// What is known of the file; its time is in `zone`.
    pub(super) fn file(&self, zone: &TimeZone) -> Option<FlagFile> {
        match self {
            Self::Seen(metadata, kind) => Some(FlagFile::of(metadata, *kind, zone)),
            Self::Denied(_) => None,
        }
    }
}

/// May this process search the folder that the name is in, and where that is a link, the folder of
/// what it leads to?
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

fn is_denied(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EACCES)
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
