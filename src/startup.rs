//! Makes the gates from the configuration in the parent, and initialises each child.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use jiff::Timestamp;

use crate::config_tree;
use crate::error_log;
use crate::events::Events;
use crate::scopes;
use crate::server::{OfAll, ServerConfig, config, flags, gates, of_all, server_root, servers};
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
use maintenance_core::allow::ScopeRules;
use maintenance_core::directive::Settings;
use maintenance_core::engine::gate::ServerContext;
use maintenance_core::engine::gates::{Gates, Section, SectionId};
use maintenance_core::engine::watches::Watches;
use maintenance_core::events::EventSink;
use maintenance_core::flag::flags::Flags;
use maintenance_core::flag::{self, Flag, FlagEvent, Observer, ShareSecret};
use maintenance_core::refusal::Refusals;
use maintenance_core::shared::slot::{MAX_SLOTS, Slot, StateTable};
use maintenance_core::shared::table::{Key, TableFull};
use maintenance_core::stats::Stats;
use maintenance_core::text::zone;

/// As with other modules, any value except OK and DECLINED stops the start, or the server if it is
/// restarting.
const FAILED: c_int = HTTP_INTERNAL_SERVER_ERROR as c_int;

/// The module is tested with this `ThreadStackSize`, and needs less than that.
const SMALL_STACK: usize = 64 * 1024;

/// Of how many folders a start warns one by one.
const MAX_FOLDERS: usize = 50;

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
    let keys = Keys::of(main, &root);
    let numbers = table.claim_numbers(&keys.all()).map_err(|error| error.to_string())?;
    let slot = |number: &usize| table.places().get(*number).ok_or(TableFull(MAX_SLOTS));
    let slots = numbers.iter().map(slot).collect::<Result<Vec<_>, _>>();
    let slots = slots.map_err(|error| error.to_string())?;
    let of_flags = numbers.iter().copied().zip(slots.iter().copied());
    let flags = make_flags(main, keys.flags, of_flags);
    let slots = keys.files.into_iter().zip(slots.into_iter().skip(flags.len())).collect();
    let rules = rules(main);
    let names = rules.iter().flat_map(|rules| rules.names());
    let answers = resolver::resolve(names.collect());
    resolver::tell_hosts(rules.iter().flat_map(|rules| rules.host_names()), &answers);
    let resolved = answers.resolved;
    let (refusals, combinations) = (Refusals::default(), AtomicUsize::new(0));
    let (server_root, notices, nobody) = (root.clone(), Arc::default(), Arc::default());
    let context = Arc::new(ServerContext {
        server_root,
        slots,
        resolved,
        flags,
        refusals,
        notices,
        combinations,
        nobody,
    });
    for config in servers(main).filter_map(config) {
        config.build_gates(&context)?;
    }
    if let Some(host) = of_outer_sections(main) {
        host.gates().into_iter().for_each(Gates::make_all);
    }
    if let Some(config) = config(main) {
        config.set_of_all(OfAll {
            status_locations: status_location::find(),
            machine: process::machine(),
            watches: Watches::of(gates(main)),
            context,
        });
    }
    // SAFETY: the caller guarantees that the pool and the servers are valid.
    unsafe { scopes::number(main, stats, Pool::from_raw(pool)) };
    tell(main, &root);
    look(main, Observer::Parent);
    watches(main).for_each(Watches::prepare);
    // SAFETY: the process pool outlives everything.
    unsafe { kept_contents::finish((*main.process).pool) };
    Ok(())
}

/// A virtual host whose engine is on, if that of the main server is off: the sections of the main
/// server apply in virtual hosts alone then.
fn of_outer_sections(main: &server_rec) -> Option<&ServerConfig> {
    let mut configs = servers(main).filter_map(config);
    let is_on = |config: &&ServerConfig| config.settings.is_on();
    configs.next().filter(|main| !is_on(main))?;
    configs.find(is_on)
}

/// The settings of all servers whose engine is on, and of their sections. Those of sections that
/// several servers have in common come once.
fn settings(main: &server_rec) -> impl Iterator<Item = &Settings> {
    let servers = servers(main).filter_map(config).filter(|config| config.settings.is_on());
    let own = servers.flat_map(|config| {
        std::iter::once(&config.settings).chain(settings_of(config.sections.own()))
    });
    let outer = of_outer_sections(main).into_iter();
    own.chain(outer.flat_map(|host| settings_of(host.sections.outer())))
}

fn settings_of<'s>(
    sections: impl Iterator<Item = (SectionId, &'s Section)>,
) -> impl Iterator<Item = &'s Settings> {
    sections.map(|(_, section)| &section.settings)
}

/// The lines of MaintenanceAllow of all scopes. Those that apply in several scopes come once.
fn rules(main: &server_rec) -> Vec<&ScopeRules> {
    let mut seen = BTreeSet::new();
    let rules = settings(main).flat_map(|settings| settings.allow().scopes());
    rules.filter(|rules| seen.insert(std::ptr::from_ref(*rules))).collect()
}

/// The keys of all slots needed in the shared state table, without duplicates.
struct Keys {
    flags: Vec<(Key, Arc<Path>)>,
    files: Vec<Key>,
}

impl Keys {
    fn of(main: &server_rec, root: &Path) -> Self {
        let flags = flag_paths(main, root).into_iter().map(|path| (flag::key(&path), path));
        let mut before: Option<&Settings> = None;
        let with_own_pages = settings(main).filter(|settings| {
            !before.replace(settings).is_some_and(|before| before.share_pages(settings))
        });
        let of_pages: BTreeSet<_> = with_own_pages.flat_map(Settings::page_keys).collect();
        let of_lists = rules(main).into_iter().flat_map(ScopeRules::keys);
        let files: BTreeSet<_> = of_pages.into_iter().chain(of_lists).collect();
        Self { flags: flags.collect(), files: files.into_iter().collect() }
    }

    fn all(&self) -> Vec<Key> {
        self.flags.iter().map(|(key, _)| *key).chain(self.files.iter().copied()).collect()
    }
}

/// The paths of all flags, without duplicates.
fn flag_paths(main: &server_rec, root: &Path) -> BTreeSet<Arc<Path>> {
    let servers = servers(main).filter_map(config).filter(|config| config.settings.is_on());
    let of_servers = servers.flat_map(|config| config.settings.flags(root));
    let own = settings(main).flat_map(|settings| settings.own_flags());
    of_servers.chain(own.cloned()).collect()
}

/// Makes all flags with their numbers and slots: a flag that closes several scopes is read once.
fn make_flags(
    main: &server_rec,
    paths: Vec<(Key, Arc<Path>)>,
    slots: impl Iterator<Item = (usize, &'static Slot)>,
) -> Flags {
    let zone = zone::of_server();
    let interval = config(main).map_or(Duration::ZERO, |config| config.settings.check_interval());
    let secret = config(main).and_then(|config| config.settings.share_secret());
    let secret = secret.map(ShareSecret::bytes).unwrap_or_default();
    let flag = |((_, path), (number, slot)): ((Key, Arc<Path>), (usize, &'static Slot))| {
        let flag = Flag::new(path, slot, interval, zone.clone());
        Arc::new(flag.numbered(number).sharing(&secret))
    };
    paths.into_iter().zip(slots).map(flag).collect()
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
            if Keys::of(main, &root).all().len() <= MAX_SLOTS {
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
        warn_of_folders(flag_paths(main, root).iter().map(|path| &**path), root);
    }
    config_tree::warn_of_cache(main);
    let mut said = BTreeSet::new();
    for rules in rules(main) {
        rules.tell_odd(&mut |event| {
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

/// Warns of the folders of these flags, of each folder once.
fn warn_of_folders<'f>(flags: impl Iterator<Item = &'f Path>, root: &Path) {
    let mut folders: BTreeMap<Option<&Path>, Vec<&Path>> = BTreeMap::new();
    flags.for_each(|flag| folders.entry(flag.parent()).or_default().push(flag));
    let problems = folders.values().filter_map(|flags| {
        let problems = flag::folder_problems(flags.first()?, root);
        (!problems.is_empty()).then_some((flags, problems))
    });
    let mut problems = problems.peekable();
    for (flags, problems) in problems.by_ref().take(MAX_FOLDERS) {
        problems.iter().for_each(|problem| error_log::warn_of_folder(flags, problem));
    }
    if problems.peek().is_some() {
        error_log::warn_of_more_folders(problems.count());
    }
}

/// Logs at start which version this is, which flags are configured, and what may cause problems
/// later.
fn tell(main: &server_rec, root: &Path) {
    error_log::name_version();
    let flags = flags(main).into_iter().flat_map(Flags::iter);
    error_log::name_flags(flags.clone().map(|flag| flag.path()));
    // Only at the first start, so that a restart never waits for a file system that hangs.
    let unknown = flags.filter(|flag| flag.is_unknown());
    warn_of_folders(unknown.map(|flag| flag.path()), root);
    let secret = config(main).and_then(|config| config.settings.share_secret());
    if let Some(secret) = secret {
        secret.tell_start(&mut |event| Events.file(event));
    }
    let mut files = BTreeSet::new();
    for watches in watches(main) {
        watches.tell_start(&mut |event| {
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
    for page in watches(main).flat_map(Watches::short_pages) {
        let message = format!(
            "the page {} has 512 bytes or less: some browsers replace it by their own error page",
            page.display()
        );
        error_log::write(None, APLOG_WARNING, &message);
    }
}

/// The files of all scopes; none before the configuration is complete.
fn watches(main: &server_rec) -> impl Iterator<Item = &Watches> {
    of_all(main).into_iter().map(|of_all| &of_all.watches)
}

/// Looks at the flags and files, so that changes are noticed and logged. Children that are forked
/// from now on start with these versions.
fn look(main: &server_rec, observer: Observer) {
    if process::is_chrooted() && observer == Observer::Parent {
        return; // outside the chroot, the parent sees other files than its children
    }
    let report = &mut |event: FlagEvent<'_>| Events.flag(event);
    if let Some(flags) = flags(main) {
        flags.look(observer, &Timestamp::now, report);
    }
    for watches in watches(main) {
        watches.refresh(observer, observer == Observer::Child, &Events);
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
