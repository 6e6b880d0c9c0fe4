//! The requests that have ended, in the report.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::allow::AllowKind;
use crate::stats::ScopeTotals;

/// Requests that have ended since counting began. The numbers come from shared memory and can be
/// anything. Therefore sums saturate.
#[derive(Debug, Default, Serialize)]
pub(super) struct TotalsView {
    /// Admitted while the scope was open.
    pub(super) open: u64,
    /// Admitted while the scope was closed.
    pub(super) allowed: u64,
    pub(super) refused: u64,
    /// By kind of token, without zeros.
    pub(super) allowed_by: BTreeMap<&'static str, u64>,
    /// By status.
    pub(super) refused_with: BTreeMap<String, u64>,
}

impl TotalsView {
    pub(super) fn new(totals: ScopeTotals) -> Self {
        let mut refused_with: BTreeMap<_, _> =
            totals.refused.iter().map(|(status, count)| (status.to_string(), *count)).collect();
        if totals.refused_otherwise > 0 {
            refused_with.insert("other".into(), totals.refused_otherwise);
        }
        let allowed_by: BTreeMap<_, _> = totals
            .allowed
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| (AllowKind::name(*kind), *count))
            .collect();
        let sum = |sum: u64, count: &u64| sum.saturating_add(*count);
        Self {
            open: totals.open,
            allowed: allowed_by.values().fold(0, sum),
            refused: refused_with.values().fold(0, sum),
            allowed_by,
            refused_with,
        }
    }

    /// Adds the requests of another scope.
    pub(super) fn add(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.open, other.open),
            (&mut self.allowed, other.allowed),
            (&mut self.refused, other.refused),
        ] {
            *sum = sum.saturating_add(count);
        }
        for (kind, count) in &other.allowed_by {
            let sum = self.allowed_by.entry(kind).or_default();
            *sum = sum.saturating_add(*count);
        }
        for (status, count) in &other.refused_with {
            let sum = self.refused_with.entry(status.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}
