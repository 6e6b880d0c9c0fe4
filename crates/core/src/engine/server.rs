//! A server as the engine needs it for its requests.

use super::gate::Gate;
use super::gates::{Gates, SectionId, SectionPath};
use crate::stats::{ScopeId, ScopeRef, Stats};

/// A server (the main one or a virtual host) whose engine is on.
#[derive(Clone, Copy)]
pub struct Server<'s, E> {
    /// The gates that decide on its requests.
    pub gates: &'s Gates,
    /// Where its requests are counted.
    pub counters: &'s Counters,
    /// The sink for events.
    pub events: E,
}

/// Where a server's requests are counted.
pub struct Counters {
    /// The counters that all processes share.
    pub stats: &'static Stats,
    /// The scope of requests that are in no section.
    pub own: ScopeId,
    /// The scopes of its sections, in the order of their numbers.
    pub sections: Box<[(SectionId, ScopeId)]>,
    /// The generation of the configuration.
    pub generation: u8,
}

impl Counters {
    /// The innermost scope of a request in these sections.
    pub fn scope(&self, sections: Option<&impl SectionPath>) -> ScopeId {
        let scope = |number: SectionId| {
            let place = self.sections.binary_search_by_key(&number, |(other, _)| *other).ok()?;
            self.sections.get(place).map(|(_, scope)| *scope)
        };
        sections.and_then(SectionPath::innermost).and_then(scope).unwrap_or(self.own)
    }

    /// That scope, and the flags of its gate.
    pub fn scope_ref(&self, sections: Option<&impl SectionPath>, gate: &Gate) -> ScopeRef {
        ScopeRef { scope: self.scope(sections), flags: gate.bits() }
    }
}
