//! Defects, each in a test that must fail under a sanitizer or Miri; `make sanitize` checks this.
//! They are a part of the unit tests with the feature `provoke-defect`, so that they are built in
//! the same way.

#![cfg(test)]

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

/// Shared without synchronisation on purpose.
struct Racy(*mut u64);

// SAFETY: unsound on purpose.
unsafe impl Sync for Racy {}

impl Racy {
    fn count(&self) {
        for _ in 0..1000 {
            // SAFETY: see above.
            unsafe { self.0.write_volatile(self.0.read_volatile() + 1) };
        }
    }
}

#[test]
#[ignore = "for sanitizers and Miri"]
fn data_race() {
    let mut count = 0;
    let (racy, start) = (Racy(&raw mut count), Barrier::new(2));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // ThreadSanitizer may take a thread that begins when another has ended for that one.
                start.wait();
                racy.count();
            });
        }
    });
}

#[test]
#[ignore = "for sanitizers and Miri"]
fn use_after_free() {
    let block = black_box(Box::new(7_u64));
    let place = &raw const *block;
    drop(block);
    // SAFETY: see above.
    let _ = black_box(unsafe { place.read_volatile() });
}

#[test]
#[ignore = "for sanitizers and Miri"]
fn out_of_bounds() {
    let block = black_box(vec![0_u8; 8]);
    // SAFETY: see above.
    let _ = black_box(unsafe { block.as_ptr().wrapping_add(black_box(8)).read_volatile() });
}

#[test]
#[ignore = "for sanitizers and Miri"]
fn misaligned() {
    let block = black_box([0_u64; 2]);
    let place = block.as_ptr().wrapping_byte_add(black_box(1));
    // SAFETY: see above.
    let _ = black_box(unsafe { *place });
}
