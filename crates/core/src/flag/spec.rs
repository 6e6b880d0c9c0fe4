//! The content of a flag: the time window of the maintenance, and texts for the page.

mod flag_spec;
mod keys;
mod language;
mod parse;

pub use flag_spec::{FlagSpec, Phase};
pub(crate) use language::{instead_of, is_language};
pub use parse::FlagSpecError;

/// The largest content of a flag, in bytes.
pub const MAX_SIZE: u64 = 64 * 1024;
