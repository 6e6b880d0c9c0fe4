//! The renderings of notices that are kept until the flags change. All servers share one cache, so
//! that many virtual hosts do not need memory for a notice each.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::page::Body;

/// The number of renderings. A server has at most one for each format and language.
const MAX_ENTRIES: usize = 256;

/// The size of all renderings in bytes, without their compressed forms.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A rendering, and what identifies its bytes on every server.
#[derive(Debug)]
pub struct Rendered {
    /// The bytes.
    pub body: Arc<Body>,
    /// The value of ETag. It is weak, because all codings of the bytes have the same one.
    pub etag: CString,
}

impl Rendered {
    /// The rendering with these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes);
        let mut etag = digest.iter().take(12).fold("W/\"".to_owned(), |mut etag, byte| {
            let _ = write!(etag, "{byte:02x}");
            etag
        });
        etag.push('"');
        let etag = CString::new(etag).unwrap_or_else(|_| CStr::to_owned(c"W/\"\""));
        Self { body: Arc::new(Body::new(bytes)), etag }
    }
}

/// The renderings, the oldest first.
#[derive(Debug)]
pub struct Cache<K>(Mutex<VecDeque<(K, Arc<Rendered>)>>);

impl<K> Default for Cache<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: PartialEq> Cache<K> {
    /// The rendering with this key, made by `make` if there is none. None if it cannot be made now.
    /// Threads do not wait for each other's renderings.
    pub fn get(&self, key: K, make: impl FnOnce() -> Option<Vec<u8>>) -> Option<Arc<Rendered>> {
        if let Some(known) = self.find(&key) {
            return Some(known);
        }
        let made = Arc::new(Rendered::new(make()?));
        let size = |(_, rendered): &(K, Arc<Rendered>)| rendered.body.plain().len();
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push_back((key, Arc::clone(&made)));
        while entries.len() > MAX_ENTRIES || entries.iter().map(size).sum::<usize>() > MAX_BYTES {
            entries.pop_front();
        }
        Some(made)
    }

    fn find(&self, key: &K) -> Option<Arc<Rendered>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The newest are asked for most.
        let found = entries.iter().rev().find(|(known, _)| known == key);
        found.map(|(_, rendered)| Arc::clone(rendered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_until_there_are_too_many() {
        let cache = Cache::default();
        assert!(cache.get(0, || None).is_none(), "what fails is not kept");
        for key in 0..2 * MAX_ENTRIES {
            let made = cache.get(key, || Some(vec![b'x'; key])).expect("made");
            let again = cache.get(key, || None).expect("kept");
            assert!(Arc::ptr_eq(&made, &again));
        }
        let count = || cache.0.lock().expect("a lock").len();
        assert_eq!(count(), MAX_ENTRIES);
        assert!(cache.get(0, || None).is_none(), "the oldest is gone");
        cache.get(usize::MAX, || Some(vec![0; MAX_BYTES])).expect("made");
        assert_eq!(count(), 1);
    }

    #[test]
    fn the_tag_depends_on_the_bytes_alone() {
        let tag = |bytes: &[u8]| Rendered::new(bytes.to_vec()).etag;
        assert_eq!(tag(b"x"), c"W/\"2d711642b726b04401627ca9\"".to_owned());
        assert_ne!(tag(b"x"), tag(b"y"));
    }
}
