//! The chart of docs/performance.md: CPU time per request, the median of all runs, as bars.

use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::Serialize;

use crate::report::{Cost, Report};

/// The parts of the chart, each with its group.
const PARTS: [(&str, &str); 3] = [
    ("open", "Open: the request goes on to the site"),
    ("closed", "Closed: the client gets the page"),
    ("addresses", "Closed, by the number of addresses that are let in"),
];

#[derive(Serialize)]
struct Part {
    title: &'static str,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    name: String,
    value: String,
    /// The value of the longest bar.
    share: f64,
    is_module: bool,
}

pub fn draw(report: &Report) -> String {
    let mut environment = Environment::new();
    // The file extension makes the template escape values.
    let source = include_str!("chart.svg.j2");
    environment.add_template("chart.xml", source).expect("a template");
    let parts: Vec<_> = PARTS.iter().filter_map(|part| Part::of(report, part)).collect();
    let parts = Serde(parts);
    let context =
        context! { parts, machine => report.machine.clone(), servers => report.servers.clone() };
    let chart = environment.get_template("chart.xml").and_then(|chart| chart.render(context));
    chart.expect("a chart")
}

/// The chart of what many scopes cost: memory by their number.
pub fn draw_growth(report: &Report) -> String {
    let mut environment = Environment::new();
    environment.add_template("growth.xml", include_str!("growth.svg.j2")).expect("a template");
    let mut names: Vec<_> = report.growth.iter().map(|growth| growth.of).collect();
    names.dedup();
    let line = |name: &&'static str| {
        let points = report.growth.iter().filter(|growth| growth.of == *name);
        let points = points.map(|growth| {
            let [x, y] = [growth.count as f64, growth.memory.max(1.0)].map(f64::log10);
            let label = format!("{:.1} MiB", growth.memory / 1024.0);
            Point { x, y, label }
        });
        Line { name, points: points.collect() }
    };
    let lines = Serde(names.iter().map(line).collect::<Vec<_>>());
    let context = context! { lines, machine => report.machine.clone() };
    let chart = environment.get_template("growth.xml").and_then(|chart| chart.render(context));
    chart.expect("a chart")
}

/// A curve of the growth.
#[derive(Serialize)]
struct Line {
    name: &'static str,
    points: Vec<Point>,
}

/// Logarithms to the base of ten: of the number of scopes, and of the memory in KiB.
#[derive(Serialize)]
struct Point {
    x: f64,
    y: f64,
    label: String,
}

impl Part {
    fn of(report: &Report, (group, title): &(&str, &'static str)) -> Option<Self> {
        let costs: Vec<_> = report.costs.iter().filter(|cost| cost.group == *group).collect();
        let longest = costs.iter().map(|cost| cost.cpu_us.median).reduce(f64::max)?;
        let bars = costs.into_iter().map(|cost| Bar::of(cost, longest)).collect();
        Some(Self { title, bars })
    }
}

impl Bar {
    fn of(cost: &Cost, longest: f64) -> Self {
        let value = cost.cpu_us.median;
        Self {
            name: cost.name.clone(),
            value: format!("{value:.0} µs"),
            share: value / longest,
            is_module: cost.name.starts_with("module"),
        }
    }
}
