//! The report in the store, and the lease with which it goes when the server is gone.

use etcd_client::{Compare, CompareOp, Error, GetOptions, PutOptions, Txn, TxnOp, TxnOpResponse};
use jiff::Timestamp;
use serde_json::json;
use tonic::Code;

use crate::servers::body::from_json;
use crate::store::client::Connection;
use crate::store::keys::Keys;
use crate::store::report::NodeReport;

/// How long a report outlives its server, in seconds.
const TTL: i64 = 10;

/// The report in the store.
pub(super) struct Lease {
    keys: Keys,
    name: String,
    /// The lease, and the revision of the report that is known.
    id: Option<i64>,
    known: i64,
    /// Another process of the same machine has replaced the report.
    has_rival: bool,
}

/// What became of a report.
pub(super) enum Put {
    Done,
    /// Another report is there, which is known now, or the lease has ended.
    Again,
    /// A machine with the same name reports.
    Stranger(String),
}

impl Lease {
    pub(super) fn new(keys: Keys, name: String) -> Self {
        Self { keys, name, id: None, known: 0, has_rival: false }
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
            None => etcd.lease_grant(TTL, None).await?.id(),
        };
        self.id = Some(id);
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
            Err(error) => {
                self.id = None; // it may have ended
                return match &error {
                    Error::GRpcStatus(status) if status.code() == Code::NotFound => Ok(Put::Again),
                    _ => Err(error),
                };
            }
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

    /// Keeps the report alive. Returns false if it is gone.
    ///
    /// # Errors
    /// The store does not answer.
    pub(super) async fn keep(&mut self, connection: &Connection) -> Result<bool, Error> {
        let Some(id) = self.id else { return Ok(false) };
        // This call waits for the answer to its request, and no other answer follows.
        match connection.etcd.clone().lease_keep_alive(id).await {
            Ok(_) => Ok(true),
            Err(Error::LeaseKeepAliveError(_)) => {
                (self.id, self.known) = (None, 0);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the report back, since the follower ends.
    pub(super) async fn end(&mut self, connection: &Connection) {
        if let Some(id) = self.id.take() {
            // Otherwise it ends by itself.
            let _ = connection.etcd.clone().lease_revoke(id).await;
        }
    }
}
