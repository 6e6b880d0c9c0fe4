//! The refused clients in the report.

use serde::Serialize;

use super::time::time;
use crate::stats::top_clients::{BUCKETS, Client, ENTRIES, Text, TopClients};
use crate::text;

/// The maximum number of clients listed.
const LISTED: usize = 100;

/// The clients that are refused most often.
#[derive(Debug, Serialize)]
pub(super) struct RefusedView {
    /// When the first flag closed a scope after all scopes had been open; None if none has yet.
    since: Option<String>,
    pub(super) clients: Vec<ClientView>,
    /// How many clients the table can hold.
    capacity: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct ClientView {
    pub(super) address: String,
    pub(super) count: u64,
    /// How much too high the count may be.
    error: u64,
    /// The target of the client's last request.
    path: String,
    user_agent: String,
    time: Option<String>,
}

impl RefusedView {
    pub(super) fn new(refused: &TopClients) -> Self {
        let clients = refused.clients().into_iter().take(LISTED);
        Self {
            since: refused.since().map(time),
            clients: clients.map(ClientView::new).collect(),
            capacity: BUCKETS * ENTRIES,
        }
    }
}

impl ClientView {
    fn new(client: Client) -> Self {
        Self {
            address: client.address.to_string(),
            count: client.count,
            error: client.error,
            path: shown(&client.path),
            user_agent: shown(&client.agent),
            time: client.time.map(time),
        }
    }
}

/// Text from a client, with invisible characters made visible.
fn shown(text: &Text) -> String {
    let mut shown = text::shown(&String::from_utf8_lossy(&text.start)).into_owned();
    if text.is_cut {
        shown.push('…');
    }
    shown
}
