//! The `<Location>` sections of a server, and those that a request is in.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::directive::Settings;
use crate::shared::hash;

/// The number of a `<Location>` section, valid as long as the configuration is in force.
pub type SectionId = u32;

/// A `<Location>` section with directives of the module.
#[derive(Clone, Default)]
pub struct Section {
    /// The section as written: `<Location /blogs>`.
    pub name: String,
    /// The settings of the section.
    pub settings: Settings,
}

/// Sections by their numbers.
type ByNumber = BTreeMap<SectionId, Section>;

/// The sections of a server: its own, and those of the main server, which all virtual hosts share.
#[derive(Clone, Default)]
pub struct Sections {
    own: Option<Arc<ByNumber>>,
    outer: Option<Arc<ByNumber>>,
}

impl Sections {
    /// The sections of a virtual host inside `outer`, those of the main server.
    pub fn within(&self, outer: &Self) -> Self {
        Self { own: self.own.clone(), outer: outer.own.clone() }
    }

    /// A section while its lines are read.
    pub fn edit(&mut self, number: SectionId) -> &mut Section {
        Arc::make_mut(self.own.get_or_insert_default()).entry(number).or_default()
    }

    /// The section with this number.
    pub fn get(&self, number: SectionId) -> Option<&Section> {
        self.both().into_iter().flatten().find_map(|sections| sections.get(&number))
    }

    /// Whether there are no sections.
    pub fn is_empty(&self) -> bool {
        self.own.is_none() && self.outer.is_none()
    }

    /// All sections in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (SectionId, &Section)> {
        let mut sections: Vec<_> = self.both().into_iter().flatten().flatten().collect();
        sections.sort_by_key(|(number, _)| **number);
        sections.into_iter().map(|(number, section)| (*number, section))
    }

    /// The server's own sections.
    pub fn own(&self) -> impl Iterator<Item = (SectionId, &Section)> {
        self.own.iter().flat_map(|own| own.iter()).map(|(number, section)| (*number, section))
    }

    /// The sections of the main server, in a virtual host.
    pub fn outer(&self) -> impl Iterator<Item = (SectionId, &Section)> {
        self.outer.iter().flat_map(|outer| outer.iter()).map(|(number, section)| (*number, section))
    }

    fn both(&self) -> [Option<&ByNumber>; 2] {
        [self.own.as_deref(), self.outer.as_deref()]
    }
}

impl FromIterator<(SectionId, Section)> for Sections {
    fn from_iter<I: IntoIterator<Item = (SectionId, Section)>>(sections: I) -> Self {
        let mut found = Self::default();
        sections.into_iter().for_each(|(number, section)| *found.edit(number) = section);
        found
    }
}

/// The sections of a request, in the order in which httpd merges them.
pub trait SectionPath {
    /// Identifies this combination of sections. Never 0, which means that a request is in no
    /// section.
    fn key(&self) -> u64;
    /// The sections' numbers, the innermost last.
    fn numbers(&self) -> Vec<SectionId>;
    /// The innermost section's number.
    fn innermost(&self) -> Option<SectionId>;
}

/// A request in a single section.
impl SectionPath for SectionId {
    fn key(&self) -> u64 {
        hash::of(self).max(1)
    }

    fn numbers(&self) -> Vec<SectionId> {
        vec![*self]
    }

    fn innermost(&self) -> Option<SectionId> {
        Some(*self)
    }
}
