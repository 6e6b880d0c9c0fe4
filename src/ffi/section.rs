//! `<Location>` sections: which of them a request is in.
//!
//! What a section says stands in the configuration of its server, under its number. What httpd
//! keeps for it, and merges while it maps a request, only tells which sections these are.

use std::sync::atomic::{AtomicU32, Ordering};

use super::bindings::apr_pool_t;
use super::pool::put;
use crate::gates::{Chain, Number};
use crate::hash;

/// One section, or several that apply together. Has nothing to drop, so it takes no more of a
/// pool than its memory.
#[derive(Clone, Copy)]
pub(super) struct Section {
    key: u64,
    parts: Parts,
}

#[derive(Clone, Copy)]
enum Parts {
    One(Number),
    Both(*const Section, *const Section),
}

impl Section {
    /// A section that is read just now.
    ///
    /// # Safety
    /// `pool` is a live pool, and the result is not used after that pool is cleared.
    pub(super) unsafe fn new(pool: *mut apr_pool_t) -> *mut Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller vouches for the pool.
        unsafe { put(pool, Self { key: number.key(), parts: Parts::One(number) }) }
    }

    /// `inner` inside of `outer`.
    ///
    /// # Safety
    /// As for [`Section::new`]; both are live sections for as long as that pool.
    pub(super) unsafe fn merge(
        pool: *mut apr_pool_t,
        outer: *const Self,
        inner: *const Self,
    ) -> *mut Self {
        // SAFETY: the caller vouches for all three.
        unsafe {
            let key = hash::of(((*outer).key, (*inner).key)).max(1);
            put(pool, Self { key, parts: Parts::Both(outer, inner) })
        }
    }

    /// [`Chain::key`] for a request that may be in no section.
    pub(super) fn key_of(section: Option<&Self>) -> u64 {
        section.map_or(0, |section| section.key)
    }

    /// The number of a section that is read just now.
    pub(super) fn number(&self) -> Option<Number> {
        match self.parts {
            Parts::One(number) => Some(number),
            Parts::Both(..) => None,
        }
    }

    fn add_to(&self, numbers: &mut Vec<Number>) {
        match self.parts {
            Parts::One(number) => numbers.push(number),
            Parts::Both(outer, inner) => {
                // SAFETY: `merge`'s caller vouched for both for as long as this one lives.
                let (outer, inner) = unsafe { (&*outer, &*inner) };
                outer.add_to(numbers);
                inner.add_to(numbers);
            }
        }
    }
}

impl Chain for Section {
    fn key(&self) -> u64 {
        self.key
    }

    fn innermost(&self) -> Option<Number> {
        match self.parts {
            Parts::One(number) => Some(number),
            // SAFETY: `merge`'s caller vouched for it for as long as this one lives.
            Parts::Both(_, inner) => unsafe { (*inner).innermost() },
        }
    }

    fn numbers(&self) -> Vec<Number> {
        let mut numbers = vec![];
        self.add_to(&mut numbers);
        numbers
    }
}
