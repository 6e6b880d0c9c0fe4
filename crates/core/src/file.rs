//! Files that are read, and read again when they change.

pub mod debounce;
pub mod event;
pub mod kept;
mod read;
pub mod watched;

pub use read::{FileError, Version, read};
