//! The moments at which httpd calls the module.

use std::ffi::c_int;

use super::bindings::{
    AP_SQ_MAIN_STATE, AP_SQ_MS_CREATE_PRE_CONFIG, APLOG_ERR, APLOG_WARNING, APR_HOOK_MIDDLE,
    APR_HOOK_REALLY_FIRST, DECLINED, HTTP_INTERNAL_SERVER_ERROR, OK, ap_hook_child_init,
    ap_hook_monitor, ap_hook_post_config, ap_hook_quick_handler, ap_state_query, apr_pool_t,
    request_rec, server_rec,
};
use super::guard::guard;
use super::request::Request;
use super::server::{config, server_root, servers};
use super::{log, shared};
use crate::flag::{self, Observer};
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

/// The configuration is complete: makes the gates.
unsafe extern "C" fn post_config(
    _pool: *mut apr_pool_t,
    _log_pool: *mut apr_pool_t,
    temp_pool: *mut apr_pool_t,
    main: *mut server_rec,
) -> c_int {
    // Any value but OK and DECLINED ends the start; a running server ends at a restart, too,
    // which is the way of all modules.
    const FAILED: c_int = HTTP_INTERNAL_SERVER_ERROR as c_int;
    guard(
        // SAFETY: httpd's live pool and its list of servers.
        || match unsafe { prepare(&*main, temp_pool) } {
            Ok(()) => OK as c_int,
            Err(cause) => {
                log::write(None, APLOG_ERR, &cause);
                FAILED
            }
        },
        || FAILED,
    )
}

/// # Safety
/// `temp_pool` is a live pool.
unsafe fn prepare(main: &server_rec, temp_pool: *mut apr_pool_t) -> Result<(), String> {
    // SAFETY: a look at a variable of httpd's.
    if unsafe { ap_state_query(AP_SQ_MAIN_STATE as c_int) } == AP_SQ_MS_CREATE_PRE_CONFIG as c_int {
        return Ok(()); // at start the configuration is read twice; this time for the check alone
    }
    // SAFETY: the pool of the process, which outlives everything; the caller's pool.
    let (board, root) = unsafe { (shared::board((*main.process).pool), server_root(temp_pool)) };
    let board = board.map_err(|status| format!("no shared memory (APR status {status})"))?;
    let root = root.ok_or("the ServerRoot is not a valid path")?;
    let configs = || servers(main).filter_map(config);
    let keys: Vec<_> = configs()
        .filter(|config| config.settings.is_on())
        .flat_map(|config| config.settings.flags(&root))
        .map(|path| flag::key(&path))
        .collect();
    board.retain(&keys);
    for config in configs() {
        config.build_gate(&root, board).map_err(|error| error.to_string())?;
    }
    warn(main);
    look(main, Observer::Parent);
    Ok(())
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
