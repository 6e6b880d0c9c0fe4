//! The looks at flags for one request.

use std::cell::Cell;

use crate::flag::{ActiveFlag, Flag};

/// The flags that have been looked at for a request, and what was found. Several gates can decide for
/// a request, and they have flags in common; no flag is looked at twice.
#[derive(Default)]
pub struct Looks<'g>(Cell<Vec<Found<'g>>>);

type Found<'g> = (&'g Flag<'static>, Option<ActiveFlag>);

impl<'g> Looks<'g> {
    /// What a look at the flag has found: `look` is the first one.
    pub(super) fn at(
        &self,
        flag: &'g Flag<'static>,
        look: impl FnOnce() -> Option<ActiveFlag>,
    ) -> Option<ActiveFlag> {
        let mut all = self.0.take();
        let known = all.iter().find(|(other, _)| std::ptr::eq(*other, flag));
        let found = known.map(|(_, found)| found.clone());
        let closing = found.unwrap_or_else(|| {
            let closing = look();
            all.push((flag, closing.clone()));
            closing
        });
        self.0.set(all);
        closing
    }
}
