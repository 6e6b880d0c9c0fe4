//! The memory that the parent and all its children share.

use std::ffi::{CStr, CString, c_void};
use std::mem;
use std::ptr;

use crate::sys::bindings::{
    APR_SUCCESS, apr_pool_cleanup_null, apr_pool_t, apr_pool_userdata_get, apr_pool_userdata_set,
    apr_shm_baseaddr_get, apr_shm_create, apr_status_t,
};
use maintenance_core::shared::slot::StateTable;
use maintenance_core::stats::Stats;

/// What lies in shared memory: all zero is a valid value, and so is every bit pattern.
///
/// # Safety
/// The type consists of atomics alone, and its layout is fixed (`repr(C)`).
pub(crate) unsafe trait Shared: 'static {
    /// Names it in the process pool, together with its size. The number goes up with the layout or
    /// the meaning: at a restart, a newer build may find what an older one made.
    const KEY: &'static CStr;
}

// SAFETY: atomics in structures that are `repr(C)`.
unsafe impl Shared for StateTable {
    const KEY: &'static CStr = c"mod_maintenance:states:8";
}

// SAFETY: atomics in structures that are `repr(C)`.
unsafe impl Shared for Stats {
    const KEY: &'static CStr = c"mod_maintenance:records:3";
}

/// Finds a segment in the process pool, or makes it. It outlives restarts, and the
/// module itself, which httpd unloads and loads again.
///
/// # Errors
/// APR's status where there is no memory.
///
/// # Safety
/// `process_pool` is `process_rec::pool`, which lives until the process ends.
pub(crate) unsafe fn segment<T: Shared>(
    process_pool: *mut apr_pool_t,
) -> Result<&'static T, apr_status_t> {
    let key = format!("{}:{}", T::KEY.to_string_lossy(), mem::size_of::<T>());
    let key = CString::new(key).map_err(|_| libc::EINVAL)?; // there is no NUL in it
    let mut found: *mut c_void = ptr::null_mut();
    // SAFETY: the pool is live, and `found` and the key outlive the call.
    let status = unsafe { apr_pool_userdata_get(&mut found, key.as_ptr(), process_pool) };
    if status == APR_SUCCESS && !found.is_null() {
        // SAFETY: under this key lies only what is stored below: zeroed or written by a build
        // with a type of this size, as aligned as it, and never unmapped before the process ends.
        // Every bit pattern is valid for it, so that another layout would give wrong figures alone.
        return Ok(unsafe { &*found.cast::<T>() });
    }
    let mut segment = ptr::null_mut();
    let align = mem::align_of::<T>();
    // SAFETY: without a file name, APR maps anonymous memory, which starts as zeros and which
    // children inherit. APR keeps its size in front, so the rest is aligned here; there is one
    // `align` more than the value needs. The pool copies the key.
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
