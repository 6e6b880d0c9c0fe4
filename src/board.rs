//! What all processes of the server know together: a table of small states, in memory that
//! parent and children share. With it, each change is reported once and not once per child.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

use crate::hash;

/// How many states the server can have at a time: flags and watched files.
pub const MAX_SLOTS: usize = 1024;

/// The state of one flag or file. All zero is "nothing known yet". What the numbers mean is up
/// to its user.
#[derive(Debug, Default)]
#[repr(C, align(64))] // a cache line each: they do not slow each other down
pub struct Slot {
    /// A hash of what the slot is for, 0 where it is free.
    key: AtomicU64,
    /// The state itself.
    pub(crate) word: AtomicU64,
    /// For a file: the last version that could be used.
    pub(crate) good: AtomicU64,
    /// For a file: what was last told of its content, in a hash.
    pub(crate) told: AtomicU64,
    /// For a flag: the version that was seen last, in a hash.
    pub(crate) version: AtomicU64,
    /// For a flag: when that was first seen, in milliseconds since 1970.
    pub(crate) since: AtomicU64,
    /// For a flag: since when one version has followed the other without a rest.
    pub(crate) restless: AtomicU64,
    /// For a flag: who looks at it, or did so last, where that is not done at every request.
    pub(crate) turn: AtomicU64,
}

/// The table, as it lies in shared memory. All zero is an empty one.
#[derive(Debug)]
#[repr(C)]
pub struct Board {
    slots: [Slot; MAX_SLOTS],
}

/// More than [`MAX_SLOTS`] different flags and files.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("more than {MAX_SLOTS} different flags and files are configured")]
pub struct BoardFull;

/// What a slot is for, the same in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// What stands in a slot that nobody has.
    const FREE: Self = Self(0);

    /// The key of something that its hash tells from everything else on the board.
    pub fn of(what: impl Hash) -> Self {
        Self(hash::of(what).max(1))
    }
}

impl Board {
    /// The slots of these keys, in their order. What was known before a restart is still known,
    /// so that a restart in the middle of the maintenance is no news. For the parent, before it
    /// forks.
    ///
    /// Children of the generation before still write to the slots that they had, so a slot that
    /// is no longer wanted gets another key only when there is no free one left.
    ///
    /// # Errors
    /// [`BoardFull`]
    pub fn claim(&self, keys: &[Key]) -> Result<Vec<&Slot>, BoardFull> {
        keys.iter().map(|key| self.claim_one(*key, keys)).collect()
    }

    /// The slot of a key that was claimed.
    pub fn find(&self, key: Key) -> Option<&Slot> {
        self.slots.iter().find(|slot| Key(slot.key.load(Ordering::Acquire)) == key)
    }

    fn claim_one(&self, key: Key, wanted: &[Key]) -> Result<&Slot, BoardFull> {
        if let Some(known) = self.find(key) {
            return Ok(known);
        }
        let find = |fits: &dyn Fn(Key) -> bool| {
            self.slots.iter().find(|slot| fits(Key(slot.key.load(Ordering::Acquire))))
        };
        let free = self.find(Key::FREE);
        let slot = free.or_else(|| find(&|other| !wanted.contains(&other))).ok_or(BoardFull)?;
        let Slot { key: _, word, good, told, version, since, restless, turn } = slot;
        for word in [word, good, told, version, since, restless, turn] {
            word.store(0, Ordering::Release);
        }
        slot.key.store(key.0, Ordering::Release);
        Ok(slot)
    }
}

#[cfg(test)]
pub(crate) fn new_board() -> Box<Board> {
    Box::new(Board { slots: std::array::from_fn(|_| Slot::default()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_keeps_what_is_known() {
        let board = new_board();
        let keys: Vec<_> = (0..=MAX_SLOTS).map(Key::of).collect();
        for slot in board.claim(&keys[..MAX_SLOTS]).expect("slots") {
            slot.word.store(7, Ordering::SeqCst);
        }
        assert_eq!(board.claim(&keys).err(), Some(BoardFull));
        let words = |keys: &[Key]| -> Vec<_> {
            let slots = board.claim(keys).expect("slots");
            slots.iter().map(|slot| slot.word.load(Ordering::SeqCst)).collect()
        };
        // The last key takes a slot that is no longer wanted, and leaves those that are.
        let kept = &keys[..MAX_SLOTS - 1];
        assert_eq!(
            words(&[kept, &keys[MAX_SLOTS..]].concat()),
            [vec![7; kept.len()], vec![0]].concat()
        );
        assert_eq!(words(kept), vec![7; kept.len()]);
    }

    #[test]
    fn a_slot_is_not_reused_as_long_as_there_are_free_ones() {
        let board = new_board();
        let key = Key::of;
        let old = board.claim(&[key("old")]).expect("a slot")[0];
        let new = board.claim(&[key("new")]).expect("a slot")[0];
        assert!(!std::ptr::eq(old, new), "a child of the old generation would write to it");
        assert!(std::ptr::eq(old, board.claim(&[key("old")]).expect("a slot")[0]));
    }
}
