//! Replaces a file as a whole: readers see the old content or the new one, and nothing in between.
//!
//! The new content is written to a temporary file in the same folder, which therefore has the
//! folder's default SELinux label, and renamed. The temporary file is the lock as well: its name is
//! known, and the command that holds its lock may write. What a killed command has left behind is
//! removed by the next one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags};
use rustix::io::Errno;

/// How long to wait for another command that writes the file.
const PATIENCE: Duration = Duration::from_secs(3);

/// The mode of a new file, whatever the umask is: httpd's children have to read it.
pub(crate) const MODE: u32 = 0o644;

/// A step of a replacement, after which the command may be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Created,
    HalfWritten,
    Written,
    Synced,
    Renamed,
    Removed,
    FolderSynced,
}

/// Called after each step; in tests it kills the process.
pub(crate) type AfterStep<'s> = &'s dyn Fn(Step);

/// Why the file is not replaced.
#[derive(Debug)]
pub(crate) enum ReplaceError {
    /// Another command has held the lock for too long.
    Busy,
    /// The file is not the one that was expected.
    Changed,
    Io(io::Error),
}

impl From<io::Error> for ReplaceError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for ReplaceError {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

/// The right to replace a file.
pub(crate) struct Lock<'p> {
    path: &'p Path,
    temporary: PathBuf,
    file: File,
    after: AfterStep<'p>,
    /// The temporary file is gone or has the name of the file.
    is_done: bool,
}

/// The folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl<'p> Lock<'p> {
    /// Waits until no other command writes the file.
    ///
    /// # Errors
    /// Another command writes for too long, or the temporary file cannot be created.
    pub(crate) fn take(path: &'p Path, after: AfterStep<'p>) -> Result<Self, ReplaceError> {
        let name = path.file_name().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".maintenancectl");
        let temporary = folder(path).join(hidden);
        let begin = Instant::now();
        loop {
            let mut options = OpenOptions::new();
            let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
            let options = options.custom_flags(flags);
            let new = options.clone().write(true).mode(MODE).create_new(true).open(&temporary);
            let (file, is_new) = match new {
                Ok(file) => (file, true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    // It can be somebody else's, which one can only read and remove.
                    match options.read(true).open(&temporary) {
                        Ok(file) => (file, false),
                        // The other command is done.
                        Err(error) if error.kind() == ErrorKind::NotFound => continue,
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            };
            let is_locked = match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)
            {
                Ok(()) => true,
                Err(Errno::WOULDBLOCK) => false,
                // A file system without locks. The expected content is still checked.
                Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS | Errno::INVAL) => true,
                Err(error) => return Err(error.into()),
            };
            if is_locked && is_at(&file, &temporary)? {
                if is_new {
                    after(Step::Created);
                    return Ok(Self { path, temporary, file, after, is_done: false });
                }
                // A killed command has left it behind.
                fs::remove_file(&temporary)?;
                continue;
            }
            if begin.elapsed() > PATIENCE {
                return Err(ReplaceError::Busy);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Replaces the file, which then has this mode, if `is_expected` still says that it is the expected one. A file that is
    /// not expected to exist (`is_new`) never replaces another one.
    ///
    /// # Errors
    /// The file is unchanged then.
    pub(crate) fn write(
        mut self,
        content: &[u8],
        mode: u32,
        is_new: bool,
        is_expected: impl FnOnce() -> bool,
    ) -> Result<(), ReplaceError> {
        self.file.set_permissions(fs::Permissions::from_mode(mode))?;
        if let Ok(old) = fs::symlink_metadata(self.path) {
            // Only root may keep another owner.
            let _ = std::os::unix::fs::fchown(&self.file, Some(old.uid()), Some(old.gid()));
        }
        let (first, second) = content.split_at(content.len() / 2);
        self.file.write_all(first)?;
        (self.after)(Step::HalfWritten);
        self.file.write_all(second)?;
        (self.after)(Step::Written);
        self.file.sync_all()?;
        (self.after)(Step::Synced);
        if !is_expected() {
            return Err(ReplaceError::Changed);
        }
        self.rename(is_new)?;
        self.is_done = true;
        (self.after)(Step::Renamed);
        self.sync_folder()
    }

    fn rename(&self, is_new: bool) -> Result<(), ReplaceError> {
        if is_new {
            let flags = RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(CWD, &self.temporary, CWD, self.path, flags) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => return Err(ReplaceError::Changed),
                // Old kernels and some file systems cannot do it.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(fs::rename(&self.temporary, self.path)?)
    }

    /// Removes the file, if `is_expected` still says that it is the expected one.
    ///
    /// # Errors
    /// The file is still there then.
    pub(crate) fn remove(self, is_expected: impl FnOnce() -> bool) -> Result<(), ReplaceError> {
        if !is_expected() {
            return Err(ReplaceError::Changed);
        }
        fs::remove_file(self.path)?;
        (self.after)(Step::Removed);
        self.sync_folder()
    }

    /// What was done outlasts a power failure.
    fn sync_folder(&self) -> Result<(), ReplaceError> {
        // Some file systems cannot do it. The change is visible in any case.
        let _ = File::open(folder(self.path)).and_then(|folder| folder.sync_all());
        (self.after)(Step::FolderSynced);
        Ok(())
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Whether the open file is still the one with this name.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
