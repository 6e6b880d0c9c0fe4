//! Makes a request temporarily stand in for a hypothetical one.
//!
//! httpd always gets its own request and connection and never copies: in the running server these
//! structures may be longer than in the server for which the module was built.

use std::ffi::{CString, c_char, c_int};
use std::mem::{self, MaybeUninit};
use std::net::IpAddr;

use crate::request::Request;
use crate::sys::bindings::{
    APR_INET, APR_INET6, ap_conf_vector_t, apr_table_t, apr_uri_t, maintenance_client,
    maintenance_reset_client, maintenance_set_client, request_rec, server_rec,
};
use maintenance_core::allow::invitations::cookie::InviteCookie;

macro_rules! overlay {
    ($($field:ident: $kind:ty,)*) => {
        /// The fields of a request that distinguish the hypothetical request from the real one, or
        /// that httpd may change while it processes the hypothetical request.
        #[derive(Clone, Copy)]
        pub(crate) struct Overlay {
            $(pub(crate) $field: $kind,)*
        }

        impl Overlay {
            fn swap(&mut self, rec: &mut request_rec) {
                $(mem::swap(&mut self.$field, &mut rec.$field);)*
            }
        }
    };
}

overlay! {
    main: *mut request_rec,
    prev: *mut request_rec,
    server: *mut server_rec,
    per_dir_config: *mut ap_conf_vector_t,
    proxyreq: c_int,
    proto_num: c_int,
    protocol: *mut c_char,
    status: c_int,
    method: *const c_char,
    method_number: c_int,
    header_only: c_int,
    the_request: *mut c_char,
    unparsed_uri: *mut c_char,
    parsed_uri: apr_uri_t,
    uri: *mut c_char,
    args: *mut c_char,
    filename: *mut c_char,
    canonical_filename: *mut c_char,
    path_info: *mut c_char,
    hostname: *const c_char,
    handler: *const c_char,
    content_type: *const c_char,
    user: *mut c_char,
    ap_auth_type: *mut c_char,
    headers_in: *mut apr_table_t,
    headers_out: *mut apr_table_t,
    err_headers_out: *mut apr_table_t,
    notes: *mut apr_table_t,
    subprocess_env: *mut apr_table_t,
}

/// Restores the fields of a request when dropped.
struct Overlaid<'a, 'r> {
    request: &'a mut Request<'r>,
    own: Overlay,
    invite_cookie: Option<&'r InviteCookie<'r>>,
}

impl Drop for Overlaid<'_, '_> {
    fn drop(&mut self) {
        self.own.swap(self.request.rec_mut());
        self.request.swap_invite_cookie(self.invite_cookie);
    }
}

/// Restores the client of a request and its connection when dropped.
struct AsClient<'a, 'r> {
    request: &'a mut Request<'r>,
    own: maintenance_client,
}

impl Drop for AsClient<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: the same request, and the values saved from it.
        unsafe { maintenance_reset_client(self.request.as_ptr(), &self.own) };
    }
}

impl Request<'_> {
    /// Calls `act` while the request has the fields of the overlay, and then restores them, even if
    /// `act` panics.
    ///
    /// # Safety
    /// The fields of the overlay must be valid for httpd, and everything that they point to must
    /// live at least as long as the request's pool.
    pub(crate) unsafe fn overlaid<T>(
        &mut self,
        mut overlay: Overlay,
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        overlay.swap(self.rec_mut());
        let invite_cookie = self.swap_invite_cookie(None);
        let playing = Overlaid { request: self, own: overlay, invite_cookie };
        act(&mut *playing.request)
    }

    /// Calls `act` while the request comes from this client. Returns None without calling it if
    /// httpd cannot parse the address.
    pub(crate) fn as_client<T>(
        &mut self,
        client: IpAddr,
        act: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let client = client.to_canonical();
        let family = if client.is_ipv4() { APR_INET } else { APR_INET6 };
        let address = CString::new(client.to_string()).ok()?;
        let mut own = MaybeUninit::uninit();
        // SAFETY: httpd's request and its connection; the text is copied. `own` is initialised if
        // the function succeeds.
        let own = unsafe {
            let (address, family) = (address.as_ptr(), family as c_int);
            let is_set =
                maintenance_set_client(self.as_ptr(), address, family, own.as_mut_ptr()) != 0;
            is_set.then(|| own.assume_init())?
        };
        let disguised = AsClient { request: self, own };
        Some(act(&mut *disguised.request))
    }
}
