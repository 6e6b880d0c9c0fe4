//! Rust values that live as long as an APR pool.

use std::ffi::c_void;

use super::bindings::{
    APR_SUCCESS, apr_pool_cleanup_null, apr_pool_cleanup_register, apr_pool_t, apr_status_t,
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
