//! Makes the gates from the configuration in the parent, and initialises each child.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use jiff::Timestamp;

use crate::config_tree;
use crate::error_log;
use crate::events::Events;
use crate::scopes;
use crate::server::{ServerConfig, config, flags, gates, server_root, servers};
use crate::status_location;
use crate::sys::bindings::{
    APLOG_ERR, APLOG_WARNING, HTTP_INTERNAL_SERVER_ERROR, OK, apr_pool_t,
    maintenance_is_first_reading, maintenance_is_test, maintenance_thread_stack, server_rec,
};
use crate::sys::guard::guard;
use crate::sys::kept_contents;
use crate::sys::pool::Pool;
use crate::sys::process;
use crate::sys::resolver;
use crate::sys::shared_memory;
use maintenance_core::directive::Settings;
use maintenance_core::engine::gate::{Flags, ServerContext};
use maintenance_core::events::EventSink;
use maintenance_core::flag::{self, Flag, FlagEvent, Observer, ShareSecret};
use maintenance_core::refusal::Refusals;
use maintenance_core::shared::slot::{MAX_SLOTS, StateTable};
use maintenance_core::shared::table::{Key, TableFull};
use maintenance_core::stats::Stats;
use maintenance_core::text::zone;

/// As with other modules, any value except OK and DECLINED stops the start, or the server if it is
/// restarting.
const FAILED: c_int = HTTP_INTERNAL_SERVER_ERROR as c_int;

/// The numbers of slots in the shared state table, by their keys.
type Numbers = BTreeMap<Key, usize>;

/// The module is tested with this `ThreadStackSize`, and needs less than that.
const SMALL_STACK: usize = 64 * 1024;

/// Called when the configuration is complete. Makes the gates.
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
/// `pool` must live as long as the configuration, and `temp_pool` must be live.
unsafe fn prepare(
    main: &server_rec,
    pool: *mut apr_pool_t,
    temp_pool: *mut apr_pool_t,
) -> Result<(), String> {
    // SAFETY: httpd's main server.
    if unsafe { maintenance_is_first_reading(main) } != 0 {
        return Ok(()); // at start, httpd reads the configuration twice; the first time only checks it
    }
    // SAFETY: the process pool outlives everything; `temp_pool` is the caller's.
    let (table, stats, root) = unsafe {
        let process_pool = (*main.process).pool;
        let (table, stats) =
            (shared_memory::segment(process_pool), shared_memory::segment(process_pool));
        (table, stats, server_root(temp_pool))
    };
    let no_memory = |status| format!("no shared memory (APR status {status})");
    let (table, stats): (&StateTable, _) = (table.map_err(no_memory)?, stats.map_err(no_memory)?);
    let root = root.ok_or("the ServerRoot is not a valid path")?;
    // Claim all slots at once, so that no key takes a slot that another key still needs.
    let keys = keys(main, &root);
    let numbers = table.claim_numbers(&keys).map_err(|error| error.to_string())?;
    let numbers: Numbers = keys.into_iter().zip(numbers).collect();
    let flags = make_flags(main, &root, table, &numbers).map_err(|error| error.to_string())?;
    let slot = |(key, number): (&Key, &usize)| Some((*key, table.places().get(*number)?));
    let slots = numbers.iter().filter_map(slot).collect();
    let names = settings(main).flat_map(|settings| settings.allow().names().collect::<Vec<_>>());
    let answers = resolver::resolve(names.collect());
    let hosts = settings(main).flat_map(|settings| settings.allow().host_names());
    resolver::tell_hosts(hosts, &answers);
    let resolved = answers.resolved;
    let (refusals, combinations) = (Refusals::default(), AtomicUsize::new(0));
    let (server_root, notices) = (root.clone(), Arc::default());
    let context =
        ServerContext { server_root, slots, resolved, flags, refusals, notices, combinations };
    let context = Arc::new(context);
    for config in servers(main).filter_map(config) {
        config.build_gates(&context)?;
    }
    status_location::find(main);
    if let Some(config) = config(main) {
        let _ = config.machine.set(process::machine()); // set once per configuration
    }
    // SAFETY: the caller guarantees that the pool and the servers are valid.
    unsafe { scopes::number(main, stats, Pool::from_raw(pool)) };
    tell(main, &root);
    look(main, Observer::Parent);
    for gate in gates(main) {
        gate.refusal().pages().prepare();
    }
    // SAFETY: the process pool outlives everything.
    unsafe { kept_contents::finish((*main.process).pool) };
    Ok(())
}

/// The settings of all servers whose engine is on, and of their sections.
fn settings(main: &server_rec) -> impl Iterator<Item = &Settings> {
    servers(main).filter_map(config).flat_map(ServerConfig::scopes)
}

/// The paths of all flags, without duplicates.
fn flag_paths(main: &server_rec, root: &Path) -> BTreeSet<PathBuf> {
    let servers = servers(main).filter_map(config).filter(|config| config.settings.is_on());
    let of_servers = servers.flat_map(|config| config.settings.flags(root));
    of_servers.chain(settings(main).flat_map(|settings| settings.own_flags().to_vec())).collect()
}

/// Makes all flags, without duplicates: a flag that closes several scopes is read once.
fn make_flags(
    main: &server_rec,
    root: &Path,
    table: &'static StateTable,
    numbers: &Numbers,
) -> Result<Flags, TableFull> {
    let zone = zone::of_server();
    let interval = config(main).map_or(Duration::ZERO, |config| config.settings.check_interval());
    let secret = config(main).and_then(|config| config.settings.share_secret());
    let secret = secret.map(ShareSecret::bytes).unwrap_or_default();
    let flag = |path: PathBuf| {
        let number = numbers.get(&flag::key(&path)).copied().ok_or(TableFull(MAX_SLOTS))?;
        let slot = table.places().get(number).ok_or(TableFull(MAX_SLOTS))?;
        let flag = Flag::new(path.clone(), slot, interval, zone.clone());
        let flag = flag.numbered(number).sharing(&secret);
        Ok((path, Arc::new(flag)))
    };
    flag_paths(main, root).into_iter().map(flag).collect()
}

/// The keys of all slots needed in the shared state table, without duplicates.
fn keys(main: &server_rec, root: &Path) -> Vec<Key> {
    let of_flags = flag_paths(main, root).into_iter().map(|path| flag::key(&path));
    let keys: BTreeSet<_> = of_flags.chain(settings(main).flat_map(Settings::keys)).collect();
    keys.into_iter().collect()
}

/// Checks the whole configuration, for `httpd -t` and at the first reading at start.
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
            // SAFETY: only reads a variable of httpd's.
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

/// Logs the warnings of a start.
fn warn(main: &server_rec, root: &Path) {
    if has_no_interval(main) {
        flag_paths(main, root).iter().for_each(|flag| warn_of_folder(flag, root));
    }
    config_tree::warn_of_cache(main);
    let mut said = BTreeSet::new();
    for settings in settings(main) {
        settings.allow().tell_odd(&mut |event| {
            if said.insert(format!("{event:?}")) {
                Events.file(event);
            }
        });
    }
}

/// Whether the parent may look at flags. An interval means that their file system may hang.
fn has_no_interval(main: &server_rec) -> bool {
    config(main).is_none_or(|config| config.settings.check_interval().is_zero())
}

fn warn_of_folder(flag: &Path, root: &Path) {
    let problems = flag::folder_problems(flag, root);
    problems.iter().for_each(|problem| error_log::warn_of_folder(flag, problem));
}

/// Logs at start which version this is, which flags are configured, and what may cause problems
/// later.
fn tell(main: &server_rec, root: &Path) {
    error_log::name_version();
    error_log::name_flags(flags(main).iter().map(|flag| flag.path()));
    for flag in flags(main) {
        // Only at the first start, so that a restart never waits for a file system that hangs.
        if flag.is_unknown() {
            warn_of_folder(flag.path(), root);
        }
    }
    let secret = config(main).and_then(|config| config.settings.share_secret());
    if let Some(secret) = secret {
        secret.tell_start(&mut |event| Events.file(event));
    }
    let mut files = BTreeSet::new();
    for gate in gates(main) {
        gate.tell_start(&mut |event| {
            // Two directives can name the same file.
            if files.insert(format!("{event:?}")) {
                Events.file(event);
            }
        });
    }
    config_tree::warn_of_cache(main);
    // SAFETY: only reads variables of httpd's, which are set while the configuration is read.
    let stack = unsafe { maintenance_thread_stack() };
    if (1..SMALL_STACK).contains(&stack) {
        let message = format!(
            "ThreadStackSize {stack} is small, and a stack overflow terminates the child; write \
             ThreadStackSize {SMALL_STACK} or more"
        );
        error_log::write(None, APLOG_WARNING, &message);
    }
    let shorts: BTreeSet<_> =
        gates(main).filter_map(|gate| gate.refusal().pages().short()).collect();
    for page in shorts {
        let message = format!(
            "the page {} has 512 bytes or less: some browsers replace it by their own error page",
            page.display()
        );
        error_log::write(None, APLOG_WARNING, &message);
    }
}

/// Looks at all flags and files, so that changes are noticed and logged.
fn look(main: &server_rec, observer: Observer) {
    if process::is_chrooted() && observer == Observer::Parent {
        return; // outside the chroot, the parent sees other files than its children
    }
    let report = &mut |event: FlagEvent<'_>| Events.flag(event);
    for flag in flags(main) {
        match observer {
            Observer::Parent => flag.look(observer, Timestamp::MIN, &Timestamp::now, report),
            Observer::Child => flag.begin(&Timestamp::now, report),
        };
    }
    // Children that are forked from now on start with these versions.
    for gate in gates(main) {
        gate.refresh(observer, &Events);
    }
}

/// Called when a child starts, with its final user ID. A flag that the child may not see is logged
/// as an error now, and not when the flag is used.
pub(crate) unsafe extern "C" fn child_init(_pool: *mut apr_pool_t, main: *mut server_rec) {
    guard(
        || {
            // SAFETY: httpd's list of servers lives as long as the child.
            let main = unsafe { &*main };
            process::begin();
            look(main, Observer::Child);
        },
        (),
    );
}

/// Called in the parent about every ten seconds, so that changes are logged even without requests.
pub(crate) unsafe extern "C" fn monitor(main: *mut server_rec) {
    // SAFETY: httpd's list of servers lives until the next restart.
    guard(|| look(unsafe { &*main }, Observer::Parent), ());
    // Otherwise entries of killed children would fill the table.
    guard(|| process::stats().map_or((), Stats::tidy), ());
}
