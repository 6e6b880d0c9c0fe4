//! What all processes of the server share, and what that is made of.

pub(crate) mod atomics;
pub mod double_buffer;
pub mod hash;
pub(crate) mod process;
pub mod table;
#[cfg(test)]
pub(crate) mod words;
