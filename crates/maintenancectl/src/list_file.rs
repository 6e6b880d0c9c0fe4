//! An allow file or a file of invitations that is changed line by line.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use maintenance_core::file::{self, FileError};

use crate::exit::{Exit, Failure};
use crate::obstacle::failure;
use crate::replace::{Lock, MODE, ReplaceError};
use crate::who::Person;

/// The largest file, in bytes.
const MAX_SIZE: u64 = 8 * 1024 * 1024;

/// A file, and its content when the command began.
pub(crate) struct ListFile {
    pub(crate) path: PathBuf,
    me: Person,
    old: Option<Vec<u8>>,
}

impl ListFile {
    /// Reads the file of an option, or otherwise of the settings. It need not exist.
    ///
    /// # Errors
    /// No file is named, or it cannot be read.
    pub(crate) fn open(
        option: Option<PathBuf>,
        setting: (&str, &Option<PathBuf>),
    ) -> Result<Self, Failure> {
        let (key, default) = setting;
        let path = option.or_else(|| default.clone()).ok_or_else(|| {
            Failure::unusable(format!(
                "no file is named; add --file FILE, or write {key} = \"FILE\" into \
                 /etc/maintenancectl.toml"
            ))
        })?;
        let path = std::path::absolute(&path).unwrap_or(path);
        // A link stays, and the file to which it leads is replaced.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let me = Person::current();
        let old = read(&path).map_err(|error| match error {
            FileError::Read(error) => failure("read", &path, &me, &error, ""),
            error => Failure::unusable(format!("{} {error}", path.display())),
        })?;
        Ok(Self { path, me, old })
    }

    /// The name of the person who changes the file.
    pub(crate) fn who(&self) -> &str {
        &self.me.name
    }

    /// Whether there is no such file.
    pub(crate) fn is_absent(&self) -> bool {
        self.old.is_none()
    }

    /// The content, with an end of the last line. None if the file is not text.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = str::from_utf8(self.old.as_deref().unwrap_or_default()).ok()?.to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        Some(text)
    }

    /// The path for messages.
    pub(crate) fn shown(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Replaces the content.
    ///
    /// # Errors
    /// The file cannot be written, or it has changed meanwhile.
    pub(crate) fn write(&self, content: &str) -> Result<(), Failure> {
        let mode = fs::metadata(&self.path).map_or(MODE, |old| old.permissions().mode() & 0o777);
        let is_expected = || read(&self.path).is_ok_and(|now| now == self.old);
        let written = Lock::take(&self.path, &|_| {})
            .and_then(|lock| lock.write(content.as_bytes(), mode, self.is_absent(), is_expected));
        written.map_err(|error| match error {
            ReplaceError::Io(error) => {
                let kept = if self.is_absent() { "" } else { "; it is as it was" };
                failure("write", &self.path, &self.me, &error, kept)
            }
            ReplaceError::Busy | ReplaceError::Changed => Failure {
                exit: Exit::No,
                message: format!(
                    "{} was changed meanwhile by somebody else; repeat the command",
                    self.shown()
                ),
            },
        })
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match file::read(path, MAX_SIZE) {
        Ok((content, _)) => Ok(Some(content)),
        Err(FileError::Read(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
