//! A change of the flag in the store: who did what, and when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::servers::body::from_json;

/// How many changes the store keeps.
pub(crate) const KEPT: usize = 100;

/// The longest reason that is kept, in characters.
const LONGEST: usize = 200;

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// Distinguishes the changes, so that a command knows its own.
    pub(crate) id: String,
    /// When, by the clock of the administrator's machine.
    pub(crate) time: String,
    pub(crate) by: String,
    /// On which machine.
    #[serde(default)]
    pub(crate) machine: String,
    /// What was done, as the verb is called.
    pub(crate) verb: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ticket: Option<String>,
}

impl Change {
    /// When it was made, if that can be read.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        self.time.parse().ok()
    }

    /// A text of a flag, no longer than a history of many changes can carry.
    pub(crate) fn text(text: &str) -> String {
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
            None => text.to_owned(),
        }
    }
}

/// The history with one change more. The oldest ones go.
pub(crate) fn appended(history: &[u8], change: &Change) -> Vec<Change> {
    let mut all = read(history);
    all.push(change.clone());
    let more = all.len().saturating_sub(KEPT);
    all.drain(..more);
    all
}

/// The changes of a history. Of a history that cannot be read, nothing is known.
pub(crate) fn read(history: &[u8]) -> Vec<Change> {
    from_json(history).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: usize) -> Change {
        Change {
            id: id.to_string(),
            time: "2026-11-28T21:00:00Z".into(),
            by: "anna".into(),
            machine: String::new(),
            verb: "close".into(),
            start: None,
            end: None,
            reason: None,
            ticket: None,
        }
    }

    #[test]
    fn the_last_hundred() {
        let mut history = b"something else".to_vec();
        for id in 0..250 {
            let all = appended(&history, &change(id));
            assert_eq!(all.len(), KEPT.min(id + 1));
            assert_eq!(all.last(), Some(&change(id)));
            history = serde_json::to_vec(&all).expect("JSON");
        }
        assert_eq!(read(&history).first(), Some(&change(150)));
    }

    #[test]
    fn long_texts() {
        assert_eq!(Change::text("short"), "short");
        let long = Change::text(&"ä".repeat(1000));
        assert_eq!(long, "ä".repeat(LONGEST) + "...");
    }
}
