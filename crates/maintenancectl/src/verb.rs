//! The verbs of the command, each with its arguments.

pub(crate) mod close;
