//! Times, durations, user names and other texts.

pub mod duration;
pub mod encoding;
pub mod spelling;
pub mod time;
pub(crate) mod until;
pub mod user;
mod visible;
pub mod zone;

pub use visible::shown;
