//! The gates of one server: its own, and those of the locations in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::config::Settings;
use crate::gate::{Gate, Place};
use crate::hash;

/// The number of a `<Location>` section, the same as long as the configuration is in force.
pub type Number = u32;

/// The sections of a server that hold directives of the module.
pub type Sections = BTreeMap<Number, Settings>;

/// Which sections a request is in, in the order in which httpd merges them.
pub trait Chain {
    /// Tells chains from each other; never 0, which is for requests that are in none.
    fn key(&self) -> u64;
    /// The sections' numbers, the innermost last.
    fn numbers(&self) -> Vec<Number>;
}

/// In one section alone.
impl Chain for Number {
    fn key(&self) -> u64 {
        hash::of(self).max(1)
    }

    fn numbers(&self) -> Vec<Number> {
        vec![*self]
    }
}

/// The gates of one server.
pub struct Gates {
    settings: Settings,
    sections: Sections,
    place: Arc<Place>,
    own: Gate,
    made: Made,
}

/// Gates by the keys of their chains. A few, so a list does; and one to which several threads can
/// add while others read it.
#[derive(Default)]
struct Made(OnceCell<Box<(u64, Gate, Made)>>);

impl Gates {
    /// The gates of a server with these settings, merged with those of the main server. None
    /// where one of its flags is not among those of `place`.
    pub fn new(settings: &Settings, sections: &Sections, place: &Arc<Place>) -> Option<Self> {
        let settings = settings.of_server(&place.server_root);
        let mut flags = sections.values().flat_map(Settings::own_flags);
        if !flags.all(|flag| place.flags.contains_key(flag)) {
            return None;
        }
        let own = Gate::new(&settings, place)?;
        let (sections, place) = (sections.clone(), Arc::clone(place));
        let gates = Self { settings, sections, place, own, made: Made::default() };
        for number in gates.sections.keys() {
            gates.of(number);
        }
        Some(gates)
    }

    /// The gate of a request that is in no section.
    pub fn own(&self) -> &Gate {
        &self.own
    }

    /// Do requests have to be held against sections at all?
    pub fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// The gate for requests in these sections. That for several at a time is made at the first
    /// such request.
    pub fn of(&self, chain: &impl Chain) -> &Gate {
        let key = chain.key();
        let mut made = &self.made;
        loop {
            let (found, gate, more) = &**made.0.get_or_init(|| {
                let gate = self.make(&chain.numbers());
                Box::new((key, gate, Made::default()))
            });
            if *found == key {
                return gate;
            }
            made = more;
        }
    }

    fn make(&self, numbers: &[Number]) -> Gate {
        let sections = numbers.iter().filter_map(|number| self.sections.get(number));
        let inner = sections.fold(Settings::default(), |outer, inner| inner.within(&outer));
        self.own.narrowed(&inner, &inner.within(&self.settings), &self.place)
    }

    /// All gates that were made so far.
    pub fn all(&self) -> impl Iterator<Item = &Gate> {
        let made = std::iter::successors(self.made.0.get(), |made| made.2.0.get());
        std::iter::once(&self.own).chain(made.map(|made| &made.1))
    }
}
