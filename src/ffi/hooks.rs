//! The moments at which httpd calls the module.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::bindings::{
    AP_SQ_MAIN_STATE, AP_SQ_MS_CREATE_PRE_CONFIG, APLOG_ERR, APLOG_WARNING, APR_HOOK_MIDDLE,
    APR_HOOK_REALLY_FIRST, DECLINED, HTTP_INTERNAL_SERVER_ERROR, OK, ap_hook_check_config,
    ap_hook_child_init, ap_hook_monitor, ap_hook_post_config, ap_hook_quick_handler,
    ap_state_query, ap_unixd_config, apr_pool_t, request_rec, server_rec,
};
use super::guard::guard;
use super::request::Request;
use super::server::{ServerConfig, config, server_root, servers};
use super::{log, resolver, shared};
use crate::board::{Board, BoardFull, Key, MAX_SLOTS};
use crate::flag::{self, Flag, Observer};
use crate::gate::{BLOCKED, Flags, Gate, Place, Verdict};
use crate::journal::Journal;
use crate::zone;

/// Any value but OK and DECLINED ends the start, and a restart too, as it does for all modules.
const FAILED: c_int = HTTP_INTERNAL_SERVER_ERROR as c_int;

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
                ap_hook_check_config(Some(check_config), none, none, middle);
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
    // All at once, so that none takes a slot that another one still wants.
    board.claim(&keys(main, &root)).map_err(|error| error.to_string())?;
    let flags = make_flags(main, &root, board).map_err(|error| error.to_string())?;
    let names: Vec<_> =
        on(main).flat_map(|config| config.settings.allow().names().collect::<Vec<_>>()).collect();
    let resolved = resolver::resolve(names);
    let place = Place { server_root: &root, board, resolved: &resolved, flags: &flags };
    for config in servers(main).filter_map(config) {
        config.build_gate(&place)?;
    }
    tell(main);
    look(main, Observer::Parent);
    for gate in gates(main) {
        gate.refusal().pages().prepare();
    }
    Ok(())
}

/// The configurations whose engine is on.
fn on(main: &server_rec) -> impl Iterator<Item = &ServerConfig> {
    servers(main).filter_map(config).filter(|config| config.settings.is_on())
}

/// The flags of all servers, each once: one that closes many of them is read once.
fn make_flags(main: &server_rec, root: &Path, board: &'static Board) -> Result<Flags, BoardFull> {
    let zone = zone::of_server();
    let paths = on(main).flat_map(|config| config.settings.flags(root));
    let flag = |path: PathBuf| {
        let slots = board.claim(&[flag::key(&path)])?;
        let slot = slots.first().copied().ok_or(BoardFull)?;
        Ok((path.clone(), Arc::new(Flag::new(path, slot, zone.clone()))))
    };
    paths.collect::<BTreeSet<_>>().into_iter().map(flag).collect()
}

/// The keys of everything that wants a slot on the board, each once.
fn keys(main: &server_rec, root: &Path) -> Vec<Key> {
    let mut keys: Vec<_> = on(main).flat_map(|config| config.settings.keys(root)).collect();
    keys.sort();
    keys.dedup();
    keys
}

/// `httpd -t`, and the first reading at start: what only the whole configuration shows.
unsafe extern "C" fn check_config(
    _pool: *mut apr_pool_t,
    _log_pool: *mut apr_pool_t,
    temp_pool: *mut apr_pool_t,
    main: *mut server_rec,
) -> c_int {
    guard(
        || {
            // SAFETY: httpd's live pool and its list of servers.
            let keys = unsafe { server_root(temp_pool).map(|root| keys(&*main, &root)) };
            if keys.is_none_or(|keys| keys.len() <= MAX_SLOTS) {
                return OK as c_int;
            }
            log::write(None, APLOG_ERR, &BoardFull.to_string());
            FAILED
        },
        || FAILED,
    )
}

/// The gates of all servers whose engine is on.
fn gates(main: &server_rec) -> impl Iterator<Item = &Gate> {
    servers(main).filter_map(|server| config(server)?.gate())
}

/// The flags of all gates, each once.
fn flags(main: &server_rec) -> Vec<&Flag<'static>> {
    let mut flags: Vec<_> = gates(main).flat_map(Gate::flags).map(|flag| &**flag).collect();
    flags.sort_by_key(|flag| flag.path());
    flags.dedup_by_key(|flag| flag.path());
    flags
}

/// Says at start what is looked for, and what will not go well later.
fn tell(main: &server_rec) {
    log::name_flags(flags(main).iter().map(|flag| flag.path()));
    for flag in flags(main) {
        if let Some(problem) = flag.folder_problem() {
            log::warn_of_folder(flag.path(), &problem);
        }
    }
    let shorts: BTreeSet<_> =
        gates(main).filter_map(|gate| gate.refusal().pages().short()).collect();
    for page in shorts {
        let message = format!(
            "the page {} has 512 bytes or less: some browsers show an error page of their own instead",
            page.display()
        );
        log::write(None, APLOG_WARNING, &message);
    }
}

/// Looks at all flags and files, for the sake of the log and of what is known.
fn look(main: &server_rec, observer: Observer) {
    // SAFETY: a look at a variable of httpd's, which is set while the configuration is read.
    let is_chrooted = unsafe { !ap_unixd_config.chroot_dir.is_null() };
    if is_chrooted && observer == Observer::Parent {
        return; // the parent is outside, and sees other files than its children
    }
    let now = Timestamp::now();
    for flag in flags(main) {
        if observer == Observer::Child {
            flag.forget();
        }
        flag.look(observer, now, &mut |news| log::Log.flag(news));
    }
    // Children that are forked from now on begin with these versions.
    for gate in gates(main) {
        gate.refresh(observer, &log::Log);
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
        || judge(&mut unsafe { Request::from_raw(r) }, lookup != 0),
        // SAFETY: the same; the handle above went with the panic.
        || after_panic(&mut unsafe { Request::from_raw(r) }),
    )
}

/// Decides once for each request of a client. Look-ups and subrequests are parts of a request
/// that has been decided, and so are internal redirects, except one to the ErrorDocument of a
/// request that httpd itself turned down before it came here (such as a malformed one).
fn judge(request: &mut Request, is_lookup: bool) -> c_int {
    if is_lookup || request.is_subrequest() {
        return DECLINED as c_int;
    }
    if let Some(label) = request.previous().and_then(|previous| previous.kept()) {
        request.keep(label);
        return DECLINED as c_int;
    }
    let Some(gate) = request.server().and_then(|server| config(server)?.gate()) else {
        return DECLINED as c_int;
    };
    #[cfg(feature = "provoke-panic")]
    request.provoke_panic();
    let verdict = gate.decide(request, &log::Log);
    request.keep(verdict.label());
    match verdict {
        Verdict::Open => DECLINED as c_int,
        Verdict::Allowed(admission) => {
            request.log_admission(&admission);
            DECLINED as c_int
        }
        Verdict::Blocked(closing) => match gate.refuse(request, &closing, &log::Log) {
            Some(answer) => request.answer(answer),
            None => request.refuse_plainly(),
        },
    }
}

/// The last known state decides, and nothing that might have caused the panic is used again.
fn after_panic(request: &mut Request) -> c_int {
    let last_known = || Some(config(request.server()?)?.gate()?.was_closed());
    if guard(|| last_known().unwrap_or(false), || true) {
        request.keep(BLOCKED);
        request.refuse_plainly()
    } else {
        DECLINED as c_int
    }
}
