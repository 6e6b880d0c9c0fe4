//! Where the networks of an allowlist come from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use nix::sys::signal::{SigSet, SigmaskHow};
use prefix_trie::joint::JointPrefixMap;

use super::hosts::{self, Resolved};
use super::plugin_cfg::{self, Host, PluginCfg};
use super::{list, network};
use crate::flag::Observer;
use crate::kept::{Keeper, Keeping, Use};
use crate::watched::{FileNews, Watched};

/// Networks, each with a number that tells where it comes from. A look-up walks one prefix trie:
/// its cost does not grow with the number of networks, and it neither allocates nor locks.
#[derive(Debug, Default)]
pub struct Networks(JointPrefixMap<IpNet, u32>);

impl Networks {
    /// The narrowest network that the address lies in.
    pub fn find(&self, address: IpAddr) -> Option<(IpNet, u32)> {
        self.0.get_lpm(&network::of_address(address)).map(|(network, origin)| (network, *origin))
    }
}

impl Networks {
    /// All networks with their numbers, in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, u32)> {
        self.0.iter().map(|(network, origin)| (network, *origin))
    }

    /// So many of them, with the numbers as lines.
    pub fn first(&self, limit: usize) -> Vec<(IpNet, Option<u32>)> {
        self.iter().take(limit).map(|(network, line)| (network, Some(line))).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(IpNet, u32)> for Networks {
    fn from_iter<I: IntoIterator<Item = (IpNet, u32)>>(entries: I) -> Self {
        let mut trie = JointPrefixMap::new();
        for (network, origin) in entries {
            trie.entry(network).or_insert(origin); // the first one counts
        }
        Self(trie)
    }
}

/// Opens an allow file; the numbers are its lines.
///
/// # Errors
/// Why it cannot be used.
pub fn open_list(
    path: PathBuf,
    keeper: Option<&'static dyn Keeper>,
) -> Result<Watched<Networks>, String> {
    let parse = |content: &[u8]| match list::parse(content) {
        Ok(networks) => Ok(networks.into_iter().collect()),
        Err(error) => Err(error.to_string()),
    };
    let keeping =
        keeper.map(|keeper| Keeping { keeper, of: Use::List, nothing: Networks::default });
    Watched::open_at_rest(path, list::MAX_SIZE, Box::new(parse), list::is_unfinished, keeping)
}

/// What a plugin-cfg.xml admits.
#[derive(Debug, Default)]
struct Nodes {
    /// As they stand in the file, with their lines.
    hosts: Arc<[(Host, u32)]>,
    /// By address; the numbers are lines.
    networks: Networks,
    /// Names whose addresses are not known yet.
    unknown: Vec<String>,
    /// What in the file admits nobody.
    odd: Arc<[String]>,
}

/// A plugin-cfg.xml, and the addresses of the names in it.
pub struct NodeFile {
    file: Watched<Nodes>,
    known: Arc<Mutex<Resolved>>,
    resolving: Mutex<Resolving>,
    /// Is there an outcome in it that has not been reported?
    has_outcome: AtomicBool,
    resolver: Resolver,
}

/// How names are resolved.
struct Resolver {
    find: fn(&str) -> Vec<IpAddr>,
    /// How long until names that did not resolve are tried again.
    retry: Duration,
}

/// How resolving the names of a new version goes.
#[derive(Default)]
struct Resolving {
    /// The process in which a thread is at it: of a fork, it is not there in the child.
    process: Option<u32>,
    /// When it was begun last.
    last: Option<Instant>,
    /// The names that do not resolve, until they have been reported.
    outcome: Option<Vec<String>>,
}

impl NodeFile {
    /// Opens a plugin-cfg.xml.
    ///
    /// # Errors
    /// Why it cannot be used.
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

    /// The file itself, for its path and its slot.
    pub fn file(&self) -> &Watched<impl Sized + use<>> {
        &self.file
    }

    /// So many of the networks with the lines of their Transports, and how many there are.
    pub fn first(&self, limit: usize) -> (Vec<(IpNet, Option<u32>)>, usize) {
        let nodes = self.file.get();
        nodes.map(|nodes| (nodes.networks.first(limit), nodes.networks.len())).unwrap_or_default()
    }

    /// The line of a Transport that leads to this address.
    pub fn find(&self, address: IpAddr) -> Option<(IpNet, u32)> {
        self.file.get()?.networks.find(address)
    }

    /// Names whose addresses are not known yet.
    pub fn unknown_names(&self) -> Vec<String> {
        self.file.get().map(|nodes| nodes.unknown.clone()).unwrap_or_default()
    }

    /// What in the file admits nobody.
    pub fn odd(&self) -> Arc<[String]> {
        self.file.get().map(|nodes| Arc::clone(&nodes.odd)).unwrap_or_default()
    }

    /// Takes note of what names resolve to; for the time before there are requests.
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

    /// Says what of the file is of no use, and which names do not resolve; for the parent, before it
    /// forks.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileNews<'_>)) {
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

    /// Looks for a new version, as [`Watched::refresh`] does. Names that are not known yet are
    /// resolved in a thread of their own, now and then, and admitted when that is done. Not so in the
    /// parent: at a restart, the thread would come back to code that is gone.
    pub fn refresh(self: &Arc<Self>, observer: Observer, report: &mut dyn FnMut(FileNews<'_>)) {
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
            return; // another thread is at it
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

    /// The work of the thread.
    fn resolve(&self) {
        let mut failed = Vec::new();
        for name in self.unknown_names() {
            let addresses = (self.resolver.find)(&name);
            match addresses.is_empty() {
                true => failed.push(name),
                false => drop(lock(&self.known).insert(name, addresses)),
            }
        }
        let deadline = Instant::now() + self.resolver.retry;
        while !self.file.remake(|nodes| nodes.with(&lock(&self.known))) && Instant::now() < deadline
        {
            thread::sleep(Duration::from_millis(10));
        }
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

    /// The same with what more is known of the names.
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

/// Runs `work` in a thread that gets none of the process's signals, which httpd's own threads
/// are to handle. False where there is no thread to be had.
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
    use ipnet::{Ipv4Net, Ipv6Net};

    use super::*;

    fn random_address(random: &mut fastrand::Rng) -> IpAddr {
        // Few different bits, so that networks and addresses meet.
        match random.bool() {
            true => IpAddr::from((random.u32(..) & 0xc0c0_c0c3).to_be_bytes()),
            false => IpAddr::from((random.u128(..) & (0xc0c3 << 112 | 0xc0c3)).to_be_bytes()),
        }
    }

    fn random_network(random: &mut fastrand::Rng) -> IpNet {
        match random_address(random) {
            IpAddr::V4(v4) => Ipv4Net::new_assert(v4, random.u8(..=32)).trunc().into(),
            IpAddr::V6(v6) => {
                Ipv6Net::new_assert(v6, if random.bool() { 128 } else { random.u8(..=128) })
                    .trunc()
                    .into()
            }
        }
    }

    /// The trie and a plain loop agree, for a million random pairs of list and address.
    #[test]
    fn trie_and_loop_agree() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut inside, mut outside) = (0, 0);
        for _ in 0..10_000 {
            let size = random.usize(..40);
            let list: Vec<_> = (0..size).map(|_| random_network(&mut random)).collect();
            let networks: Networks = list.iter().copied().zip(0..).collect();
            for _ in 0..100 {
                let address = random_address(&mut random);
                let narrowest = list
                    .iter()
                    .filter(|network| network.contains(&address))
                    .max_by_key(|network| network.prefix_len());
                let found = networks.find(address);
                assert_eq!(
                    found.map(|(network, _)| network),
                    narrowest.copied(),
                    "{seed} {address}"
                );
                if let Some((network, origin)) = found {
                    assert_eq!(list[origin as usize], network, "{seed}");
                }
                *(if found.is_some() { &mut inside } else { &mut outside }) += 1;
            }
        }
        assert!(inside > 100_000 && outside > 100_000, "{inside} {outside}");
    }

    /// What means the same is the same, however it is written.
    #[test]
    fn spellings_agree() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..100_000 {
            let network = random_network(&mut random);
            let mut spellings = vec![network.to_string()];
            match network {
                IpNet::V4(v4) => {
                    let (address, length) = (v4.addr(), v4.prefix_len());
                    spellings.push(format!("{address}/{}", v4.netmask()));
                    spellings.push(format!("::ffff:{address}/{}", 96 + length));
                    if length == 32 {
                        spellings.push(address.to_string());
                        spellings.push(address.to_ipv6_mapped().to_string());
                    }
                    let octets = address.octets().map(|octet| octet.to_string());
                    if let Some(octets) = octets.get(..usize::from(length / 8))
                        && [8, 16, 24].contains(&length)
                    {
                        spellings.push(octets.join("."));
                        spellings.push(octets.join(".") + ".");
                    }
                }
                IpNet::V6(v6) => {
                    let parts = v6.addr().segments().map(|part| format!("{part:04X}"));
                    spellings.push(format!("{}/{}", parts.join(":"), v6.prefix_len()));
                    if v6.prefix_len() == 128 {
                        spellings.push(v6.addr().to_string());
                    }
                }
            }
            for word in spellings {
                assert_eq!(network::parse(&word), Ok(network), "{seed} {word}");
            }
        }
    }

    /// Names that resolve later are admitted then, without a look at the file, which may be broken by
    /// then; and both is said once.
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
        let board = Box::leak(crate::board::new_board());
        nodes.file.report_through(board.claim(&[crate::watched::key(&path)]).expect("a slot")[0]);
        let nodes = Arc::new(nodes);
        let mut news = vec![];
        nodes.learn(&Resolved::new());
        nodes.tell_start(&mut |item| news.push(format!("{item:?}")));
        let ask = |seconds: f32, news: &mut Vec<String>, observer| {
            let end = Instant::now() + Duration::from_secs_f32(seconds);
            while Instant::now() < end {
                nodes.refresh(observer, &mut |item| news.push(format!("{item:?}")));
                thread::sleep(Duration::from_millis(10));
            }
        };
        ask(0.5, &mut news, Observer::Child);
        assert!(news.len() == 1 && news[0].contains("\"a, b\""), "{news:?}");
        std::fs::remove_file(&path).expect("removed");
        ask(0.5, &mut vec![], Observer::Child);
        IS_UP.store(true, Ordering::SeqCst);
        ask(0.5, &mut vec![], Observer::Parent);
        assert_eq!(nodes.unknown_names().len(), 2, "the parent starts no thread");
        let start = Instant::now();
        while news.len() < 2 && start.elapsed() < Duration::from_secs(30) {
            ask(0.1, &mut news, Observer::Child);
        }
        assert!(news.len() == 2 && news[1].starts_with("Resolved"), "{news:?}");
        assert!((1..=2).all(|last| nodes.find(IpAddr::from([10, 0, 0, last])).is_some()));
    }

    /// 10,000 networks of both families take less than 2 MiB.
    #[test]
    fn memory() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut distinct = std::collections::HashSet::new();
        while distinct.len() < 10_000 {
            let (bits, length) = (random.u32(..), random.u8(16..=32));
            distinct.insert(Ipv4Net::new_assert(bits.into(), length).trunc());
        }
        let map: prefix_trie::PrefixMap<Ipv4Net, u32> = distinct.into_iter().zip(0..).collect();
        assert!(map.mem_size() < 2 * 1024 * 1024, "{}", map.mem_size());
        println!("10,000 networks: {} KiB", map.mem_size() / 1024);
    }
}
