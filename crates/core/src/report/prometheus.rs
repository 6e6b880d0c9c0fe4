//! The report as metrics, in the text format of Prometheus.
//!
//! The number of series is limited: beyond [`SERIES`] scopes or flags there are only the numbers of
//! all of them together. The configuration alone decides which series there are, so that a series
//! does not end when a state changes.

mod families;

use std::collections::BTreeMap;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TextEncoder};

use super::data::Report;
use super::flags::FlagFacts;
use super::judged::Scope;
use super::pieces::Pieces;
use super::totals::TotalsView;
use families::FAMILIES;

/// The value of Content-Type.
pub const CONTENT_TYPE: &std::ffi::CStr = c"text/plain; version=0.0.4; charset=utf-8";

/// Up to so many scopes have series of their own, and up to so many flags.
const SERIES: usize = 500;

/// One metric.
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: fn(&Samples<'_, '_>) -> Vec<(Labels, f64)>,
}

type Labels = Vec<(&'static str, String)>;

/// What the metrics are made from.
struct Samples<'r, 'a> {
    report: &'r Report<'a>,
    /// The scopes with series of their own, with their labels.
    scopes: Vec<(Labels, &'r Scope<'a>, TotalsView)>,
    /// The flags with series of their own.
    flags: Vec<&'r FlagFacts<'a>>,
    /// The number of scopes and of flags without.
    omitted: (usize, usize),
    totals: TotalsView,
}

/// The metrics. Names and units follow Prometheus's conventions.
pub fn metrics<'r>(report: &'r Report<'_>) -> Pieces<'r> {
    let samples = Samples::new(report);
    Box::new(FAMILIES.iter().filter_map(move |family| family.text(&samples).transpose()))
}

impl<'r, 'a> Samples<'r, 'a> {
    fn new(report: &'r Report<'a>) -> Self {
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
    fn of_scopes(
        &self,
        value: impl Fn(&Scope<'a>, &TotalsView) -> Option<f64>,
    ) -> Vec<(Labels, f64)> {
        let scopes = self.scopes.iter();
        scopes
            .filter_map(|(labels, scope, totals)| Some((labels.clone(), value(scope, totals)?)))
            .collect()
    }

    /// A value of each flag.
    fn of_flags(&self, value: impl Fn(&FlagFacts<'a>) -> Option<f64>) -> Vec<(Labels, f64)> {
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
    fn text(&self, samples: &Samples<'_, '_>) -> Result<Option<String>, String> {
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

fn path(facts: &FlagFacts<'_>) -> String {
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

fn with(labels: &Labels, name: &'static str, value: &str) -> Labels {
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
