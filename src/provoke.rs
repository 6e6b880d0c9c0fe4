//! Defects on demand that the sanitizers must detect. Never in a released build.

use std::hint::black_box;

use crate::sys::bindings::{maintenance_provoke_overflow, maintenance_provoke_signed_overflow};

/// Causes the defect with this name.
pub(crate) fn provoke(defect: &[u8]) {
    // SAFETY: these operations are unsound on purpose.
    unsafe {
        match defect {
            b"c-overflow" => see(maintenance_provoke_overflow(8)),
            b"c-signed-overflow" => see(maintenance_provoke_signed_overflow(1)),
            b"rust-overflow" => read_behind(black_box(8)),
            b"rust-use-after-free" => read_freed(),
            b"rust-misaligned" => read_misaligned(black_box(1)),
            _ => {}
        }
    }
}

/// Keeps the compiler from removing unused values.
fn see<T>(value: T) {
    let _ = black_box(value);
}

unsafe fn read_behind(index: usize) {
    let block = black_box(vec![0_u8; 8]);
    // SAFETY: see above.
    see(unsafe { block.as_ptr().add(index).read_volatile() });
}

unsafe fn read_freed() {
    let block = black_box(Box::new(7_u64));
    let place = black_box(&raw const *block);
    drop(block);
    // SAFETY: see above.
    see(unsafe { place.read_volatile() });
}

unsafe fn read_misaligned(offset: usize) {
    let block = black_box([0_u64; 2]);
    // SAFETY: see above.
    see(unsafe { *block.as_ptr().byte_add(offset) });
}
