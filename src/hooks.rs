//! The hooks that httpd calls for a request. Each hook asks the engine and carries out its
//! decision.
//!
//! | hook | requests |
//! |---|---|
//! | quick_handler | all requests, before httpd has found their sections |
//! | translate_name, header_parser | client requests, before and after mod_rewrite and other
//! modules; translate_name also takes requests for the status page |
//! | fixups | lookups that never reach a handler, and requests for the status page |
//! | handler | all requests that are about to be answered |

use std::ffi::c_int;

use crate::answer_marks;
use crate::request::Request;
use crate::startup;
use crate::status_handler;
use crate::status_location;
use crate::sys::bindings::{
    APR_HOOK_MIDDLE, APR_HOOK_REALLY_FIRST, DECLINED, HTTP_INTERNAL_SERVER_ERROR,
    ap_hook_child_init, ap_hook_fixups, ap_hook_handler, ap_hook_header_parser,
    ap_hook_post_config, ap_hook_quick_handler, ap_hook_translate_name, apr_pool_t,
    maintenance_find_functions, maintenance_hook_check_config, maintenance_hook_end,
    maintenance_hook_lasting, maintenance_hook_monitor, maintenance_hook_proxied,
    maintenance_hook_status, maintenance_hook_switch, request_rec,
};
use crate::sys::guard::{guard, guard_or};
use crate::tracking;
use maintenance_core::engine::{self, Hook};

/// Called by httpd after it has loaded the module.
pub(crate) unsafe extern "C" fn register(_pool: *mut apr_pool_t) {
    guard(
        || {
            maintenance_core::stack::provide(crate::sys::scratch_thread::deep);
            answer_marks::register();
            let (none, middle) = (std::ptr::null(), APR_HOOK_MIDDLE as c_int);
            // The first of all handlers: before mod_cache, which would answer from its cache and
            // also registers as "really first", and before mod_rewrite and mod_proxy.
            let first = APR_HOOK_REALLY_FIRST as c_int - 1;
            // SAFETY: the functions have the signatures of the hooks, and stay loaded for as long
            // as the hooks are registered. There are no predecessors or successors.
            unsafe {
                maintenance_find_functions();
                maintenance_hook_check_config(Some(startup::check_config));
                ap_hook_post_config(Some(startup::post_config), none, none, middle);
                ap_hook_child_init(Some(startup::child_init), none, none, middle);
                maintenance_hook_monitor(Some(startup::monitor));
                ap_hook_quick_handler(Some(quick_handler), none, none, first);
                ap_hook_translate_name(Some(translate_name), none, none, first);
                ap_hook_header_parser(Some(location_walked), none, none, first);
                ap_hook_fixups(Some(looked_up), none, none, first);
                ap_hook_handler(Some(handler), none, none, first);
                maintenance_hook_status(Some(status_handler::section));
                maintenance_hook_end(Some(tracking::ended));
                maintenance_hook_proxied(Some(tracking::proxied));
                maintenance_hook_lasting(Some(tracking::lasts));
                maintenance_hook_switch(Some(tracking::switched));
            }
        },
        (),
    );
}

/// Every request reaches this hook first; see [`Hook::Quick`].
unsafe extern "C" fn quick_handler(r: *mut request_rec, _lookup: c_int) -> c_int {
    // SAFETY: httpd's request, which this thread alone uses until the function returns.
    unsafe { guarded(r, |request| handle(request, Hook::Quick)) }
}

/// httpd has found the sections, and asks which module maps the request; see
/// [`Hook::LocationWalked`].
unsafe extern "C" fn translate_name(r: *mut request_rec) -> c_int {
    #[inline(never)]
    fn decide(request: &mut Request<'_>) -> c_int {
        let is_mapped = request.map_to_status_page();
        match handle(request, Hook::LocationWalked) {
            answer if answer == DECLINED as c_int => is_mapped,
            answer => answer,
        }
    }
    // SAFETY: as above.
    unsafe { unless_settled(r, |_| !status_location::is_configured(), decide) }
}

/// httpd has found the sections again; see [`Hook::LocationWalked`].
unsafe extern "C" fn location_walked(r: *mut request_rec) -> c_int {
    // SAFETY: as above.
    unsafe { unless_settled(r, |_| true, |request| handle(request, Hook::LocationWalked)) }
}

/// A module may have looked up a resource; see [`Hook::LookedUp`].
unsafe extern "C" fn looked_up(r: *mut request_rec) -> c_int {
    let decide = |request: &mut Request<'_>| {
        request.keep_for_status_page();
        handle(request, Hook::LookedUp)
    };
    // SAFETY: as above.
    unsafe { unless_settled(r, |request| !request.is_mapped_to_status_page(), decide) }
}

/// The request is about to be answered; see [`Hook::Handler`]. The status page comes before handlers
/// that do not look at the name of the handler (LuaMapHandler).
unsafe extern "C" fn handler(r: *mut request_rec) -> c_int {
    let decide = |request: &mut Request<'_>| match handle(request, Hook::Handler) {
        answer if answer == DECLINED as c_int && request.is_of_status_page() => {
            status_handler::answer(request)
        }
        answer => answer,
    };
    let begin = |request: &mut Request<'_>| {
        engine::begin_answer(request);
        !request.is_of_status_page()
    };
    // SAFETY: as above.
    unsafe { unless_settled(r, begin, decide) }
}

/// Most requests pass all hooks but the first one in this way: the decision still applies, and
/// `passes` finds nothing else to do. Both are a few comparisons, which cannot panic, so they are
/// outside of the guard, whose function is only entered for the other requests.
///
/// # Safety
/// As for [`guarded`].
#[inline(always)]
unsafe fn unless_settled(
    r: *mut request_rec,
    passes: impl FnOnce(&mut Request<'_>) -> bool,
    decide: impl FnOnce(&mut Request<'_>) -> c_int,
) -> c_int {
    #[inline(never)]
    unsafe fn otherwise(
        r: *mut request_rec,
        decide: impl FnOnce(&mut Request<'_>) -> c_int,
    ) -> c_int {
        // SAFETY: guaranteed by the caller.
        unsafe { guarded(r, decide) }
    }
    // SAFETY: guaranteed by the caller; the handle is dropped before the next one is made.
    unsafe {
        let mut request = Request::from_raw(r);
        match engine::is_settled(&request) && passes(&mut request) {
            true => DECLINED as c_int,
            false => otherwise(r, decide),
        }
    }
}

/// Calls `handle`, which must accept any lifetime of the request and therefore cannot keep a part
/// of it. Inlined, so that each hook has a specialised function.
///
/// # Safety
/// `r` must be a request of httpd's that only this thread uses until the function returns, and
/// whose pool lives longer.
#[inline(always)]
unsafe fn guarded(r: *mut request_rec, handle: impl FnOnce(&mut Request<'_>) -> c_int) -> c_int {
    guard_or(
        // SAFETY: guaranteed by the caller.
        || handle(&mut unsafe { Request::from_raw(r) }),
        // SAFETY: as above; the other handle was dropped during the panic.
        || after_panic(&mut unsafe { Request::from_raw(r) }),
        HTTP_INTERNAL_SERVER_ERROR as c_int,
    )
}

#[inline(always)]
fn handle(request: &mut Request<'_>, hook: Hook) -> c_int {
    let action = engine::handle(request, hook);
    request.carry_out(action)
}

#[cold]
fn after_panic(request: &mut Request<'_>) -> c_int {
    #[cfg(feature = "provoke-panic")]
    request.provoke_second_panic();
    let action = engine::panic::after_panic(request, |body| guard(body, ()));
    request.carry_out(action)
}
