//! Events, and who hears of them.

use std::path::Path;

use crate::file::watched::FileEvent;
use crate::flag::FlagEvent;

/// Receives events.
pub trait EventSink {
    /// A change of a flag.
    fn flag(&self, event: FlagEvent<'_>);
    /// A change of a file of the allowlist, or of a page's file.
    fn file(&self, event: FileEvent<'_>);
    /// A page was rendered. None stands for the built-in page.
    fn rendered(&self, page: Option<&Path>, media: &str);
}

/// Whether this event closes a site that was open before. `closing` are all flags that are active
/// now.
pub fn is_first_closing<'f>(
    event: &FlagEvent<'_>,
    mut closing: impl Iterator<Item = &'f Path>,
) -> bool {
    match event {
        FlagEvent::Closed { flag, .. } => closing.all(|other| other == *flag),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flag::spec::FlagSpec;

    #[test]
    fn first_closings() {
        let (a, b) = (Path::new("/a"), Path::new("/b"));
        let closed = FlagEvent::Closed { flag: a, file: None, spec: &FlagSpec::default() };
        let gone = FlagEvent::Gone { flag: a, opens: true };
        for (event, closing, expected) in [
            (&closed, &[][..], true),
            (&closed, &[a], true),
            (&closed, &[a, a], true),
            (&closed, &[b], false),
            (&closed, &[a, b], false),
            (&gone, &[], false),
            (&gone, &[a], false),
        ] {
            let is_first = is_first_closing(event, closing.iter().copied());
            assert_eq!(is_first, expected, "{event:?} {closing:?}");
        }
    }
}
