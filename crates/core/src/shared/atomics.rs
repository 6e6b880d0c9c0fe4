//! What processes and threads share is made of these: the standard library's atomics, or those of
//! loom (`make loom`), which tries the orders in which threads can run and what each can see then.

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

/// Nobody sleeps in a model; the other threads run.
#[cfg(all(test, loom))]
pub(crate) fn sleep(_: Duration) {
    loom::thread::yield_now();
}

/// The time; in a model, which has to go the same way each time, it stands still.
pub(crate) fn now() -> SystemTime {
    match cfg!(all(test, loom)) {
        true => SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000),
        false => SystemTime::now(),
    }
}

/// The size of a table; in a model, which tries everything that can happen in it, a small one.
pub(crate) const fn size(usual: usize, in_model: usize) -> usize {
    if cfg!(all(test, loom)) { in_model } else { usual }
}

/// For how long something is waited for; in a model it always comes.
pub(crate) const fn patience(usual: Duration) -> Duration {
    if cfg!(all(test, loom)) { Duration::from_secs(3600) } else { usual }
}

#[cfg(all(test, loom))]
mod model {
    use std::ops::Deref;
    use std::sync::atomic::Ordering;

    use loom::sync::atomic;

    /// Loom's, but for what it does not try: that a thread writes before another one reads, where it
    /// reads itself before it writes. Of two reads it takes either order for the same, and of all
    /// that a write could come before it knows the last read alone. So each read comes with a write
    /// to a word beside it, which nobody reads.
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
