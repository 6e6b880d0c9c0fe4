//! What was measured: as JSON, as a table, and in Markdown for the README.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::claims::Claim;

/// Everything of one run of the benchmark.
#[derive(Default, Serialize)]
pub struct Report {
    pub machine: String,
    pub servers: Vec<String>,
    pub rounds: usize,
    pub costs: Vec<Cost>,
    pub instructions: Vec<Instructions>,
    pub calls: Vec<Calls>,
    pub claims: Vec<Claim>,
}

/// What a candidate's requests cost.
#[derive(Serialize)]
pub struct Cost {
    pub group: String,
    pub name: String,
    pub baseline: String,
    /// In each run.
    pub requests: usize,
    pub status: u16,
    /// Of an answer.
    pub bytes: usize,
    pub cpu_us: Figures,
    pub per_second: Figures,
}

/// One figure of each run.
#[derive(Serialize)]
pub struct Figures {
    pub minimum: f64,
    pub median: f64,
    pub maximum: f64,
    pub runs: Vec<f64>,
}

/// Of two candidates.
#[derive(Clone, Copy)]
pub struct Ratio {
    pub minima: f64,
    pub pairs: f64,
}

#[derive(Serialize)]
pub struct Instructions {
    pub name: String,
    pub server: f64,
    pub module: f64,
    pub functions: BTreeMap<String, f64>,
}

#[derive(Serialize)]
pub struct Calls {
    pub name: String,
    pub total: f64,
    pub calls: BTreeMap<String, f64>,
}

impl Figures {
    pub fn of(runs: impl IntoIterator<Item = f64>) -> Self {
        let runs: Vec<_> = runs.into_iter().collect();
        let minimum = runs.iter().copied().fold(f64::INFINITY, f64::min);
        let maximum = runs.iter().copied().fold(0.0, f64::max);
        Self { minimum, median: median(runs.clone()), maximum, runs }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Cost {
    /// What else the machine does lasts for seconds, and slows both runs of a short pair: the median
    /// of many pairs hardly depends on it. Minima are those of luck where it is never quiet.
    pub fn ratio(&self, baseline: &Self) -> Ratio {
        let (own, other) = (&self.cpu_us, &baseline.cpu_us);
        let pairs = own.runs.iter().zip(&other.runs).map(|(own, other)| own / other).collect();
        Ratio { minima: own.minimum / other.minimum, pairs: median(pairs) }
    }
}

impl Report {
    pub fn cost(&self, group: &str, name: &str) -> Option<&Cost> {
        self.costs.iter().find(|cost| cost.group == group && cost.name == name)
    }

    /// Instructions per request in one function of the module, and in what it calls.
    pub fn entered(&self, name: &str, function: &str) -> Option<f64> {
        let counted = self.instructions.iter().find(|counted| counted.name == name)?;
        Some(*counted.functions.get(function).expect("a build with symbols"))
    }

    pub fn calls(&self, name: &str) -> Option<f64> {
        self.calls.iter().find(|calls| calls.name == name).map(|calls| calls.total)
    }

    /// The costs of a group, or as much as ONLY left of it.
    pub fn group_table(&self, group: &str) -> String {
        let mut text = format!(
            "\n{group:<40} CPU us: min  median  requests/s   bytes  ratio: of minima, of pairs\n"
        );
        for cost in self.costs.iter().filter(|cost| cost.group == group) {
            let ratio = self.cost(group, &cost.baseline).map(|baseline| cost.ratio(baseline));
            let ratio = ratio.map_or("-".to_owned(), |ratio| {
                format!("{:.3}  {:.3}  of \"{}\"", ratio.minima, ratio.pairs, cost.baseline)
            });
            let _ = writeln!(
                text,
                "  {:<38} {:>11.1} {:>7.1} {:>11.0} {:>7}  {ratio}",
                cost.name,
                cost.cpu_us.minimum,
                cost.cpu_us.median,
                cost.per_second.median,
                cost.bytes,
            );
        }
        text
    }

    pub fn instructions_table(&self) -> String {
        let mut text = String::from("\ninstructions per request                server   module\n");
        for counted in &self.instructions {
            let Instructions { name, server, module, functions } = counted;
            let _ = writeln!(text, "  {name:<34} {server:>9.0} {module:>8.0}");
            for (function, count) in functions {
                let _ = writeln!(text, "      {function:<30} {count:>18.0}");
            }
        }
        text
    }

    pub fn calls_table(&self) -> String {
        let mut text = String::from("\nsystem calls per request\n");
        for Calls { name, total, calls } in &self.calls {
            let each = calls.iter().map(|(call, count)| format!("{call} {count:.2}"));
            let each: Vec<_> = each.collect();
            let _ = writeln!(text, "  {name:<30} {total:>7.2}  {}", each.join(", "));
        }
        text
    }

    pub fn claims_table(&self) -> String {
        let mut text = String::from("\nclaims\n");
        for claim in &self.claims {
            let _ = writeln!(
                text,
                "  {:<66} {:>7.3}  {:<15} {}",
                claim.text,
                claim.figure,
                claim.wanted(),
                claim.verdict()
            );
        }
        text
    }

    /// The figures of the claims, as README shows them.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}; {}\n\n", self.machine, self.servers.join(", "));
        text.push_str("| | measured |\n|---|---:|\n");
        for claim in &self.claims {
            let _ = writeln!(text, "| {} | {:.2} |", claim.text, claim.figure);
        }
        text
    }
}
