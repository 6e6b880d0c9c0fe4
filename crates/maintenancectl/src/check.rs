//! Checks files as the module reads them.

mod checked;
mod finding;
mod inspect;
mod kind;
mod render;

pub(crate) use checked::Checked;
pub(crate) use finding::{Finding, Severity};
pub(crate) use inspect::Circumstances;
pub(crate) use kind::Kind;
pub(crate) use render::{human, json};
