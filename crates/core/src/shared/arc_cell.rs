//! A value that many threads read and that is replaced now and then: a lock around an `Arc`.
//!
//! Both hold the lock only for the pointer: a reader while it clones the `Arc`, a writer while it
//! swaps it. Therefore nothing waits while a value is made, used or freed.
//!
//! The crate arc-swap is not suitable: its thread-locals would keep the module in memory when httpd
//! unloads it, and a restart would not load a new version.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// A lock around an `Arc`.
#[derive(Debug, Default)]
pub struct ArcCell<T>(RwLock<Arc<T>>);

impl<T> ArcCell<T> {
    /// Begins with this value.
    pub fn new(value: T) -> Self {
        Self(RwLock::new(Arc::new(value)))
    }

    /// The current value.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the value.
    pub fn set(&self, value: impl Into<Arc<T>>) {
        let value = value.into();
        let old = mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), value);
        drop(old); // after the lock
    }
}

/// Like [`ArcCell`], for a value that may never be there. As long as it is not, asking for it writes
/// to no memory, so that the parent and its children keep sharing the page that the cell is in.
#[derive(Debug)]
pub struct OptionCell<T> {
    is_set: AtomicBool,
    value: RwLock<Option<Arc<T>>>,
}

impl<T> Default for OptionCell<T> {
    fn default() -> Self {
        Self { is_set: AtomicBool::new(false), value: RwLock::new(None) }
    }
}

impl<T> OptionCell<T> {
    /// The current value.
    pub fn get(&self) -> Option<Arc<T>> {
        let is_set = self.is_set.load(Ordering::Acquire);
        is_set.then(|| self.value.read().unwrap_or_else(PoisonError::into_inner).clone()).flatten()
    }

    /// Replaces the value.
    pub fn set(&self, value: Option<Arc<T>>) {
        let is_set = value.is_some();
        if !is_set && !self.is_set.load(Ordering::Acquire) {
            return;
        }
        let mut place = self.value.write().unwrap_or_else(PoisonError::into_inner);
        let old = mem::replace(&mut *place, value);
        self.is_set.store(is_set, Ordering::Release);
        drop(place);
        drop(old); // after the lock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_comes_and_goes() {
        let cell = OptionCell::default();
        for value in [None, Some(1), Some(2), None, None, Some(3)] {
            cell.set(value.map(Arc::new));
            assert_eq!(cell.get().as_deref().copied(), value);
        }
    }

    #[test]
    fn reading_while_values_come() {
        const VALUES: u64 = if cfg!(miri) { 20 } else { 200 };
        let cell = ArcCell::new([0_u64; 64]);
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !over.load(Ordering::Relaxed) {
                        let value = cell.get();
                        assert!(value.iter().all(|part| *part == value[0]) && value[0] >= last);
                        last = value[0];
                    }
                });
            }
            (1..=VALUES).for_each(|number| cell.set([number; 64]));
            over.store(true, Ordering::Relaxed);
        });
        assert_eq!(cell.get()[0], VALUES);
    }
}
