//! The allow file: any bytes are either a list or an error that names a line of them.

#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use maintenance_core::allow::lines::{NoLines, is_unfinished};
use maintenance_core::allow::list::{self, ListError};
use maintenance_core::net::networks::Entry;

fuzz_target!(|content: &[u8]| {
    let lines = content.split(|byte| *byte == b'\n').count();
    match list::parse(content, &TimeZone::UTC) {
        Ok(networks) => {
            let has_last = networks.last().is_some_and(|entry| entry.origin as usize == lines);
            assert_eq!(is_unfinished(content), has_last);
            for Entry { network, origin: line, .. } in networks {
                assert_eq!(network.network(), network.addr(), "host bits are never accepted");
                assert!((1..=lines).contains(&(line as usize)));
            }
        }
        Err(ListError::NoLines(NoLines::Empty)) => assert!(!content.iter().any(u8::is_ascii_digit)),
        Err(ListError::NoLines(NoLines::Utf16)) => {
            let has_mark = content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff");
            assert!(has_mark || content.contains(&0));
        }
        Err(ListError::Until { line, cause }) => {
            assert!((1..=lines).contains(&(line as usize)));
            assert!(cause.is_ascii() && cause.len() < 300);
        }
        Err(
            ListError::Entry { line, word, .. }
            | ListError::Second { line, word }
            | ListError::Netmask { line, word, .. },
        ) => {
            assert!((1..=lines).contains(&(line as usize)));
            assert!(!word.is_empty() && word.is_ascii() && word.len() < 300);
        }
    }
});
