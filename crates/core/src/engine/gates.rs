//! The gates of one server: the server's own, and those of its `<Location>` sections.

mod cache;
mod sections;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use once_cell::sync::OnceCell;

use crate::directive::Settings;
use crate::engine::gate::{Gate, ServerContext};
use crate::engine::notice::NoticeService;
use crate::flag::Flag;
use cache::{GateCache, Limit};
pub use sections::{Section, SectionId, SectionPath, Sections};

/// The gates of one server.
pub struct Gates {
    settings: Settings,
    sections: Sections,
    context: Arc<ServerContext>,
    own: Gate,
    /// The gates of the server's own sections, made ahead.
    of_own: GateCache,
    /// The gates of the main server's sections in a virtual host. They are made when the first
    /// request needs one: thousands of hosts would otherwise have one for each section.
    of_outer: OnceCell<GateCache>,
    /// The number of gates made for combinations of sections.
    combinations: AtomicUsize,
    /// Whether a request needs the server's own gate alone, and nothing is done before it decides.
    is_plain: bool,
    has_invitations: bool,
    notice: Option<Box<NoticeService>>,
}

impl Gates {
    /// The gates of a server with these settings, merged with those of the main server. None if
    /// `context` lacks one of the flags.
    pub fn new(
        settings: &Settings,
        sections: &Sections,
        context: &Arc<ServerContext>,
    ) -> Option<Self> {
        let settings = settings.of_server(&context.server_root);
        let mut flags = sections.own().flat_map(|(_, section)| section.settings.own_flags());
        if !flags.all(|flag| context.flags.get(flag).is_some()) {
            return None;
        }
        let own = Gate::new(&settings, context)?;
        let has_invitations = settings.allow().has_invitations()
            || sections.iter().any(|(_, section)| section.settings.allow().has_invitations());
        let mut gates = Self {
            of_own: GateCache::new(sections.own().map(|(number, _)| number)),
            of_outer: OnceCell::new(),
            combinations: AtomicUsize::new(0),
            is_plain: false,
            notice: None,
            sections: sections.clone(),
            context: Arc::clone(context),
            settings,
            own,
            has_invitations,
        };
        for (number, _) in gates.sections.own() {
            gates.of(&number);
        }
        gates.notice = gates.settings.notice().map(|path| {
            let flags = gates.flags().cloned();
            Box::new(NoticeService::new(path.clone(), flags, &gates.context.notices))
        });
        let is_plain = !gates.has_invitations && gates.notice.is_none();
        gates.is_plain = gates.sections.is_empty() && is_plain;
        Some(gates)
    }

    /// The gate of a request that is in no section.
    pub fn own(&self) -> &Gate {
        &self.own
    }

    /// Whether a request needs the server's own gate alone, and nothing is done before it decides.
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether the server or one of its sections has invitations.
    pub fn has_invitations(&self) -> bool {
        self.has_invitations
    }

    /// The public notice, if the server has one.
    pub fn notice(&self) -> Option<&NoticeService> {
        self.notice.as_deref()
    }

    /// Whether the server has sections.
    pub fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// The sections.
    pub fn sections(&self) -> &Sections {
        &self.sections
    }

    /// The gate of a request in these sections, or in none. `keep` holds a gate that is made for
    /// this request only.
    #[inline(always)]
    pub fn of_request<'g>(
        &'g self,
        path: Option<&impl SectionPath>,
        keep: impl FnOnce(Gate) -> &'g Gate,
    ) -> &'g Gate {
        match path {
            Some(path) => self.of(path).unwrap_or_else(|| keep(self.make(path))),
            None => &self.own,
        }
    }

    /// The gate for requests in these sections, made at its first request if it is not one of the
    /// server's own sections alone. None if there are too many already.
    pub fn of(&self, path: &impl SectionPath) -> Option<&Gate> {
        let limit = Limit { own: &self.combinations, all: &self.context.combinations };
        let make: &dyn Fn(&dyn SectionPath) -> Gate = &|path| self.make(path);
        self.of_own.get(path, &limit, make).or_else(|| self.of_outer()?.get(path, &limit, make))
    }

    /// Makes the gates of all sections alone.
    pub fn make_all(&self) {
        for (number, _) in self.sections.iter() {
            self.of(&number);
        }
    }

    fn of_outer(&self) -> Option<&GateCache> {
        self.sections.outer().next()?;
        let numbers = || self.sections.outer().map(|(number, _)| number);
        Some(self.of_outer.get_or_init(|| GateCache::new(numbers())))
    }

    /// Makes the gate for requests in these sections.
    pub fn make(&self, path: &(impl SectionPath + ?Sized)) -> Gate {
        let numbers = path.numbers();
        let sections = numbers.iter().filter_map(|number| self.sections.get(*number));
        let inner =
            sections.fold(Settings::default(), |outer, inner| inner.settings.within(&outer));
        self.own.for_location(&inner, &inner.within(&self.settings), &self.context)
    }

    /// All gates that have been made so far.
    pub fn all(&self) -> impl Iterator<Item = &Gate> {
        let of_outer = self.of_outer.get().into_iter().flat_map(GateCache::all);
        std::iter::once(&self.own).chain(self.of_own.all()).chain(of_outer)
    }

    /// All gates made so far whose innermost section is `innermost`, beginning with the section's
    /// own.
    pub fn inside(&self, innermost: SectionId) -> impl Iterator<Item = &Gate> {
        self.of(&innermost); // made by now
        let of_outer = self.of_outer.get().into_iter().flat_map(move |of| of.inside(innermost));
        self.of_own.inside(innermost).chain(of_outer)
    }

    /// The flags of the server and of all its sections. May contain duplicates.
    pub fn flags(&self) -> impl Iterator<Item = &Arc<Flag<'static>>> {
        let sections = self.sections.iter();
        let paths = sections.flat_map(|(_, section)| section.settings.own_flags());
        let of_sections = paths.filter_map(|path| self.context.flags.get(path));
        self.own.flags().iter().chain(of_sections)
    }
}

#[cfg(test)]
pub(crate) mod tests;
