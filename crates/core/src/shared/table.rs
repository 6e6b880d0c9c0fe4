//! A table of small states that all processes of the server share, in memory that the parent and
//! its children have mapped. With it, each change is reported once and not once per child.
//!
//! The tables have more places than any server needs. Unused places take no memory until they are
//! touched, so the code never reads beyond the places that have been assigned.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::atomic::Ordering;

use thiserror::Error;

use crate::shared::atomics::AtomicU64;
use crate::shared::hash;
use crate::shared::words::Words;

/// A place in shared memory, assigned to the owner of a key. All zero means that the place is free.
pub trait Keyed {
    /// The hash of the owner's key; 0 if the place is free.
    fn key(&self) -> &AtomicU64;
    /// Clears everything except the key.
    fn clear(&self);
}

/// Places by their keys. All zero is an empty table.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug)]
#[repr(C)]
pub struct Table<S, const N: usize> {
    /// How many places, from the first one on, have ever been assigned.
    used: AtomicU64,
    places: [S; N],
}

/// There are more keys than places.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("more than {0} different flags and files are configured")]
pub struct TableFull(pub usize);

/// The key of a place, the same in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    /// The key of a value. Its hash must be unique in the table.
    pub fn of(what: impl Hash) -> Self {
        Self(hash::of(what).max(1))
    }

    pub(crate) fn stands_in(self, place: &impl Keyed) -> bool {
        Self(place.key().load(Ordering::Acquire)) == self
    }
}

impl<S: Keyed, const N: usize> Table<S, N> {
    /// Assigns places to these keys, and returns their numbers in the same order. The parent calls
    /// this before it forks. A key keeps its place over restarts, so that a restart during the
    /// maintenance changes nothing.
    ///
    /// Children of the previous generation still write to their places, so a place that is no
    /// longer needed is reassigned only if there is no free one.
    ///
    /// # Errors
    /// [`TableFull`]
    pub fn claim_numbers(&self, keys: &[Key]) -> Result<Vec<usize>, TableFull> {
        let mut used = self.used().len();
        let mut known = BTreeMap::new();
        for (number, place) in self.used().iter().enumerate() {
            // Only an intruder can create duplicate keys; the first place is used.
            known.entry(Key(place.key().load(Ordering::Acquire))).or_insert(number);
        }
        let mut wanted: BTreeSet<_> =
            keys.iter().filter_map(|key| known.get(key).copied()).collect();
        let mut unwanted = 0;
        let mut numbers = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(number) = known.get(key) {
                numbers.push(*number);
                continue;
            }
            let number = match used < N {
                true => used,
                false => {
                    while wanted.contains(&unwanted) {
                        unwanted += 1;
                    }
                    unwanted
                }
            };
            self.give(number, *key)?;
            used = used.max(number + 1);
            known.insert(*key, number);
            wanted.insert(number);
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// Like [`Table::claim_numbers`], but returns the places themselves.
    ///
    /// # Errors
    /// [`TableFull`]
    pub fn claim(&self, keys: &[Key]) -> Result<Vec<&S>, TableFull> {
        let numbers = self.claim_numbers(keys)?;
        numbers.into_iter().map(|number| self.places.get(number).ok_or(TableFull(N))).collect()
    }

    /// The place of a claimed key, by linear search.
    pub fn find(&self, key: Key) -> Option<&S> {
        self.used().iter().find(|place| key.stands_in(*place))
    }

    /// The number of a key's place, by linear search.
    pub fn position(&self, key: Key) -> Option<usize> {
        self.used().iter().position(|place| key.stands_in(place))
    }

    /// All places, including free ones.
    pub fn places(&self) -> &[S; N] {
        &self.places
    }

    /// The places that have ever been assigned.
    pub(crate) fn used(&self) -> &[S] {
        let used = usize::try_from(self.used.load(Ordering::Acquire)).unwrap_or(N);
        self.places.get(..used).unwrap_or(&self.places)
    }

    fn give(&self, number: usize, key: Key) -> Result<(), TableFull> {
        let place = self.places.get(number).ok_or(TableFull(N))?;
        place.clear();
        place.key().store(key.0, Ordering::Release);
        self.used.fetch_max(number as u64 + 1, Ordering::AcqRel);
        Ok(())
    }
}

impl<S: Default, const N: usize> Default for Table<S, N> {
    fn default() -> Self {
        Self { used: AtomicU64::default(), places: std::array::from_fn(|_| S::default()) }
    }
}

impl<S: Words, const N: usize> Words for Table<S, N> {
    fn for_each(&self, visit: &mut dyn FnMut(&AtomicU64)) {
        self.used.for_each(visit);
        self.places.for_each(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::slot::{Slot, new_state_table};

    #[test]
    fn a_restart_keeps_what_is_known() {
        const SLOTS: usize = 100;
        let table = Table::<Slot, SLOTS>::default();
        let keys: Vec<_> = (0..=SLOTS).map(Key::of).collect();
        for slot in table.claim(&keys[..SLOTS]).expect("slots") {
            slot.flag.state.store(7, Ordering::SeqCst);
        }
        assert_eq!(table.claim(&keys).err(), Some(TableFull(SLOTS)));
        let words = |keys: &[Key]| -> Vec<_> {
            let slots = table.claim(keys).expect("slots");
            slots.iter().map(|slot| slot.flag.state.load(Ordering::SeqCst)).collect()
        };
        // The last key takes a place that is no longer needed, and leaves the others alone.
        let kept = &keys[..SLOTS - 1];
        assert_eq!(
            words(&[kept, &keys[SLOTS..]].concat()),
            [vec![7; kept.len()], vec![0]].concat()
        );
        assert_eq!(words(kept), vec![7; kept.len()]);
    }

    /// More keys than any server has, in reasonable time.
    #[test]
    #[cfg(not(loom))]
    fn a_hundred_thousand() {
        let table = new_state_table();
        let keys: Vec<_> = (0..100_000).map(Key::of).collect();
        let start = std::time::Instant::now();
        let numbers = table.claim_numbers(&keys).expect("slots");
        assert_eq!(numbers, (0..100_000).collect::<Vec<_>>());
        let backwards: Vec<_> = keys.iter().rev().copied().collect();
        let again = table.claim_numbers(&backwards).expect("slots");
        assert_eq!(again, (0..100_000).rev().collect::<Vec<_>>());
        assert_eq!(table.position(keys[99_999]), Some(99_999));
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "{:?}", start.elapsed());
    }

    #[test]
    fn a_slot_is_not_reused_as_long_as_there_are_free_ones() {
        let table = new_state_table();
        let key = Key::of;
        let old = table.claim(&[key("old")]).expect("a slot")[0];
        let new = table.claim(&[key("new")]).expect("a slot")[0];
        assert!(!std::ptr::eq(old, new), "a child of the old generation would write to it");
        assert!(std::ptr::eq(old, table.claim(&[key("old")]).expect("a slot")[0]));
    }
}

#[cfg(all(test, loom))]
mod models;
