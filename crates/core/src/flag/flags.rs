//! All flags of a configuration.
//!
//! A look at thousands of flags is a system call for each of them. But most are absent, and a single
//! list of a folder's names tells so for all flags in that folder. Requests still look at their own
//! flags; this is for the parent and for children that start.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Flag, FlagEvent, Observer};

/// From this number of flags in a folder on, listing the folder costs less than looking at each.
const WORTH_A_LIST: usize = 8;

/// The flags of a configuration, those of one folder side by side.
#[derive(Default)]
pub struct Flags(Box<[Arc<Flag<'static>>]>);

impl FromIterator<Arc<Flag<'static>>> for Flags {
    fn from_iter<I: IntoIterator<Item = Arc<Flag<'static>>>>(flags: I) -> Self {
        let mut flags: Vec<_> = flags.into_iter().collect();
        flags.sort_by(|one, other| order(one.path()).cmp(&order(other.path())));
        Self(flags.into())
    }
}

impl Flags {
    /// The flag at this path.
    pub fn get(&self, path: &Path) -> Option<&Arc<Flag<'static>>> {
        let place = self.0.binary_search_by(|flag| order(flag.path()).cmp(&order(path)));
        self.0.get(place.ok()?)
    }

    /// All flags.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Flag<'static>>> + Clone {
        self.0.iter()
    }

    /// The number of flags.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no flags.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks at the flags that may have changed, in the parent, or in a child that starts (see
    /// [`Flag::begin`]). Returns the number of flags that were looked at.
    pub fn look(
        &self,
        observer: Observer,
        clock: &dyn Fn() -> Timestamp,
        report: &mut dyn FnMut(FlagEvent<'_>),
    ) -> usize {
        let of_one_folder = |one: &Arc<Flag<'_>>, other: &Arc<Flag<'_>>| {
            one.path().parent() == other.path().parent()
        };
        let mut looks = 0;
        for flags in self.0.chunk_by(of_one_folder) {
            let names = may_be_listed(flags).then(|| names(flags)).flatten();
            for (number, flag) in flags.iter().enumerate() {
                let is_there = |names: &BTreeSet<OsString>| {
                    flag.path().file_name().is_none_or(|name| names.contains(name))
                };
                // One flag of the folder is always looked at, so that an error is noticed.
                if number > 0 && flag.was_absent() && !names.as_ref().is_none_or(is_there) {
                    flag.forget_content(observer);
                    continue;
                }
                looks += 1;
                match observer {
                    Observer::Parent => flag.look(observer, Timestamp::MIN, clock, report),
                    Observer::Child => flag.begin(clock, report),
                };
            }
        }
        looks
    }
}

/// The flags of a folder come before those of the folders inside it.
fn order(path: &Path) -> (Option<&Path>, &Path) {
    (path.parent(), path)
}

/// Whether it is worth listing the folder of these flags. Not with an interval: then the folder's file
/// system may hang, and [`Flag::look`] knows when to look.
fn may_be_listed(flags: &[Arc<Flag<'_>>]) -> bool {
    flags.len() >= WORTH_A_LIST && flags.iter().all(|flag| flag.poll_lease.has_no_interval())
}

/// The names in the folder of these flags. None if they cannot be listed, or if there are so many
/// that looking at each flag costs less.
fn names(flags: &[Arc<Flag<'_>>]) -> Option<BTreeSet<OsString>> {
    let folder = flags.first()?.path().parent()?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).ok()? {
        names.insert(entry.ok()?.file_name());
        if names.len() > 2 * flags.len() {
            return None;
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests;
