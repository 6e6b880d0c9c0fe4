//! Hashes that tell things from each other in all processes of the server.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The same in every process of this build: `DefaultHasher::new` has fixed keys.
pub fn of(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
