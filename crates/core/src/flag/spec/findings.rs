//! What is wrong in a flag's content.

use std::ops::Range;

use thiserror::Error;

/// Why a text is not valid content of a flag.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("line {line}, column {column}: {cause}")]
pub struct FlagSpecError {
    /// Counted from 1.
    pub(super) line: usize,
    /// In characters, counted from 1.
    pub(super) column: usize,
    pub(super) cause: String,
}

impl FlagSpecError {
    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, and what to write instead.
    pub fn cause(&self) -> &str {
        &self.cause
    }
}

/// What is wrong in a flag's content, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, with line and column.
    pub error: FlagSpecError,
    /// The wrong part, in bytes after a byte order mark.
    pub span: Range<usize>,
}

/// All that is wrong in a flag's content, for an editor or a check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Why the content cannot be used, in file order.
    pub errors: Vec<Finding>,
    /// Ignored parts, in file order.
    pub warnings: Vec<Finding>,
}

impl From<FlagSpecError> for Findings {
    /// A text in which there is nothing else to find, since it cannot be read.
    fn from(error: FlagSpecError) -> Self {
        Self { errors: vec![Finding { error, span: 0..0 }], warnings: vec![] }
    }
}
