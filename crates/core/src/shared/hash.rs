//! Hashes that identify values in all processes of the server.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A hash that is the same in every process of this build, because `DefaultHasher::new` has fixed
/// keys.
pub fn of(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
