//! httpd's tables of a request: its header fields, its notes, its environment.

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;

use crate::sys::bindings::{
    apr_table_get, apr_table_mergen, apr_table_setn, apr_table_t, apr_table_unset,
};

/// A table that lives for all of `'r`, as do its texts.
#[derive(Clone, Copy)]
pub(crate) struct Table<'r> {
    table: *mut apr_table_t,
    life: PhantomData<Cell<&'r ()>>,
}

impl<'r> Table<'r> {
    /// # Safety
    /// `table` is a live table, which this thread alone uses. Its memory and that of all that was
    /// ever in it is freed no earlier than `'r` is over.
    pub(crate) unsafe fn from_raw(table: *mut apr_table_t) -> Self {
        Self { table, life: PhantomData }
    }

    /// The first value of this name, in upper or lower case.
    pub(crate) fn get(self, name: &CStr) -> Option<&'r CStr> {
        // SAFETY: `from_raw`; null or a C string.
        unsafe {
            let value: *const c_char = apr_table_get(self.table, name.as_ptr());
            (!value.is_null()).then(|| CStr::from_ptr(value))
        }
    }

    /// Sets a value in the place of those that there are. The table does not copy the texts.
    pub(crate) fn set(self, name: &'static CStr, value: &'r CStr) {
        // SAFETY: `from_raw`; texts that live at least as long.
        unsafe { apr_table_setn(self.table, name.as_ptr(), value.as_ptr()) }
    }

    /// Adds a value to the one that there is, behind a comma.
    pub(crate) fn merge(self, name: &'static CStr, value: &'r CStr) {
        // SAFETY: as above.
        unsafe { apr_table_mergen(self.table, name.as_ptr(), value.as_ptr()) }
    }

    /// Takes all values of this name away.
    pub(crate) fn unset(self, name: &CStr) {
        // SAFETY: `from_raw`; the name is only compared.
        unsafe { apr_table_unset(self.table, name.as_ptr()) }
    }
}
