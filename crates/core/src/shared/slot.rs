//! What all processes of the server know about each flag and each watched file.

use std::sync::atomic::Ordering;

use crate::shared::atomics::{self, AtomicU64};
use crate::shared::table::{Keyed, Table};
use crate::shared::words::{Words, words};

/// The maximum number of flags and watched files at a time.
pub const MAX_SLOTS: usize = atomics::size(262_144, 2);

/// The slots in shared memory.
pub type StateTable = Table<Slot, MAX_SLOTS>;

/// The slot of one flag or one file, which uses one part of it. All zero means that nothing is
/// known yet.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C, align(128))] // avoids false sharing
pub struct Slot {
    key: AtomicU64,
    pub(crate) flag: FlagSlot,
    pub(crate) file: FileSlot,
}

/// What is known about a flag.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct FlagSlot {
    /// The state, and the number of its changes.
    pub(crate) state: AtomicU64,
    pub(crate) sightings: Sightings,
    /// The process that looks at the flag, or did so last, if not every request looks.
    pub(crate) lease: AtomicU64,
    /// When the state changed last, in milliseconds since 1970.
    pub(crate) changed: AtomicU64,
    /// The modification time of the file at that time, in milliseconds since 1970.
    pub(crate) modified: AtomicU64,
    /// The user ID of the file's owner at that time.
    pub(crate) owner: AtomicU64,
    /// The kind of the file at that time.
    pub(crate) kind: AtomicU64,
}

/// What is known about a watched file.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct FileSlot {
    /// The version that was reported last and whether it could be used, in a hash.
    pub(crate) outcome: AtomicU64,
    /// The last version that could be used, in a hash.
    pub(crate) last_good: AtomicU64,
    /// The last report about the use of the content, in a hash.
    pub(crate) reported: AtomicU64,
    /// The last reported faults of the content, in a hash.
    pub(crate) faults: AtomicU64,
}

/// The version of a file that was seen last, and since when
/// ([`LastSeen`](crate::file::debounce::LastSeen)).
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Sightings {
    /// A hash of the version, and since when it has been there.
    pub(crate) seen: AtomicU64,
    /// Since when the versions have changed without a pause, in the same unit.
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
