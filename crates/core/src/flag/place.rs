//! Checks the folder of a flag: will httpd see a flag that is created there?

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use thiserror::Error;

/// A problem of a flag's folder, reported as a warning at start.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FolderProblem {
    /// Creating the flag will fail.
    #[error("does not exist, so the flag cannot be created")]
    Missing,
    /// The folder is like /tmp.
    #[error("is world-writable, so any local user can close the site")]
    WorldWritable,
    /// systemd may give httpd a private instance of the folder.
    #[error(
        "is below {0}: if systemd runs httpd with PrivateTmp=, httpd has a private {0} and never \
         sees the flag; choose another folder, such as /var/lib/maintenance"
    )]
    Private(&'static str),
}

/// The folders that systemd's `PrivateTmp=` makes private to a service.
const PRIVATE: [&str; 2] = ["/tmp", "/var/tmp"];

/// All problems of a flag's folder. A folder below the ServerRoot is not private: httpd sees it
/// like the users who created it.
pub fn folder_problems(path: &Path, server_root: &Path) -> Vec<FolderProblem> {
    let private = PRIVATE.into_iter().find(|folder| path.starts_with(folder));
    let private = private.filter(|_| !path.starts_with(server_root)).map(FolderProblem::Private);
    folder_problem(path).into_iter().chain(private).collect()
}

/// Whether the flag's folder does not exist.
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
