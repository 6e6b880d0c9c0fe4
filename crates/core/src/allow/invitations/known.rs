//! Invitations that have been found, so that the next request of a browser does not need another
//! SHA-256.
//!
//! The secrets themselves are not kept. What stands for one is a hash of 128 bits whose key nobody
//! knows, so that a client can neither guess it nor learn from the time of a lookup how near it is.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use siphasher::sip128::SipHasher13;

/// The number of invitations that are known at a time. Another one takes the place of an earlier one.
const PLACES: usize = 64;

/// What was found, by the hash of the secret.
type Found<T> = Option<(u128, Arc<T>)>;

/// Invitations that have been found.
pub(super) struct Known<T> {
    /// None without a random key: then nothing is kept.
    hasher: Option<SipHasher13>,
    places: RwLock<Box<[Found<T>]>>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        let mut key = [0; 16];
        let hasher = getrandom::fill(&mut key).ok().map(|()| SipHasher13::new_with_key(&key));
        Self { hasher, places: RwLock::default() }
    }
}

impl<T> fmt::Debug for Known<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known(..)")
    }
}

impl<T> Known<T> {
    /// The invitation with this secret. `search` is called if it is not known yet.
    pub(super) fn find<'t>(
        &self,
        secret: &[u8],
        search: impl FnOnce() -> Option<&'t Arc<T>>,
    ) -> Option<Arc<T>>
    where
        T: 't,
    {
        let Some(hasher) = &self.hasher else { return search().cloned() };
        let hash = hasher.hash(secret).as_u128();
        let place = (hash % PLACES as u128) as usize;
        if let Some(Some((known, found))) =
            self.places.read().unwrap_or_else(PoisonError::into_inner).get(place)
            && *known == hash
        {
            return Some(Arc::clone(found));
        }
        let found = Arc::clone(search()?);
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        if places.is_empty() {
            *places = vec![None; PLACES].into();
        }
        if let Some(place) = places.get_mut(place) {
            *place = Some((hash, Arc::clone(&found)));
        }
        Some(found)
    }
}
