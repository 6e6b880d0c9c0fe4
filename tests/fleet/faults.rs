//! What goes wrong.

use std::thread;
use std::time::Duration;

use maintenance_harness::wait_for;

use super::site::{DISK, KEY, NODES, Site};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    /// kill -9 of a member, which comes back later.
    KilledMember,
    /// The leader hangs.
    HangingLeader,
    /// No member is there.
    NoStore,
    /// kill -9 of two followers.
    KilledFollowers,
    /// A follower is cut off, and what happens meanwhile is compacted.
    Compaction,
    /// The disk of a flag is full, which only root can play.
    FullDisk,
}

/// Which members and servers a fault has met, for `heal`.
#[derive(Debug, Default)]
pub struct Met {
    members: Vec<usize>,
    nodes: Vec<usize>,
}

impl Fault {
    pub const ALL: [Self; 7] = [
        Self::Nothing,
        Self::KilledMember,
        Self::HangingLeader,
        Self::NoStore,
        Self::KilledFollowers,
        Self::Compaction,
        Self::FullDisk,
    ];

    /// Whether nothing can be written meanwhile.
    pub fn is_without_store(self) -> bool {
        self == Self::NoStore
    }

    pub fn inject(self, site: &mut Site, random: &mut fastrand::Rng) {
        let mut met = Met::default();
        match self {
            Self::Nothing => {}
            Self::KilledMember => {
                let member = random.usize(..site.cluster.len());
                site.cluster.kill_member(member);
                met.members.push(member);
            }
            Self::HangingLeader => {
                let leader = site.cluster.leader().expect("a leader");
                site.cluster.hang(leader, true);
                met.members.push(leader);
            }
            Self::NoStore => {
                met.members.extend(0..site.cluster.len());
                met.members.iter().for_each(|member| site.cluster.kill_member(*member));
            }
            Self::KilledFollowers => {
                for _ in 0..2 {
                    let node = random.usize(..NODES);
                    site.nodes[node].kill_follower();
                    site.nodes[node].is_reachable = false;
                    met.nodes.push(node);
                }
                met.nodes.sort_unstable();
                met.nodes.dedup();
            }
            Self::Compaction => {
                let node = random.usize(..NODES);
                site.nodes[node].hang_follower(true);
                site.nodes[node].is_reachable = false;
                met.nodes.push(node);
            }
            Self::FullDisk => {
                if let Some(disk) = &site.nodes[DISK].disk {
                    disk.fill(true);
                    // What is written does not arrive there, and what is removed does.
                    site.nodes[DISK].is_reachable = false;
                    let before = site.nodes[DISK].said().len();
                    site.must("close --replace --end +2h --reason full");
                    site.settle();
                    wait_for("the follower says it", Duration::from_secs(5), || {
                        site.nodes[DISK].said()[before..].contains("there is no space left")
                    });
                }
            }
        }
        site.met = met;
    }

    pub fn heal(self, site: &mut Site) {
        let met = std::mem::take(&mut site.met);
        match self {
            Self::Nothing => {}
            Self::KilledMember => site.cluster.start_member(met.members[0]),
            Self::HangingLeader => site.cluster.hang(met.members[0], false),
            Self::NoStore => {
                // A minute in the long run.
                let long = super::length() > super::SHORT;
                thread::sleep(Duration::from_secs(if long { 60 } else { 12 }));
                site.stays();
                met.members.iter().for_each(|member| site.cluster.start_member(*member));
                site.cluster.wait_until_ready();
            }
            Self::KilledFollowers => {
                for node in met.nodes {
                    site.nodes[node].start_follower();
                    site.nodes[node].is_reachable = true;
                }
            }
            Self::Compaction => {
                let output = site.cluster.must(&format!("get {KEY}/flag -w json"));
                let answer: serde_json::Value = serde_json::from_str(&output).expect("JSON");
                site.cluster.must(&format!("compaction {}", answer["header"]["revision"]));
                // Its connection goes, too: the watch begins anew at a revision that is gone.
                for node in met.nodes {
                    site.nodes[node].hang_follower(false);
                    site.nodes[node].is_reachable = true;
                }
            }
            Self::FullDisk => {
                site.nodes[DISK].disk.iter().for_each(|disk| disk.fill(false));
                site.nodes[DISK].is_reachable = true;
            }
        }
        site.healed();
    }
}
