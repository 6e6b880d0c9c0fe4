//! The record that httpd looks up when it loads the module, and the functions that create and merge
//! configurations.

use std::ffi::{c_char, c_int, c_void};
use std::mem;
use std::ptr;

use crate::directives::COMMANDS;
use crate::hooks;
use crate::location::Section;
use crate::server::ServerConfig;
use crate::sys::bindings::{
    MODULE_MAGIC_COOKIE, MODULE_MAGIC_NUMBER_MAJOR, MODULE_MAGIC_NUMBER_MINOR, apr_pool_t, module,
    server_rec,
};
use crate::sys::guard::guard;
use crate::sys::pool::Pool;

/// `LoadModule maintenance_module ...`. httpd writes to this record when it loads the module.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, unreachable_pub)]
pub static mut maintenance_module: module = {
    // Set field by field like STANDARD20_MODULE_STUFF, because older servers have no `flags`.
    // SAFETY: all zero is a valid module (integers, pointers, optional functions).
    let mut this: module = unsafe { mem::zeroed() };
    this.version = MODULE_MAGIC_NUMBER_MAJOR as c_int;
    this.minor_version = MODULE_MAGIC_NUMBER_MINOR as c_int;
    this.module_index = -1;
    // Like __FILE__ of a C module, for <IfModule mod_maintenance.c>.
    this.name = c"mod_maintenance.c".as_ptr();
    this.magic = MODULE_MAGIC_COOKIE as _;
    this.create_dir_config = Some(create_section);
    this.merge_dir_config = Some(merge_sections);
    this.create_server_config = Some(create);
    this.merge_server_config = Some(merge);
    this.cmds = (&raw const COMMANDS).cast();
    this.register_hooks = Some(hooks::register);
    this
};

/// Creates an empty configuration for a server. Returns null after a panic;
/// [`crate::server::config`] and the directives treat null as a missing configuration.
unsafe extern "C" fn create(pool: *mut apr_pool_t, _server: *mut server_rec) -> *mut c_void {
    guard(
        || {
            // SAFETY: httpd's configuration pool, which lives until the function returns, and as
            // long as the server of the result.
            let pool = unsafe { Pool::from_raw(pool) };
            ptr::from_mut(pool.give(ServerConfig::default())).cast()
        },
        ptr::null_mut(),
    )
}

/// Merges a virtual host's configuration into the main server's.
unsafe extern "C" fn merge(
    pool: *mut apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    guard(
        || {
            // SAFETY: null or results of `create`, both from live pools, which are no longer
            // changed.
            let configs = unsafe {
                (outer.cast::<ServerConfig>().as_ref(), inner.cast::<ServerConfig>().as_ref())
            };
            let (Some(outer), Some(inner)) = configs else {
                return ptr::null_mut();
            };
            let merged = inner.within(outer);
            // SAFETY: as above.
            let pool = unsafe { Pool::from_raw(pool) };
            ptr::from_mut(pool.give(merged)).cast()
        },
        ptr::null_mut(),
    )
}

/// Creates the configuration of the section `path`. Returns null for the configuration outside of
/// all sections, which is the server's, and after a panic, which the directives treat as an error.
unsafe extern "C" fn create_section(pool: *mut apr_pool_t, path: *mut c_char) -> *mut c_void {
    guard(
        || match path.is_null() {
            true => ptr::null_mut(),
            false => {
                // SAFETY: httpd's configuration pool, which lives as long as the section.
                let pool = unsafe { Pool::from_raw(pool) };
                ptr::from_mut(Section::new(pool)).cast()
            }
        },
        ptr::null_mut(),
    )
}

/// Merges the sections of a request while httpd maps it. Neither argument is null.
unsafe extern "C" fn merge_sections(
    pool: *mut apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    let merge = || {
        // SAFETY: httpd's pool, and results of the function above or of this one. They are no
        // longer changed, and their pools live at least as long: the configuration's pool, this
        // pool, or a parent of it.
        let (pool, outer, inner) =
            unsafe { (Pool::from_raw(pool), &*outer.cast::<Section>(), &*inner.cast::<Section>()) };
        ptr::from_mut(Section::merge(pool, outer, inner)).cast()
    };
    guard(merge, inner)
}
