//! What the file system has against it, in one line: what is wrong, where, and what to do.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use maintenance_core::text;

use crate::exit::Failure;
use crate::replace::folder;
use crate::who::Person;

/// Why the person cannot read, write or remove (`what`) the file.
pub(crate) fn failure(
    what: &str,
    path: &Path,
    me: &Person,
    error: &io::Error,
    kept: &str,
) -> Failure {
    let folder = folder(path).display();
    let (cause, help) = match error.kind() {
        ErrorKind::PermissionDenied if !Person::is_root() => (
            format!("{} may not {what} files in {folder}", me.name),
            "run the command with sudo".to_owned(),
        ),
        ErrorKind::NotFound => (
            format!("the folder {folder} does not exist"),
            "create it, or name another file".to_owned(),
        ),
        ErrorKind::NotADirectory => {
            (format!("{folder} is not a folder"), "name another file".into())
        }
        ErrorKind::ReadOnlyFilesystem => (
            format!("the file system of {folder} is read-only"),
            format!("mount it for writing: mount -o remount,rw {}", mount_point(path).display()),
        ),
        _ if is_full(error) => {
            (format!("there is no space left in {folder}"), "free some".to_owned())
        }
        _ => (error.to_string(), "look at the folder with ls -l".to_owned()),
    };
    let shown = path.display().to_string();
    let shown = text::shown(&shown);
    Failure::unusable(format!("cannot {what} {shown}: {cause}{kept}; {help}"))
}

/// Where the file system of a file's folder is mounted.
fn mount_point(path: &Path) -> PathBuf {
    let inside = folder(path);
    let inside = fs::canonicalize(inside).unwrap_or_else(|_| inside.to_owned());
    let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
    let own = device(&inside);
    let above = inside.ancestors().take_while(|above| device(above) == own);
    above.last().unwrap_or(&inside).to_owned()
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}
