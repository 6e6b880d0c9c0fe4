//! `<Location>` sections: which of them a request is in.
//!
//! What a section says stands in the configuration of its server, under its number. What httpd
//! keeps for it, and merges while it maps a request, only tells which sections these are.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::pool::Pool;
use maintenance_core::engine::gates::{SectionId, SectionPath};
use maintenance_core::shared::hash;

/// One section, or several that apply together. Has nothing to drop, so it takes no more of a
/// pool than its memory.
#[derive(Clone, Copy)]
pub(crate) struct Section<'p> {
    key: u64,
    parts: Parts<'p>,
}

#[derive(Clone, Copy)]
enum Parts<'p> {
    One(SectionId),
    Both(&'p Section<'p>, &'p Section<'p>),
}

impl<'p> Section<'p> {
    /// A section that is read just now.
    pub(crate) fn new(pool: Pool<'p>) -> &'p mut Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        pool.put(Self { key: number.key(), parts: Parts::One(number) })
    }

    /// `inner` inside of `outer`.
    pub(crate) fn merge(pool: Pool<'p>, outer: &'p Self, inner: &'p Self) -> &'p mut Self {
        let key = hash::of((outer.key, inner.key)).max(1);
        pool.put(Self { key, parts: Parts::Both(outer, inner) })
    }

    /// The number of a section that is read just now.
    pub(crate) fn number(&self) -> Option<SectionId> {
        match self.parts {
            Parts::One(number) => Some(number),
            Parts::Both(..) => None,
        }
    }

    fn add_to(&self, numbers: &mut Vec<SectionId>) {
        match self.parts {
            Parts::One(number) => numbers.push(number),
            Parts::Both(outer, inner) => {
                outer.add_to(numbers);
                inner.add_to(numbers);
            }
        }
    }
}

impl SectionPath for Section<'_> {
    fn key(&self) -> u64 {
        self.key
    }

    fn innermost(&self) -> Option<SectionId> {
        match self.parts {
            Parts::One(number) => Some(number),
            Parts::Both(_, inner) => inner.innermost(),
        }
    }

    fn numbers(&self) -> Vec<SectionId> {
        let mut numbers = vec![];
        self.add_to(&mut numbers);
        numbers
    }
}
