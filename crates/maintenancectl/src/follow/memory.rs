//! Which state of which store the flag file is from, so that another store opens nothing.
//!
//! A cluster that was set up anew, one that was restored from a backup, and a wrong key all say that
//! there is no flag, or an old one. Revisions only grow in one cluster, so what has smaller ones is not
//! what was followed before. A cluster that is set up as before has the same identifier.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maintenance_core::flag::spec::{FlagSpec, MAX_SIZE, Phase};
use serde::{Deserialize, Serialize};

use crate::replace::{Lock, MODE};
use crate::store::revisions::Revisions;
use crate::store::snapshot::Snapshot;

/// A state of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    cluster: u64,
    key: String,
    flag_revision: i64,
    change_revision: i64,
    /// The highest revision that was seen.
    revision: i64,
}

impl State {
    /// Whether a later state of the same store is like this.
    fn precedes(&self, other: &Self) -> bool {
        let is_same = (self.cluster, &self.key) == (other.cluster, &other.key);
        is_same
            && self.revision <= other.revision
            && self.change_revision <= other.change_revision
            && (other.flag_revision == 0 || self.flag_revision <= other.flag_revision)
    }

    const fn revisions(&self) -> Revisions {
        Revisions { flag: self.flag_revision, change: self.change_revision }
    }
}

/// What the follower remembers, also when it is started anew.
#[derive(Debug)]
pub(super) struct Memory {
    key: String,
    path: PathBuf,
    /// The state that the file is from.
    applied: Option<State>,
    /// The first state of a store that is another one, which would have opened.
    doubted: Option<State>,
}

impl Memory {
    /// What is remembered beside a flag file. `key` is that of the flag in the store.
    pub(super) fn of(flag: &Path, key: String) -> Self {
        let mut name = OsString::from(".");
        name.push(flag.file_name().unwrap_or_default());
        name.push(".followed");
        let path = flag.with_file_name(name);
        let applied = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self { key, path, applied, doubted: None }
    }

    /// Remembers how far the store is.
    pub(super) fn see(&mut self, cluster: u64, revision: i64) {
        if let Some(applied) = self.applied.as_mut().filter(|it| it.cluster == cluster) {
            applied.revision = applied.revision.max(revision);
        }
    }

    /// Whether the store may change the file, also if that opens. A store that is another one than
    /// before may do so as soon as somebody has changed the flag there.
    pub(super) fn trusts(&mut self, snapshot: &Snapshot) -> bool {
        let now = self.state(snapshot);
        if self.applied.as_ref().is_none_or(|applied| applied.precedes(&now)) {
            self.doubted = None;
            return true;
        }
        match &self.doubted {
            Some(first) if first.precedes(&now) => first.revisions() != now.revisions(),
            _ => {
                self.doubted = Some(now);
                false
            }
        }
    }

    /// Remembers what is applied. What cannot be written is remembered until the follower ends.
    pub(super) fn apply(&mut self, snapshot: &Snapshot) {
        let now = self.state(snapshot);
        let is_same = self.applied.as_ref().is_some_and(|it| {
            (it.cluster, &it.key, it.revisions()) == (now.cluster, &now.key, now.revisions())
        });
        (self.applied, self.doubted) = (Some(now), None);
        if !is_same {
            let text = serde_json::to_vec(&self.applied).unwrap_or_default();
            let _ = Lock::take(&self.path, &|_| {})
                .and_then(|lock| lock.write(&text, MODE, false, || true));
        }
    }

    fn state(&self, snapshot: &Snapshot) -> State {
        State {
            cluster: snapshot.cluster,
            key: self.key.clone(),
            flag_revision: snapshot.revisions.flag,
            change_revision: snapshot.revisions.change,
            revision: snapshot.read_at,
        }
    }
}

/// Whether to replace the one content by the other one, or by none, opens the site to anybody.
pub(super) fn opens(old: Option<&[u8]>, new: Option<&[u8]>, zone: &TimeZone) -> bool {
    let refusal = |content: Option<&[u8]>| content.map_or(0, |content| refusal(content, zone));
    refusal(new) < refusal(old)
}

/// How much a flag refuses.
fn refusal(content: &[u8], zone: &TimeZone) -> u8 {
    if content.is_empty() || content.len() as u64 > MAX_SIZE {
        return 3;
    }
    let Ok(spec) = FlagSpec::parse(content, zone) else { return 3 };
    match spec.phase(Timestamp::now()) {
        Phase::Closed | Phase::Overdue if spec.is_read_only() => 2,
        Phase::Closed | Phase::Overdue => 3,
        Phase::Reopening => 1,
        Phase::Inactive | Phase::Announced | Phase::Reopened => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(cluster: u64, read_at: i64, flag: i64, change: i64) -> Snapshot {
        Snapshot { cluster, read_at, revisions: Revisions { flag, change }, ..Snapshot::default() }
    }

    #[test]
    fn other_stores() {
        let folder = tempfile::tempdir().expect("a folder");
        let flag = folder.path().join("flag");
        for (what, before, after, expected) in [
            ("the same", (1, 9, 8, 8), (1, 9, 8, 8), true),
            ("opened by the command", (1, 9, 8, 8), (1, 12, 0, 12), true),
            ("opened by etcdctl", (1, 9, 8, 5), (1, 12, 0, 5), true),
            ("another cluster", (1, 9, 8, 8), (2, 90, 0, 0), false),
            ("set up anew", (1, 9, 8, 8), (1, 1, 0, 0), false),
            ("set up anew, and busy", (1, 9, 8, 8), (1, 90, 0, 0), false),
            ("restored", (1, 9, 8, 8), (1, 7, 0, 6), false),
            ("restored, and busy", (1, 9, 8, 8), (1, 90, 0, 6), false),
            ("restored with a flag", (1, 9, 8, 4), (1, 90, 6, 4), false),
        ] {
            let (before, after) = (
                snapshot(before.0, before.1, before.2, before.3),
                snapshot(after.0, after.1, after.2, after.3),
            );
            let mut memory = Memory::of(&flag, "/a/flag".into());
            memory.apply(&before);
            for _ in 0..2 {
                assert_eq!(memory.trusts(&after), expected, "{what}");
            }
            let mut memory = Memory::of(&flag, "/a/flag".into());
            assert_eq!(memory.trusts(&after), expected, "{what}, after a restart");
            // Others write to the store, and then somebody changes the flag.
            let mut later = Snapshot { read_at: after.read_at + 100, ..after.clone() };
            assert_eq!(memory.trusts(&later), expected, "{what}");
            later.revisions.change = later.read_at;
            assert!(memory.trusts(&later), "{what}, and then a change");
            let mut memory = Memory::of(&flag, "/b/flag".into());
            assert!(!memory.trusts(&before), "another key");
            let at = before.read_at + 100;
            let opened = snapshot(before.cluster, at, 0, at);
            assert!(memory.trusts(&opened), "another key, and then a change");
        }
    }

    #[test]
    fn what_opens() {
        let contents: [Option<&[u8]>; 5] = [
            None,
            Some(b"start = 2999-01-01T00:00:00Z"),
            Some(b"refuse = \"writes\""),
            Some(b""),
            Some(b"\xff"),
        ];
        let ranks = [0, 0, 2, 3, 3];
        for (old, before) in contents.iter().zip(ranks) {
            for (new, after) in contents.iter().zip(ranks) {
                let opens = opens(*old, *new, &TimeZone::UTC);
                assert_eq!(opens, after < before, "{old:?} {new:?}");
            }
        }
    }
}
