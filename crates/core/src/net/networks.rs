//! A set of networks with address lookup.

use std::net::IpAddr;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use super::network;

/// Networks, each with a number that identifies its origin. A lookup walks one prefix trie: its
/// cost does not depend on the number of networks, and it neither allocates nor locks.
#[derive(Debug, Default)]
pub struct Networks(JointPrefixMap<IpNet, u32>);

impl Networks {
    /// The narrowest network that contains the address.
    pub fn find(&self, address: IpAddr) -> Option<(IpNet, u32)> {
        if self.is_empty() {
            return None; // most lists are, and the trie takes a walk to find out
        }
        self.0.get_lpm(&network::of_address(address)).map(|(network, origin)| (network, *origin))
    }

    /// All networks with their numbers, in address order.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, u32)> {
        self.0.iter().map(|(network, origin)| (network, *origin))
    }

    /// The first `limit` networks, with their numbers as lines.
    pub fn first(&self, limit: usize) -> Vec<(IpNet, Option<u32>)> {
        self.iter().take(limit).map(|(network, line)| (network, Some(line))).collect()
    }

    /// The number of networks.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(IpNet, u32)> for Networks {
    fn from_iter<I: IntoIterator<Item = (IpNet, u32)>>(entries: I) -> Self {
        let mut trie = JointPrefixMap::new();
        for (network, origin) in entries {
            trie.entry(network).or_insert(origin); // the first origin of a network is kept
        }
        Self(trie)
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
