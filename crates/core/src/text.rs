//! Times, durations, user names and other texts.

pub mod duration;
pub mod encoding;
pub mod time;
pub mod user;
mod visible;
pub mod zone;

pub use visible::shown;
