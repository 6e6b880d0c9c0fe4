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

/// The error at this byte of the text.
pub(super) fn at(text: &str, offset: usize, cause: String) -> FlagSpecError {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    FlagSpecError { line, column, cause }
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

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use crate::flag::spec::FlagSpec;

    /// All that is wrong is found, and the first error is the one that [`FlagSpec::parse`] reports.
    #[test]
    fn all_of_them() {
        for (content, errors, warnings) in [
            ("", &[][..], &[][..]),
            ("start = soon\nend = later\n", &["1:9 soon", "2:7 later"], &[]),
            (
                "mesage = 1\nrefuse = 2\nends = 3\nclosed = 4\n",
                &["2:10 2", "4:10 4"],
                &["1:1 mesage", "3:1 ends"],
            ),
            ("\u{feff}\u{fc} = 1\n", &["1:1 \u{fc}"], &[]),
            ("by = 'x'\n[message]\nend = 2026-11-28 22:00\n", &[], &["3:1 end"]),
        ] {
            let findings = FlagSpec::findings(content.as_bytes(), &TimeZone::UTC);
            let text = content.strip_prefix('\u{feff}').unwrap_or(content);
            let shown = |found: &[super::Finding]| -> Vec<String> {
                let one = |found: &super::Finding| {
                    let (line, column) = (found.error.line(), found.error.column());
                    format!("{line}:{column} {}", &text[found.span.clone()])
                };
                found.iter().map(one).collect()
            };
            assert_eq!(shown(&findings.errors), errors, "{content}");
            assert_eq!(shown(&findings.warnings), warnings, "{content}");
            let first = FlagSpec::parse(content.as_bytes(), &TimeZone::UTC).err();
            assert_eq!(first.as_ref(), findings.errors.first().map(|found| &found.error));
        }
        let utf16 = FlagSpec::findings(b"\xff\xfea\0", &TimeZone::UTC);
        assert_eq!(utf16.errors[0].error.cause(), "this is UTF-16; save the file as UTF-8");
    }
}
