//! Detects the encoding of text that should be UTF-8.

/// Whether the text is UTF-16, with a byte order mark or, if it begins with ASCII, without one.
/// Some editors and PowerShell's `>` write UTF-16.
pub(crate) fn is_utf16(content: &[u8]) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    match *content {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, 0, second, 0, ..] | [0, first, 0, second, ..] => {
            is_plain(first) && is_plain(second)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_others() {
        let encode = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        for text in ["# list\n", "10.0.0.1", "\n\n", "message = 'ü'", "\u{feff}ü"] {
            assert!(is_utf16(&encode(text, u16::to_le_bytes)), "{text:?}");
            assert!(is_utf16(&encode(text, u16::to_be_bytes)), "{text:?}");
            assert!(!is_utf16(text.as_bytes()), "{text:?}");
        }
        for other in [&b""[..], b"\0", b"\0\0\0\0", b"\x7fELF\x02\x01\0\0", b"\x01\0\x02\0", b"a\0"]
        {
            assert!(!is_utf16(other), "{other:?}");
        }
    }
}
