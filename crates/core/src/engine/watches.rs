//! The files of all scopes: those of allowlists and of pages. Scopes share them, so each is looked at
//! once, however many scopes there are.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::gate::Gate;
use crate::allow::ScopeList;
use crate::events::EventSink;
use crate::file::watched::FileEvent;
use crate::flag::Observer;
use crate::refusal::Refusal;

/// The allowlists and refusals that have files, without duplicates.
#[derive(Default)]
pub struct Watches {
    lists: Vec<Arc<ScopeList>>,
    refusals: Vec<Arc<Refusal>>,
}

impl Watches {
    /// The files of these gates.
    pub fn of<'g>(gates: impl Iterator<Item = &'g Gate>) -> Self {
        let (mut watches, mut seen) = (Self::default(), BTreeSet::new());
        for gate in gates {
            let (allowlist, refusal) = gate.parts();
            for list in allowlist.lists().iter().filter(|list| list.has_files()) {
                if seen.insert(Arc::as_ptr(list).cast::<()>()) {
                    watches.lists.push(Arc::clone(list));
                }
            }
            if refusal.pages().has_files() && seen.insert(Arc::as_ptr(refusal).cast()) {
                watches.refusals.push(Arc::clone(refusal));
            }
        }
        watches
    }

    /// Compresses the pages that children can share. The parent calls this before it forks.
    pub fn prepare(&self) {
        self.refusals.iter().for_each(|refusal| refusal.pages().prepare());
    }

    /// Reports which files could not be used at a restart. The parent calls this before it forks.
    pub fn tell_start(&self, report: &mut dyn FnMut(FileEvent<'_>)) {
        self.lists.iter().for_each(|list| list.tell_start(report));
        self.refusals.iter().for_each(|refusal| refusal.pages().tell_start(report));
    }

    /// The pages that are so short that some browsers replace them by their own error page.
    pub fn short_pages(&self) -> BTreeSet<&Path> {
        self.refusals.iter().filter_map(|refusal| refusal.pages().short()).collect()
    }

    /// Rereads the files that have changed. With `check`, also tests whether this process may read
    /// them: a child does so when it starts, so that the error log reports a problem then and not at
    /// the next change.
    pub fn refresh(&self, observer: Observer, check: bool, events: &impl EventSink) {
        let report = &mut |event: FileEvent<'_>| events.file(event);
        self.lists.iter().for_each(|list| list.refresh(observer, check, report));
        self.refusals.iter().for_each(|refusal| refusal.pages().refresh(check, events));
    }

    /// The number of allowlists and refusals.
    pub fn len(&self) -> usize {
        self.lists.len() + self.refusals.len()
    }

    /// Whether no scope has a file.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
