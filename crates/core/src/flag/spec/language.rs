//! Language tags, as used in messages and in the names of pages.

/// Language names that people write instead of a tag.
const NAMES: [(&str, &str); 22] = [
    ("deutsch", "de"),
    ("german", "de"),
    ("english", "en"),
    ("englisch", "en"),
    ("french", "fr"),
    ("francais", "fr"),
    ("spanish", "es"),
    ("espanol", "es"),
    ("italian", "it"),
    ("italiano", "it"),
    ("portuguese", "pt"),
    ("portugues", "pt"),
    ("dutch", "nl"),
    ("nederlands", "nl"),
    ("polish", "pl"),
    ("polski", "pl"),
    ("japanese", "ja"),
    ("chinese", "zh"),
    ("russian", "ru"),
    ("turkish", "tr"),
    ("czech", "cs"),
    ("swedish", "sv"),
];

/// Whether the text has the form of a language tag (RFC 5646, section 2.1). Its first subtag must
/// be a language of two or three letters, because no longer one is registered.
pub fn is_language(tag: &str) -> bool {
    let mut subtags = tag.split('-');
    let first = subtags.next().unwrap_or_default();
    (2..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags.all(|subtag| {
            (1..=8).contains(&subtag.len())
                && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

/// What to write instead of a word that is not a language tag.
pub(crate) fn instead_of(word: &str) -> String {
    let name = NAMES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
    match name {
        Some((_, tag)) => format!("write {tag}"),
        None => "write a language tag such as de or pt-BR".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for tag in ["de", "DE", "pt-BR", "zh-Hans", "de-CH-1996", "gsw", "en-x-short", "sl-rozaj"] {
            assert!(is_language(tag), "{tag}");
        }
        for word in
            ["", "d", "deutsch", "start", "Hans", "de_DE", "de-", "-de", "d1", "de-ä", "~1~"]
        {
            assert!(!is_language(word), "{word}");
        }
        assert_eq!(instead_of("Deutsch"), "write de");
        assert_eq!(instead_of("<x>"), "write a language tag such as de or pt-BR");
    }
}
