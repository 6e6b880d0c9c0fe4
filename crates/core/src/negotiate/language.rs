//! The Accept-Language field.

use std::cmp::Reverse;

use super::list::elements;

/// How much a tag is preferred. The greatest value wins.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Wish {
    quality: u16,
    /// The position in the field of the range that matches the tag.
    position: Reverse<usize>,
    /// The number of the range's subtags that match the tag.
    subtags: usize,
    /// Whether the tag has no further subtags.
    exact: bool,
}

/// The index of the tag (BCP 47) that Accept-Language prefers (RFC 9110, section 12.5.4), by lookup
/// (RFC 4647, section 3.4). Ranges are tried in order of quality, then in field order. A range that
/// matches no tag is shortened by its last subtag until it does; a single-character subtag is
/// removed together with the subtag after it. A range matches the tag that equals it, or otherwise
/// the first tag that begins with it and "-": `de-CH` matches `de`, `de` matches `de-AT`, `zh-CN`
/// matches `zh-Hans`.
///
/// A range with `q=0` excludes the tags that it matches unshortened, whatever other ranges say. `*`
/// neither matches nor excludes. `None` means that the field is empty or prefers none of the tags.
pub fn language<'t>(
    accept_language: Option<&[u8]>,
    tags: impl Iterator<Item = &'t str> + Clone,
) -> Option<usize> {
    // Few clients exclude a language, so exclusions are collected only if there are any.
    best(accept_language, tags.clone(), None).unwrap_or_else(|Excludes| {
        let excluded = excluded(accept_language, tags.clone());
        best(accept_language, tags, Some(excluded)).unwrap_or(None)
    })
}

/// The field excludes a language.
struct Excludes;

/// One bit for each excluded tag. Tags beyond the number of bits are never excluded.
fn excluded<'t>(
    accept_language: Option<&[u8]>,
    tags: impl Iterator<Item = &'t str> + Clone,
) -> u128 {
    let ranges = elements(accept_language).filter(|element| element.quality == 0);
    let ranges = ranges.map(|element| element.name).filter(|range| is_range(range));
    ranges.fold(0, |bits, range| {
        let excludes = |tag: &str| common_subtags(range, tag.as_bytes()) == count(range);
        let found = tags.clone().enumerate().filter(|(_, tag)| excludes(tag));
        found.fold(bits, |bits, (index, _)| bits | bit(index))
    })
}

fn bit(index: usize) -> u128 {
    u32::try_from(index).ok().and_then(|index| 1_u128.checked_shl(index)).unwrap_or(0)
}

/// The best of the tags that are not excluded.
///
/// # Errors
/// [`Excludes`] if the field excludes tags and `excluded` is None.
fn best<'t>(
    accept_language: Option<&[u8]>,
    tags: impl Iterator<Item = &'t str> + Clone,
    excluded: Option<u128>,
) -> Result<Option<usize>, Excludes> {
    let mut best = None;
    for (position, element) in elements(accept_language).enumerate() {
        if element.quality == 0 {
            excluded.ok_or(Excludes)?;
            continue;
        }
        if !is_range(element.name) {
            continue;
        }
        for (index, tag) in tags.clone().enumerate() {
            let subtags = common_subtags(element.name, tag.as_bytes());
            if subtags == 0 || excluded.is_some_and(|bits| bits & bit(index) != 0) {
                continue;
            }
            let (position, exact) = (Reverse(position), subtags == count(tag.as_bytes()));
            let wish = Wish { quality: element.quality, position, subtags, exact };
            best = best.max(Some((wish, Reverse(index))));
        }
    }
    Ok(best.map(|(_, Reverse(index))| index))
}

/// The number of subtags that remain of the range when the tag equals it or begins with it.
fn common_subtags(range: &[u8], tag: &[u8]) -> usize {
    if range.first().map(u8::to_ascii_lowercase) != tag.first().map(u8::to_ascii_lowercase) {
        return 0; // the usual case
    }
    let all = count(range);
    let pairs = subtags(range).zip(subtags(tag));
    (1..)
        .zip(pairs.take_while(|(in_range, in_tag)| in_range.eq_ignore_ascii_case(in_tag)))
        .filter(|(number, (subtag, _))| subtag.len() > 1 || *number == all)
        .last()
        .map_or(0, |(number, _)| number)
}

/// Whether this is a basic language range (RFC 4647, section 2.1) other than `*`.
fn is_range(text: &[u8]) -> bool {
    let length = |subtag: &[u8]| (1..=8).contains(&subtag.len());
    subtags(text).all(|subtag| length(subtag) && subtag.iter().all(u8::is_ascii_alphanumeric))
        && subtags(text).take(1).flatten().all(u8::is_ascii_alphabetic)
}

fn subtags(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'-')
}

fn count(text: &[u8]) -> usize {
    subtags(text).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        for (value, tags, expected) in [
            // browsers
            ("de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7", "en de", "de"),
            ("de,en-US;q=0.7,en;q=0.3", "en de fr", "de"),
            ("en-US,en;q=0.5", "de en", "en"),
            ("en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7", "en-US en-GB de", "en-GB"),
            ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "en pt", "pt"),
            ("zh-CN,zh;q=0.9,en;q=0.8", "en zh-Hans", "zh-Hans"),
            ("zh-TW,zh;q=0.9", "en zh-Hans zh-Hant", "zh-Hans"),
            ("ja", "en de", "-"),
            // quality, then order
            ("en;q=0.5, de", "en de", "de"),
            ("de-CH, de;q=0.9, en;q=0.8", "en de", "de"),
            ("de-CH, de;q=0.9, en;q=0.8", "en fr", "en"),
            ("en, de", "de en", "en"),
            ("en;q=0.5, de;q=0.5", "de en", "en"),
            ("fr, en;q=0.5, de;q=0.501", "en de", "de"),
            ("en;q=0.2, de;q=0.5, en;q=0.9", "de en", "en"),
            ("en;q=0.001", "de en", "en"),
            // lookup: as it is, then shorter
            ("de", "de-AT", "de-AT"),
            ("de", "de-AT de-CH", "de-AT"),
            ("de", "de-AT de", "de"),
            ("de-CH", "de-AT de", "de"),
            ("de-CH", "de-AT de-DE", "de-AT"),
            ("de-CH", "de de-CH-1996", "de-CH-1996"),
            ("de-CH-1996", "de de-CH", "de-CH"),
            ("pt-BR", "pt", "pt"),
            ("zh-CN", "zh-Hans", "zh-Hans"),
            ("zh-Hant-CN-x-private1-private2", "zh zh-Hant", "zh-Hant"),
            ("zh-Hant-x-a-b", "zh zh-Hant-x-a", "zh-Hant-x-a"),
            // neither "zh-Hant-x-a" nor "zh-Hant-x" is tried
            ("zh-Hant-x-a-b", "zh-Hant-x-a zh-Hant", "zh-Hant"),
            ("zh-Hant-x-a", "zh-Hant-x-b zh-Hant", "zh-Hant"),
            ("zh-Hant-x-a", "zh zh-Hant-x-b", "zh-Hant-x-b"),
            ("x-a", "x-b", "-"),
            ("i-klingon", "i-klingon", "i-klingon"),
            ("i-klingon", "i-default", "-"),
            ("d", "de", "-"),
            ("den", "de", "-"),
            ("de", "den de-1996", "de-1996"),
            // a range that finds something shorter is in front of a later exact one
            ("de-CH, en-US", "en-US de", "de"),
            // case
            ("DE-ch", "de-AT De-CH", "De-CH"),
            ("EN;Q=0.1", "de en", "en"),
            // the wildcard
            ("*", "de en", "-"),
            ("*, en;q=0.1", "de en", "en"),
            ("fr;q=0, *", "fr de", "-"),
            ("de, *;q=0", "en de", "de"),
            ("*-CH, en;q=0.1", "de-CH en", "en"),
            ("de-*, en;q=0.1", "de en", "en"),
            // excluded
            ("de;q=0", "de", "-"),
            ("de;q=0, en", "de en", "en"),
            ("en, de;q=0, de", "de", "-"),
            ("de, de;q=0.000", "de", "-"),
            ("de-CH;q=0, de", "de-CH de-AT", "de-AT"),
            ("de-CH;q=0, de", "de", "de"),
            ("de;q=0, de-AT", "de-AT", "-"),
            ("de, de-CH;q=0", "de-CH-1996", "-"),
            ("de-DE, en;q=0.8, de;q=0", "de en", "en"),
            ("x;q=0, x-a", "x-a en", "-"),
            // malformed
            ("", "de", "-"),
            (", ,\t,", "de", "-"),
            (",, ,de,,", "en de", "de"),
            ("de;q=1.1, en;q=0.1", "de en", "en"),
            ("de;q=, en;q=0.1", "de en", "en"),
            ("de;q=0.1;q=0.2, en;q=0.1", "de en", "en"),
            ("de ; q=0.4 , en ; q=0.3", "en de", "de"),
            ("de_CH, en;q=0.1", "de en", "en"),
            ("de-, en;q=0.1", "de en", "en"),
            ("-de, en;q=0.1", "de en", "en"),
            ("de--CH, en;q=0.1", "de en", "en"),
            ("de-abcdefghi, en;q=0.1", "de en", "en"),
            ("de-\0, en;q=0.1", "de en", "en"),
            ("de-\u{e9}, en;q=0.1", "de en", "en"),
            ("\"de\", en;q=0.1", "de en", "en"),
            ("\"de, en;q=0.1", "de en", "en"),
            ("de;a=\", en", "en de", "de"),
            ("de;q=\"0.5\", en;q=0.1", "de en", "en"),
            ("1e, en;q=0.1", "1e en", "en"),
            ("de en", "de en", "-"),
            // tags of no sort
            ("de", "", "-"),
            ("de-CH", "de--CH -", "de--CH"),
        ] {
            let tags: Vec<_> = tags.split(' ').collect();
            let chosen = language(Some(value.as_bytes()), tags.iter().copied());
            assert_eq!(chosen.map_or("-", |index| tags[index]), expected, "{value:?} {tags:?}");
        }
        assert_eq!(language(None, ["de"].into_iter()), None);
        assert_eq!(language(Some(b"de"), std::iter::empty()), None);
        assert_eq!(language(Some(b"\xff, de;q=0.1, de-\xfe"), ["en", "de"].into_iter()), Some(1));
    }

    #[test]
    fn long_headers() {
        let german = |value: String| language(Some(value.as_bytes()), ["en", "de"].into_iter());
        let many = "tlh-Latn-x-abc;q=0.9, ".repeat(370);
        assert_eq!(german(many.clone()), None);
        assert_eq!(german(format!("{many}de;q=0.001")), Some(1));
        assert_eq!(german(format!("de{}", "-x".repeat(4096))), Some(1));
        assert_eq!(german(format!("de{}", "-".repeat(8190))), None);
        assert_eq!(german("de".repeat(4096)), None);
    }
}
