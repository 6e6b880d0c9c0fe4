//! Rust values that live as long as an APR pool.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::mem;

use crate::sys::bindings::{
    APR_SUCCESS, apr_palloc, apr_pool_cleanup_null, apr_pool_cleanup_register, apr_pool_t,
    apr_pstrmemdup, apr_status_t,
};
use crate::sys::guard::guard;

/// A pool that lives for all of `'p`, which is neither shortened nor prolonged.
#[derive(Clone, Copy)]
pub(crate) struct Pool<'p> {
    pool: *mut apr_pool_t,
    life: PhantomData<Cell<&'p ()>>,
}

impl<'p> Pool<'p> {
    /// # Safety
    /// `pool` is a live pool, which this thread alone uses, and is neither cleared nor destroyed
    /// before `'p` is over.
    pub(crate) unsafe fn from_raw(pool: *mut apr_pool_t) -> Self {
        Self { pool, life: PhantomData }
    }

    /// Gives `value` to the pool, which drops it when it is cleared or destroyed: those first that
    /// came last, and maybe in another thread (mod_http2 does so with streams that are done).
    pub(crate) fn give<T: Send + 'p>(self, value: T) -> &'p mut T {
        let place = self.place(value);
        // SAFETY: `from_raw`; the pool alone drops the value, once, when nobody has a reference to
        // it any more. No cleanup for processes that are forked to run something else: they replace
        // their memory anyway.
        unsafe {
            let (data, drop) = (place.cast::<c_void>(), Some(drop_value::<T> as _));
            apr_pool_cleanup_register(self.pool, data, drop, Some(apr_pool_cleanup_null));
            &mut *place
        }
    }

    /// Puts a value into the pool's own memory, where nothing is dropped.
    #[inline(always)]
    pub(crate) fn put<T: Copy + 'p>(self, value: T) -> &'p mut T {
        // SAFETY: a value that nobody else has, as old as the pool's memory.
        unsafe { &mut *self.place(value) }
    }

    #[inline(always)]
    fn place<T>(self, value: T) -> *mut T {
        const { assert!(mem::align_of::<T>() <= 8) }; // APR's alignment (APR_ALIGN_DEFAULT)
        // SAFETY: `from_raw`; memory of that size which nobody else has. A pool that has none left
        // ends the process.
        unsafe {
            let place = apr_palloc(self.pool, mem::size_of::<T>()).cast::<T>();
            place.write(value);
            place
        }
    }

    /// A copy of a text, as a C string; what is behind a NUL does not count.
    pub(crate) fn text(self, text: &[u8]) -> &'p CStr {
        let text: *const c_char = self.buffer(text);
        // SAFETY: a C string that the pool keeps.
        unsafe { CStr::from_ptr(text) }
    }

    /// The same for httpd to write to.
    pub(crate) fn buffer(self, text: &[u8]) -> *mut c_char {
        // SAFETY: `from_raw`; the function copies the bytes and adds a NUL.
        unsafe { apr_pstrmemdup(self.pool, text.as_ptr().cast(), text.len()) }
    }

    /// For httpd's functions.
    pub(crate) fn as_ptr(self) -> *mut apr_pool_t {
        self.pool
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
