//! The file of invitations: any bytes are either invitations or an error that names a line of them,
//! and the error repeats no word that could be a secret.

#![no_main]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use maintenance_core::allow::invitations::SecretHash;
use maintenance_core::allow::invitations::file::{self, Fault, InvitationsError};
use maintenance_core::allow::lines::NoLines;

fuzz_target!(|content: &[u8]| {
    let lines = content.split(|byte| *byte == b'\n').count();
    match file::parse(content, &TimeZone::UTC) {
        Ok(read) => {
            let entries = entries(content);
            assert_eq!(read.len(), entries.len());
            assert!(
                read.expired(Timestamp::MIN) == 0 && read.expired(Timestamp::MAX) <= read.len()
            );
            for (invitation, (line, words)) in read.iter().zip(&entries) {
                assert_eq!((invitation.line as usize, invitation.name.as_str()), (*line, words[0]));
                let hash = SecretHash::from_hex(words[1].as_bytes()).expect("64 digits");
                assert_eq!(read.with_hash(hash).map(|found| found.line), Some(invitation.line));
                let has = |key: &str| {
                    words[2..].iter().any(|word| word.to_ascii_lowercase().starts_with(key))
                };
                assert_eq!(invitation.until.is_some(), has("until="), "{words:?}");
                assert_eq!(invitation.path.is_some(), has("path="), "{words:?}");
                assert_eq!(words.len(), 2 + usize::from(has("until=")) + usize::from(has("path=")));
            }
        }
        Err(InvitationsError::NoLines(NoLines::Empty)) => {
            assert!(!content.iter().any(u8::is_ascii_alphanumeric));
        }
        Err(InvitationsError::NoLines(NoLines::Utf16)) => {
            let has_mark = content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff");
            assert!(has_mark || content.contains(&0));
        }
        Err(InvitationsError::Line { line, fault }) => {
            assert!((1..=lines).contains(&(line as usize)));
            let text = fault.to_string();
            assert!(text.len() < 1500);
            let may_repeat = matches!(fault, Fault::SameName { .. });
            assert!(may_repeat || text.is_ascii());
        }
    }
});

/// The lines that are not empty, each with its number and its words.
fn entries(content: &[u8]) -> Vec<(usize, Vec<&str>)> {
    let text = std::str::from_utf8(content).expect("UTF-8");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let entries = text.split('\n').map(|line| line.split('#').next().unwrap_or_default());
    let words = entries.map(|entry| entry.split_ascii_whitespace().collect::<Vec<_>>());
    (1..).zip(words).filter(|(_, words)| !words.is_empty()).collect()
}
