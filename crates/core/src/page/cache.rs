//! Rendered pages, shared by all scopes of a process, with a limit for all of them together.
//!
//! The key contains everything that affects a rendering, so scopes with the same answers share it.
//! Clients choose the host and the language, and therefore the number of renderings, so the oldest
//! ones are dropped when the total size exceeds the limit. A dropped rendering that a request is
//! still sending is freed after that.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use once_cell::sync::OnceCell;

use super::body::Body;
use super::choices::Choices;
use super::template::Template;
use crate::negotiate::{Encoding, Media};

/// The maximum total size, in plain and compressed bytes: each child has as much, and a client can make
/// it do so by asking for many hosts in many languages.
const MAX_BYTES: usize = 2 * 1024 * 1024;

/// The approximate overhead of a rendering in addition to its bytes.
const OVERHEAD: usize = 256;

/// Requests for different pages should not contend for one lock. A power of two.
const BUCKETS: usize = 128;

/// Everything that affects a rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The version of the page's file, or the number of the built-in page.
    pub(super) source: u64,
    /// The ID of the flag's content.
    pub(super) content: u64,
    /// 0 if the page does not name the server.
    pub(super) host: u64,
    pub(super) retry_after: Option<u32>,
    pub(super) status: u16,
    pub(super) is_overdue: bool,
    pub(super) is_read_only: bool,
    /// When the client is admitted, in seconds since 1970; 0 if the page does not say it.
    pub(super) turn: i64,
}

/// Renderings by their keys.
pub struct Cache {
    buckets: [Bucket; BUCKETS],
    ledger: Mutex<Ledger>,
    max_bytes: usize,
    /// The newest page and the newest content of any rendering so far.
    youngest: [AtomicU64; 2],
    /// The compiled template of the built-in HTML page.
    pub(super) built_in: OnceCell<Template>,
    /// The media type, the number of the page of that type, and the coding for the values that
    /// clients have sent lately.
    pub(super) choices: Choices<(Media, usize, Encoding)>,
}

#[derive(Default)]
struct Bucket {
    entries: RwLock<Vec<Entry>>,
    /// Held while rendering, so that other threads wait for the result.
    making: Mutex<()>,
}

struct Entry {
    key: Key,
    body: Arc<Body>,
    /// Whether any source of the rendering is out of use, so that it is never requested again.
    is_stale: Box<IsStale>,
    /// The size recorded in the ledger.
    bytes: usize,
}

pub(super) type IsStale = dyn Fn() -> bool + Send + Sync;

/// The total size of all renderings.
#[derive(Default)]
struct Ledger {
    bytes: usize,
    /// The keys, oldest first. Some entries may already be gone.
    order: VecDeque<Key>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::bounded(MAX_BYTES)
    }
}

impl Cache {
    fn bounded(max_bytes: usize) -> Self {
        Self {
            buckets: std::array::from_fn(|_| Bucket::default()),
            ledger: Mutex::default(),
            max_bytes,
            youngest: Default::default(),
            built_in: OnceCell::new(),
            choices: Choices::default(),
        }
    }

    /// The rendering with this key, made by `make` if there is none. None if it cannot be made; the
    /// next request tries again.
    pub(super) fn get(
        &self,
        key: Key,
        make: impl FnOnce() -> Option<Body>,
        is_stale: impl FnOnce() -> Box<IsStale>,
    ) -> Option<Arc<Body>> {
        let bucket = self.bucket(&key)?;
        if let Some(body) = bucket.find(&key) {
            return Some(body);
        }
        let _making = bucket.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(body) = bucket.find(&key) {
            return Some(body);
        }
        let body = Arc::new(make()?);
        let bytes = weight(&body);
        let entry = Entry { key, body: Arc::clone(&body), is_stale: is_stale(), bytes };
        let mut ledger = self.ledger();
        if self.is_younger(&key) {
            self.tidy(&mut ledger);
        }
        bucket.write().push(entry);
        ledger.order.push_back(key);
        ledger.bytes = ledger.bytes.saturating_add(bytes);
        self.shrink(&mut ledger);
        Some(body)
    }

    /// The encoding in which a rendering is sent. Compresses the rendering if that has not been
    /// done.
    pub(super) fn encode(&self, key: &Key, body: &Arc<Body>, wanted: Encoding) -> Encoding {
        if body.is_ready(wanted) {
            return body.encoded(wanted).1;
        }
        let (_, encoding) = body.encoded(wanted);
        let mut ledger = self.ledger();
        self.bucket(key).into_iter().for_each(|bucket| {
            let mut entries = bucket.write();
            let entry = entries.iter_mut().find(|entry| Arc::ptr_eq(&entry.body, body));
            let Some(entry) = entry else { return };
            let bytes = weight(body);
            ledger.bytes = ledger.bytes.saturating_sub(entry.bytes).saturating_add(bytes);
            entry.bytes = bytes;
        });
        self.shrink(&mut ledger);
        encoding
    }

    fn bucket(&self, key: &Key) -> Option<&Bucket> {
        self.buckets.get(key.bucket())
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the first rendering of a new page or content.
    fn is_younger(&self, key: &Key) -> bool {
        let [source, content] = &self.youngest;
        let is_younger = |youngest: &AtomicU64, id| youngest.fetch_max(id, Ordering::Relaxed) < id;
        is_younger(source, key.source) | is_younger(content, key.content)
    }

    /// Drops stale renderings.
    fn tidy(&self, ledger: &mut Ledger) {
        let mut bytes = 0;
        for bucket in &self.buckets {
            bucket.write().retain(|entry| {
                let stays = !(entry.is_stale)();
                bytes += if stays { entry.bytes } else { 0 };
                stays
            });
        }
        ledger.bytes = bytes;
        ledger
            .order
            .retain(|key| self.bucket(key).is_some_and(|bucket| bucket.find(key).is_some()));
    }

    /// Drops the oldest renderings while the total size exceeds the limit.
    fn shrink(&self, ledger: &mut Ledger) {
        while ledger.bytes > self.max_bytes
            && let Some(key) = ledger.order.pop_front()
        {
            let Some(bucket) = self.bucket(&key) else { continue };
            let mut entries = bucket.write();
            if let Some(place) = entries.iter().position(|entry| entry.key == key) {
                let entry = entries.swap_remove(place);
                ledger.bytes = ledger.bytes.saturating_sub(entry.bytes);
            }
        }
    }
}

impl Bucket {
    fn find(&self, key: &Key) -> Option<Arc<Body>> {
        let entries = self.read();
        let found = entries.iter().find(|entry| entry.key == *key);
        found.map(|entry| Arc::clone(&entry.body))
    }

    /// The lock is held only while an entry is added or removed.
    fn read(&self) -> RwLockReadGuard<'_, Vec<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    /// The number of the key's bucket, below [`BUCKETS`].
    fn bucket(&self) -> usize {
        let rest = u64::from(self.retry_after.unwrap_or(0)) << 18
            | u64::from(self.status) << 2
            | u64::from(self.is_read_only) << 1
            | u64::from(self.is_overdue);
        let mixed = [self.source, self.content, self.host, self.turn.cast_unsigned(), rest]
            .into_iter()
            .fold(0, |mixed, part| {
                // Multiplied by a large odd number (Knuth, Art of Computer Programming, 6.4).
                (u64::rotate_left(mixed, 32) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            });
        (mixed >> (u64::BITS - BUCKETS.trailing_zeros())) as usize
    }
}

fn weight(body: &Body) -> usize {
    body.size().saturating_add(OVERHEAD)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize};

    use super::*;

    const NEVER: fn() -> Box<IsStale> = || Box::new(|| false);

    fn key(source: u64, host: u64) -> Key {
        let (content, retry_after, status) = (1, None, 500);
        let (is_overdue, is_read_only, turn) = (false, false, 0);
        Key { source, content, host, retry_after, status, is_overdue, is_read_only, turn }
    }

    /// The size in the ledger, and the actual size of all entries.
    fn weights(cache: &Cache) -> (usize, usize) {
        let ledger = cache.ledger();
        let entries = cache
            .buckets
            .iter()
            .map(|bucket| bucket.read().iter().map(|entry| weight(&entry.body)).sum::<usize>());
        (ledger.bytes, entries.sum())
    }

    fn body(size: usize) -> Option<Body> {
        Some(Body::new(b"maintenance ".iter().copied().cycle().take(size).collect()))
    }

    #[test]
    fn made_once_for_each_key() {
        let cache = Cache::default();
        let made = AtomicUsize::new(0);
        let keys = || {
            let base = key(1, 0);
            [
                base,
                Key { source: 2, ..base },
                Key { content: 2, ..base },
                Key { host: 2, ..base },
                Key { retry_after: Some(0), ..base },
                Key { retry_after: Some(1), ..base },
                Key { status: 503, ..base },
                Key { is_overdue: true, ..base },
                Key { is_read_only: true, ..base },
                Key { turn: 1, ..base },
            ]
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for (number, key) in keys().into_iter().enumerate() {
                        let make = || {
                            made.fetch_add(1, Ordering::Relaxed);
                            Some(Body::new(vec![b'x'; number]))
                        };
                        let body = cache.get(key, make, NEVER).expect("a body");
                        assert_eq!(body.plain().len(), number);
                    }
                });
            }
        });
        assert_eq!(made.into_inner(), keys().len());
    }

    #[test]
    fn what_fails_is_tried_again() {
        let cache = Cache::default();
        assert!(cache.get(key(1, 0), || None, NEVER).is_none());
        assert!(cache.get(key(1, 0), || body(5), NEVER).is_some());
    }

    /// The total size never exceeds the limit, compressed bytes included, and a body in use stays
    /// intact.
    #[test]
    fn bounded() {
        const MAX: usize = 64 * 1024;
        let cache = Cache::bounded(MAX);
        let first = cache.get(key(1, 0), || body(3000), NEVER).expect("a body");
        let mut random = fastrand::Rng::with_seed(3);
        for host in 1..1000 {
            let size = random.usize(..5000);
            let key = key(1, host);
            let body = cache.get(key, || body(size), NEVER).expect("a body");
            for wanted in [Encoding::Identity, Encoding::Gzip, Encoding::Brotli] {
                cache.encode(&key, &body, wanted);
                let (said, there) = weights(&cache);
                assert!(said <= MAX && said == there, "{said} {there}");
            }
        }
        assert_eq!(first.plain().len(), 3000);
        let again = cache.get(key(1, 999), || None, NEVER);
        assert!(again.is_some(), "the youngest is still there");
        assert!(cache.get(key(1, 0), || None, NEVER).is_none(), "the oldest is not");
        // A rendering that is compressed after it was dropped is not counted.
        let before = weights(&cache);
        cache.encode(&key(1, 0), &first, Encoding::Brotli);
        assert_eq!(weights(&cache), before);
    }

    #[test]
    fn one_that_is_too_large_is_not_kept() {
        let cache = Cache::bounded(1000);
        for _ in 0..2 {
            assert!(cache.get(key(1, 0), || body(2000), NEVER).is_some());
            assert_eq!(weights(&cache), (0, 0));
        }
    }

    /// New content removes the renderings of the old content.
    #[test]
    fn stale_ones_go() {
        let cache = Cache::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let stale = || -> Box<IsStale> {
            let is_over = Arc::clone(&is_over);
            Box::new(move || is_over.load(Ordering::Relaxed))
        };
        for host in 0..50 {
            cache.get(key(1, host), || body(100), stale);
        }
        cache.get(key(1, 50), || body(100), NEVER);
        is_over.store(true, Ordering::Relaxed);
        cache.get(Key { content: 2, ..key(1, 0) }, || body(100), NEVER);
        let (said, there) = weights(&cache);
        assert_eq!((said, there), (2 * (100 + OVERHEAD), 2 * (100 + OVERHEAD)));
        assert_eq!(cache.ledger().order.len(), 2);
    }
}
