//! The data that all processes of the server share, and its building blocks.

pub mod arc_cell;
pub(crate) mod atomics;
pub mod hash;
pub(crate) mod process;
pub mod slot;
pub mod table;
pub(crate) mod words;
