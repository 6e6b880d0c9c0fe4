//! The flag file that the follower keeps.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::obstacle::{failure, is_full};
use crate::replace::{Lock, MODE, ReplaceError};
use crate::who::Person;

/// The flag file that the follower keeps.
#[derive(Clone, Debug)]
pub(super) struct FlagFile(pub(super) PathBuf);

/// What had to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    Nothing,
    Written,
    Removed,
}

/// What tells whether somebody else has changed the file: its inode, size and times.
pub(super) type Mark = Option<(u64, u64, i64, i64)>;

impl FlagFile {
    /// Makes the file be like this. Readers see the old content or the new one.
    ///
    /// # Errors
    /// What is wrong, and what to do. The file is as it was.
    pub(super) fn apply(&self, wanted: Option<&[u8]>) -> Result<Done, String> {
        let path = self.0.as_path();
        let me = Person::current();
        let is_there = self.is_there(&me)?;
        let Some(content) = wanted else {
            return match is_there {
                false => Ok(Done::Nothing),
                true => remove(path).map(|()| Done::Removed).map_err(|error| match error {
                    ReplaceError::Io(error) => failure("remove", path, &me, &error, "").message,
                    other => busy(path, &other),
                }),
            };
        };
        // httpd's children have to read it, and an editor can have given it another mode.
        let is_readable = || fs::metadata(path).is_ok_and(|it| it.mode() & 0o7777 == MODE);
        if is_there && is_readable() && fs::read(path).is_ok_and(|old| old == content) {
            return Ok(Done::Nothing);
        }
        let write =
            Lock::take(path, &|_| {}).and_then(|lock| lock.write(content, MODE, false, || true));
        write.map(|()| Done::Written).map_err(|error| match error {
            ReplaceError::Io(error) => {
                let kept = if is_there { "; it is as it was" } else { "" };
                failure("write", path, &me, &error, kept).message
            }
            other => busy(path, &other),
        })
    }

    /// The content, if there is a file.
    pub(super) fn content(&self) -> Option<Vec<u8>> {
        let is_file = fs::symlink_metadata(&self.0).is_ok_and(|it| it.is_file());
        is_file.then(|| fs::read(&self.0).unwrap_or_default())
    }

    fn is_there(&self, me: &Person) -> Result<bool, String> {
        let path = self.0.as_path();
        match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(true),
            Ok(_) => Err(format!(
                "{} is not a regular file; remove it, or name another flag",
                path.display()
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failure("look at", path, me, &error, "").message),
        }
    }

    pub(super) fn mark(&self) -> Mark {
        let metadata = fs::symlink_metadata(&self.0).ok()?;
        let time = (metadata.ctime(), metadata.ctime_nsec());
        Some((metadata.ino(), metadata.size(), time.0, time.1))
    }
}

fn remove(path: &Path) -> Result<(), ReplaceError> {
    match Lock::take(path, &|_| {}) {
        Ok(lock) => lock.remove(|| true),
        // No lock can be created on a full disk, where a file can still be removed.
        Err(ReplaceError::Io(error)) if is_full(&error) => Ok(fs::remove_file(path)?),
        Err(error) => Err(error),
    }
}

fn busy(path: &Path, error: &ReplaceError) -> String {
    let shown = path.display();
    match error {
        ReplaceError::Busy => format!("another command is changing {shown}"),
        _ => format!("{shown} was changed meanwhile"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FlagFile(folder.path().join("flag"));
        for (wanted, expected) in [
            (None, Done::Nothing),
            (Some(&b""[..]), Done::Written),
            (Some(b""), Done::Nothing),
            (Some(b"title = \"x\"\n"), Done::Written),
            (Some(b"\xff not TOML"), Done::Written),
            (Some(b"\xff not TOML"), Done::Nothing),
            (None, Done::Removed),
            (None, Done::Nothing),
        ] {
            let before = file.mark();
            assert_eq!(file.apply(wanted), Ok(expected), "{wanted:?}");
            assert_eq!(fs::read(&file.0).ok().as_deref(), wanted);
            assert_eq!(before == file.mark(), expected == Done::Nothing, "{wanted:?}");
        }
    }

    #[test]
    fn modes() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().expect("a folder");
        let file = FlagFile(folder.path().join("flag"));
        for mode in [0o600, 0o666, 0o000] {
            file.apply(Some(b"x")).expect("written");
            fs::set_permissions(&file.0, fs::Permissions::from_mode(mode)).expect("a mode");
            assert_eq!(file.apply(Some(b"x")), Ok(Done::Written), "{mode:o}");
            assert_eq!(fs::metadata(&file.0).expect("a file").mode() & 0o7777, MODE);
            assert_eq!(file.apply(Some(b"x")), Ok(Done::Nothing));
        }
    }

    #[test]
    fn what_is_not_a_file_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = FlagFile(folder.path().join("flag"));
        fs::create_dir(&file.0).expect("a folder");
        for wanted in [None, Some(&b"x"[..])] {
            let error = file.apply(wanted).expect_err("a folder");
            assert!(error.contains("is not a regular file; remove it"), "{error}");
        }
        assert!(file.0.is_dir());
    }
}
