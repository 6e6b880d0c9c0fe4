//! The secret on which the positions of clients depend (`MaintenanceShareSecret`).

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::context::DirectiveContext;
use crate::file::kept::{Keeping, Use};
use crate::file::watched::{FileEvent, Instead, Watched};

/// The largest secret, in bytes.
const MAX_SIZE: u64 = 64 * 1024;

/// Why the file of `MaintenanceShareSecret` cannot be used.
#[derive(Debug, Error)]
#[error("\"{path}\" {cause}")]
pub struct SecretError {
    path: String,
    cause: String,
}

/// The secret in a file, which is read when the configuration is read.
pub struct ShareSecret(Watched<Vec<u8>>);

impl ShareSecret {
    /// Reads the file. At a restart, its last good content stays in force if it cannot be used.
    ///
    /// # Errors
    /// [`SecretError`]
    pub fn open(path: PathBuf, context: &dyn DirectiveContext) -> Result<Self, SecretError> {
        let shown = path.display().to_string();
        let keeper = context.keeper();
        let keeping = keeper.map(|keeper| Keeping { keeper, of: Use::Secret, nothing: Vec::new });
        let file = Watched::open(path, MAX_SIZE, Box::new(parse), keeping);
        let file = file.map_err(|cause| SecretError { path: shown, cause })?;
        Ok(Self(file.lenient(Instead::PathAlone)))
    }

    /// The secret; empty if there has been no good content yet.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.value().to_vec()
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Reports if the file could not be used at a restart.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        self.0.tell_start(report);
    }
}

/// The content without blanks and line ends around it, which differ between editors.
fn parse(content: &[u8]) -> Result<Vec<u8>, String> {
    match content.trim_ascii() {
        [] => Err("is empty; write a secret into it, for example 32 random bytes in base64".into()),
        secret => Ok(secret.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents() {
        for (content, expected) in [
            (&b"secret"[..], Some(&b"secret"[..])),
            (b"secret\n", Some(b"secret")),
            (b"\r\n sec ret \r\n", Some(b"sec ret")),
            (b"\xff\0", Some(b"\xff\0")),
            (b"", None),
            (b" \n", None),
        ] {
            assert_eq!(parse(content).ok().as_deref(), expected, "{content:?}");
        }
    }
}
