//! The sections that a request is in.

use super::gates::SectionPath;
use crate::shared::hash;

/// The sections of a request, for each reading of its path.
pub struct MatchedSections<'r, P> {
    /// The sections that httpd applies; None if the request is in no section.
    pub section: Option<&'r P>,
    /// The sections of the path's other readings, if they differ.
    pub others: Vec<Option<&'r P>>,
}

impl<'r, P: SectionPath> MatchedSections<'r, P> {
    /// Combines httpd's sections with those of the other readings, without duplicates.
    pub fn new(section: Option<&'r P>, others: Vec<Option<&'r P>>) -> Self {
        let mut matched = Self { section, others: vec![] };
        for other in others {
            if matched.all().all(|known| key_of(known) != key_of(other)) {
                matched.others.push(other);
            }
        }
        matched
    }

    /// The value for a server without sections.
    pub fn none() -> Self {
        Self { section: None, others: vec![] }
    }

    /// The sections of all readings, httpd's first.
    pub fn all(&self) -> impl Iterator<Item = Option<&'r P>> {
        std::iter::once(self.section).chain(self.others.iter().copied())
    }

    /// Identifies httpd's sections; 0 if there are none.
    pub fn key(&self) -> u64 {
        key_of(self.section)
    }

    /// Identifies the sections of the other readings; 0 if there are none.
    pub fn key_of_others(&self) -> u64 {
        let add = |key, other: &Option<&P>| hash::of((key, key_of(*other))).max(1);
        self.others.iter().fold(0, add)
    }
}

/// [`SectionPath::key`], or 0 for a request that is in no section.
pub fn key_of(section: Option<&impl SectionPath>) -> u64 {
    section.map_or(0, SectionPath::key)
}
