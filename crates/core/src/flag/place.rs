//! Checks the folder of a flag: will httpd see a flag that is created there?

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::getxattr;
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
    /// SELinux hides files with the label of the folder, which a new flag has, too.
    #[error(
        "has the SELinux type {0}, so httpd may not read the flag; choose another folder, such as \
         /var/lib/maintenance, or give it another type: semanage fcontext -a -t \
         httpd_sys_content_t, then restorecon"
    )]
    Hidden(&'static str),
}

/// The types of folders that httpd_t may not see or not read, in the policies of Fedora and Debian.
const HIDDEN: [&str; 11] = [
    "admin_home_t",
    "container_file_t",
    "default_t",
    "mnt_t",
    "root_t",
    "tmp_t",
    "user_home_dir_t",
    "user_home_t",
    "user_tmp_t",
    "var_run_t",
    "var_t",
];

/// The folders that systemd's `PrivateTmp=` makes private to a service.
const PRIVATE: [&str; 2] = ["/tmp", "/var/tmp"];

/// All problems of a flag's folder. A folder below the ServerRoot is not private: httpd sees it
/// like the users who created it.
pub fn folder_problems(path: &Path, server_root: &Path) -> Vec<FolderProblem> {
    let private = PRIVATE.into_iter().find(|folder| path.starts_with(folder));
    let private = private.filter(|_| !path.starts_with(server_root)).map(FolderProblem::Private);
    let has_selinux = Path::new("/sys/fs/selinux/enforce").exists();
    let hidden = path.parent().filter(|_| has_selinux).and_then(hidden_type);
    let hidden = hidden.map(FolderProblem::Hidden);
    folder_problem(path).into_iter().chain(private).chain(hidden).collect()
}

/// The SELinux type of a folder, if it hides files from httpd.
fn hidden_type(folder: &Path) -> Option<&'static str> {
    let mut label = [0; 256];
    let length = getxattr(folder, "security.selinux", &mut label).ok()?;
    let label = str::from_utf8(label.get(..length)?).ok()?;
    let of_folder = label.split([':', '\0']).nth(2)?; // user:role:type:level
    HIDDEN.into_iter().find(|hidden| *hidden == of_folder)
}

/// Whether the flag's folder does not exist.
pub fn is_folder_missing(path: &Path) -> bool {
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

#[cfg(test)]
mod tests {
    use rustix::fs::{XattrFlags, setxattr};

    use super::*;

    #[test]
    fn labels() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(hidden_type(folder.path()), None);
        for (label, expected) in [
            ("unconfined_u:object_r:admin_home_t:s0\0", Some("admin_home_t")),
            ("system_u:object_r:user_tmp_t:s0:c0.c1023", Some("user_tmp_t")),
            ("system_u:object_r:var_t", Some("var_t")),
            ("system_u:object_r:var_lib_t:s0\0", None),
            ("system_u:object_r:httpd_config_t:s0\0", None),
            ("admin_home_t", None),
        ] {
            let (name, value) = ("security.selinux", label.as_bytes());
            if setxattr(folder.path(), name, value, XattrFlags::empty()).is_err() {
                eprintln!("left out: only root may label files, and not on every file system");
                return;
            }
            assert_eq!(hidden_type(folder.path()), expected, "{label}");
        }
        let gone = folder.path().join("none");
        assert_eq!(hidden_type(&gone), None);
    }
}
