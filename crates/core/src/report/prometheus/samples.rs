//! What the metrics are made from, and how one of them is written.

use std::collections::BTreeMap;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

use crate::report::data::Report;
use crate::report::flags::FlagFacts;
use crate::report::judged::Scope;
use crate::report::totals::TotalsView;

/// Up to so many scopes have series of their own, and up to so many flags.
const SERIES: usize = 500;

/// One metric.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) kind: MetricType,
    pub(super) samples: fn(&Samples<'_, '_>) -> Vec<(Labels, f64)>,
}

pub(super) type Labels = Vec<(&'static str, String)>;

/// What the metrics are made from.
pub(super) struct Samples<'r, 'a> {
    pub(super) report: &'r Report<'a>,
    /// The scopes with series of their own, with their labels.
    pub(super) scopes: Vec<(Labels, &'r Scope<'a>, TotalsView)>,
    /// The flags with series of their own.
    pub(super) flags: Vec<&'r FlagFacts<'a>>,
    /// The number of scopes and of flags without.
    pub(super) omitted: (usize, usize),
    pub(super) totals: TotalsView,
}

impl<'r, 'a> Samples<'r, 'a> {
    pub(super) fn new(report: &'r Report<'a>) -> Self {
        let listed: Vec<_> = report.listed().collect();
        let (shown, omitted) = limited(listed);
        let labels = if shown.is_empty() { vec![] } else { labels(&report.scopes) };
        let scope = |number: usize| {
            let (labels, scope) = (labels.get(number)?.clone(), report.scopes.get(number)?);
            Some((labels, scope, scope.totals(report.stats)))
        };
        let scopes = shown.into_iter().filter_map(scope).collect();
        let (flags, omitted_flags) = limited(report.listed_flags());
        let omitted = (omitted, omitted_flags);
        Self { report, scopes, flags, omitted, totals: report.totals() }
    }

    /// A value of each scope.
    pub(super) fn of_scopes(
        &self,
        value: impl Fn(&Scope<'a>, &TotalsView) -> Option<f64>,
    ) -> Vec<(Labels, f64)> {
        let scopes = self.scopes.iter();
        scopes
            .filter_map(|(labels, scope, totals)| Some((labels.clone(), value(scope, totals)?)))
            .collect()
    }

    /// A value of each flag.
    pub(super) fn of_flags(
        &self,
        value: impl Fn(&FlagFacts<'a>) -> Option<f64>,
    ) -> Vec<(Labels, f64)> {
        let flags = self.flags.iter();
        flags.filter_map(|facts| Some((vec![("flag", path(facts))], value(facts)?))).collect()
    }
}

/// All of them, or none if there are too many; and how many are left out.
fn limited<T>(all: Vec<T>) -> (Vec<T>, usize) {
    match all.len() {
        0..=SERIES => (all, 0),
        number => (vec![], number),
    }
}

impl Family {
    /// The metric as text; None if it has no values.
    pub(super) fn text(&self, samples: &Samples<'_, '_>) -> Result<Option<String>, String> {
        let mut family = MetricFamily::default();
        family.set_name(format!("maintenance_{}", self.name));
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        let values = (self.samples)(samples);
        family.set_metric(values.into_iter().map(|value| metric(self.kind, value)).collect());
        if family.get_metric().is_empty() {
            return Ok(None);
        }
        let mut text = vec![];
        TextEncoder::new().encode(&[family], &mut text).map_err(|error| error.to_string())?;
        String::from_utf8(text).map(Some).map_err(|error| error.to_string())
    }
}

pub(super) fn path(facts: &FlagFacts<'_>) -> String {
    facts.flag.path().display().to_string()
}

/// The labels of each scope. The second scope with a name is called `NAME (2)`, since Prometheus
/// rejects duplicate samples.
fn labels(scopes: &[Scope<'_>]) -> Vec<Labels> {
    let mut names = BTreeMap::<(String, String), u32>::new();
    let mut numbered = |outer: &str, name: &str| {
        let count = names.entry((outer.to_owned(), name.to_owned())).or_default();
        *count += 1;
        if *count == 1 { name.to_owned() } else { format!("{name} ({count})") }
    };
    let mut server = String::new();
    let of_scope = |scope: &Scope<'_>| {
        let location = match &scope.facts.location {
            Some(location) => numbered(&server, location),
            None => {
                server = numbered("", &scope.facts.server); // precedes its locations
                String::new()
            }
        };
        vec![("server", server.clone()), ("location", location)]
    };
    scopes.iter().map(of_scope).collect()
}

pub(super) fn with(labels: &Labels, name: &'static str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.push((name, value.to_owned()));
    labels
}

fn metric(kind: MetricType, (labels, value): (Labels, f64)) -> Metric {
    let mut metric = Metric::default();
    let labels = labels.into_iter().map(|(name, value)| {
        let mut label = LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value);
        label
    });
    metric.set_label(labels.collect());
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}
