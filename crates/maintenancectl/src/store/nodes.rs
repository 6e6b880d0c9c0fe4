//! The servers of a fleet: which ones are expected, and what they report.

use std::collections::BTreeMap;

use etcd_client::{
    Client, Compare, CompareOp, Error, GetOptions, KeyValue, Txn, TxnOp, TxnOpResponse,
};

use maintenance_core::text;

use super::flag_key;
use super::keys::Keys;
use super::snapshot::{Forgotten, Nodes};
use crate::servers::body::from_json;

/// The largest answer: ten thousand reports fit.
const LARGEST: usize = 256 * 1024 * 1024;

/// All servers, with the flag at the same revision.
///
/// # Errors
/// The member does not answer.
pub(super) async fn read(etcd: Client, keys: Keys) -> Result<Nodes, Error> {
    let below = |name: String| TxnOp::get(name, Some(GetOptions::new().with_prefix()));
    let gets = [
        TxnOp::get(keys.flag(), None),
        TxnOp::get(keys.change(), None),
        below(keys.node("")),
        below(keys.report("")),
    ];
    let mut etcd = etcd.kv_client().max_decoding_message_size(LARGEST);
    let answer = etcd.txn(Txn::new().and_then(gets)).await?;
    let all = answer.op_responses();
    let mut nodes: BTreeMap<String, _> =
        pairs(&all, 2).filter_map(|pair| Some((name(pair, &keys.node(""))?, None))).collect();
    for pair in pairs(&all, 3) {
        let report = from_json(pair.value()).map_err(|error| error.to_string());
        if let Some(name) = name(pair, &keys.report("")) {
            nodes.insert(name, Some(report));
        }
    }
    Ok(Nodes { snapshot: flag_key::snapshot(&answer), nodes: nodes.into_iter().collect() })
}

fn pairs(all: &[TxnOpResponse], number: usize) -> impl Iterator<Item = &KeyValue> {
    let found = all.get(number).and_then(|answer| match answer {
        TxnOpResponse::Get(found) => Some(found.kvs()),
        _ => None,
    });
    found.unwrap_or_default().iter()
}

fn name(pair: &KeyValue, prefix: &str) -> Option<String> {
    let name = pair.key_str().ok()?.strip_prefix(prefix)?;
    Some(text::shown(name).into_owned())
}

/// Stops expecting a server that no longer reports.
///
/// # Errors
/// The member does not answer.
pub(super) async fn forget(mut etcd: Client, keys: Keys, name: String) -> Result<Forgotten, Error> {
    let (node, report) = (keys.node(&name), keys.report(&name));
    let is_new = |key: String, how| Compare::create_revision(key, how, 0);
    let forget = Txn::new()
        .when([is_new(report.clone(), CompareOp::Equal), is_new(node.clone(), CompareOp::Greater)])
        .and_then([TxnOp::delete(node, None)])
        .or_else([TxnOp::get(report, None)]);
    let answer = etcd.txn(forget).await?;
    let reports = pairs(&answer.op_responses(), 0).next().is_some();
    Ok(match answer.succeeded() {
        true => Forgotten::Done,
        false if reports => Forgotten::Reports,
        false => Forgotten::Unknown,
    })
}
