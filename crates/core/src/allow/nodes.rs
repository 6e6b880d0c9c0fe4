//! A plugin-cfg.xml file and the addresses of its host names.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use jiff::Timestamp;
use nix::sys::signal::{SigSet, SigmaskHow};

use super::plugin_cfg::{self, Host, PluginCfg};
use crate::file::kept::{Keeper, Keeping, Use};
use crate::file::watched::{FileEvent, Watched};
use crate::flag::Observer;
use crate::net::hosts::{self, Resolved};
use crate::net::network;
use crate::net::networks::{Entry, Networks};

/// What a plugin-cfg.xml file admits.
#[derive(Debug, Default)]
struct Nodes {
    /// The hosts in file order, with their lines.
    hosts: Arc<[(Host, u32)]>,
    /// The networks of the hosts. Their numbers are lines.
    networks: Networks,
    /// Names that have not been resolved yet.
    unknown: Vec<String>,
    /// Elements of the file that admit nobody.
    odd: Arc<[String]>,
}

/// A plugin-cfg.xml file and the addresses of its host names.
pub struct NodeFile {
    file: Watched<Nodes>,
    known: Arc<Mutex<Resolved>>,
    resolving: Mutex<Resolving>,
    /// Whether there is an outcome that has not been reported yet.
    has_outcome: AtomicBool,
    resolver: Resolver,
}

/// How names are resolved.
struct Resolver {
    find: fn(&str) -> Vec<IpAddr>,
    /// How long to wait before trying failed names again.
    retry: Duration,
}

/// The state of resolving the names of a new version.
#[derive(Default)]
struct Resolving {
    /// The process whose thread resolves the names. After a fork, the child does not have that
    /// thread.
    process: Option<u32>,
    /// When the last attempt began.
    last: Option<Instant>,
    /// The names that did not resolve, until they have been reported.
    outcome: Option<Vec<String>>,
}

impl NodeFile {
    /// Opens a plugin-cfg.xml file.
    ///
    /// # Errors
    /// The reason why the file cannot be used.
    pub fn open(path: PathBuf, keeper: Option<&'static dyn Keeper>) -> Result<Self, String> {
        let known = Arc::new(Mutex::new(HashMap::new()));
        let book = Arc::clone(&known);
        let parse = move |content: &[u8]| match plugin_cfg::parse(content) {
            Ok(found) => Ok(Nodes::new(found, &lock(&book))),
            Err(error) => Err(error.to_string()),
        };
        let keeping =
            keeper.map(|keeper| Keeping { keeper, of: Use::PluginCfg, nothing: Nodes::default });
        let file = Watched::open(path, plugin_cfg::MAX_SIZE, Box::new(parse), keeping)?;
        Ok(Self {
            file,
            known,
            resolving: Mutex::default(),
            has_outcome: AtomicBool::new(false),
            resolver: Resolver { find: hosts::resolve, retry: Duration::from_secs(30) },
        })
    }

    /// The watched file, for its path and its slot.
    pub fn file(&self) -> &Watched<impl Sized + use<>> {
        &self.file
    }

    /// The first `limit` networks, whose numbers are the lines of their Transports, and the total
    /// number of networks.
    pub fn first(&self, limit: usize) -> (Vec<Entry>, usize) {
        let nodes = self.file.get();
        let first = |nodes: &Nodes| nodes.networks.iter().take(limit).collect();
        nodes.map(|nodes| (first(&nodes), nodes.networks.len())).unwrap_or_default()
    }

    /// The network and the line of a Transport with this address.
    pub fn find(&self, address: IpAddr) -> Option<(IpNet, u32)> {
        self.file.get()?.networks.find(address, Timestamp::now) // nothing expires
    }

    /// Names that have not been resolved yet.
    pub fn unknown_names(&self) -> Vec<String> {
        self.file.get().map(|nodes| nodes.unknown.clone()).unwrap_or_default()
    }

    /// Elements of the file that admit nobody.
    pub fn odd(&self) -> Arc<[String]> {
        self.file.get().map(|nodes| Arc::clone(&nodes.odd)).unwrap_or_default()
    }

    /// Stores the addresses of names, before the server accepts requests.
    pub fn learn(&self, resolved: &Resolved) {
        self.resolving.lock().unwrap_or_else(PoisonError::into_inner).last = Some(Instant::now());
        let names = self.unknown_names();
        let found = names.iter().filter_map(|name| resolved.get_key_value(name));
        let found: Resolved = found.map(|(name, found)| (name.clone(), found.clone())).collect();
        if !found.is_empty() {
            lock(&self.known).extend(found);
            self.file.remake(|nodes| nodes.with(&lock(&self.known)));
        }
    }

    /// Reports elements that admit nobody and names that do not resolve. The parent calls this
    /// before it forks.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        self.file.tell_start(report);
        let unknown = self.unknown_names();
        if unknown.is_empty() {
            self.file.tell_names(&[], report);
        }
        self.file.forget_told();
        if !unknown.is_empty() {
            self.file.tell_names(&unknown, report);
        }
        self.file.tell_odd(&self.odd(), report);
    }

    /// Looks for a new version, as [`Watched::refresh`] does. From time to time a thread retries
    /// the names that are still unknown; their addresses are admitted once they resolve. The parent
    /// starts no such thread, because after a restart the thread would return to code that has been
    /// unloaded.
    pub fn refresh(self: &Arc<Self>, observer: Observer, report: &mut dyn FnMut(FileEvent<'_>)) {
        let has_changed = self.file.refresh(report);
        let is_known = self.file.get().is_none_or(|nodes| nodes.unknown.is_empty());
        if has_changed {
            self.file.tell_odd(&self.odd(), report);
            if is_known {
                self.file.tell_names(&[], report);
            }
        }
        let is_over = is_known && !self.has_outcome.load(Ordering::Acquire);
        if is_over || observer == Observer::Parent {
            return;
        }
        let Ok(mut state) = self.resolving.try_lock() else {
            return; // another thread has the lock
        };
        if let Some(names) = state.outcome.take() {
            self.has_outcome.store(false, Ordering::Release);
            self.file.tell_names(&names, report);
        }
        let retry = self.resolver.retry;
        let is_due = has_changed || state.last.is_none_or(|last| last.elapsed() >= retry);
        let process = std::process::id();
        if !is_known && is_due && state.process != Some(process) {
            state.last = Some(Instant::now());
            let this = Arc::clone(self);
            state.process = spawn(move || this.resolve()).then_some(process);
        }
    }

    /// Runs in the resolver thread.
    fn resolve(&self) {
        let mut failed = Vec::new();
        for name in self.unknown_names() {
            let addresses = (self.resolver.find)(&name);
            match addresses.is_empty() {
                true => failed.push(name),
                false => drop(lock(&self.known).insert(name, addresses)),
            }
        }
        self.file.remake(|nodes| nodes.with(&lock(&self.known)));
        let mut state = self.resolving.lock().unwrap_or_else(PoisonError::into_inner);
        state.process = None;
        state.outcome = Some(failed);
        self.has_outcome.store(true, Ordering::Release);
    }
}

impl Nodes {
    fn new(found: PluginCfg, known: &Resolved) -> Self {
        let odd = found.odd.iter().map(ToString::to_string).collect();
        Self { hosts: found.hosts.into(), odd, ..Self::default() }.with(known)
    }

    /// A copy that also has these addresses of the names.
    fn with(&self, known: &Resolved) -> Self {
        let (hosts, odd) = (Arc::clone(&self.hosts), Arc::clone(&self.odd));
        let mut entries = Vec::with_capacity(hosts.len());
        let mut unknown = Vec::new();
        for (host, line) in &*hosts {
            match host {
                Host::Address(address) => entries.push((network::of_address(*address), *line)),
                Host::Name(name) => match known.get(name) {
                    Some(addresses) => entries.extend(
                        addresses.iter().map(|address| (network::of_address(*address), *line)),
                    ),
                    None => unknown.push(name.clone()),
                },
            }
        }
        unknown.sort();
        unknown.dedup();
        Self { networks: entries.into_iter().collect(), hosts, unknown, odd }
    }
}

fn lock(known: &Mutex<Resolved>) -> MutexGuard<'_, Resolved> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` in a thread that blocks all signals, so that httpd's own threads handle them.
/// Returns false if the thread cannot be started.
fn spawn(work: impl FnOnce() + Send + 'static) -> bool {
    let Ok(before) = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK) else {
        return false;
    };
    let thread = thread::Builder::new().name("maintenance-names".into()).spawn(work);
    let _ = before.thread_set_mask();
    thread.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names that resolve later are admitted even if the file is broken by then. Each of the two
    /// events is reported once.
    #[test]
    fn names_that_resolve_later() {
        static IS_UP: AtomicBool = AtomicBool::new(false);
        let find = |name: &str| match IS_UP.load(Ordering::SeqCst) {
            true if name == "a" => vec![IpAddr::from([10, 0, 0, 1])],
            true => vec![IpAddr::from([10, 0, 0, 2])],
            false => vec![],
        };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("cfg.xml");
        let transports = "<Transport Hostname='a'/><Transport Hostname='b'/>";
        std::fs::write(&path, format!("<Config><Server>{transports}</Server></Config>"))
            .expect("written");
        let mut nodes = NodeFile::open(path.clone(), None).expect("a file");
        nodes.resolver = Resolver { find, retry: Duration::from_millis(100) };
        let table = Box::leak(crate::shared::slot::new_state_table());
        nodes
            .file
            .report_through(table.claim(&[crate::file::watched::key(&path)]).expect("a slot")[0]);
        let nodes = Arc::new(nodes);
        let mut event = vec![];
        nodes.learn(&Resolved::new());
        nodes.tell_start(&mut |item| event.push(format!("{item:?}")));
        let ask = |seconds: f32, event: &mut Vec<String>, observer| {
            let end = Instant::now() + Duration::from_secs_f32(seconds);
            while Instant::now() < end {
                nodes.refresh(observer, &mut |item| event.push(format!("{item:?}")));
                thread::sleep(Duration::from_millis(10));
            }
        };
        ask(0.5, &mut event, Observer::Child);
        assert!(event.len() == 1 && event[0].contains("\"a, b\""), "{event:?}");
        std::fs::remove_file(&path).expect("removed");
        ask(0.5, &mut vec![], Observer::Child);
        IS_UP.store(true, Ordering::SeqCst);
        ask(0.5, &mut vec![], Observer::Parent);
        assert_eq!(nodes.unknown_names().len(), 2, "the parent starts no thread");
        let start = Instant::now();
        while event.len() < 2 && start.elapsed() < Duration::from_secs(30) {
            ask(0.1, &mut event, Observer::Child);
        }
        assert!(event.len() == 2 && event[1].starts_with("Resolved"), "{event:?}");
        assert!((1..=2).all(|last| nodes.find(IpAddr::from([10, 0, 0, last])).is_some()));
    }
}
