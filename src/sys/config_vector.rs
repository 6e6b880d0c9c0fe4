//! The module's entries of httpd's configuration vectors.

use std::ffi::c_void;

use crate::sys::bindings::{ap_conf_vector_t, module};

// The record itself names all functions that httpd calls, so it is defined above all of them, in
// `module`. Here it is declared, as a C module does it for its other files.
unsafe extern "C" {
    static mut maintenance_module: module;
}

/// This module's entry of a configuration vector, as in httpd's macro `ap_get_module_config`.
///
/// # Safety
/// `vector` is a live vector with a place for every module.
pub(crate) unsafe fn config_slot(vector: *mut ap_conf_vector_t) -> *mut c_void {
    // SAFETY: a vector is an array of pointers, and httpd set the index when it loaded us.
    unsafe { *slot(vector) }
}

/// Sets this module's entry, as in httpd's macro `ap_set_module_config`.
///
/// # Safety
/// As for [`config_slot`], and no other thread uses the vector.
pub(crate) unsafe fn set_config_slot(vector: *mut ap_conf_vector_t, value: *mut c_void) {
    // SAFETY: as above.
    unsafe { *slot(vector) = value }
}

unsafe fn slot(vector: *mut ap_conf_vector_t) -> *mut *mut c_void {
    // SAFETY: `module` defines the record with this name and type. httpd writes the index when it
    // loads the module, and leaves it alone from then on.
    let index = unsafe { (&raw const maintenance_module.module_index).read() };
    // SAFETY: the caller vouches for the vector.
    unsafe { vector.cast::<*mut c_void>().offset(index as isize) }
}
