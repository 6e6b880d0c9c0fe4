//! The words of `MaintenanceFlag`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use thiserror::Error;

/// Why a word of `MaintenanceFlag` is not valid.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FlagError {
    /// `MaintenanceFlag ""`
    #[error("an empty word names no file")]
    Empty,
    /// `MaintenanceFlag off`
    #[error(
        "\"{word}\" is not a path; write MaintenanceEngine {switch}, or ./{word} for a file of that name"
    )]
    Switch {
        /// The word.
        word: String,
        /// `On` or `Off`.
        switch: &'static str,
    },
    /// `MaintenanceFlag a.flag, b.flag`
    #[error("\"{0}\" ends with a comma; separate paths by blanks")]
    Comma(String),
    /// `MaintenanceFlag *.flag`
    #[error("\"{0}\" contains *; write the name of one file")]
    Pattern(String),
    /// The path is longer than PATH_MAX, or has a component longer than NAME_MAX, so the file could
    /// never exist.
    #[error("the path of {0} characters is longer than the file system allows")]
    TooLong(usize),
}

/// The maximum length of a file name on Linux in bytes (limits.h).
const NAME_MAX: usize = 255;

/// Checks whether a word of `MaintenanceFlag` is meant as a path.
///
/// # Errors
/// [`FlagError`] for a file name that is obviously a mistake.
pub fn check_word(word: &OsStr) -> Result<(), FlagError> {
    const ON: [&str; 5] = ["on", "true", "yes", "enable", "enabled"];
    const OFF: [&str; 7] = ["off", "none", "false", "no", "disable", "disabled", "never"];
    let is_one_of = |words: &[&str]| words.iter().any(|other| word.eq_ignore_ascii_case(other));
    let shown = || word.display().to_string();
    let bytes = word.as_bytes();
    if is_one_of(&ON) || is_one_of(&OFF) {
        let switch = if is_one_of(&ON) { "On" } else { "Off" };
        return Err(FlagError::Switch { word: shown(), switch });
    }
    match bytes {
        [.., b','] => Err(FlagError::Comma(shown())),
        _ if bytes.contains(&b'*') => Err(FlagError::Pattern(shown())),
        _ => Ok(()),
    }
}

/// Checks a path of `MaintenanceFlag`. The file need not exist, and its file system is not accessed
/// because it may hang.
///
/// # Errors
/// [`FlagError`] if no file of that name can ever exist.
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
