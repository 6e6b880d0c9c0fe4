//! The notice as JSON, in the shape of Statuspage's `scheduled-maintenances/upcoming.json`.

use jiff::Timestamp;
use serde::Serialize;

use super::texts::Language;
use super::{Event, EventState, Notice};

#[derive(Serialize)]
struct Document<'a> {
    page: Page<'a>,
    scheduled_maintenances: Vec<Maintenance<'a>>,
}

#[derive(Serialize)]
struct Page<'a> {
    id: &'a str,
    name: &'a str,
    time_zone: &'static str,
    updated_at: Option<String>,
}

#[derive(Serialize)]
struct Maintenance<'a> {
    id: &'a str,
    name: &'a str,
    status: &'static str,
    impact: &'static str,
    created_at: Option<String>,
    updated_at: Option<String>,
    started_at: Option<String>,
    monitoring_at: Option<String>,
    resolved_at: Option<String>,
    scheduled_for: Option<String>,
    scheduled_until: Option<String>,
    incident_updates: [Update<'a>; 1],
    components: [(); 0],
}

#[derive(Serialize)]
struct Update<'a> {
    id: &'a str,
    incident_id: &'a str,
    status: &'static str,
    body: &'a str,
    created_at: Option<String>,
    updated_at: Option<String>,
    display_at: Option<String>,
}

/// Renders the notice with the texts of a language.
///
/// # Errors
/// None in practice: every value has a form in JSON.
pub fn render(notice: &Notice<'_>, language: Language) -> Result<Vec<u8>, String> {
    let updated = notice.current().filter_map(|event| event.modified).max();
    let document = Document {
        page: Page {
            id: notice.host(),
            name: notice.host(),
            time_zone: "Etc/UTC",
            updated_at: updated.map(time),
        },
        scheduled_maintenances: notice.current().map(|event| of(event, language)).collect(),
    };
    serde_json::to_vec(&document).map_err(|error| error.to_string())
}

fn of<'a>(event: &'a Event<'a>, language: Language) -> Maintenance<'a> {
    let (title, _) = event.title(language);
    let message = event.message(language).map(|(message, _)| message);
    let modified = event.modified.map(time);
    let start = event.start().map(|start| start.at());
    let is_announced = event.state == EventState::Announced;
    let status = match event.state {
        EventState::Announced => "scheduled",
        EventState::Reopening => "verifying",
        _ => "in_progress",
    };
    let update = Update {
        id: event.id.as_str(),
        incident_id: event.id.as_str(),
        status,
        body: message.unwrap_or(event.lead(language)),
        created_at: modified.clone(),
        updated_at: modified.clone(),
        display_at: modified.clone(),
    };
    // A flag without a start closes from the moment at which it appears.
    let begins = start.or(event.modified);
    Maintenance {
        id: event.id.as_str(),
        name: title,
        status,
        impact: "maintenance",
        created_at: modified.clone(),
        updated_at: modified,
        started_at: begins.filter(|_| !is_announced).map(time),
        monitoring_at: None,
        resolved_at: None,
        scheduled_for: begins.map(time),
        scheduled_until: event.end().map(|end| time(end.at())),
        incident_updates: [update],
        components: [],
    }
}

/// `2026-11-28T21:00:00.000Z`, with milliseconds, as Statuspage writes times.
fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}
