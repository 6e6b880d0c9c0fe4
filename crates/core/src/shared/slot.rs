//! What all processes of the server know of each flag and of each watched file.

use std::sync::atomic::Ordering;

use crate::shared::atomics::{self, AtomicU64};
use crate::shared::table::{Keyed, Table};
use crate::shared::words::{Words, words};

/// How many flags and watched files the server can have at a time.
pub const MAX_SLOTS: usize = atomics::size(262_144, 2);

/// The slots, as they lie in shared memory.
pub type StateTable = Table<Slot, MAX_SLOTS>;

/// The slot of one flag or one file, which uses its part of it. All zero is "nothing known yet".
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C, align(128))] // cache lines of its own: they do not slow each other down
pub struct Slot {
    key: AtomicU64,
    pub(crate) flag: FlagSlot,
    pub(crate) file: FileSlot,
}

/// What is known of a flag.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct FlagSlot {
    /// Its state, and how often that has changed.
    pub(crate) state: AtomicU64,
    pub(crate) sightings: Sightings,
    /// Which process looks at it, or did so last, where not every request does.
    pub(crate) lease: AtomicU64,
    /// When the state changed last, in milliseconds since 1970.
    pub(crate) changed: AtomicU64,
    /// The file's time of modification at that moment, in milliseconds since 1970.
    pub(crate) modified: AtomicU64,
    /// The user id of the file's owner at that moment.
    pub(crate) owner: AtomicU64,
    /// The kind of the file at that moment.
    pub(crate) kind: AtomicU64,
}

/// What is known of a watched file.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct FileSlot {
    /// The version reported last, and whether it could be used, in a hash.
    pub(crate) outcome: AtomicU64,
    /// The last version that could be used, in a hash.
    pub(crate) last_good: AtomicU64,
    /// What was reported last of the use of its content, in a hash.
    pub(crate) reported: AtomicU64,
    /// The faults in it that were reported last, in a hash.
    pub(crate) faults: AtomicU64,
}

/// Which version of a file was seen last, and since when
/// ([`LastSeen`](crate::file::debounce::LastSeen)).
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Sightings {
    /// The version in a hash, and since when it has been there.
    pub(crate) seen: AtomicU64,
    /// Since when one version has followed the other without a rest, in the same unit.
    pub(crate) restless: AtomicU64,
}

impl Keyed for Slot {
    fn key(&self) -> &AtomicU64 {
        &self.key
    }

    fn clear(&self) {
        let clear = &mut |word: &AtomicU64| word.store(0, Ordering::Release);
        self.flag.for_each(clear);
        self.file.for_each(clear);
    }
}

words!(Slot { key, flag, file });
words!(FlagSlot { state, sightings, lease, changed, modified, owner, kind });
words!(FileSlot { outcome, last_good, reported, faults });
words!(Sightings { seen, restless });

#[cfg(test)]
pub(crate) fn new_state_table() -> Box<StateTable> {
    crate::shared::words::zeroed()
}
