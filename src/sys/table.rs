//! Tables of httpd: the header fields, the notes and the environment of a request.

use std::cell::Cell;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;

use crate::sys::bindings::{
    apr_is_empty_table, apr_table_addn, apr_table_elts, apr_table_entry_t, apr_table_get,
    apr_table_mergen, apr_table_setn, apr_table_t, apr_table_unset,
};
use crate::sys::pool::Pool;

/// A table that lives for `'r`, as do its texts.
#[derive(Clone, Copy)]
pub(crate) struct Table<'r> {
    table: *mut apr_table_t,
    life: PhantomData<Cell<&'r ()>>,
}

impl<'r> Table<'r> {
    /// # Safety
    /// `table` must be a live table that only this thread uses. Its memory, and that of all its
    /// current and former texts, must not be freed before the end of `'r`.
    pub(crate) unsafe fn from_raw(table: *mut apr_table_t) -> Self {
        Self { table, life: PhantomData }
    }

    /// Whether the table has no entries.
    pub(crate) fn is_empty(self) -> bool {
        // SAFETY: `from_raw`.
        unsafe { apr_is_empty_table(self.table) != 0 }
    }

    /// The first value with this name, ignoring case.
    pub(crate) fn get(self, name: &CStr) -> Option<&'r CStr> {
        // SAFETY: `from_raw`; null or a C string.
        unsafe {
            let value: *const c_char = apr_table_get(self.table, name.as_ptr());
            (!value.is_null()).then(|| CStr::from_ptr(value))
        }
    }

    /// All values of this name, in upper or lower case, joined by the separator. None if there is
    /// none. APR's own function for this (`apr_table_getm`) came with APR 1.5.
    pub(crate) fn joined(self, name: &CStr, separator: &CStr, pool: Pool<'r>) -> Option<&'r CStr> {
        // SAFETY: `from_raw`; APR's array of entries, each with a key and a value, stays as it is
        // until the table is changed, after the end of this function.
        let entries = unsafe {
            let entries = &*apr_table_elts(self.table);
            let count = usize::try_from(entries.nelts).unwrap_or(0);
            match entries.elts.is_null() {
                true => &[],
                false => std::slice::from_raw_parts(
                    entries.elts.cast::<apr_table_entry_t>().cast_const(),
                    count,
                ),
            }
        };
        let mut values = entries.iter().filter_map(|entry| {
            // SAFETY: null or C strings, of which none is read beyond its NUL: there the names differ
            // or end. Their memory outlives the table.
            unsafe {
                let is_same = |(at, byte): (usize, &u8)| {
                    entry.key.add(at).cast::<u8>().read().eq_ignore_ascii_case(byte)
                };
                let is_named = !entry.key.is_null()
                    && name.to_bytes_with_nul().iter().enumerate().all(is_same);
                (is_named && !entry.val.is_null()).then(|| CStr::from_ptr(entry.val))
            }
        });
        let first = values.next()?;
        let Some(second) = values.next() else { return Some(first) };
        let all: Vec<_> = [first, second].into_iter().chain(values).map(CStr::to_bytes).collect();
        Some(pool.text(&all.join(separator.to_bytes())))
    }

    /// Replaces all values of this name. The table does not copy the texts.
    pub(crate) fn set(self, name: &'static CStr, value: &'r CStr) {
        // SAFETY: `from_raw`; the texts live at least as long as the table.
        unsafe { apr_table_setn(self.table, name.as_ptr(), value.as_ptr()) }
    }

    /// Adds a value. Cheaper than [`Table::set`] where there is none of this name.
    pub(crate) fn add(self, name: &'static CStr, value: &'r CStr) {
        // SAFETY: as above.
        unsafe { apr_table_addn(self.table, name.as_ptr(), value.as_ptr()) }
    }

    /// Appends a value to the existing one, after a comma.
    pub(crate) fn merge(self, name: &'static CStr, value: &'r CStr) {
        // SAFETY: as above.
        unsafe { apr_table_mergen(self.table, name.as_ptr(), value.as_ptr()) }
    }

    /// Removes all values of this name.
    pub(crate) fn unset(self, name: &CStr) {
        // SAFETY: `from_raw`; the name is only compared.
        unsafe { apr_table_unset(self.table, name.as_ptr()) }
    }
}
