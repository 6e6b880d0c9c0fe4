//! The memory that the parent and all its children share.

use std::ffi::c_void;
use std::mem;
use std::ptr;

use super::bindings::{
    APR_SUCCESS, apr_pool_cleanup_null, apr_pool_t, apr_pool_userdata_get, apr_pool_userdata_set,
    apr_shm_baseaddr_get, apr_shm_create, apr_status_t,
};
use crate::board::Board;

/// Names the board in the process pool. The number goes up with the layout of [`Board`]: at
/// a restart, a newer build may find the board that an older one made.
const KEY: &std::ffi::CStr = c"mod_maintenance:board:3";

/// Finds the board in the process pool, or makes it. It outlives restarts, and the
/// module itself, which httpd unloads and loads again.
///
/// # Errors
/// APR's status where there is no memory.
///
/// # Safety
/// `process_pool` is `process_rec::pool`, which lives until the process ends.
pub(super) unsafe fn board(process_pool: *mut apr_pool_t) -> Result<&'static Board, apr_status_t> {
    let mut found: *mut c_void = ptr::null_mut();
    // SAFETY: the pool is live, and `found` outlives the call.
    let status = unsafe { apr_pool_userdata_get(&mut found, KEY.as_ptr(), process_pool) };
    if status == APR_SUCCESS && !found.is_null() {
        // SAFETY: under this key lies only what is stored below: zeroed or written by a build
        // with the same layout, as large and as aligned as the board, and never unmapped
        // before the process ends. All its fields are atomics, for which every bit pattern is
        // valid.
        return Ok(unsafe { &*found.cast::<Board>() });
    }
    let mut segment = ptr::null_mut();
    let align = mem::align_of::<Board>();
    // SAFETY: without a file name, APR maps anonymous memory, which starts as zeros and which
    // children inherit. APR keeps its size in front, so the rest is aligned here; there is one
    // `align` more than the board needs. The pool copies the key, which goes when httpd unloads
    // this module.
    unsafe {
        match apr_shm_create(
            &mut segment,
            mem::size_of::<Board>() + align,
            ptr::null(),
            process_pool,
        ) {
            APR_SUCCESS => {}
            status => return Err(status),
        }
        let base = apr_shm_baseaddr_get(segment).cast::<u8>();
        let board = base.add(base.align_offset(align)).cast::<Board>();
        let (data, cleanup) = (board.cast::<c_void>(), Some(apr_pool_cleanup_null as _));
        apr_pool_userdata_set(data, KEY.as_ptr(), cleanup, process_pool);
        Ok(&*board)
    }
}
