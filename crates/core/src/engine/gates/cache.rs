//! The gates that have been made for the sections of a server.

use std::sync::atomic::{AtomicUsize, Ordering};

use once_cell::sync::OnceCell;

use super::sections::{SectionId, SectionPath};
use crate::engine::gate::Gate;

/// How many gates a server keeps in addition to those of single sections. Bounded, because clients
/// choose in which combinations of sections their requests are.
pub(super) const MAX_MADE: usize = 256;

/// How many such gates all servers together keep.
pub(super) const MAX_MADE_BY_ALL: usize = 1024;

/// The gates of several sections, in the order of their numbers, so that a request finds its own in
/// a few steps among thousands.
pub(super) struct GateCache(Box<[OfSection]>);

/// The gates of requests whose innermost section is this one.
struct OfSection {
    number: SectionId,
    gates: List,
}

/// Gates by the keys of their section paths, in a list that threads can append to while others read
/// it. The first is that of the section alone, which always gets one.
#[derive(Default)]
struct List(OnceCell<Box<Node>>);

struct Node {
    key: u64,
    gate: Gate,
    more: List,
}

/// Counts the gates that have been made for combinations of sections.
pub(super) struct Limit<'l> {
    /// Those of this server.
    pub(super) own: &'l AtomicUsize,
    /// Those of all servers.
    pub(super) all: &'l AtomicUsize,
}

impl GateCache {
    /// No gates yet for these sections, which are in the order of their numbers.
    pub(super) fn new(numbers: impl Iterator<Item = SectionId>) -> Self {
        Self(numbers.map(|number| OfSection { number, gates: List::default() }).collect())
    }

    /// The gate for these sections, made by `make` at the first request. None if there are too many
    /// already, or if the innermost section is not here.
    pub(super) fn get<P: SectionPath>(
        &self,
        path: &P,
        limit: &Limit<'_>,
        make: &dyn Fn(&dyn SectionPath) -> Gate,
    ) -> Option<&Gate> {
        let (key, number) = (path.key(), path.innermost()?);
        let node = |path: &dyn SectionPath| {
            Box::new(Node { key: path.key(), gate: make(path), more: List::default() })
        };
        let mut list = self.of(number)?;
        let mut found = &**list.0.get_or_init(|| node(&number));
        for _ in 0..=MAX_MADE {
            if found.key == key {
                return Some(&found.gate);
            }
            list = &found.more;
            found = match list.0.get() {
                Some(node) => node,
                None if limit.allows_one_more() => list.0.get_or_init(|| node(path)),
                None => return None,
            };
        }
        None
    }

    fn of(&self, number: SectionId) -> Option<&List> {
        let place = self.0.binary_search_by_key(&number, |section| section.number).ok()?;
        self.0.get(place).map(|section| &section.gates)
    }

    /// The gates made so far for requests whose innermost section is this one.
    pub(super) fn inside(&self, number: SectionId) -> impl Iterator<Item = &Gate> {
        self.of(number).into_iter().flat_map(List::iter)
    }

    /// All gates made so far.
    pub(super) fn all(&self) -> impl Iterator<Item = &Gate> {
        self.0.iter().flat_map(|section| section.gates.iter())
    }
}

impl List {
    fn iter(&self) -> impl Iterator<Item = &Gate> {
        let first = self.0.get().map(|node| &**node);
        let nodes = std::iter::successors(first, |node| node.more.0.get().map(|node| &**node));
        nodes.map(|node| &node.gate)
    }
}

impl Limit<'_> {
    fn allows_one_more(&self) -> bool {
        self.own.fetch_add(1, Ordering::Relaxed) < MAX_MADE
            && self.all.fetch_add(1, Ordering::Relaxed) < MAX_MADE_BY_ALL
    }
}
