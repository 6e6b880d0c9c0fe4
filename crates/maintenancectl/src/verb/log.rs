//! `log`: who has changed the flag in the store.

use clap::Args;
use jiff::Timestamp;
use maintenance_core::text::{self, zone};
use serde_json::json;

use crate::exit::{Exit, Failure, Outcome};
use crate::settings::{Settings, Store};
use crate::spoken::said;
use crate::store::access::Access;
use crate::store::change::Change;

/// Show who has changed the flag in the store, and when
///
/// The store keeps the last hundred changes.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// The settings of the store.
///
/// # Errors
/// There are none.
pub(crate) fn store(settings: &Settings) -> Result<&Store, Failure> {
    settings.store.as_ref().ok_or_else(|| {
        Failure::unusable(
            "no store is named; write [store] with endpoints = [\"URL\"] and key = \
             \"/maintenance/NAME\" into /etc/maintenancectl.toml",
        )
    })
}

impl Log {
    /// # Errors
    /// The store gives no answer.
    pub(crate) fn run(&self, settings: &Settings) -> Outcome {
        let (snapshot, changes) = Access::open(store(settings)?)?.history()?;
        let is_by_hand = snapshot.revisions.flag > snapshot.revisions.change;
        if self.json {
            let document = json!({
                "revision": snapshot.revisions.latest(),
                "is_present": snapshot.flag.is_some(),
                "changed_without_maintenancectl": is_by_hand,
                "changes": changes,
            });
            say!("{document:#}");
            return Ok(Exit::Done);
        }
        let (now, zone) = (Timestamp::now(), zone::of_server());
        for change in &changes {
            let at = change.at().map_or_else(|| change.time.clone(), |at| said(at, now, &zone));
            let place = match change.machine.is_empty() {
                true => String::new(),
                false => format!(" on {}", change.machine),
            };
            let time = |text: &String| match text.parse() {
                Ok(at) => said(at, now, &zone),
                Err(_) => text.clone(),
            };
            let facts = [
                change.start.as_ref().map(|at| format!("from {}", time(at))),
                change.end.as_ref().map(|at| format!("until {}", time(at))),
                why(change),
            ];
            let facts: Vec<_> = facts.into_iter().flatten().collect();
            let facts = match facts.is_empty() {
                true => String::new(),
                false => format!(": {}", facts.join("; ")),
            };
            let line = format!("{at}  {} by {}{place}{facts}", change.verb, change.by);
            say!("{}", text::shown(&line));
        }
        if is_by_hand {
            let revision = snapshot.revisions.flag;
            say!("then changed without maintenancectl, at revision {revision}");
        } else if changes.is_empty() {
            say!("nothing has been changed yet");
        }
        Ok(Exit::Done)
    }
}

fn why(change: &Change) -> Option<String> {
    let why: Vec<_> = [&change.reason, &change.ticket].into_iter().flatten().cloned().collect();
    (!why.is_empty()).then(|| why.join(", "))
}
