//! The requests for the status page. They are mapped here and not by other modules, so that
//! `ProxyPass /` or a RewriteRule for all paths does not take the page.
//!
//! The page is as accessible as a file below DocumentRoot that does not exist: httpd applies the
//! `<Directory>` sections and .htaccess files of DocumentRoot, and then the `<Location>`. Without
//! that, a page in a section without `Require` would lose the protection that it has had.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config_tree;
use crate::request::Request;
use crate::server::of_all;
use crate::sys::bindings::{
    DECLINED, OK, PROXYREQ_NONE, PROXYREQ_PROXY, ap_core_translate, ap_location_walk,
    apr_filetype_e_APR_NOFILE, maintenance_configured_handler, maintenance_find_override,
    maintenance_main_server,
};
use maintenance_core::allow::ClientRequest as _;
use maintenance_core::engine::request::Request as _;
use maintenance_core::report::StatusLocations;

/// A static and not a constant, because its address marks the requests that are mapped here.
static HANDLER: &CStr = c"maintenance-status";

/// Whether a section has the status page, so that other servers do nothing more for a request.
static IS_CONFIGURED: AtomicBool = AtomicBool::new(false);

/// Finds the sections with the status page, when the configuration is complete.
pub(crate) fn find() -> StatusLocations {
    // SAFETY: the caller's configuration is complete, and this is the only thread.
    let locations = unsafe {
        maintenance_find_override();
        config_tree::status_locations()
    };
    IS_CONFIGURED.store(!locations.is_empty(), Ordering::Relaxed);
    locations
}

/// Whether a section has the status page.
#[inline(always)]
pub(crate) fn is_configured() -> bool {
    IS_CONFIGURED.load(Ordering::Relaxed)
}

fn locations<'s>() -> Option<&'s StatusLocations> {
    // SAFETY: httpd's main server lives as long as the configuration.
    let main = unsafe { maintenance_main_server().as_ref() }?;
    Some(&of_all(main)?.status_locations)
}

// What the SAFETY comments here rest on is said at `Request`.
impl Request<'_> {
    /// Whether the request's handler is the status page, and not a proxy.
    pub(crate) fn is_of_status_page(&self) -> bool {
        let handler = self.rec().handler;
        let is_proxied = self.rec().proxyreq != PROXYREQ_NONE as c_int;
        // SAFETY: null or a C string that lives as long as the request. Its first byte tells most
        // handlers apart without a call.
        !is_proxied
            && !handler.is_null()
            && unsafe { *handler == *HANDLER.as_ptr() && CStr::from_ptr(handler) == HANDLER }
    }

    /// Whether [`Request::map_to_status_page`] has mapped the request.
    #[inline(always)]
    pub(crate) fn is_mapped_to_status_page(&self) -> bool {
        self.rec().handler == HANDLER.as_ptr()
    }

    /// Maps the request if it is in a section with the status page, and otherwise leaves that to
    /// other modules. Returns the result for the hook translate_name.
    pub(crate) fn map_to_status_page(&mut self) -> c_int {
        if !is_configured() {
            return DECLINED as c_int;
        }
        let may_be = locations().is_some_and(|found| found.may_have(self.current_path()));
        let is_forward_proxy = self.rec().proxyreq == PROXYREQ_PROXY as c_int;
        if !may_be || is_forward_proxy || !self.is_configured_for_status_page() {
            return DECLINED as c_int;
        }
        // mod_proxy may have been first (ProxyPass ... mapping=encoded).
        self.rec_mut().proxyreq = PROXYREQ_NONE as c_int;
        self.rec_mut().handler = HANDLER.as_ptr();
        // SAFETY: httpd's request, in the hook that the function is for.
        unsafe { ap_core_translate(self.as_ptr()) }
    }

    /// Whether the request is for the status page: whether httpd has mapped it to the page, or, in a
    /// hook that runs before httpd has found the sections, whether it will.
    pub(crate) fn is_for_status_page(&self) -> bool {
        if !is_configured() || self.is_location_walked() {
            return self.is_of_status_page();
        }
        let may_be = locations().is_some_and(|found| found.may_have_sent(self.current_path()));
        let is_forward_proxy = self.rec().proxyreq == PROXYREQ_PROXY as c_int;
        may_be && !is_forward_proxy && self.is_in_section_of_status_page()
    }

    /// Whether the sections that httpd will find have the status page.
    fn is_in_section_of_status_page(&self) -> bool {
        // SAFETY: a handle to the same request, of which nothing is borrowed here. Everything that
        // the walk changes is restored.
        let mut request = unsafe { Request::from_raw(self.as_ptr()) };
        request.walk_ahead(Request::is_configured_for_status_page).unwrap_or(false)
    }

    /// Whether the sections of the request's configuration have the status page.
    fn is_configured_for_status_page(&self) -> bool {
        // SAFETY: the result is null or a C string that lives as long as the configuration or the
        // request.
        unsafe {
            let handler = maintenance_configured_handler(self.as_ptr());
            !handler.is_null() && CStr::from_ptr(handler) == HANDLER
        }
    }

    /// Takes a request for the status page out of the configuration of directories, once httpd has
    /// decided who may see the page: rules of mod_rewrite in .htaccess files would redirect it.
    pub(crate) fn keep_for_status_page(&mut self) {
        if !self.is_mapped_to_status_page() {
            return;
        }
        let Some(server) = self.server_rec() else { return };
        let before = self.rec().per_dir_config;
        self.rec_mut().per_dir_config = server.lookup_defaults;
        // mod_dir acts on folders.
        self.rec_mut().finfo.filetype = apr_filetype_e_APR_NOFILE;
        // SAFETY: httpd's request, whose sections it has found before.
        if unsafe { ap_location_walk(self.as_ptr()) } != OK as c_int {
            self.rec_mut().per_dir_config = before;
        }
    }
}
