//! Rust values that live as long as an APR pool.

use std::ffi::c_void;
use std::mem;

use super::bindings::{
    APR_SUCCESS, apr_palloc, apr_pool_cleanup_null, apr_pool_cleanup_register, apr_pool_t,
    apr_status_t,
};
use super::guard::guard;

/// Gives `value` to `pool`, which drops it when it is cleared or destroyed.
///
/// # Safety
/// `pool` is a live pool, and the result is not used after that pool is cleared or destroyed.
pub(super) unsafe fn give<T>(pool: *mut apr_pool_t, value: T) -> *mut T {
    let value = Box::into_raw(Box::new(value));
    // SAFETY: `value` comes from a box, and this pool alone drops it, once. No cleanup for
    // processes that are forked to run something else: they replace their memory anyway.
    unsafe {
        let data = value.cast::<c_void>();
        apr_pool_cleanup_register(pool, data, Some(drop_value::<T>), Some(apr_pool_cleanup_null));
    }
    value
}

/// Puts a value that has nothing to drop into `pool`'s own memory.
///
/// # Safety
/// As for [`give`].
pub(super) unsafe fn put<T: Copy>(pool: *mut apr_pool_t, value: T) -> *mut T {
    const { assert!(mem::align_of::<T>() <= 8) }; // APR's alignment (APR_ALIGN_DEFAULT)
    // SAFETY: the caller vouches for the pool; one that has no memory left ends the process.
    unsafe {
        let place = apr_palloc(pool, mem::size_of::<T>()).cast::<T>();
        place.write(value);
        place
    }
}

unsafe extern "C" fn drop_value<T>(value: *mut c_void) -> apr_status_t {
    guard(
        || {
            // SAFETY: `give` registered this function together with a pointer from a box of T,
            // and a pool runs a cleanup once.
            drop(unsafe { Box::from_raw(value.cast::<T>()) });
        },
        || (),
    );
    APR_SUCCESS
}
