//! Who wants to hear what has changed.

use std::path::Path;

use crate::file::watched::FileEvent;
use crate::flag::FlagEvent;

/// The log, as the core sees it.
pub trait EventSink {
    /// News of a flag.
    fn flag(&self, event: FlagEvent<'_>);
    /// News of a file of the allowlist or of a page.
    fn file(&self, event: FileEvent<'_>);
    /// A page was made anew; for those who look closely. None: the built-in one.
    fn rendered(&self, page: Option<&Path>, media: &str);
}
