//! Hashes that identify values in all processes of the server.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A hash that is the same in every process of this build, because `DefaultHasher::new` has fixed
/// keys.
pub fn of(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

/// A hash of an address that nobody can foresee who does not know the secret: folded multiplication,
/// the step that wyhash consists of (Wang Yi, <https://github.com/wangyi-fudan/wyhash>). It takes a
/// tenth of the instructions of SipHash, and each refusal needs one.
pub fn of_address(address: u128, secret: u64) -> u64 {
    let fold = |one: u64, other: u64| {
        let product = u128::from(one) * u128::from(other);
        (product >> 64) as u64 ^ product as u64
    };
    // Large odd numbers, so that no part of an address alone decides.
    let high = fold((address >> 64) as u64 ^ secret, 0x9e37_79b9_7f4a_7c15);
    fold(address as u64 ^ high, secret ^ 0xa076_1d64_78bd_642f)
}
