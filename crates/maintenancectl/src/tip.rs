//! What to write instead of a verb or an option that does not exist, but that somebody in a hurry
//! writes. clap suggests by spelling: for `cancel` it would suggest `announce`.

use clap::Error;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Words that people write for a verb, and what to write instead.
const VERBS: [(&[&str], &str); 7] = [
    (
        &["cancel", "withdraw", "abort", "revert", "unannounce", "reopen", "resume"],
        "write maintenancectl open; it also withdraws an announcement",
    ),
    (
        &["start", "stop", "on", "off", "enable", "disable", "up", "down"],
        "write close to close the site, or open to open it",
    ),
    (&["list", "show", "info", "top", "refused"], "write status"),
    (&["schedule", "plan"], "write announce"),
    (&["test", "configtest", "validate", "lint"], "write check FILE"),
    (&["revoke", "uninvite"], "write invite revoke NAME"),
    (&["help"], "write maintenancectl --help, or maintenancectl VERB --help"),
];

/// The verbs that take a time.
const WITH_TIME: [&str; 3] = ["announce", "close", "extend"];

/// The error with our tip instead of clap's, if there is one.
pub(crate) fn added(mut error: Error, verb: Option<&str>) -> Error {
    let Some(tip) = tip(&error, verb) else { return error };
    for kind in [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg] {
        error.remove(kind);
    }
    let tip = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
    error.insert(ContextKind::Suggested, tip);
    error
}

fn tip(error: &Error, verb: Option<&str>) -> Option<&'static str> {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = word(ContextKind::InvalidSubcommand)?.to_ascii_lowercase();
            // `invite list` has verbs of its own.
            VERBS
                .iter()
                .find(|(words, _)| words.contains(&word.as_str()) && verb == Some(word.as_str()))
                .map(|(_, tip)| *tip)
        }
        ErrorKind::UnknownArgument if verb.is_some_and(|verb| WITH_TIME.contains(&verb)) => {
            match word(ContextKind::InvalidArg)? {
                "--for" | "--duration" => Some("write --end +2h"),
                "--cancel" => Some("write maintenancectl open; it also withdraws an announcement"),
                option if option.starts_with('-') => None,
                _ => Some("write --end TIME, and a time of two words in quotes: \"Sun 01:30\""),
            }
        }
        _ => None,
    }
}
