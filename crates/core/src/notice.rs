//! The public notice of `MaintenanceNotice`: what users are told of a maintenance before, during and
//! after it, as a page, as JSON, as a calendar, and as a script that shows a bar on the site's pages.
//!
//! [`Event`] is what the public may know of one flag, and [`Notice`] of all flags of a server. Nothing
//! else reaches the formats: no path, no owner, and none of the keys for administrators. A format is a
//! function of the notice and the language alone, and does not depend on the time at which it is
//! made, so that every server makes the same bytes.

pub mod bar;
pub mod cache;
pub mod calendar;
mod event;
pub mod json;
pub mod page;
mod path;
mod texts;

pub use event::{Event, EventId, EventState};
pub use path::{NoticeError, NoticePath};
pub use texts::Language;

/// The formats show at most this many events, the most urgent ones: a server can have thousands of
/// flags.
pub const MAX_EVENTS: usize = 100;

/// What the public is told about a server.
#[derive(Debug)]
pub struct Notice<'a> {
    host: &'a str,
    events: Vec<Event<'a>>,
}

impl<'a> Notice<'a> {
    /// The notice of the server with this name about these events.
    pub fn new(host: &'a str, mut events: Vec<Event<'a>>) -> Self {
        // What goes on comes first, then what comes next.
        let urgency = |event: &Event<'_>| {
            let is_over = event.state <= EventState::Over;
            (is_over, event.state == EventState::Announced, event.start().map(|start| start.at()))
        };
        events.sort_by(|one, other| {
            urgency(one).cmp(&urgency(other)).then_with(|| one.id.cmp(&other.id))
        });
        events.truncate(MAX_EVENTS);
        Self { host, events }
    }

    /// The name of the server; can be empty.
    pub fn host(&self) -> &str {
        self.host
    }

    /// All events. Past and cancelled ones come last.
    pub fn all(&self) -> &[Event<'a>] {
        &self.events
    }

    /// The events that are announced or going on.
    pub fn current(&self) -> impl Iterator<Item = &Event<'a>> {
        self.events.iter().filter(|event| event.state > EventState::Over)
    }

    /// The most restrictive state of the current events; None if nothing is planned or going on.
    pub fn state(&self) -> Option<EventState> {
        self.current().map(|event| event.state).max()
    }
}

#[cfg(test)]
mod tests;
