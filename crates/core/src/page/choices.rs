//! A cache of page choices by field values, since most clients send the same values. All scopes share
//! it, so that clients that send many values cannot fill much memory.
//!
//! The start and the length of the values select one of a few slots, and a newer choice replaces an
//! older one. Threads never wait: while a slot is being written, the choice is computed again, as
//! it is for values too long to be cached.

use std::sync::{RwLock, TryLockError};

/// The number of slots; a power of two.
const PLACES: usize = 256;

/// The maximum total length of cached values in bytes. Browsers send about a hundred bytes.
const MAX_LENGTH: usize = 1024;

/// The values of Accept, Accept-Language and Accept-Encoding; None if the field is absent.
pub type Values<'v> = [Option<&'v [u8]>; 3];

/// The choices for the most recent values.
pub(super) struct Choices<T>([RwLock<Option<Choice<T>>>; PLACES]);

struct Choice<T> {
    /// The number of the pages from which is chosen.
    pages: u64,
    values: [Option<Box<[u8]>>; 3],
    chosen: T,
}

impl<T> Default for Choices<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| RwLock::default()))
    }
}

impl<T: Copy> Choices<T> {
    /// The choice from the pages with this number for these values, cached or computed by `choose`,
    /// which must always return the same result for the same arguments.
    pub(super) fn get(&self, pages: u64, values: Values<'_>, choose: impl FnOnce() -> T) -> T {
        let Some(place) = self.0.get(place(pages, values)) else { return choose() };
        let known = match place.try_read() {
            Ok(choice) => choice.as_ref().and_then(|choice| choice.of(pages, values)),
            Err(TryLockError::Poisoned(error)) => {
                error.into_inner().as_ref().and_then(|choice| choice.of(pages, values))
            }
            Err(TryLockError::WouldBlock) => None,
        };
        known.unwrap_or_else(|| {
            let chosen = choose();
            let length: usize = values.iter().flatten().map(|value| value.len()).sum();
            if length <= MAX_LENGTH {
                let values = values.map(|value| value.map(Box::from));
                let choice = Choice { pages, values, chosen };
                match place.try_write() {
                    Ok(mut place) => *place = Some(choice),
                    Err(TryLockError::Poisoned(error)) => *error.into_inner() = Some(choice),
                    Err(TryLockError::WouldBlock) => {}
                }
            }
            chosen
        })
    }
}

impl<T: Copy> Choice<T> {
    fn of(&self, pages: u64, values: Values<'_>) -> Option<T> {
        let own = self.values.each_ref().map(Option::as_deref);
        (self.pages == pages && own == values).then_some(self.chosen)
    }
}

/// The slot of the values, below [`PLACES`]. Values that share a slot are distinguished by
/// comparing all their bytes.
fn place(pages: u64, values: Values<'_>) -> usize {
    let mixed = values.iter().fold(pages, |mixed: u64, value| {
        let value = value.unwrap_or_default();
        let start = value.first_chunk().copied().map_or(0, u64::from_le_bytes);
        // Multiplied by a large odd number (Knuth, Art of Computer Programming, 6.4).
        (mixed.rotate_left(32) ^ start ^ value.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    (mixed >> (u64::BITS - PLACES.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_keeps_its_own() {
        let choices = Choices::default();
        let count = std::cell::Cell::new(0);
        let get = |values: Values<'_>, expected: usize| {
            let chosen = choices.get(1, values, || {
                count.set(count.get() + 1);
                expected
            });
            assert_eq!(chosen, expected, "{values:?}");
        };
        let rows: [Values<'_>; 8] = [
            [None, None, None],
            [Some(b""), None, None],
            [None, Some(b""), None],
            [None, None, Some(b"")],
            [Some(b"de"), Some(b""), None],
            [Some(b"d"), Some(b"e"), None],
            [Some(b"d"), None, Some(b"e")],
            [Some(b""), Some(b"de"), None],
        ];
        for _ in 0..2 {
            for (number, values) in rows.into_iter().enumerate() {
                get(values, number);
            }
        }
        assert!(count.get() < 2 * rows.len(), "most are kept");
        // More values than there are slots.
        for number in 0..10 * PLACES {
            let text = number.to_string();
            get([Some(text.as_bytes()), None, None], number);
            get([Some(text.as_bytes()), None, None], number);
        }
    }

    #[test]
    fn other_pages_have_their_own() {
        let choices = Choices::default();
        for number in [1, 2, 1, 2] {
            assert_eq!(choices.get(number, [None; 3], || number), number);
        }
    }

    #[test]
    fn what_is_long_is_not_kept() {
        let choices = Choices::default();
        let value = vec![b'x'; MAX_LENGTH];
        for (more, expected) in [(None, 1), (Some(&b"x"[..]), 2)] {
            let choose = || {
                std::array::from_fn(|number| {
                    choices.get(1, [Some(&value), more, None], || number + 1)
                })
            };
            let [_, second]: [usize; 2] = choose();
            assert_eq!(second, expected);
        }
    }

    #[test]
    fn threads() {
        let choices = Choices::default();
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                let choices = &choices;
                scope.spawn(move || {
                    for round in 0..if cfg!(miri) { 50 } else { 20_000 } {
                        let number = round * (thread + 1) % 1000;
                        let text = number.to_string();
                        let values = [Some(text.as_bytes()), None, None];
                        assert_eq!(choices.get(1, values, || number), number);
                    }
                });
            }
        });
    }
}
