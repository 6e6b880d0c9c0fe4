//! The key of the flag: reads it, and changes it if it is still the expected one.

use etcd_client::{
    Client, Compare, CompareOp, Error, KeyValue, Txn, TxnOp, TxnOpResponse, TxnResponse,
};

use super::change::{Change, appended};
use super::keys::Keys;
use super::revisions::Revisions;
use super::snapshot::Snapshot;
use crate::servers::body::from_json;

/// What the store says. A transaction without conditions is a read that needs a majority.
///
/// # Errors
/// The member does not answer.
pub(crate) async fn read(mut etcd: Client, keys: Keys) -> Result<Snapshot, Error> {
    let gets = [TxnOp::get(keys.flag(), None), TxnOp::get(keys.change(), None)];
    let answer = etcd.txn(Txn::new().and_then(gets)).await?;
    Ok(snapshot(&answer))
}

/// What the store says, with the history.
///
/// # Errors
/// The member does not answer.
pub(super) async fn read_all(mut etcd: Client, keys: Keys) -> Result<(Snapshot, Vec<u8>), Error> {
    let names = [keys.flag(), keys.change(), keys.history()];
    let gets = names.map(|name| TxnOp::get(name, None));
    let answer = etcd.txn(Txn::new().and_then(gets)).await?;
    let history = values(&answer).into_iter().nth(2).flatten();
    Ok((snapshot(&answer), history.map(|pair| pair.value().to_vec()).unwrap_or_default()))
}

/// Changes the flag, and the history with it. Returns whether it was the expected one.
///
/// # Errors
/// The member does not answer, so the change may have been made or not.
pub(super) async fn write(
    mut etcd: Client,
    keys: &Keys,
    expected: Revisions,
    content: Option<&[u8]>,
    change: &Change,
    history: &[u8],
) -> Result<bool, Error> {
    let json = |value: Result<Vec<u8>, serde_json::Error>| value.unwrap_or_default();
    let history = json(serde_json::to_vec(&appended(history, change)));
    let is_same = |key, revision| Compare::mod_revision(key, CompareOp::Equal, revision);
    let conditions = [is_same(keys.flag(), expected.flag), is_same(keys.change(), expected.change)];
    let flag = match content {
        Some(content) => TxnOp::put(keys.flag(), content, None),
        None => TxnOp::delete(keys.flag(), None),
    };
    let puts = [
        flag,
        TxnOp::put(keys.change(), json(serde_json::to_vec(change)), None),
        TxnOp::put(keys.history(), history, None),
    ];
    let answer = etcd.txn(Txn::new().when(conditions).and_then(puts)).await?;
    Ok(answer.succeeded())
}

/// The flag in an answer that begins with it and the last change.
pub(crate) fn snapshot(answer: &TxnResponse) -> Snapshot {
    let mut values = values(answer).into_iter();
    let (flag, change) = (values.next().flatten(), values.next().flatten());
    let revision = |pair: &Option<KeyValue>| pair.as_ref().map_or(0, KeyValue::mod_revision);
    Snapshot {
        revisions: Revisions { flag: revision(&flag), change: revision(&change) },
        flag: flag.map(|pair| pair.value().to_vec()),
        cluster: answer.header().map_or(0, etcd_client::ResponseHeader::cluster_id),
        read_at: answer.header().map_or(0, etcd_client::ResponseHeader::revision),
        last: change.and_then(|pair| from_json(pair.value()).ok()),
    }
}

/// The first key of each read.
fn values(answer: &TxnResponse) -> Vec<Option<KeyValue>> {
    let first = |answer: &TxnOpResponse| match answer {
        TxnOpResponse::Get(found) => found.kvs().first().cloned(),
        _ => None,
    };
    answer.op_responses().iter().map(first).collect()
}
