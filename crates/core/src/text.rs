//! Times, durations and names of users, as text.

pub mod duration;
pub mod encoding;
pub mod time;
pub mod user;
mod visible;
pub mod zone;

pub use visible::shown;
