//! Where a flag is to be put: can it ever be there, and will it be seen?

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use thiserror::Error;

/// Why a word of `MaintenanceFlag` names no flag.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FlagError {
    /// `MaintenanceFlag ""`
    #[error("an empty word names no file")]
    Empty,
    /// Longer than PATH_MAX, or with a component longer than NAME_MAX: it could never be there.
    #[error("the path of {0} characters is longer than the file system allows")]
    TooLong(usize),
}

/// The most bytes that a file's name has on Linux (limits.h).
const NAME_MAX: usize = 255;

/// Checks a path of `MaintenanceFlag`, which need not exist. Looks at the path alone: the file
/// system that it is on may hang.
///
/// # Errors
/// [`FlagError`] where no file of that name can ever exist.
pub fn check_path(path: &Path) -> Result<(), FlagError> {
    let length = path.as_os_str().len();
    let is_long = |part: &OsStr| part.len() > NAME_MAX;
    match length {
        0 => Err(FlagError::Empty),
        _ if length >= libc::PATH_MAX as usize || path.iter().any(is_long) => {
            Err(FlagError::TooLong(length))
        }
        _ => Ok(()),
    }
}

/// What is wrong with the folder that a flag is to be put into; worth a warning at start.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FolderProblem {
    /// `touch` will fail.
    #[error("does not exist, so the flag cannot be created")]
    Missing,
    /// As /tmp is.
    #[error("can be written by everybody, so any local user can close the site")]
    WorldWritable,
    /// systemd may give httpd such a folder of its own.
    #[error(
        "is below {0}: where systemd runs httpd with PrivateTmp=, httpd has a {0} of its own, and \
         never sees the flag; choose another folder, such as /var/lib/maintenance"
    )]
    Private(&'static str),
}

/// The folders of which systemd's `PrivateTmp=` gives a service others.
const PRIVATE: [&str; 2] = ["/tmp", "/var/tmp"];

/// All that is wrong with a flag's folder. What lies below the ServerRoot, httpd sees as those do who
/// have made that.
pub fn folder_problems(path: &Path, server_root: &Path) -> Vec<FolderProblem> {
    let private = PRIVATE.into_iter().find(|folder| path.starts_with(folder));
    let private = private.filter(|_| !path.starts_with(server_root)).map(FolderProblem::Private);
    folder_problem(path).into_iter().chain(private).collect()
}

/// Does the flag's folder not exist?
pub(super) fn is_folder_missing(path: &Path) -> bool {
    folder_problem(path) == Some(FolderProblem::Missing)
}

fn folder_problem(path: &Path) -> Option<FolderProblem> {
    const WORLD_WRITABLE: u32 = 0o002;
    match fs::metadata(path.parent()?) {
        Ok(folder) => (folder.mode() & WORLD_WRITABLE != 0).then_some(FolderProblem::WorldWritable),
        Err(error) if error.kind() == ErrorKind::NotFound => Some(FolderProblem::Missing),
        Err(_) => None, // a look says so
    }
}
