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

/// A pool that lives for exactly `'p`.
#[derive(Clone, Copy)]
pub(crate) struct Pool<'p> {
    pool: *mut apr_pool_t,
    life: PhantomData<Cell<&'p ()>>,
}

impl<'p> Pool<'p> {
    /// # Safety
    /// `pool` must be a live pool that only this thread uses and that is neither cleared nor
    /// destroyed during `'p`.
    pub(crate) unsafe fn from_raw(pool: *mut apr_pool_t) -> Self {
        Self { pool, life: PhantomData }
    }

    /// Moves `value` into the pool. The pool drops its values in reverse order when it is cleared
    /// or destroyed, maybe in another thread (mod_http2 does so with finished streams).
    pub(crate) fn give<T: Send + 'p>(self, value: T) -> &'p mut T {
        let place = self.place(value);
        // SAFETY: `from_raw`. Only the pool drops the value, once, when there are no references to
        // it any more. No cleanup is needed for processes that are forked to execute another
        // program, because they replace their memory.
        unsafe {
            let (data, drop) = (place.cast::<c_void>(), Some(drop_value::<T> as _));
            apr_pool_cleanup_register(self.pool, data, drop, Some(apr_pool_cleanup_null));
            &mut *place
        }
    }

    /// Puts a value that needs no destructor into the pool's memory.
    #[inline(always)]
    pub(crate) fn put<T: Copy + 'p>(self, value: T) -> &'p mut T {
        // SAFETY: the value is not shared and lives as long as the pool's memory.
        unsafe { &mut *self.place(value) }
    }

    #[inline(always)]
    fn place<T>(self, value: T) -> *mut T {
        const { assert!(mem::align_of::<T>() <= 8) }; // APR's alignment (APR_ALIGN_DEFAULT)
        // SAFETY: `from_raw`; newly allocated memory of that size. If the pool has no memory left,
        // APR ends the process.
        unsafe {
            let place = apr_palloc(self.pool, mem::size_of::<T>()).cast::<T>();
            place.write(value);
            place
        }
    }

    /// A copy of a text as a C string, which ends at the first NUL.
    pub(crate) fn text(self, text: &[u8]) -> &'p CStr {
        let text: *const c_char = self.buffer(text);
        // SAFETY: a C string from the pool.
        unsafe { CStr::from_ptr(text) }
    }

    /// The digits of a number.
    pub(crate) fn number(self, number: u64) -> &'p CStr {
        const LONGEST: usize = 20 + 1; // u64::MAX, and a NUL
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number).as_bytes();
        let mut text = [0; LONGEST];
        text.iter_mut().zip(digits).for_each(|(place, digit)| *place = *digit);
        let text: &'p [u8; LONGEST] = self.put(text);
        // SAFETY: a NUL follows the digits, which contain none.
        unsafe { CStr::from_ptr(text.as_ptr().cast()) }
    }

    /// Like [`Pool::text`], but writable, for httpd.
    pub(crate) fn buffer(self, text: &[u8]) -> *mut c_char {
        // SAFETY: `from_raw`; the function copies the bytes and adds a NUL.
        unsafe { apr_pstrmemdup(self.pool, text.as_ptr().cast(), text.len()) }
    }

    /// The pointer for httpd's functions.
    pub(crate) fn as_ptr(self) -> *mut apr_pool_t {
        self.pool
    }
}

unsafe extern "C" fn drop_value<T>(value: *mut c_void) -> apr_status_t {
    guard(
        || {
            // SAFETY: `give` registered this function with a pointer to a T in the pool. The pool
            // runs the cleanup once, before it frees its memory.
            unsafe { value.cast::<T>().drop_in_place() };
        },
        (),
    );
    APR_SUCCESS
}
