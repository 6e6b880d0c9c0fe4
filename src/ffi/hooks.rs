//! The moments at which httpd calls the module.

use std::ffi::c_int;

use super::bindings::{
    APLOG_ERR, APLOG_WARNING, APR_HOOK_MIDDLE, APR_HOOK_REALLY_FIRST, DECLINED,
    HTTP_INTERNAL_SERVER_ERROR, OK, ap_hook_child_init, ap_hook_monitor, ap_hook_post_config,
    ap_hook_quick_handler, apr_pool_t, request_rec, server_rec,
};
use super::guard::guard;
use super::request::Request;
use super::server::{config, server_root, servers};
use super::{log, shared};
use crate::flag::Observer;
use crate::gate::Verdict;

/// httpd's call after it has loaded the module.
pub(super) unsafe extern "C" fn register(_pool: *mut apr_pool_t) {
    guard(
        || {
            let (none, middle) = (std::ptr::null(), APR_HOOK_MIDDLE as c_int);
            // Before mod_cache's quick handler, which would answer from its cache.
            let first = APR_HOOK_REALLY_FIRST as c_int;
            // SAFETY: the functions have the signatures that the hooks want, and stay loaded
            // for as long as the hooks are registered. No predecessors, no successors.
            unsafe {
                ap_hook_post_config(Some(post_config), none, none, middle);
                ap_hook_child_init(Some(child_init), none, none, middle);
                ap_hook_monitor(Some(monitor), none, none, middle);
                ap_hook_quick_handler(Some(quick_handler), none, none, first);
            }
        },
        || (),
    );
}

/// The configuration is complete: makes the gates. httpd reads its configuration twice at
/// start; the first time there is no error log yet, so only the second one looks at the flags.
unsafe extern "C" fn post_config(
    pool: *mut apr_pool_t,
    _log_pool: *mut apr_pool_t,
    temp_pool: *mut apr_pool_t,
    main: *mut server_rec,
) -> c_int {
    let start = || {
        // SAFETY: httpd's live pools and its list of servers; the process outlives them all.
        let (shared, root, main) = unsafe {
            (shared::flag_table((*(*main).process).pool), server_root(temp_pool), &*main)
        };
        let _ = pool;
        let shared = shared.map_err(|status| format!("no shared memory (APR status {status})"))?;
        let root = root.ok_or("the ServerRoot is not a valid path")?;
        if shared.is_new {
            return Ok(());
        }
        let configs = || servers(main).filter_map(config);
        let flags: Vec<_> = configs()
            .filter(|config| config.settings.is_on())
            .flat_map(|config| config.settings.flags(&root))
            .collect();
        shared.table.retain(&flags);
        for config in configs() {
            config.build_gate(&root, shared.table).map_err(|error| error.to_string())?;
        }
        warn(main);
        look(main, Observer::Parent);
        Ok::<(), String>(())
    };
    let checked = || match start() {
        Ok(()) => OK as c_int,
        Err(cause) => {
            log::write(None, APLOG_ERR, &cause);
            HTTP_INTERNAL_SERVER_ERROR as c_int // any value but OK and DECLINED ends the start
        }
    };
    guard(checked, || HTTP_INTERNAL_SERVER_ERROR as c_int)
}

/// Says at start what will not go well later.
fn warn(main: &server_rec) {
    let mut warned = Vec::new();
    for gate in servers(main).filter_map(|server| config(server)?.gate()) {
        for flag in gate.flags() {
            if let Some(problem) = flag.folder_problem()
                && !warned.contains(&flag.path())
            {
                warned.push(flag.path());
                log::warn_of_folder(flag.path(), &problem);
            }
        }
    }
    let short = |server| config(server)?.gate().filter(|gate| gate.refusal().page.is_short());
    if servers(main).any(|server| short(server).is_some()) {
        log::write(
            None,
            APLOG_WARNING,
            "a MaintenancePage has 512 bytes or less: some browsers show an error page of their \
             own instead",
        );
    }
}

fn look(main: &server_rec, observer: Observer) {
    for gate in servers(main).filter_map(|server| config(server)?.gate()) {
        gate.look(observer, &mut log::report);
    }
}

/// A child starts, with its final user id: a flag that it may not see is an error now, and not
/// when the flag is needed.
unsafe extern "C" fn child_init(_pool: *mut apr_pool_t, main: *mut server_rec) {
    // SAFETY: httpd's list of servers, as long as the child lives.
    guard(|| look(unsafe { &*main }, Observer::Child), || ());
}

/// The parent, about every ten seconds: openings and closings are logged without requests, too.
unsafe extern "C" fn monitor(_pool: *mut apr_pool_t, main: *mut server_rec) -> c_int {
    // SAFETY: httpd's list of servers, until the next restart.
    guard(|| look(unsafe { &*main }, Observer::Parent), || ());
    DECLINED as c_int
}

/// A request, before anything else is done for it.
unsafe extern "C" fn quick_handler(r: *mut request_rec, lookup: c_int) -> c_int {
    guard(
        // SAFETY: httpd's request, which this thread alone uses until the function returns.
        || judge(unsafe { Request::from_raw(r) }, lookup != 0),
        // SAFETY: the same; the borrow above ended with the panic.
        || after_panic(unsafe { Request::from_raw(r) }),
    )
}

/// Decides once for each request of a client. Look-ups and subrequests are parts of a request
/// that has been decided, and so are internal redirects, except one to the ErrorDocument of a
/// request that httpd itself turned down before it came here (such as a malformed one).
fn judge(request: &mut Request, is_lookup: bool) -> c_int {
    if is_lookup || request.is_subrequest() {
        return DECLINED as c_int;
    }
    if let Some(verdict) = request.previous().and_then(Request::verdict) {
        request.keep(verdict);
        return DECLINED as c_int;
    }
    let Some(gate) = request.server().and_then(|server| config(server)?.gate()) else {
        return DECLINED as c_int;
    };
    #[cfg(feature = "provoke-panic")]
    request.provoke_panic();
    let verdict = gate.decide(request, &mut log::report);
    request.keep(verdict);
    match verdict {
        Verdict::Open | Verdict::Allowed(_) => DECLINED as c_int,
        Verdict::Blocked => request.refuse(gate.refusal()),
    }
}

/// The last known state decides, and nothing that might have caused the panic is used again.
fn after_panic(request: &mut Request) -> c_int {
    let last_known = || Some(config(request.server()?)?.gate()?.was_closed());
    if guard(|| last_known().unwrap_or(false), || true) {
        request.keep(Verdict::Blocked);
        request.refuse_plainly()
    } else {
        DECLINED as c_int
    }
}
