//! The sections that a request is in.

use super::gates::SectionPath;
use crate::shared::hash;

/// The sections of a request, for each reading of its path.
pub struct MatchedSections<'r, P> {
    /// Those that httpd goes by; None for a request that is in none.
    pub section: Option<&'r P>,
    /// Those of the path's other readings, where they differ.
    pub others: Vec<Option<&'r P>>,
}

impl<'r, P: SectionPath> MatchedSections<'r, P> {
    /// Those that httpd goes by, and those of the other readings, of which each counts once.
    pub fn new(section: Option<&'r P>, others: Vec<Option<&'r P>>) -> Self {
        let mut matched = Self { section, others: vec![] };
        for other in others {
            if matched.all().all(|known| key_of(known) != key_of(other)) {
                matched.others.push(other);
            }
        }
        matched
    }

    /// For a server without sections.
    pub fn none() -> Self {
        Self { section: None, others: vec![] }
    }

    /// All of them, httpd's first.
    pub fn all(&self) -> impl Iterator<Item = Option<&'r P>> {
        std::iter::once(self.section).chain(self.others.iter().copied())
    }

    /// Tells httpd's sections from others; 0 where there are none.
    pub fn key(&self) -> u64 {
        key_of(self.section)
    }

    /// Tells those of the other readings from others; 0 where there are none.
    pub fn key_of_others(&self) -> u64 {
        let add = |key, other: &Option<&P>| hash::of((key, key_of(*other))).max(1);
        self.others.iter().fold(0, add)
    }
}

/// [`SectionPath::key`] for a request that may be in no section: 0 then.
pub fn key_of(section: Option<&impl SectionPath>) -> u64 {
    section.map_or(0, SectionPath::key)
}
