//! Handles events of flags, files and pages.

use std::path::Path;

use jiff::Timestamp;

use crate::error_log;
use crate::server::flags;
use crate::sys::bindings::maintenance_main_server;
use crate::sys::process;
use maintenance_core::events::{EventSink, is_first_closing};
use maintenance_core::file::watched::FileEvent;
use maintenance_core::flag::FlagEvent;
use maintenance_core::flag::flags::Flags;

/// Logs each event. When the site closes, it also clears the list of refused clients, because the
/// clients of an earlier closing are of no use.
#[derive(Clone, Copy)]
pub(crate) struct Events;

impl EventSink for Events {
    fn flag(&self, event: FlagEvent<'_>) {
        if let Some(stats) = process::stats().filter(|_| closes_the_site(&event)) {
            stats.refused().clear(Timestamp::now());
        }
        error_log::flag(&event);
    }

    fn file(&self, event: FileEvent<'_>) {
        error_log::file(event);
    }

    fn rendered(&self, page: Option<&Path>, media: &str) {
        error_log::rendered(page, media);
    }
}

fn closes_the_site(event: &FlagEvent<'_>) -> bool {
    // SAFETY: httpd's main server lives as long as the process has this configuration.
    let Some(main) = (unsafe { maintenance_main_server().as_ref() }) else { return false };
    let closing = flags(main).into_iter().flat_map(Flags::iter).filter(|flag| flag.was_closing());
    is_first_closing(event, closing.map(|flag| flag.path()))
}
