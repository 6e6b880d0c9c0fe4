//! The module's entries in httpd's configuration vectors.

use std::ffi::c_void;

use crate::sys::bindings::{ap_conf_vector_t, module};

// The record refers to all functions that httpd calls, so it is defined in `module`, above all of
// them. It is declared here, as a C module would do in a header.
unsafe extern "C" {
    static mut maintenance_module: module;
}

/// This module's entry in a configuration vector, like httpd's macro `ap_get_module_config`.
///
/// # Safety
/// `vector` must be a live vector with an entry for every module.
pub(crate) unsafe fn config_slot(vector: *mut ap_conf_vector_t) -> *mut c_void {
    // SAFETY: a vector is an array of pointers, and httpd set the index when it loaded the module.
    unsafe { *slot(vector) }
}

/// Sets this module's entry, like httpd's macro `ap_set_module_config`.
///
/// # Safety
/// As for [`config_slot`], and no other thread may use the vector.
pub(crate) unsafe fn set_config_slot(vector: *mut ap_conf_vector_t, value: *mut c_void) {
    // SAFETY: as above.
    unsafe { *slot(vector) = value }
}

unsafe fn slot(vector: *mut ap_conf_vector_t) -> *mut *mut c_void {
    // SAFETY: `module` defines the record with this name and type. httpd writes the index only when
    // it loads the module.
    let index = unsafe { (&raw const maintenance_module.module_index).read() };
    // SAFETY: the caller guarantees that the vector is valid.
    unsafe { vector.cast::<*mut c_void>().offset(index as isize) }
}
