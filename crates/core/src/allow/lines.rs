//! The lines of an allow file or a file of invitations.

use thiserror::Error;

use crate::text::encoding;

/// Windows programs write it at the start of UTF-8 files.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a text is not a list.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NoLines {
    /// The file has not even a comment. An empty file is more likely half written than intended.
    #[error("is empty; to admit nobody, leave one comment line in the file")]
    Empty,
    /// Some editors and PowerShell write UTF-16.
    #[error("is UTF-16; save it as UTF-8")]
    Utf16,
}

/// The lines of a list, counted from 1. Accepts Unix and Windows line endings and a byte order mark.
///
/// # Errors
/// [`NoLines`]
pub(super) fn lines(content: &[u8]) -> Result<impl Iterator<Item = (u32, &[u8])>, NoLines> {
    if encoding::is_utf16(content) {
        return Err(NoLines::Utf16);
    }
    let content = without_mark(content);
    if content.trim_ascii().is_empty() {
        return Err(NoLines::Empty);
    }
    Ok((1..).zip(content.split(|byte| *byte == b'\n')))
}

/// Whether the last line has an entry but no line ending. Most published lists end like that, but
/// while a list is being written, a truncated entry can admit more than the intended one: a larger
/// network, or an invitation without its end.
pub fn is_unfinished(content: &[u8]) -> bool {
    let last = without_mark(content).rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let entry = last.split(|byte| *byte == b'#').next().unwrap_or_default();
    !entry.trim_ascii().is_empty()
}

fn without_mark(content: &[u8]) -> &[u8] {
    content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_cut_off() {
        for (text, expected) in [
            ("", false),
            ("10.0.0.1\n", false),
            ("10.0.0.1\r\n", false),
            ("10.0.0.1\n# end", false),
            ("10.0.0.1\n \t", false),
            ("\n10.0.0.1", true),
            ("10.0.0.1 # one", true),
            ("\u{feff}1", true),
            ("\u{feff}# nobody", false),
        ] {
            assert_eq!(is_unfinished(text.as_bytes()), expected, "{text:?}");
        }
    }
}
