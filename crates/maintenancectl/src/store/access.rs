//! Access to the store for verbs, which do one thing after the other.

use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time;

use super::change::{self, Change};
use super::client::Client;
use super::fault::{StoreFault, cause, denied};
use super::snapshot::{Forgotten, Nodes, Snapshot, Written};
use super::{flag_key, nodes};
use crate::exit::Failure;
use crate::settings::Store;

/// Between two attempts to find out what became of a change.
const PAUSE: Duration = Duration::from_millis(200);

/// How often an interruption is looked for.
const GLANCE: Duration = Duration::from_millis(50);

/// Access to a store.
pub(crate) struct Access {
    runtime: Runtime,
    client: Client,
}

impl Access {
    /// # Errors
    /// The settings cannot be used.
    pub(crate) fn open(store: &Store) -> Result<Self, Failure> {
        let client = Client::new(store).map_err(Failure::unusable)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::unusable(error.to_string()))?;
        Ok(Self { runtime, client })
    }

    /// The key of the flag, for messages.
    pub(crate) fn key(&self) -> String {
        self.client.keys.flag()
    }

    /// The flag.
    ///
    /// # Errors
    /// The store gives no answer.
    pub(crate) fn look(&self) -> Result<Snapshot, Failure> {
        let keys = self.client.keys.clone();
        let read = self.client.first(move |etcd| flag_key::read(etcd, keys.clone()));
        Ok(self.runtime.block_on(read)?.1)
    }

    /// The flag, and who has changed it.
    ///
    /// # Errors
    /// The store gives no answer.
    pub(crate) fn history(&self) -> Result<(Snapshot, Vec<Change>), Failure> {
        let keys = self.client.keys.clone();
        let read = self.client.first(move |etcd| flag_key::read_all(etcd, keys.clone()));
        let (_, (snapshot, history)) = self.runtime.block_on(read)?;
        Ok((snapshot, change::read(&history)))
    }

    /// The servers and their reports; None if `is_interrupted` says so meanwhile.
    ///
    /// # Errors
    /// The store gives no answer.
    pub(crate) fn nodes(
        &self,
        is_interrupted: &dyn Fn() -> bool,
    ) -> Result<Option<Nodes>, Failure> {
        let keys = self.client.keys.clone();
        let read = self.client.first(move |etcd| nodes::read(etcd, keys.clone()));
        self.runtime.block_on(async {
            tokio::pin!(read);
            loop {
                tokio::select! {
                    done = &mut read => return Ok(Some(done?.1)),
                    () = time::sleep(GLANCE) => {}
                }
                if is_interrupted() {
                    return Ok(None);
                }
            }
        })
    }

    /// Stops expecting a server.
    ///
    /// # Errors
    /// The store gives no answer.
    pub(crate) fn forget(&self, name: &str) -> Result<Forgotten, Failure> {
        let (keys, name) = (self.client.keys.clone(), name.to_owned());
        let work = move |etcd| nodes::forget(etcd, keys.clone(), name.clone());
        Ok(self.runtime.block_on(self.client.first(work))?.1)
    }

    /// Changes the flag if it is still the expected one.
    ///
    /// # Errors
    /// The store gives no answer, or refuses it.
    pub(crate) fn change(
        &self,
        expected: &Snapshot,
        content: Option<&[u8]>,
        change: &Change,
    ) -> Result<Written, Failure> {
        Ok(self.runtime.block_on(self.changed(expected, content, change))?)
    }

    /// A member that fails while it writes may have written. Then the history tells, and the same
    /// change can be asked for again: it is made once at most.
    async fn changed(
        &self,
        expected: &Snapshot,
        content: Option<&[u8]>,
        change: &Change,
    ) -> Result<Written, StoreFault> {
        let end = Instant::now() + 2 * self.client.limit;
        let keys = &self.client.keys;
        let mut doubt: Option<String> = None;
        loop {
            let names = keys.clone();
            let read = self.client.first(move |etcd| flag_key::read_all(etcd, names.clone()));
            let (connection, (snapshot, history)) = match (read.await, &doubt) {
                (Ok(found), _) => found,
                (Err(fault), None) => return Err(fault),
                (Err(_), Some(cause)) if Instant::now() >= end => {
                    return Err(StoreFault::InDoubt(cause.clone()));
                }
                (Err(_), Some(_)) => {
                    time::sleep(PAUSE).await;
                    continue;
                }
            };
            if change::read(&history).iter().any(|known| known.id == change.id) {
                return Ok(Written::Done);
            }
            if snapshot.revisions != expected.revisions {
                return Ok(Written::Other(Box::new(snapshot)));
            }
            if let Some(cause) = doubt.as_ref().filter(|_| Instant::now() >= end) {
                return Err(StoreFault::InDoubt(cause.clone()));
            }
            let etcd = connection.etcd;
            let write = flag_key::write(etcd, keys, expected.revisions, content, change, &history);
            match time::timeout(self.client.limit, write).await {
                Ok(Ok(true)) => return Ok(Written::Done),
                // Somebody was faster, which the next read shows.
                Ok(Ok(false)) => {}
                Ok(Err(error)) => match denied(&error, self.client.user()) {
                    Some(text) => return Err(StoreFault::Denied(text)),
                    None => doubt = Some(format!("{} {}", connection.url, cause(&error, ""))),
                },
                Err(_) => doubt = Some(format!("{} gives no answer", connection.url)),
            }
        }
    }
}
