//! How near words are to each other, for suggestions.

/// The word that was probably meant by one that is not known. Both in lower case.
pub fn meant<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // The time that it takes grows with the square of the length.
    const LONGEST: usize = 40;
    if word.len() > LONGEST {
        return None;
    }
    let near = known.into_iter().map(|known| (distance(word, known), known));
    near.filter(|(distance, known)| *distance <= allowed(known)).min().map(|(_, known)| known)
}

/// How many letters of a word may be wrong.
pub const fn allowed(known: &str) -> usize {
    match known.len() {
        0..3 => 0,
        3..6 => 1,
        _ => 2,
    }
}

/// The number of insertions, deletions, replacements and transpositions of adjacent letters
/// (optimal string alignment).
pub fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = vec![];
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut last = None;
    for letter in one.chars() {
        let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
        let mut next = vec![at(&row, 0) + 1];
        for (index, wanted) in other.iter().enumerate() {
            let replaced = at(&row, index) + usize::from(letter != *wanted);
            let changed = (at(&row, index + 1) + 1).min(at(&next, index) + 1);
            let before_wanted = index.checked_sub(1).and_then(|index| other.get(index));
            let is_exchange = before_wanted == Some(&letter) && last == Some(*wanted);
            let exchanged = match index.checked_sub(1).filter(|_| is_exchange) {
                Some(index) => at(&before, index) + 1,
                None => usize::MAX / 2,
            };
            next.push(replaced.min(changed).min(exchanged));
        }
        before = std::mem::replace(&mut row, next);
        last = Some(letter);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words() {
        for (word, expected) in [
            ("tomorow", Some("tomorrow")),
            ("tommorow", Some("tomorrow")),
            ("tmorrwo", Some("tomorrow")),
            ("flga", Some("flag")),
            ("falg", Some("flag")),
            ("frog", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(meant(word, ["flag", "tomorrow", "ca"]), expected, "{word}");
        }
        assert_eq!(meant(&"tomorrow".repeat(1000), ["tomorrow"]), None);
        assert_eq!((distance("ab", "ba"), distance("abc", ""), distance("", "")), (1, 3, 0));
    }
}
