//! The report in the store, and the lease with which it goes when the server is gone.

use std::future;
use std::time::{Duration, Instant};

use etcd_client::{
    Compare, CompareOp, Error, GetOptions, LeaseKeepAliveStream, LeaseKeeper, PutOptions, Txn,
    TxnOp, TxnOpResponse,
};
use jiff::Timestamp;
use serde_json::json;
use tokio::time;

use super::jitter::about;
use crate::servers::body::from_json;
use crate::store::client::Connection;
use crate::store::fault::is_lost_lease;
use crate::store::keys::Keys;
use crate::store::report::NodeReport;

/// How long a report outlives its server, in seconds.
const TTL: i64 = 10;

/// How often the lease is kept alive.
const KEEP: Duration = Duration::from_secs(3);

/// After a failure, the lease is kept alive again within this time.
const AGAIN: Duration = Duration::from_millis(500);

/// The report in the store.
pub(super) struct Lease {
    keys: Keys,
    name: String,
    /// The lease, and the revision of the report that is known.
    id: Option<i64>,
    known: i64,
    /// Another process of the same machine has replaced the report.
    has_rival: bool,
    /// When the lease is to be kept alive. To write a report does not renew its lease.
    due: Instant,
    stream: Option<Stream>,
}

/// A stream that keeps the lease alive, and since when there is its connection.
struct Stream {
    keeper: LeaseKeeper,
    answers: LeaseKeepAliveStream,
    since: Instant,
}

/// What became of a report.
pub(super) enum Put {
    Done,
    /// Another report is there, or none, which is known now, or the lease has ended.
    Again,
    /// A machine with the same name reports.
    Stranger(String),
}

impl Lease {
    pub(super) fn new(keys: Keys, name: String) -> Self {
        let (id, stream, due) = (None, None, Instant::now());
        Self { keys, name, id, known: 0, has_rival: false, due, stream }
    }

    /// Puts the report into the store, if it is the one that was put there last that it replaces: a
    /// report that is late never replaces a later one.
    ///
    /// # Errors
    /// The store does not answer, or refuses it.
    pub(super) async fn put(
        &mut self,
        connection: &Connection,
        report: &NodeReport,
    ) -> Result<Put, Error> {
        let mut etcd = connection.etcd.clone();
        let id = match self.id {
            Some(id) => id,
            None => {
                let id = etcd.lease_grant(TTL, None).await?.id();
                (self.id, self.due, self.stream) = (Some(id), Instant::now() + about(KEEP), None);
                id
            }
        };
        let (key, node) = (self.keys.report(&self.name), self.keys.node(&self.name));
        let since = json!({ "since": Timestamp::now().strftime("%FT%TZ").to_string() }).to_string();
        let is_unknown = Compare::create_revision(node.clone(), CompareOp::Equal, 0);
        let register = Txn::new().when([is_unknown]).and_then([TxnOp::put(node, since, None)]);
        let content = serde_json::to_vec(report).unwrap_or_default();
        let put = TxnOp::put(key.clone(), content, Some(PutOptions::new().with_lease(id)));
        let txn = Txn::new()
            .when([Compare::mod_revision(key.clone(), CompareOp::Equal, self.known)])
            .and_then([put, TxnOp::txn(register)])
            .or_else([TxnOp::get(key, Some(GetOptions::new()))]);
        let answer = match etcd.txn(txn).await {
            Ok(answer) => answer,
            Err(error) if is_lost_lease(&error) => {
                self.forget();
                return Ok(Put::Again);
            }
            Err(error) => return Err(error),
        };
        if answer.succeeded() {
            self.known = answer.header().map_or(0, etcd_client::ResponseHeader::revision);
            return Ok(Put::Done);
        }
        let there = answer.op_responses().into_iter().find_map(|answer| match answer {
            TxnOpResponse::Get(found) => found.kvs().first().cloned(),
            _ => None,
        });
        let Some(there) = there else {
            (self.known, self.has_rival) = (0, false);
            return Ok(Put::Again);
        };
        let other: Option<NodeReport> = from_json(there.value()).ok();
        if let Some(other) = other {
            // The process before this one leaves a report, but it writes none any more.
            self.has_rival |= self.known > 0 && other.process != report.process;
            let is_rival = self.has_rival && other.process != report.process;
            if is_rival || other.machine != report.machine {
                return Ok(Put::Stranger(other.machine));
            }
        }
        self.known = there.mod_revision();
        Ok(Put::Again)
    }

    /// Waits until the lease has to be kept alive.
    pub(super) async fn due(&self) {
        match self.id {
            Some(_) => time::sleep_until(self.due.into()).await,
            None => future::pending().await,
        }
    }

    /// Without a connection, the lease cannot be kept alive now.
    pub(super) fn later(&mut self) {
        self.due = Instant::now() + about(AGAIN);
    }

    /// Keeps the report alive. Returns whether it still was.
    ///
    /// # Errors
    /// The store does not answer.
    pub(super) async fn keep(&mut self, connection: &Connection) -> Result<bool, Error> {
        // If the answer does not come, the call is given up, and the stream with it.
        self.later();
        let Some(id) = self.id else { return Ok(false) };
        let kept = match self.stream.take().filter(|stream| stream.since == connection.since) {
            Some(stream) => stream.keep().await,
            None => Stream::begin(connection, id).await,
        };
        match kept {
            Ok(stream) => {
                self.stream = Some(stream);
                self.due = Instant::now() + about(KEEP);
                Ok(true)
            }
            Err(error) if is_lost_lease(&error) => {
                self.forget();
                self.known = 0;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The lease is no longer used: the store has ended it, or takes no report with it.
    pub(super) fn forget(&mut self) {
        (self.id, self.stream) = (None, None);
    }

    /// Takes the report back, since the follower ends.
    pub(super) async fn end(&mut self, connection: &Connection) {
        if let Some(id) = self.id.take() {
            // Otherwise it ends by itself.
            let _ = connection.etcd.clone().lease_revoke(id).await;
        }
    }
}

impl Stream {
    /// Keeps the lease alive once: this waits for the first answer.
    async fn begin(connection: &Connection, id: i64) -> Result<Self, Error> {
        let (keeper, answers) = connection.etcd.clone().lease_keep_alive(id).await?;
        Ok(Self { keeper, answers, since: connection.since })
    }

    async fn keep(mut self) -> Result<Self, Error> {
        self.keeper.keep_alive().await?;
        let gone = |text: &str| Err(Error::LeaseKeepAliveError(text.to_owned()));
        match self.answers.message().await? {
            Some(answer) if answer.ttl() > 0 => Ok(self),
            Some(_) => gone("lease not found"),
            None => gone("the stream has ended"),
        }
    }
}
