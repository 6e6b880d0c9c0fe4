//! The structure that httpd looks for when it loads the module, and what it calls to make and
//! merge configurations.

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

/// `LoadModule maintenance_module ...`. httpd writes to it when it loads the module.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, unreachable_pub)]
pub static mut maintenance_module: module = {
    // As STANDARD20_MODULE_STUFF does it, field by field: older servers have no `flags`.
    // SAFETY: all zero is a valid module (integers, pointers, optional functions).
    let mut this: module = unsafe { mem::zeroed() };
    this.version = MODULE_MAGIC_NUMBER_MAJOR as c_int;
    this.minor_version = MODULE_MAGIC_NUMBER_MINOR as c_int;
    this.module_index = -1;
    // As a C module's __FILE__, for <IfModule mod_maintenance.c>.
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

/// An empty configuration for a server. After a panic null, which [`crate::server::config`]
/// and the directives take for "none".
unsafe extern "C" fn create(pool: *mut apr_pool_t, _server: *mut server_rec) -> *mut c_void {
    guard(
        || {
            // SAFETY: httpd's configuration pool, which lives until the function returns, and as
            // long as the server that the result is for.
            let pool = unsafe { Pool::from_raw(pool) };
            ptr::from_mut(pool.give(ServerConfig::default())).cast()
        },
        ptr::null_mut(),
    )
}

/// A virtual host's configuration inside the main server's.
unsafe extern "C" fn merge(
    pool: *mut apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    guard(
        || {
            // SAFETY: null or results of `create`, both from pools that are still live; nobody
            // changes them any more.
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

/// A section with a directive of the module, at `path`. Null for the configuration around all
/// sections, which is the server's; after a panic, too, which the directives take for an error.
unsafe extern "C" fn create_section(pool: *mut apr_pool_t, path: *mut c_char) -> *mut c_void {
    guard(
        || match path.is_null() {
            true => ptr::null_mut(),
            false => {
                // SAFETY: httpd's configuration pool, as old as the section.
                let pool = unsafe { Pool::from_raw(pool) };
                ptr::from_mut(Section::new(pool)).cast()
            }
        },
        ptr::null_mut(),
    )
}

/// The sections that a request is in, while httpd maps it; neither is null.
unsafe extern "C" fn merge_sections(
    pool: *mut apr_pool_t,
    outer: *mut c_void,
    inner: *mut c_void,
) -> *mut c_void {
    let merge = || {
        // SAFETY: httpd's pool; and results of the function above or of this one, which nobody
        // changes, from pools that live at least as long: the configuration's, this one, or one
        // that this one is a part of.
        let (pool, outer, inner) =
            unsafe { (Pool::from_raw(pool), &*outer.cast::<Section>(), &*inner.cast::<Section>()) };
        ptr::from_mut(Section::merge(pool, outer, inner)).cast()
    };
    guard(merge, inner)
}
