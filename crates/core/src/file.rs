//! Files that are read, and read again when they change.

pub(crate) mod debounce;
pub mod event;
pub mod kept;
mod read;
pub mod watched;

pub(crate) use read::read_version;
pub use read::{FileError, Version, read};
