//! How often each invitation was used, and when last.
//!
//! The table is small and never cleared. An invitation for which there is no room is not counted.

use std::array::from_fn;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::shared::atomics::{self, AtomicU64};

/// The number of invitations that can be counted.
const PLACES: usize = atomics::size(1024, 2);

/// The number of places in which an invitation can be, from the one that its number gives.
const TRIED: usize = atomics::size(64, 2);

/// The uses of one invitation.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C)]
struct Place {
    /// The number that identifies the invitation; 0 if the place is free.
    id: AtomicU64,
    count: AtomicU64,
    /// In milliseconds since 1970.
    last: AtomicU64,
}

/// The uses of all invitations.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[repr(C)]
pub struct InvitationUses {
    places: [Place; PLACES],
}

impl Default for InvitationUses {
    fn default() -> Self {
        Self { places: from_fn(|_| Place::default()) }
    }
}

/// The uses of one invitation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// The number of requests that the invitation has admitted.
    pub count: u64,
    /// When it admitted a request last.
    pub last: Option<Timestamp>,
}

impl InvitationUses {
    /// Counts a use of the invitation with this number, which is not 0.
    pub fn count(&self, id: u64, now: Timestamp) {
        let own = self.tried(id).find(|place| place.id.load(Ordering::Acquire) == id);
        let take = |place: &&Place| {
            let taken = place.id.compare_exchange(0, id, Ordering::AcqRel, Ordering::Acquire);
            taken.is_ok() || taken == Err(id)
        };
        if let Some(place) = own.or_else(|| self.tried(id).find(take)) {
            place.count.fetch_add(1, Ordering::Relaxed);
            let now = u64::try_from(now.as_millisecond()).unwrap_or(0);
            place.last.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// The uses of the invitation with this number.
    pub fn of(&self, id: u64) -> Uses {
        let own = self.tried(id).find(|place| place.id.load(Ordering::Acquire) == id);
        own.map_or_else(Uses::default, |place| {
            let last = i64::try_from(place.last.load(Ordering::Relaxed)).ok();
            let last = last.and_then(|millis| Timestamp::from_millisecond(millis).ok());
            Uses { count: place.count.load(Ordering::Relaxed), last }
        })
    }

    fn tried(&self, id: u64) -> impl Iterator<Item = &Place> {
        let first = (id % PLACES as u64) as usize;
        (0..TRIED).filter_map(move |step| self.places.get((first + step) % PLACES))
    }
}

#[cfg(test)]
crate::shared::words::words!(Place { id, count, last });

#[cfg(test)]
crate::shared::words::words!(InvitationUses { places });

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn uses() {
        let uses = InvitationUses::default();
        let at = |second| Timestamp::from_second(second).expect("a time");
        for (id, second) in [(7, 20), (7, 10), (7 + PLACES as u64, 30), (u64::MAX, 5)] {
            uses.count(id, at(second));
        }
        for (id, count, last) in [
            (7, 2, Some(at(20))),
            (7 + PLACES as u64, 1, Some(at(30))),
            (u64::MAX, 1, Some(at(5))),
            (8, 0, None),
            (1, 0, None),
        ] {
            assert_eq!(uses.of(id), Uses { count, last }, "{id}");
        }
    }

    /// Without a free place, a use is not counted, and the other counts stay.
    #[test]
    fn a_full_table() {
        let uses = InvitationUses::default();
        let id = |number: usize| (1 + number * PLACES) as u64;
        for number in 0..2 * TRIED {
            (0..3).for_each(|_| uses.count(id(number), Timestamp::UNIX_EPOCH));
        }
        let counts: Vec<_> = (0..2 * TRIED).map(|number| uses.of(id(number)).count).collect();
        assert_eq!(counts[..TRIED], [3; TRIED]);
        assert_eq!(counts[TRIED..], [0; TRIED]);
    }
}
