//! What all processes of the server know together: a table of small states, in memory that
//! parent and children share. With it, each change is reported once and not once per child.

use std::hash::Hash;
use std::ptr;
use std::sync::atomic::Ordering;

use thiserror::Error;

use crate::hash;
use crate::sync::{self, AtomicU64};

/// How many states the server can have at a time: flags and watched files.
pub const MAX_SLOTS: usize = sync::size(1024, 2);

/// A place in shared memory that belongs to whatever has its key. All zero is a free one.
pub trait Keyed {
    /// A hash of what it is for, 0 where it is free.
    fn key(&self) -> &AtomicU64;
    /// Forgets what it was for, but for the key.
    fn clear(&self);
}

/// The state of one flag or file. All zero is "nothing known yet". What the numbers mean is up
/// to its user.
#[derive(Debug, Default)]
#[repr(C, align(128))] // cache lines of its own: they do not slow each other down
pub struct Slot {
    key: AtomicU64,
    /// The state itself.
    pub(crate) word: AtomicU64,
    /// For a file: the last version that could be used.
    pub(crate) good: AtomicU64,
    /// For a file: what was last told of its content, in a hash.
    pub(crate) told: AtomicU64,
    /// For a flag: the version that was seen last ([`LastSeen`](crate::settle::LastSeen)).
    pub(crate) seen: AtomicU64,
    /// For a flag: since when one version has followed the other without a rest, in the same unit.
    pub(crate) restless: AtomicU64,
    /// For a flag: who looks at it, or did so last, where that is not done at every request.
    pub(crate) turn: AtomicU64,
    /// For a flag: when the state itself changed last, in milliseconds since 1970.
    pub(crate) changed: AtomicU64,
    /// For a flag: its time of modification at that moment, in milliseconds since 1970.
    pub(crate) modified: AtomicU64,
    /// For a flag: its owner's user id at that moment.
    pub(crate) owner: AtomicU64,
    /// For a flag: what lay there at that moment.
    pub(crate) kind: AtomicU64,
}

impl Keyed for Slot {
    fn key(&self) -> &AtomicU64 {
        &self.key
    }

    fn clear(&self) {
        let Self { key: _, word, good, told, seen, restless, turn, .. } = self;
        let Self { changed, modified, owner, kind, .. } = self;
        for word in [word, good, told, seen, restless, turn, changed, modified, owner, kind] {
            word.store(0, Ordering::Release);
        }
    }
}

/// The table, as it lies in shared memory. All zero is an empty one.
pub type Board = Table<Slot, MAX_SLOTS>;

/// Places by their keys. All zero is an empty table.
#[derive(Debug)]
#[repr(C)]
pub struct Table<S, const N: usize> {
    places: [S; N],
}

/// More different things than there are places.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("more than {0} different flags and files are configured")]
pub struct BoardFull(pub usize);

/// What a place is for, the same in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// What stands in a place that nobody has.
    const FREE: Self = Self(0);

    /// The key of something that its hash tells from everything else in the table.
    pub fn of(what: impl Hash) -> Self {
        Self(hash::of(what).max(1))
    }

    pub(crate) fn stands_in(self, place: &impl Keyed) -> bool {
        Self(place.key().load(Ordering::Acquire)) == self
    }
}

impl<S: Keyed, const N: usize> Table<S, N> {
    /// The places of these keys, in their order. What was known before a restart is still known,
    /// so that a restart in the middle of the maintenance is no news. For the parent, before it
    /// forks.
    ///
    /// Children of the generation before still write to the places that they had, so one that
    /// is no longer wanted gets another key only when there is no free one left.
    ///
    /// # Errors
    /// [`BoardFull`]
    pub fn claim(&self, keys: &[Key]) -> Result<Vec<&S>, BoardFull> {
        keys.iter().map(|key| self.claim_one(*key, keys)).collect()
    }

    /// The place of a key that was claimed.
    pub fn find(&self, key: Key) -> Option<&S> {
        self.places.iter().find(|place| key.stands_in(*place))
    }

    /// The number of a key's place.
    pub fn position(&self, key: Key) -> Option<usize> {
        self.places.iter().position(|place| key.stands_in(place))
    }

    /// All places, free ones, too.
    pub fn places(&self) -> &[S; N] {
        &self.places
    }

    fn claim_one(&self, key: Key, wanted: &[Key]) -> Result<&S, BoardFull> {
        if let Some(known) = self.find(key) {
            return Ok(known);
        }
        // Of several with one key, which nobody but an intruder makes, the first one is it.
        let is_first =
            |key: Key, place: &S| self.find(key).is_some_and(|first| ptr::eq(first, place));
        let is_wanted = |place: &S| {
            wanted.iter().any(|other| other.stands_in(place) && is_first(*other, place))
        };
        let unwanted = || self.places.iter().find(|place| !is_wanted(place));
        let place = self.find(Key::FREE).or_else(unwanted).ok_or(BoardFull(N))?;
        place.clear();
        place.key().store(key.0, Ordering::Release);
        Ok(place)
    }
}

impl<S: Default, const N: usize> Default for Table<S, N> {
    fn default() -> Self {
        Self { places: std::array::from_fn(|_| S::default()) }
    }
}

#[cfg(test)]
pub(crate) fn new_board() -> Box<Board> {
    Box::default()
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
        assert_eq!(board.claim(&keys).err(), Some(BoardFull(MAX_SLOTS)));
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

#[cfg(all(test, loom))]
mod models;
