//! A set of networks with address lookup.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use prefix_trie::joint::JointPrefixMap;

use super::network;

/// Networks, each with a number that identifies its origin. A lookup in a large set walks one prefix
/// trie: its cost does not depend on the number of networks, and it neither allocates nor locks.
#[derive(Debug, Default)]
pub struct Networks {
    set: Set,
    /// Whether an entry expires.
    expires: bool,
}

/// Most scopes have no network at all or a few, for which a trie takes a hundred times the memory.
#[derive(Debug)]
enum Set {
    /// In address order.
    Few(Box<[(IpNet, Origin)]>),
    Many(Box<JointPrefixMap<IpNet, Origin>>),
}

/// The largest number of networks that are compared one by one.
const FEW: usize = 4;

impl Default for Set {
    fn default() -> Self {
        Self::Few(Box::default())
    }
}

/// A network of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The network.
    pub network: IpNet,
    /// The number that identifies its origin.
    pub origin: u32,
    /// From this moment on the network is not in the set; None if it stays.
    pub until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Origin {
    number: u32,
    /// In microseconds since 1970.
    until: i64,
}

/// The end of an entry that stays.
const NEVER: i64 = i64::MAX;

impl Networks {
    /// The narrowest network that contains the address and has not expired at `now`, which is only
    /// asked for if the narrowest network expires.
    pub fn find(&self, address: IpAddr, now: impl FnOnce() -> Timestamp) -> Option<(IpNet, u32)> {
        if self.is_empty() {
            return None;
        }
        let address = network::of_address(address);
        let (network, origin) = self.set.narrowest(address, |_| true)?;
        if origin.until != NEVER {
            // A network that has expired does not hide a wider one that has not.
            let now = now().as_microsecond();
            return self.find_valid(address, now);
        }
        Some((network, origin.number))
    }

    #[inline(never)]
    fn find_valid(&self, address: IpNet, now: i64) -> Option<(IpNet, u32)> {
        let (network, origin) = self.set.narrowest(address, |origin| origin.until > now)?;
        Some((network, origin.number))
    }

    /// All networks in address order, whether they have expired or not.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        let (few, many) = match &self.set {
            Set::Few(few) => (&**few, None),
            Set::Many(trie) => (&[][..], Some(trie)),
        };
        let few = few.iter().copied();
        let many = many.into_iter().flat_map(|trie| trie.iter());
        let entries = few.chain(many.map(|(network, origin)| (network, *origin)));
        entries.map(|(network, origin)| Entry {
            network,
            origin: origin.number,
            until: (origin.until != NEVER)
                .then(|| Timestamp::from_microsecond(origin.until).ok())
                .flatten(),
        })
    }

    /// The number of networks that have expired at `now`.
    pub fn expired(&self, now: Timestamp) -> usize {
        match self.expires {
            true => self.iter().filter(|entry| entry.is_expired(now)).count(),
            false => 0,
        }
    }

    /// The number of networks.
    pub fn len(&self) -> usize {
        match &self.set {
            Set::Few(few) => few.len(),
            Set::Many(trie) => trie.len(),
        }
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        matches!(&self.set, Set::Few(few) if few.is_empty())
    }
}

impl Set {
    /// The narrowest network around the address of which `counts` is true.
    fn narrowest(
        &self,
        address: IpNet,
        counts: impl Fn(&Origin) -> bool,
    ) -> Option<(IpNet, Origin)> {
        match self {
            Self::Few(few) => {
                let around = few.iter().filter(|(network, _)| network.contains(&address));
                let found = around.filter(|(_, origin)| counts(origin));
                found.max_by_key(|(network, _)| network.prefix_len()).copied()
            }
            Self::Many(trie) => {
                let (network, origin) = trie.get_lpm(&address)?;
                if counts(origin) {
                    return Some((network, *origin));
                }
                let found = trie.cover(&address).filter(|(_, origin)| counts(origin));
                found.last().map(|(network, origin)| (network, *origin))
            }
        }
    }
}

impl Entry {
    /// Whether the network is no longer in the set.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl FromIterator<(IpNet, u32)> for Networks {
    fn from_iter<I: IntoIterator<Item = (IpNet, u32)>>(entries: I) -> Self {
        let stays = |(network, origin)| Entry { network, origin, until: None };
        entries.into_iter().map(stays).collect()
    }
}

impl FromIterator<Entry> for Networks {
    /// Of several entries for a network, the one that lasts longest counts, and of those that last
    /// equally long the first one.
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> Self {
        let (mut networks, mut expires) = (BTreeMap::new(), false);
        for Entry { network, origin, until } in entries {
            let until = until.map_or(NEVER, |until| until.as_microsecond());
            let origin = Origin { number: origin, until };
            expires |= until != NEVER;
            let known = networks.entry(network).or_insert(origin);
            if until > known.until {
                *known = origin;
            }
        }
        let set = match networks.len() {
            0..=FEW => Set::Few(networks.into_iter().collect()),
            _ => Set::Many(Box::new(networks.into_iter().collect())),
        };
        Self { set, expires }
    }
}

#[cfg(test)]
mod tests {
    use ipnet::{Ipv4Net, Ipv6Net};

    use super::*;

    fn random_address(random: &mut fastrand::Rng) -> IpAddr {
        // Few bits vary, so that addresses often lie in the networks.
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

    /// The trie and a plain loop agree for a million random pairs of a list and an address.
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
                let found = networks.find(address, || panic!("nothing expires"));
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

    /// A million random pairs again, of networks some of which have expired.
    #[test]
    fn what_has_expired_hides_nothing() {
        let seed = fastrand::u64(..);
        let mut random = fastrand::Rng::with_seed(seed);
        let time = |second| Timestamp::from_second(second).expect("a time");
        let (mut found_behind, mut expired) = (0, 0);
        for _ in 0..10_000 {
            let list: Vec<_> = (0..random.u32(..40))
                .map(|origin| Entry {
                    network: random_network(&mut random),
                    origin,
                    until: random.bool().then(|| time(random.i64(0..4))),
                })
                .collect();
            let networks: Networks = list.iter().copied().collect();
            for _ in 0..100 {
                let (address, now) = (random_address(&mut random), time(random.i64(0..4)));
                let around = list.iter().filter(|entry| entry.network.contains(&address));
                let valid = around.clone().filter(|entry| !entry.is_expired(now));
                let narrowest = valid.max_by_key(|entry| entry.network.prefix_len());
                let found = networks.find(address, || now);
                assert_eq!(
                    found.map(|(network, _)| network),
                    narrowest.map(|entry| entry.network),
                    "{seed} {address}"
                );
                let narrower = around.map(|entry| entry.network.prefix_len()).max();
                found_behind += usize::from(
                    found.is_some_and(|(network, _)| Some(network.prefix_len()) < narrower),
                );
            }
            let mut ends = std::collections::HashMap::new();
            for entry in &list {
                let end = entry.until.unwrap_or(Timestamp::MAX);
                let known = ends.entry(entry.network).or_insert(end);
                *known = end.max(*known);
            }
            let count = ends.values().filter(|end| **end <= time(2)).count();
            assert_eq!(networks.expired(time(2)), count, "{seed}");
            expired += count;
        }
        assert!(found_behind > 1000 && expired > 1000, "{found_behind} {expired}");
    }

    /// The moment of the end no longer admits; the microsecond before it does.
    #[test]
    fn the_entry_that_lasts_longest_counts() {
        let network: IpNet = "10.0.0.0/24".parse().expect("a network");
        let at = |micros| Timestamp::from_microsecond(micros).expect("a time");
        let entry =
            |(origin, until): (u32, Option<i64>)| Entry { network, origin, until: until.map(at) };
        let late = 253_000_000_000_000_000;
        for (entries, found) in [
            (vec![(1, Some(10))], [Some(1), None, None]),
            (vec![(1, Some(10)), (2, Some(20))], [Some(2), Some(2), None]),
            (vec![(1, Some(20)), (2, Some(10))], [Some(1), Some(1), None]),
            (vec![(1, Some(20)), (2, Some(20))], [Some(1), Some(1), None]),
            (vec![(1, Some(20)), (2, None), (3, None)], [Some(2); 3]),
            (vec![(1, None), (2, Some(20))], [Some(1); 3]),
        ] {
            let networks: Networks = entries.iter().copied().map(entry).collect();
            let find = |now| networks.find([10, 0, 0, 7].into(), || at(now));
            let origins = [9, 10, late].map(|now| find(now).map(|(_, origin)| origin));
            assert_eq!(origins, found, "{entries:?}");
        }
    }

    /// Different spellings of a network are equal.
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
