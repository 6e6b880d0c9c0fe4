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
    // SAFETY: the caller vouches for the pool, which alone drops the value, once. No cleanup for
    // processes that are forked to run something else: they replace their memory anyway.
    unsafe {
        let place = put(pool, value);
        let (data, drop) = (place.cast::<c_void>(), Some(drop_value::<T> as _));
        apr_pool_cleanup_register(pool, data, drop, Some(apr_pool_cleanup_null));
        place
    }
}

/// Puts a value into `pool`'s own memory, and does not drop it.
///
/// # Safety
/// As for [`give`].
pub(super) unsafe fn put<T>(pool: *mut apr_pool_t, value: T) -> *mut T {
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
            // SAFETY: `give` registered this function together with a pointer to a T in the pool,
            // which runs a cleanup once, before it frees its memory.
            unsafe { value.cast::<T>().drop_in_place() };
        },
        (),
    );
    APR_SUCCESS
}
