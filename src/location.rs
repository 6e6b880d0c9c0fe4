//! `<Location>` sections: identifies the sections of a request.
//!
//! The settings of a section are in the configuration of its server, under the section's number.
//! The value that httpd stores for a section, and merges while it maps a request, only identifies
//! the sections.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::pool::Pool;
use maintenance_core::engine::gates::{SectionId, SectionPath};
use maintenance_core::shared::hash;

/// One section, or several that apply together. It needs no destructor, so it can live in a pool
/// without a cleanup.
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
    /// A new section whose configuration is being read.
    pub(crate) fn new(pool: Pool<'p>) -> &'p mut Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        pool.put(Self { key: number.key(), parts: Parts::One(number) })
    }

    /// The combination of `outer` and, inside it, `inner`.
    pub(crate) fn merge(pool: Pool<'p>, outer: &'p Self, inner: &'p Self) -> &'p mut Self {
        let key = hash::of((outer.key, inner.key)).max(1);
        pool.put(Self { key, parts: Parts::Both(outer, inner) })
    }

    /// The number of a section whose configuration is being read.
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
