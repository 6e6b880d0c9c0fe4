//! From the configuration to gates, in the parent and in each child.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use jiff::Timestamp;

use crate::config_tree;
use crate::error_log;
use crate::scopes;
use crate::server::{ServerConfig, config, server_root, servers};
use crate::sys::bindings::{
    APLOG_ERR, APLOG_WARNING, HTTP_INTERNAL_SERVER_ERROR, OK, apr_pool_t, maintenance_is_chrooted,
    maintenance_is_first_reading, maintenance_is_test, maintenance_main_server,
    maintenance_thread_stack, server_rec,
};
use crate::sys::guard::guard;
use crate::sys::kept_contents;
use crate::sys::pool::Pool;
use crate::sys::process;
use crate::sys::resolver;
use crate::sys::shared_memory;
use maintenance_core::directive::Settings;
use maintenance_core::engine::gate::{Flags, Gate, ServerContext};
use maintenance_core::engine::gates::Gates;
use maintenance_core::events::EventSink;
use maintenance_core::flag::{self, Flag, FlagEvent, Observer};
use maintenance_core::refusal::Refusals;
use maintenance_core::shared::slot::{MAX_SLOTS, StateTable};
use maintenance_core::shared::table::{Key, TableFull};
use maintenance_core::stats::Stats;
use maintenance_core::text::zone;

/// Any value but OK and DECLINED ends the start, and a restart too, as it does for all modules.
const FAILED: c_int = HTTP_INTERNAL_SERVER_ERROR as c_int;

/// The numbers of places on the board, by their keys.
type Numbers = BTreeMap<Key, usize>;

/// With this `ThreadStackSize` everything that the module does is tried, with room to spare.
const SMALL_STACK: usize = 64 * 1024;

/// The configuration is complete: makes the gates.
pub(crate) unsafe extern "C" fn post_config(
    pool: *mut apr_pool_t,
    _log_pool: *mut apr_pool_t,
    temp_pool: *mut apr_pool_t,
    main: *mut server_rec,
) -> c_int {
    guard(
        // SAFETY: httpd's live pools and its list of servers.
        || match unsafe { prepare(&*main, pool, temp_pool) } {
            Ok(()) => OK as c_int,
            Err(cause) => {
                error_log::write(None, APLOG_ERR, &cause);
                FAILED
            }
        },
        FAILED,
    )
}

/// # Safety
/// `pool` is live, as long as the configuration, and `temp_pool` is live.
unsafe fn prepare(
    main: &server_rec,
    pool: *mut apr_pool_t,
    temp_pool: *mut apr_pool_t,
) -> Result<(), String> {
    // SAFETY: httpd's main server.
    if unsafe { maintenance_is_first_reading(main) } != 0 {
        return Ok(()); // at start the configuration is read twice; this time for the check alone
    }
    // SAFETY: the pool of the process, which outlives everything; the caller's pool.
    let (table, stats, root) = unsafe {
        let process_pool = (*main.process).pool;
        let (table, stats) =
            (shared_memory::segment(process_pool), shared_memory::segment(process_pool));
        (table, stats, server_root(temp_pool))
    };
    let no_memory = |status| format!("no shared memory (APR status {status})");
    let (table, stats): (&StateTable, _) = (table.map_err(no_memory)?, stats.map_err(no_memory)?);
    let root = root.ok_or("the ServerRoot is not a valid path")?;
    // All at once, so that none takes a slot that another one still wants.
    let keys = keys(main, &root);
    let numbers = table.claim_numbers(&keys).map_err(|error| error.to_string())?;
    let numbers: Numbers = keys.into_iter().zip(numbers).collect();
    let flags = make_flags(main, &root, table, &numbers).map_err(|error| error.to_string())?;
    let slot = |(key, number): (&Key, &usize)| Some((*key, table.places().get(*number)?));
    let slots = numbers.iter().filter_map(slot).collect();
    let names = settings(main).flat_map(|settings| settings.allow().names().collect::<Vec<_>>());
    let resolved = resolver::resolve(names.collect());
    let hosts = settings(main).flat_map(|settings| settings.allow().host_names());
    resolver::tell_hosts(hosts, &resolved);
    let (refusals, combinations) = (Refusals::default(), AtomicUsize::new(0));
    let server_root = root.clone();
    let place =
        Arc::new(ServerContext { server_root, slots, resolved, flags, refusals, combinations });
    for config in servers(main).filter_map(config) {
        config.build_gates(&place)?;
    }
    // SAFETY: the caller vouches for the pool and the servers.
    unsafe { scopes::number(main, stats, Pool::from_raw(pool)) };
    tell(main, &root);
    look(main, Observer::Parent);
    for gate in gates(main) {
        gate.refusal().pages().prepare();
    }
    // SAFETY: the pool of the process, which outlives everything.
    unsafe { kept_contents::finish((*main.process).pool) };
    Ok(())
}

/// What the servers whose engine is on and their sections say, each for itself.
fn settings(main: &server_rec) -> impl Iterator<Item = &Settings> {
    servers(main).filter_map(config).flat_map(ServerConfig::scopes)
}

/// The paths of all flags, each once.
fn flag_paths(main: &server_rec, root: &Path) -> BTreeSet<PathBuf> {
    let servers = servers(main).filter_map(config).filter(|config| config.settings.is_on());
    let of_servers = servers.flat_map(|config| config.settings.flags(root));
    of_servers.chain(settings(main).flat_map(|settings| settings.own_flags().to_vec())).collect()
}

/// All flags, each once: one that closes several scopes is read once.
fn make_flags(
    main: &server_rec,
    root: &Path,
    table: &'static StateTable,
    numbers: &Numbers,
) -> Result<Flags, TableFull> {
    let zone = zone::of_server();
    let interval = config(main).map_or(Duration::ZERO, |config| config.settings.check_interval());
    let flag = |path: PathBuf| {
        let number = numbers.get(&flag::key(&path)).copied().ok_or(TableFull(MAX_SLOTS))?;
        let slot = table.places().get(number).ok_or(TableFull(MAX_SLOTS))?;
        let flag = Flag::new(path.clone(), slot, interval, zone.clone()).numbered(number);
        Ok((path, Arc::new(flag)))
    };
    flag_paths(main, root).into_iter().map(flag).collect()
}

/// The keys of everything that wants a slot on the board, each once.
fn keys(main: &server_rec, root: &Path) -> Vec<Key> {
    let of_flags = flag_paths(main, root).into_iter().map(|path| flag::key(&path));
    let keys: BTreeSet<_> = of_flags.chain(settings(main).flat_map(Settings::keys)).collect();
    keys.into_iter().collect()
}

/// `httpd -t`, and the first reading at start: what only the whole configuration shows.
pub(crate) unsafe extern "C" fn check_config(
    _pool: *mut apr_pool_t,
    _log_pool: *mut apr_pool_t,
    temp_pool: *mut apr_pool_t,
    main: *mut server_rec,
) -> c_int {
    guard(
        || {
            // SAFETY: httpd's live pool and its list of servers.
            let (main, root) = unsafe { (&*main, server_root(temp_pool)) };
            let Some(root) = root else { return OK as c_int };
            // SAFETY: asks for a number of httpd's.
            if unsafe { maintenance_is_test() } != 0 {
                warn(main, &root);
            }
            if keys(main, &root).len() <= MAX_SLOTS {
                return OK as c_int;
            }
            error_log::write(None, APLOG_ERR, &TableFull(MAX_SLOTS).to_string());
            FAILED
        },
        FAILED,
    )
}

/// Says what a start would say of the configuration, and of the files that could be read.
fn warn(main: &server_rec, root: &Path) {
    if are_looks_free(main) {
        flag_paths(main, root).iter().for_each(|flag| warn_of_folder(flag, root));
    }
    config_tree::warn_of_cache(main);
    let mut said = BTreeSet::new();
    for settings in settings(main) {
        settings.allow().tell_odd(&mut |event| {
            if said.insert(format!("{event:?}")) {
                error_log::Log.file(event);
            }
        });
    }
}

/// Are flags looked at without further ado? Else the file system that they are on may hang.
fn are_looks_free(main: &server_rec) -> bool {
    config(main).is_none_or(|config| config.settings.check_interval().is_zero())
}

fn warn_of_folder(flag: &Path, root: &Path) {
    let problems = flag::folder_problems(flag, root);
    problems.iter().for_each(|problem| error_log::warn_of_folder(flag, problem));
}

/// The gates of all servers whose engine is on, and of their sections.
pub(crate) fn gates(main: &server_rec) -> impl Iterator<Item = &Gate> {
    servers(main).filter_map(|server| config(server)?.gates()).flat_map(Gates::all)
}

/// The flags of all gates, each once.
pub(crate) fn flags(main: &server_rec) -> Vec<&Flag<'static>> {
    let mut flags: Vec<_> = gates(main).flat_map(Gate::flags).map(|flag| &**flag).collect();
    flags.sort_by_key(|flag| flag.path());
    flags.dedup_by_key(|flag| flag.path());
    flags
}

/// Says at start what is looked for, and what will not go well later.
fn tell(main: &server_rec, root: &Path) {
    error_log::name_flags(flags(main).iter().map(|flag| flag.path()));
    for flag in flags(main) {
        // Once: a restart is not to wait for a file system that hangs.
        if flag.is_unknown() {
            warn_of_folder(flag.path(), root);
        }
    }
    let mut files = BTreeSet::new();
    for gate in gates(main) {
        gate.tell_start(&mut |event| {
            // Two directives can name one file.
            if files.insert(format!("{event:?}")) {
                error_log::Log.file(event);
            }
        });
    }
    config_tree::warn_of_cache(main);
    // SAFETY: looks at variables of httpd's, which are set while the configuration is read.
    let stack = unsafe { maintenance_thread_stack() };
    if (1..SMALL_STACK).contains(&stack) {
        let message = format!(
            "ThreadStackSize {stack} is small, and a thread whose stack ends takes its child down; write \
             ThreadStackSize {SMALL_STACK} or more"
        );
        error_log::write(None, APLOG_WARNING, &message);
    }
    let shorts: BTreeSet<_> =
        gates(main).filter_map(|gate| gate.refusal().pages().short()).collect();
    for page in shorts {
        let message = format!(
            "the page {} has 512 bytes or less: some browsers show an error page of their own instead",
            page.display()
        );
        error_log::write(None, APLOG_WARNING, &message);
    }
}

/// Do the children see other files than the parent?
pub(crate) fn is_chrooted() -> bool {
    // SAFETY: a look at a variable of httpd's, which is set while the configuration is read.
    unsafe { maintenance_is_chrooted() != 0 }
}

/// Looks at all flags and files, for the sake of the log and of what is known.
fn look(main: &server_rec, observer: Observer) {
    if is_chrooted() && observer == Observer::Parent {
        return; // the parent is outside, and sees other files than its children
    }
    let report = &mut |event: FlagEvent<'_>| error_log::Log.flag(event);
    for flag in flags(main) {
        match observer {
            Observer::Parent => flag.look(observer, Timestamp::MIN, &Timestamp::now, report),
            Observer::Child => flag.begin(&Timestamp::now, report),
        };
    }
    // Children that are forked from now on begin with these versions.
    for gate in gates(main) {
        gate.refresh(observer, &error_log::Log);
    }
}

/// A flag closes its scope. Where all was open until then, the list of those who are refused begins
/// anew: those of an earlier closing are no help.
pub(crate) fn closed(flag: &Path) {
    // SAFETY: httpd's main server, as long as the process has this configuration.
    let Some(main) = (unsafe { maintenance_main_server().as_ref() }) else { return };
    let is_first = !flags(main).iter().any(|other| other.path() != flag && other.was_closing());
    if let Some(stats) = process::stats().filter(|_| is_first) {
        stats.refused().clear(Timestamp::now());
    }
}

/// A child starts, with its final user id: a flag that it may not see is an error now, and not
/// when the flag is needed.
pub(crate) unsafe extern "C" fn child_init(_pool: *mut apr_pool_t, main: *mut server_rec) {
    guard(
        || {
            // SAFETY: httpd's list of servers, as long as the child lives.
            let main = unsafe { &*main };
            process::begin();
            look(main, Observer::Child);
        },
        (),
    );
}

/// The parent, about every ten seconds: openings and closings are logged without requests, too.
pub(crate) unsafe extern "C" fn monitor(main: *mut server_rec) {
    // SAFETY: httpd's list of servers, until the next restart.
    guard(|| look(unsafe { &*main }, Observer::Parent), ());
    // What killed children have left behind is not to fill the table.
    guard(|| process::stats().map_or((), Stats::tidy), ());
}
