//! What all processes of the server know together: a table of small states, in memory that
//! parent and children share. With it, each change is reported once and not once per child.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use thiserror::Error;

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
    /// The error of the last look that failed, 0 where it went well.
    pub(crate) errno: AtomicI32,
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

/// What a slot is for. The same in every process of this build: `DefaultHasher::new` has fixed
/// keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The key of something that its hash tells from everything else on the board.
    pub fn of(what: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        Self(hasher.finish().max(1))
    }
}

impl Board {
    /// Frees all slots but these, at a restart, before new ones are claimed. Children of the
    /// generation before may still report the change of something that went.
    pub fn retain(&self, keys: &[Key]) {
        for slot in &self.slots {
            if !keys.contains(&Key(slot.key.load(Ordering::Acquire))) {
                slot.word.store(0, Ordering::Release);
                slot.errno.store(0, Ordering::Release);
                slot.key.store(0, Ordering::Release);
            }
        }
    }

    /// The slot of this key. What was known before a restart is still known, so that a restart
    /// in the middle of the maintenance is no news. For the parent, before it forks.
    ///
    /// # Errors
    /// [`BoardFull`]
    pub fn claim(&self, key: Key) -> Result<&Slot, BoardFull> {
        let slot = |key| self.slots.iter().find(|slot| slot.key.load(Ordering::Acquire) == key);
        if let Some(known) = slot(key.0) {
            return Ok(known);
        }
        let free = slot(0).ok_or(BoardFull)?;
        free.key.store(key.0, Ordering::Release);
        Ok(free)
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
    fn a_restart_keeps_what_is_known_and_frees_the_rest() {
        let board = new_board();
        let keys: Vec<_> = (0..=MAX_SLOTS).map(Key::of).collect();
        for key in &keys[..MAX_SLOTS] {
            board.claim(*key).expect("a slot").word.store(7, Ordering::SeqCst);
        }
        assert_eq!(board.claim(keys[MAX_SLOTS]).err(), Some(BoardFull));
        board.retain(&keys[..1]);
        let word = |key| board.claim(key).expect("a slot").word.load(Ordering::SeqCst);
        assert_eq!((word(keys[0]), word(keys[1])), (7, 0));
    }
}
