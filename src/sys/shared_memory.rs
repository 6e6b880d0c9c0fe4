//! Memory that the parent and all its children share.

use std::ffi::{CStr, CString, c_void};
use std::mem;
use std::ptr;

use crate::sys::bindings::{
    APR_SUCCESS, apr_pool_cleanup_null, apr_pool_t, apr_pool_userdata_get, apr_pool_userdata_set,
    apr_shm_baseaddr_get, apr_shm_create, apr_status_t,
};
use maintenance_core::shared::slot::StateTable;
use maintenance_core::stats::Stats;

/// A type for shared memory: all zero is a valid value, and so is every bit pattern.
///
/// # Safety
/// The type must consist of atomics only, and its layout must be fixed (`repr(C)`).
pub(crate) unsafe trait Shared: 'static {
    /// The key in the process pool, together with the size. Its number must increase when the
    /// layout or the meaning changes, because at a restart a newer build may find a segment made by
    /// an older one.
    const KEY: &'static CStr;
}

// SAFETY: atomics in structures that are `repr(C)`.
unsafe impl Shared for StateTable {
    const KEY: &'static CStr = c"mod_maintenance:states:8";
}

// SAFETY: atomics in structures that are `repr(C)`.
unsafe impl Shared for Stats {
    const KEY: &'static CStr = c"mod_maintenance:stats:5";
}

/// Finds a segment in the process pool, or creates it. It outlives restarts, and also the module
/// itself, which httpd unloads and loads again.
///
/// # Errors
/// APR's status if there is no memory.
///
/// # Safety
/// `process_pool` must be `process_rec::pool`, which lives until the process ends.
pub(crate) unsafe fn segment<T: Shared>(
    process_pool: *mut apr_pool_t,
) -> Result<&'static T, apr_status_t> {
    let key = format!("{}:{}", T::KEY.to_string_lossy(), mem::size_of::<T>());
    let key = CString::new(key).map_err(|_| libc::EINVAL)?; // contains no NUL
    let mut found: *mut c_void = ptr::null_mut();
    // SAFETY: the pool is live, and `found` and the key outlive the call.
    let status = unsafe { apr_pool_userdata_get(&mut found, key.as_ptr(), process_pool) };
    if status == APR_SUCCESS && !found.is_null() {
        // SAFETY: only the code below stores data under this key: zeroed or written by a build with
        // a type of this size and alignment, and never unmapped before the process ends. Every bit
        // pattern is valid, so a different layout would only cause wrong numbers.
        return Ok(unsafe { &*found.cast::<T>() });
    }
    let mut segment = ptr::null_mut();
    let align = mem::align_of::<T>();
    // SAFETY: without a file name, APR maps anonymous memory, which is zeroed and which children
    // inherit. APR stores its size at the start, so the rest is aligned here; the mapping is one
    // `align` larger than the value. The pool copies the key.
    unsafe {
        match apr_shm_create(&mut segment, mem::size_of::<T>() + align, ptr::null(), process_pool) {
            APR_SUCCESS => {}
            status => return Err(status),
        }
        let base = apr_shm_baseaddr_get(segment).cast::<u8>();
        let value = base.add(base.align_offset(align)).cast::<T>();
        let (data, cleanup) = (value.cast::<c_void>(), Some(apr_pool_cleanup_null as _));
        apr_pool_userdata_set(data, key.as_ptr(), cleanup, process_pool);
        Ok(&*value)
    }
}
