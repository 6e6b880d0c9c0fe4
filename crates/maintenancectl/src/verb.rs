//! The verbs of the command, each with its arguments.

pub(crate) mod allow;
pub(crate) mod announce;
pub(crate) mod check;
pub(crate) mod close;
pub(crate) mod explain;
pub(crate) mod extend;
pub(crate) mod follow;
pub(crate) mod forget;
pub(crate) mod invite;
pub(crate) mod is;
pub(crate) mod log;
pub(crate) mod man;
pub(crate) mod notice;
pub(crate) mod of_servers;
pub(crate) mod open;
pub(crate) mod preview;
pub(crate) mod status;
pub(crate) mod wait;
