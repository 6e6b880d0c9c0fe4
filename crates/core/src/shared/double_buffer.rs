//! A value that is read without waiting and replaced now and then: of two places one is in
//! force. A new value goes into the other one, if nobody reads the value before the last there.
//!
//! Not arc-swap: what that keeps for each thread would hold the module in memory when httpd
//! unloads it, and a new version of the module would not be loaded by a restart.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, TryLockError};

/// Two places for a value, of which one is in force.
pub struct DoubleBuffer<T> {
    places: [RwLock<Arc<T>>; 2],
    /// Which value it is; it is in the place of that parity.
    in_force: AtomicUsize,
}

impl<T: Default> Default for DoubleBuffer<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> DoubleBuffer<T> {
    /// Begins with this value.
    pub fn new(value: T) -> Self {
        let value = Arc::new(value);
        Self { places: [Arc::clone(&value), value].map(RwLock::new), in_force: 0.into() }
    }

    fn place(&self, index: usize) -> &RwLock<Arc<T>> {
        let [even, odd] = &self.places;
        if index.is_multiple_of(2) { even } else { odd }
    }

    /// The value that is in force. Never waits.
    pub fn get(&self) -> RwLockReadGuard<'_, Arc<T>> {
        loop {
            let number = self.in_force.load(Ordering::Acquire);
            let value = match self.place(number).try_read() {
                Ok(value) => value,
                Err(TryLockError::Poisoned(error)) => error.into_inner(),
                // Two values have come since the line above: the other place is in force.
                Err(TryLockError::WouldBlock) => continue,
            };
            // Or one has, and this is the next one, which is not in force yet: who saw it now would
            // see the one before it again.
            if self.in_force.load(Ordering::Acquire) == number {
                return value;
            }
        }
    }

    /// Puts a value in force; for one thread at a time. False where the place is not free.
    pub fn put(&self, value: T) -> bool {
        let value = Arc::new(value);
        let old = self.in_force.load(Ordering::Acquire);
        match self.place(old.wrapping_add(1)).try_write() {
            Ok(mut place) => *place = Arc::clone(&value),
            Err(TryLockError::Poisoned(error)) => *error.into_inner() = Arc::clone(&value),
            Err(TryLockError::WouldBlock) => return false,
        }
        self.in_force.store(old.wrapping_add(1), Ordering::Release);
        // The old value's memory is free now, or when the next value comes.
        if let Ok(mut place) = self.place(old).try_write() {
            *place = value;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_while_values_come() {
        const VALUES: usize = if cfg!(miri) { 20 } else { 200 };
        let two = DoubleBuffer::new([0_u64; 64]);
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !over.load(Ordering::Relaxed) {
                        let value = two.get();
                        assert!(value.iter().all(|part| *part == value[0]) && value[0] >= last);
                        last = value[0];
                    }
                });
            }
            // A place is not free while the thread that reads there does not run.
            let (start, mut count) = (std::time::Instant::now(), 0);
            for number in 1.. {
                count += usize::from(two.put([number; 64]));
                if count == VALUES || start.elapsed().as_secs() > 60 {
                    break;
                }
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(count, VALUES);
        });
    }
}
