//! The maintenance page.

use std::borrow::Cow;
use std::path::Path;

use thiserror::Error;

use crate::file::{self, FileError};

/// The largest page, in bytes.
pub const MAX_SIZE: u64 = 1024 * 1024;

/// Some browsers show a page of their own in the place of an error page shorter than this.
const HIDDEN_BELOW: usize = 512;

/// Why a file is no page.
#[derive(Debug, Error)]
pub enum PageError {
    /// The name ends in neither `.html` nor `.htm`.
    #[error("\"{0}\" does not end in .html or .htm")]
    Type(String),
    /// More than one page.
    #[error("\"{0}\" is one page too many")]
    Second(String),
    /// The file cannot be read.
    #[error("\"{path}\" {cause}")]
    File {
        /// The file.
        path: String,
        /// Why.
        cause: FileError,
    },
    /// Nothing in it.
    #[error("\"{0}\" is empty")]
    Empty(String),
    /// The answer says that the page is UTF-8.
    #[error("\"{path}\" is not UTF-8 (byte {offset}); save it as UTF-8")]
    Utf8 {
        /// The file.
        path: String,
        /// How many bytes are good.
        offset: usize,
    },
}

/// The bytes of a page and their media type.
#[derive(Debug)]
pub struct Page {
    body: Cow<'static, [u8]>,
}

impl Page {
    /// The page for those who configured none.
    pub const fn built_in() -> Self {
        Self { body: Cow::Borrowed(include_bytes!("page/built-in.html")) }
    }

    /// Reads a page; a FIFO never blocks.
    ///
    /// # Errors
    /// [`PageError`], with the path.
    pub fn load(file: &Path) -> Result<Self, PageError> {
        let path = file.display().to_string();
        if !file.extension().is_some_and(|ending| ending == "html" || ending == "htm") {
            return Err(PageError::Type(path));
        }
        let read = file::read(file, MAX_SIZE);
        let (body, _) = read.map_err(|cause| PageError::File { path: path.clone(), cause })?;
        if body.is_empty() {
            return Err(PageError::Empty(path));
        }
        if let Err(error) = str::from_utf8(&body) {
            return Err(PageError::Utf8 { path, offset: error.valid_up_to() });
        }
        Ok(Self { body: Cow::Owned(body) })
    }

    /// The bytes to send.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The value of Content-Type (RFC 9110, 8.3).
    pub const fn content_type(&self) -> &'static std::ffi::CStr {
        c"text/html; charset=utf-8"
    }

    /// Would some browsers show a page of their own instead?
    pub fn is_short(&self) -> bool {
        self.body.len() <= HIDDEN_BELOW
    }
}
