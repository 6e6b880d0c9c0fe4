//! Makes invisible characters in other people's texts visible, for the log and for pages.

use std::borrow::Cow;

/// Characters that are invisible or change the direction of the surrounding text: Unicode format
/// characters (Cf, including Bidi_Control and tags), line and paragraph separators, and other
/// characters that may be ignored (Default_Ignorable_Code_Point). Sorted.
const HIDDEN: [(char, char); 31] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{1fffe}', '\u{1ffff}'),
    ('\u{e0000}', '\u{e0fff}'),
    ('\u{ffffe}', '\u{fffff}'),
    ('\u{10fffe}', '\u{10ffff}'),
];

/// Whether the character is invisible.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || (letter >= '\u{ad}'
            && HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&letter)))
}

/// The text with escapes such as `\u{ad}` for invisible characters.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match is_hidden(letter) {
            true => shown.extend(letter.escape_unicode()),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen() {
        assert!(HIDDEN.windows(2).all(|pair| pair[0].1 < pair[1].0), "in their order");
        for seen in ["", "plain", "e\u{301} 日本 😀 ص\u{64e} \u{915}\u{94d}", "\\u{ad}", "\u{fffd}"]
        {
            assert!(matches!(shown(seen), Cow::Borrowed(text) if text == seen), "{seen}");
        }
        for (text, expected) in [
            ("a\u{ad}b", "a\\u{ad}b"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("\u{e0001}\u{e0041}\u{e007f}", "\\u{e0001}\\u{e0041}\\u{e007f}"),
            ("a\tb\0\u{85}", "a\\u{9}b\\u{0}\\u{85}"),
            ("\u{200d}\u{feff}\u{fe0f}", "\\u{200d}\\u{feff}\\u{fe0f}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
