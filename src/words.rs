//! The words of what lies in shared memory, for the tests in which somebody overwrites them. Apart
//! from the rest, which needs httpd's symbols.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::ptr;
use std::slice;
use std::sync::atomic::AtomicU64;

use crate::board::Board;
use crate::records::Records;

/// # Safety
/// The type consists of atomics of 64 bits, and what lies between them is nobody's.
pub(crate) unsafe trait Words: Sized {
    /// All of it.
    fn words(&self) -> &[AtomicU64] {
        let count = size_of::<Self>() / size_of::<AtomicU64>();
        // SAFETY: whoever implements the trait says that every word is an atomic; the borrow lasts
        // as long as that of the value.
        unsafe { slice::from_raw_parts(ptr::from_ref(self).cast(), count) }
    }
}

// SAFETY: atomics in structures that are `repr(C)`.
unsafe impl Words for Board {}

// SAFETY: atomics in structures that are `repr(C)`.
unsafe impl Words for Records {}

/// One that is all zero, as shared memory is at first; most of it is not touched.
pub(crate) fn zeroed<T: Words>() -> Box<T> {
    let layout = Layout::new::<T>();
    // SAFETY: a block for a value of the type, which consists of atomics: all zero is one.
    unsafe {
        let place = alloc_zeroed(layout).cast::<T>();
        if place.is_null() {
            handle_alloc_error(layout);
        }
        Box::from_raw(place)
    }
}
