//! The keys of a flag's content, and suggestions for unknown keys.

use crate::text::spelling::{allowed, distance};

/// The known keys. They are not case-sensitive.
pub(super) const KEYS: [&str; 16] = [
    "message",
    "start",
    "end",
    "reopen",
    "retry_after",
    "allow",
    "vars",
    "title",
    "by",
    "reason",
    "ticket",
    "announce_from",
    "closed",
    "refuse",
    "admit_percent",
    "over",
];

/// Synonyms of keys.
const OTHER_WORDS: [(&str, &str); 41] = [
    ("begin", "start"),
    ("begins", "start"),
    ("beginn", "start"),
    ("from", "start"),
    ("starttime", "start"),
    ("startat", "start"),
    ("startsat", "start"),
    ("until", "end"),
    ("endtime", "end"),
    ("endat", "end"),
    ("endsat", "end"),
    ("text", "message"),
    ("msg", "message"),
    ("retry", "retry_after"),
    ("allowed", "allow"),
    ("variables", "vars"),
    ("heading", "title"),
    ("headline", "title"),
    ("header", "title"),
    ("author", "by"),
    ("user", "by"),
    ("who", "by"),
    ("cause", "reason"),
    ("why", "reason"),
    ("change", "ticket"),
    ("issue", "ticket"),
    ("announce", "announce_from"),
    ("announceat", "announce_from"),
    ("notice", "announce_from"),
    ("active", "closed"),
    ("enabled", "closed"),
    ("mode", "refuse"),
    ("readonly", "refuse"),
    ("block", "refuse"),
    ("deny", "refuse"),
    ("percent", "admit_percent"),
    ("admit", "admit_percent"),
    ("share", "admit_percent"),
    ("duration", "over"),
    ("within", "over"),
    ("during", "over"),
];

/// The longest word for which a key is suggested.
const MAX_LENGTH: usize = 20;

/// The key with this name, in any case.
pub(super) fn known(key: &str) -> Option<&'static str> {
    KEYS.into_iter().find(|known| known.eq_ignore_ascii_case(key))
}

/// The key that was probably meant by an unknown one: at most two letters (in a short key one) are
/// missing, superfluous, wrong or transposed. In a key of two letters each of them must be right.
pub(super) fn meant(key: &str) -> Option<&'static str> {
    if key.len() > MAX_LENGTH {
        return None;
    }
    let plain = |key: &str| -> String {
        let letters = key.chars().filter(|letter| !['_', '-', ' '].contains(letter));
        letters.map(|letter| letter.to_ascii_lowercase()).collect()
    };
    let word = plain(key);
    let other = OTHER_WORDS.into_iter().find(|(other, _)| *other == word);
    let near = || {
        let near = KEYS.into_iter().map(|known| (distance(&word, &plain(known)), known));
        near.filter(|(distance, known)| *distance <= allowed(known)).min().map(|(_, known)| known)
    };
    other.map(|(_, known)| known).or_else(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips() {
        for (key, expected) in [
            ("starts", Some("start")),
            ("strat", Some("start")),
            ("stat", Some("start")),
            ("sstart", Some("start")),
            ("Start_Time", Some("start")),
            ("start-at", Some("start")),
            ("begin", Some("start")),
            ("ends", Some("end")),
            ("End_", Some("end")),
            ("until", Some("end")),
            ("mesage", Some("message")),
            ("Messages", Some("message")),
            ("massege", Some("message")),
            ("retry-after", Some("retry_after")),
            ("RetryAfter", Some("retry_after")),
            ("reopn", Some("reopen")),
            ("re_open", Some("reopen")),
            ("alow", Some("allow")),
            ("var", Some("vars")),
            ("colour", None),
            ("s", None),
            ("", None),
            ("ümlaut", None),
            ("headline", Some("title")),
            ("titel", Some("title")),
            ("BY:", None),
            ("bye", None),
            ("author", Some("by")),
            ("raeson", Some("reason")),
            ("tiket", Some("ticket")),
            ("announce-from", Some("announce_from")),
            ("anounced_from", Some("announce_from")),
            ("close", Some("closed")),
            ("isclosed", Some("closed")),
            ("enabled", Some("closed")),
            ("read_only", Some("refuse")),
            ("refuses", Some("refuse")),
            ("AdmitPercent", Some("admit_percent")),
            ("admit_procent", Some("admit_percent")),
            ("share", Some("admit_percent")),
            ("ovr", Some("over")),
            ("within", Some("over")),
        ] {
            assert_eq!(meant(key), expected, "{key}");
        }
        assert_eq!(meant(&"start".repeat(10_000)), None);
        assert_eq!((known("START"), known("Retry_After")), (Some("start"), Some("retry_after")));
        assert_eq!(known("starts"), None);
    }

    #[test]
    fn distances() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "bac", 1),
            ("abc", "cab", 2),
            ("abc", "abd", 1),
            ("abc", "xyz", 3),
            ("üä", "äü", 1),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
