//! The content of a flag: the time window of the maintenance, and texts for the page.

mod findings;
mod flag_spec;
mod keys;
mod language;
mod parse;

pub use findings::{Finding, Findings, FlagSpecError};
pub use flag_spec::{FlagSpec, Phase};
pub(crate) use language::instead_of;
pub use language::is_language;

/// The keys of a flag. They are not case-sensitive.
pub const KEYS: &[&str] = &keys::KEYS;

/// The largest content of a flag, in bytes.
pub const MAX_SIZE: u64 = 64 * 1024;
