//! The module's configuration of a server (the main one or a virtual host) with its sections.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::sys::bindings::{ap_server_root_relative, apr_pool_t, server_rec};
use crate::sys::config_vector::config_slot;
use maintenance_core::directive::Settings;
use maintenance_core::engine::gate::{Gate, ServerContext};
use maintenance_core::engine::gates::{Gates, Sections};
use maintenance_core::engine::server::Counters;
use maintenance_core::engine::watches::Watches;
use maintenance_core::flag::flags::Flags;
use maintenance_core::page::ServerName;
use maintenance_core::report::StatusLocations;

/// The settings of one server, and its gates once the configuration is complete.
#[derive(Default)]
pub(crate) struct ServerConfig {
    pub(crate) settings: Settings,
    pub(crate) sections: Sections,
    gates: OnceCell<Option<Arc<Gates>>>,
    counters: OnceCell<Counters>,
    /// Set once this process has made the gates that the status page shows.
    pub(crate) locations_made: OnceCell<()>,
    /// See [`host`].
    name: OnceCell<ServerName>,
    /// Only the main server has it.
    of_all: OnceCell<Box<OfAll>>,
}

/// What the main server has for all servers.
pub(crate) struct OfAll {
    /// The sections with the status page.
    pub(crate) status_locations: StatusLocations,
    /// The name of the machine.
    pub(crate) machine: String,
    /// What the gates are made of.
    pub(crate) context: Arc<ServerContext>,
    /// The files of all scopes.
    pub(crate) watches: Watches,
}

impl ServerConfig {
    /// Merges this virtual host into the main server, whose sections apply to it as well.
    pub(crate) fn within(&self, outer: &Self) -> Self {
        Self {
            settings: self.settings.within(&outer.settings),
            sections: self.sections.within(&outer.sections),
            ..Self::default()
        }
    }

    /// A copy for a virtual host without directives of its own, with the same gates.
    pub(crate) fn shared(&self) -> Self {
        let (settings, sections) = (self.settings.clone(), self.sections.clone());
        Self { settings, sections, gates: self.gates.clone(), ..Self::default() }
    }

    /// Where requests are counted; None if the engine is off.
    pub(crate) fn counters(&self) -> Option<&Counters> {
        self.counters.get()
    }

    /// Sets where requests are counted.
    pub(crate) fn count(&self, counters: Counters) {
        let _ = self.counters.set(counters); // set once per configuration
    }

    /// Sets what the main server has for all servers.
    pub(crate) fn set_of_all(&self, of_all: OfAll) {
        let _ = self.of_all.set(Box::new(of_all)); // set once per configuration
    }

    /// Makes the gates, if the engine is on.
    ///
    /// # Errors
    /// A flag is missing. Without it the server would be open.
    pub(crate) fn build_gates(&self, context: &Arc<ServerContext>) -> Result<(), &'static str> {
        let new = || {
            let gates = Gates::new(&self.settings, &self.sections, context);
            gates.map(Arc::new).ok_or("a flag was not made")
        };
        let build = || self.settings.is_on().then(new).transpose();
        self.gates.get_or_try_init(build).map(drop)
    }

    /// The gates; None if the engine is off.
    pub(crate) fn gates(&self) -> Option<&Gates> {
        self.gates.get()?.as_deref()
    }
}

/// What the main server has for all servers, once the configuration is complete.
pub(crate) fn of_all(main: &server_rec) -> Option<&OfAll> {
    Some(config(main)?.of_all.get()?)
}

/// The configuration of `server`.
pub(crate) fn config(server: &server_rec) -> Option<&ServerConfig> {
    // SAFETY: the slot holds null or a value stored by `create` or `merge` in `module`: a
    // ServerConfig that lives as long as the configuration, and therefore as long as `server`.
    unsafe { config_slot(server.module_config).cast::<ServerConfig>().as_ref() }
}

/// The servers of a configuration: the main server, then its virtual hosts in configuration order.
/// httpd's own list has the virtual hosts in reverse order.
pub(crate) fn servers(main: &server_rec) -> impl Iterator<Item = &server_rec> {
    let next = |server: &server_rec| {
        // SAFETY: httpd's list of servers ends with null, and lives as long as its first element.
        unsafe { server.next.as_ref() }
    };
    let virtual_hosts: Vec<_> = std::iter::successors(next(main), |server| next(server)).collect();
    std::iter::once(main).chain(virtual_hosts.into_iter().rev())
}

/// The gates of all servers whose engine is on, and of their sections.
pub(crate) fn gates(main: &server_rec) -> impl Iterator<Item = &Gate> {
    servers(main).filter_map(|server| config(server)?.gates()).flat_map(Gates::all)
}

/// All flags.
pub(crate) fn flags(main: &server_rec) -> Option<&Flags> {
    Some(&of_all(main)?.context.flags)
}

/// The name from `ServerName`; empty if the server has none.
pub(crate) fn host(server: &server_rec) -> &ServerName {
    let name = || match server.server_hostname {
        name if name.is_null() => ServerName::new(""),
        // SAFETY: a C string from the configuration's pool, which lives as long as the server.
        name => ServerName::new(unsafe { CStr::from_ptr(name) }.to_string_lossy()),
    };
    match config(server) {
        Some(config) => config.name.get_or_init(name),
        None => ServerName::none(),
    }
}

/// The ServerRoot; None if httpd has not set it yet.
///
/// # Safety
/// `pool` must be a live pool. It holds a copy of the text.
pub(crate) unsafe fn server_root(pool: *mut apr_pool_t) -> Option<PathBuf> {
    // SAFETY: null, or a C string in the pool, which is copied at once.
    unsafe {
        let root = ap_server_root_relative(pool, c"".as_ptr());
        let bytes = (!root.is_null()).then(|| CStr::from_ptr(root).to_bytes())?;
        Some(Path::new(OsStr::from_bytes(bytes)).to_owned())
    }
}
