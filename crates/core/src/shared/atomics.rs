//! The atomics for data shared between processes and threads: those of the standard library, or
//! those of loom (`make loom`), which explores the possible interleavings of threads and the values
//! that each thread can see.

use std::time::{Duration, SystemTime};
#[cfg(not(all(test, loom)))]
pub(crate) use std::{
    sync::atomic::{AtomicU64, fence},
    thread::sleep,
};

#[cfg(all(test, loom))]
pub(crate) use self::model::AtomicU64;
#[cfg(all(test, loom))]
pub(crate) use loom::sync::atomic::fence;

/// In a model, no thread sleeps; it lets the other threads run.
#[cfg(all(test, loom))]
pub(crate) fn sleep(_: Duration) {
    loom::thread::yield_now();
}

/// The time. It stands still in a model, which must be deterministic.
pub(crate) fn now() -> SystemTime {
    match cfg!(all(test, loom)) {
        true => SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000),
        false => SystemTime::now(),
    }
}

/// The size of a table. It is small in a model, which explores every possible execution.
pub(crate) const fn size(usual: usize, in_model: usize) -> usize {
    if cfg!(all(test, loom)) { in_model } else { usual }
}

/// A timeout. It is long in a model, where the awaited event always happens.
pub(crate) const fn patience(usual: Duration) -> Duration {
    if cfg!(all(test, loom)) { Duration::from_secs(3600) } else { usual }
}

#[cfg(all(test, loom))]
mod model {
    use std::ops::Deref;
    use std::sync::atomic::Ordering;

    use loom::sync::atomic;

    /// Loom's atomic, extended to cover an order that loom does not explore: one thread reads and
    /// then writes, and its write comes before another thread's read. Loom treats both orders of
    /// two reads as equal, and for a write remembers only the last read that it could precede.
    /// Therefore each read comes with a write to an extra word, which is never read.
    #[derive(Debug, Default)]
    pub struct AtomicU64 {
        word: atomic::AtomicU64,
        beside: atomic::AtomicU64,
    }

    impl AtomicU64 {
        pub(crate) fn load(&self, order: Ordering) -> u64 {
            self.beside.store(0, Ordering::Relaxed);
            self.word.load(order)
        }
    }

    impl Deref for AtomicU64 {
        type Target = atomic::AtomicU64;

        fn deref(&self) -> &Self::Target {
            &self.word
        }
    }
}
