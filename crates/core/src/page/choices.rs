//! A cache of page choices by field values, since most clients send the same values.
//!
//! The start and the length of the values select one of a few slots, and a newer choice replaces an
//! older one. Threads never wait: while a slot is being written, the choice is computed again, as
//! it is for values too long to be cached.

use std::sync::{RwLock, TryLockError};

/// The number of slots; a power of two.
const PLACES: usize = 64;

/// The maximum total length of cached values in bytes. Browsers send about a hundred bytes.
const MAX_LENGTH: usize = 1024;

/// The values of Accept and Accept-Language; None if the field is absent.
pub(super) type Values<'v> = [Option<&'v [u8]>; 2];

/// The choices for the most recent values.
pub(super) struct Choices<T>([RwLock<Option<Choice<T>>>; PLACES]);

struct Choice<T> {
    values: [Option<Box<[u8]>>; 2],
    chosen: T,
}

impl<T> Default for Choices<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| RwLock::default()))
    }
}

impl<T: Copy> Choices<T> {
    /// The choice for these values, cached or computed by `choose`, which must always return the
    /// same result for the same values.
    pub(super) fn get(&self, values: Values<'_>, choose: impl FnOnce() -> T) -> T {
        let Some(place) = self.0.get(place(values)) else { return choose() };
        let known = match place.try_read() {
            Ok(choice) => choice.as_ref().and_then(|choice| choice.of(values)),
            Err(TryLockError::Poisoned(error)) => {
                error.into_inner().as_ref().and_then(|choice| choice.of(values))
            }
            Err(TryLockError::WouldBlock) => None,
        };
        known.unwrap_or_else(|| {
            let chosen = choose();
            let length: usize = values.iter().flatten().map(|value| value.len()).sum();
            if length <= MAX_LENGTH {
                let choice = Choice { values: values.map(|value| value.map(Box::from)), chosen };
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
    fn of(&self, values: Values<'_>) -> Option<T> {
        let is_same = self.values.iter().map(Option::as_deref).eq(values);
        is_same.then_some(self.chosen)
    }
}

/// The slot of the values, below [`PLACES`]. Values that share a slot are distinguished by
/// comparing all their bytes.
fn place(values: Values<'_>) -> usize {
    let mixed = values.iter().fold(0, |mixed: u64, value| {
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
            let chosen = choices.get(values, || {
                count.set(count.get() + 1);
                expected
            });
            assert_eq!(chosen, expected, "{values:?}");
        };
        let rows: [Values<'_>; 6] = [
            [None, None],
            [Some(b""), None],
            [None, Some(b"")],
            [Some(b"de"), Some(b"")],
            [Some(b"d"), Some(b"e")],
            [Some(b""), Some(b"de")],
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
            get([Some(text.as_bytes()), None], number);
            get([Some(text.as_bytes()), None], number);
        }
    }

    #[test]
    fn what_is_long_is_not_kept() {
        let choices = Choices::default();
        let value = vec![b'x'; MAX_LENGTH];
        for (more, expected) in [(None, 1), (Some(&b"x"[..]), 2)] {
            let choose =
                || std::array::from_fn(|number| choices.get([Some(&value), more], || number + 1));
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
                        assert_eq!(choices.get([Some(text.as_bytes()), None], || number), number);
                    }
                });
            }
        });
    }
}
