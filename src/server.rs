//! The module's configuration of a server (the main one or a virtual host) with its sections.

use std::borrow::Cow;
use std::ffi::{CStr, OsStr, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::module::maintenance_module;
use crate::sys::bindings::{ap_conf_vector_t, ap_server_root_relative, apr_pool_t, server_rec};
use maintenance_core::directive::Settings;
use maintenance_core::engine::gate::ServerContext;
use maintenance_core::engine::gates::{Gates, Sections};
use maintenance_core::engine::server::Counters;

/// What one server says, and the gates that come of it once the configuration is complete.
#[derive(Default)]
pub(crate) struct ServerConfig {
    pub(crate) settings: Settings,
    pub(crate) sections: Sections,
    gates: OnceCell<Option<Arc<Gates>>>,
    counters: OnceCell<Counters>,
}

impl ServerConfig {
    /// This virtual host inside the main server, whose sections hold for it, too.
    pub(crate) fn within(&self, outer: &Self) -> Self {
        let sections = outer.sections.iter().chain(&self.sections);
        Self {
            settings: self.settings.within(&outer.settings),
            sections: sections.map(|(number, settings)| (*number, settings.clone())).collect(),
            ..Self::default()
        }
    }

    /// The same for a virtual host without directives of its own, with the same gates.
    pub(crate) fn shared(&self) -> Self {
        let (settings, sections) = (self.settings.clone(), self.sections.clone());
        Self { settings, sections, gates: self.gates.clone(), counters: OnceCell::new() }
    }

    /// Where requests are counted; None where the engine is off.
    pub(crate) fn counters(&self) -> Option<&Counters> {
        self.counters.get()
    }

    /// Has them counted from now on.
    pub(crate) fn count(&self, counters: Counters) {
        let _ = self.counters.set(counters); // once for each reading of the configuration
    }

    /// What the server and each of its sections say, where the engine is on.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &Settings> {
        let sections = self.sections.values().map(|section| &section.settings);
        let scopes = std::iter::once(&self.settings).chain(sections);
        scopes.filter(|_| self.settings.is_on())
    }

    /// Makes the gates, if the engine is on.
    ///
    /// # Errors
    /// Where a flag is missing, which would leave the server open.
    pub(crate) fn build_gates(&self, place: &Arc<ServerContext>) -> Result<(), &'static str> {
        let new = || {
            let gates = Gates::new(&self.settings, &self.sections, place);
            gates.map(Arc::new).ok_or("a flag was not made")
        };
        let build = || self.settings.is_on().then(new).transpose();
        self.gates.get_or_try_init(build).map(drop)
    }

    /// The gates; None where the engine is off.
    pub(crate) fn gates(&self) -> Option<&Gates> {
        self.gates.get()?.as_deref()
    }
}

/// The configuration of `server`.
pub(crate) fn config(server: &server_rec) -> Option<&ServerConfig> {
    // SAFETY: the slot holds null or what `create` or `merge` in `module` put there, a
    // ServerConfig that lives as long as the configuration, and so as long as `server`.
    unsafe { config_slot(server.module_config).cast::<ServerConfig>().as_ref() }
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
    // SAFETY: httpd writes the index at load and leaves it alone from then on.
    let index = unsafe { (&raw const maintenance_module.module_index).read() };
    // SAFETY: the caller vouches for the vector.
    unsafe { vector.cast::<*mut c_void>().offset(index as isize) }
}

/// The servers of a configuration: the main one, then its virtual hosts in the order in which they
/// stand there; httpd puts each in front of those before it.
pub(crate) fn servers(main: &server_rec) -> impl Iterator<Item = &server_rec> {
    let next = |server: &server_rec| {
        // SAFETY: httpd's list of servers ends with null, and lives as long as its first element.
        unsafe { server.next.as_ref() }
    };
    let virtual_hosts: Vec<_> = std::iter::successors(next(main), |server| next(server)).collect();
    std::iter::once(main).chain(virtual_hosts.into_iter().rev())
}

/// The name that `ServerName` gives a server; empty where it has none.
pub(crate) fn host(server: &server_rec) -> Cow<'_, str> {
    let name = server.server_hostname;
    match name.is_null() {
        true => Cow::Borrowed(""),
        // SAFETY: a C string of the configuration's pool, as old as the server.
        false => unsafe { CStr::from_ptr(name) }.to_string_lossy(),
    }
}

/// The ServerRoot; None where httpd has none yet.
///
/// # Safety
/// `pool` is a live pool; it takes up the text.
pub(crate) unsafe fn server_root(pool: *mut apr_pool_t) -> Option<PathBuf> {
    // SAFETY: null, or a C string in the pool, which is copied right away.
    unsafe {
        let root = ap_server_root_relative(pool, c"".as_ptr());
        let bytes = (!root.is_null()).then(|| CStr::from_ptr(root).to_bytes())?;
        Some(Path::new(OsStr::from_bytes(bytes)).to_owned())
    }
}
