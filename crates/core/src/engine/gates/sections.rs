//! The `<Location>` sections of a server, and those that a request is in.

use std::collections::BTreeMap;

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

/// The sections of a server, by their numbers.
pub type Sections = BTreeMap<SectionId, Section>;

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
