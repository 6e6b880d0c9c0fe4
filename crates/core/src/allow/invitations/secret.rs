//! The secret of an invitation, which is stored nowhere, and its hash.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::shared::hash;

/// The length of a hash in bytes.
const LENGTH: usize = 32;

/// The longest secret, in bytes. One of 128 bits has 22.
const MAX_SECRET: usize = 1024;

/// The SHA-256 hash of a secret. It is never shown, not even by `Debug`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; LENGTH]);

impl SecretHash {
    /// The hash of a secret as it was sent. None if this cannot be a secret: nothing, more than a
    /// kilobyte, or characters that a cookie cannot have (RFC 6265, section 4.1.1).
    pub fn of(secret: &[u8]) -> Option<Self> {
        let is_octet = |byte: &u8| byte.is_ascii_graphic() && !b"\",;\\".contains(byte);
        let is_possible = (1..=MAX_SECRET).contains(&secret.len()) && secret.iter().all(is_octet);
        is_possible.then(|| Self(Sha256::digest(secret).into()))
    }

    /// The hash of an empty text: somebody's variable was empty.
    pub(super) fn of_nothing() -> Self {
        Self(Sha256::digest(b"").into())
    }

    /// Reads 64 hexadecimal digits, in upper or lower case.
    pub fn from_hex(text: &[u8]) -> Option<Self> {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let mut hash = [0; LENGTH];
        let (pairs, rest) = text.as_chunks::<2>();
        if pairs.len() != LENGTH || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
        }
        Some(Self(hash))
    }

    /// The 64 hexadecimal digits, in lower case.
    pub fn to_hex(self) -> String {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let mut text = String::with_capacity(2 * LENGTH);
        text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
        text
    }

    /// Identifies the hash in the statistics, which do not have the hash itself.
    pub(super) fn id(self) -> u64 {
        hash::of(self.0).max(1)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4 and what `printf %s SECRET | sha256sum` prints.
    #[test]
    fn hashes() {
        for (secret, hex) in [
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            let hash = SecretHash::of(secret.as_bytes()).expect(secret);
            assert_eq!(hash.to_hex(), hex);
            assert_eq!(SecretHash::from_hex(hex.to_uppercase().as_bytes()), Some(hash));
            assert_eq!(format!("{hash:?}"), "SecretHash(..)");
        }
        let nothing = SecretHash::of_nothing().to_hex();
        assert_eq!(nothing, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn what_is_none() {
        let long = "x".repeat(MAX_SECRET + 1);
        for secret in ["", "a b", "a;b", "a,b", "a\"b", "a\\b", "a\u{fc}", "a\n", "\0", &long] {
            assert_eq!(SecretHash::of(secret.as_bytes()), None, "{secret:?}");
        }
        for secret in ["x", "a=b", "a%3db", "-_+/=.~!", &long[1..]] {
            assert!(SecretHash::of(secret.as_bytes()).is_some(), "{secret:?}");
        }
        let hex = SecretHash::of_nothing().to_hex();
        for text in ["", &hex[1..], &format!("{hex}0"), &hex.replace('e', "g")] {
            assert_eq!(SecretHash::from_hex(text.as_bytes()), None, "{text}");
        }
    }
}
