//! The results, as JSON and as tables.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::aims::Aim;
use crate::growth::Growth;

/// The results of one run of the benchmark.
#[derive(Default, Serialize)]
pub struct Report {
    pub machine: String,
    pub servers: Vec<String>,
    pub rounds: usize,
    pub costs: Vec<Cost>,
    pub instructions: Vec<Instructions>,
    pub calls: Vec<Calls>,
    pub growth: Vec<Growth>,
    pub aims: Vec<Aim>,
}

/// The cost of a candidate's requests.
#[derive(Serialize)]
pub struct Cost {
    pub group: String,
    pub name: String,
    pub baseline: String,
    /// The values of each run.
    pub requests: usize,
    pub status: u16,
    /// The size of an answer.
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

/// The comparison of two candidates.
#[derive(Clone, Copy)]
pub struct Ratio {
    /// The median of the pairs of runs.
    pub median: f64,
    /// The 95 % confidence interval of the median of the pairs.
    pub low: f64,
    pub high: f64,
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
        let sorted = sorted(runs.iter().copied());
        let last = sorted.len() - 1;
        Self { minimum: sorted[0], median: sorted[sorted.len() / 2], maximum: sorted[last], runs }
    }
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

impl Cost {
    /// On busy or virtual machines absolute times are unreliable; the median of paired ratios is
    /// not, because other load lasts for seconds and slows both runs of a short pair. The interval
    /// is that of the sign test, which uses only the order of the values.
    pub fn ratio(&self, baseline: &Self) -> Ratio {
        let (own, other) = (&self.cpu_us.runs, &baseline.cpu_us.runs);
        let pairs = sorted(own.iter().zip(other).map(|(own, other)| own / other));
        let (count, last) = (pairs.len() as f64, pairs.len() - 1);
        let aside = 0.98 * count.sqrt();
        let at = |place: f64| pairs[(place.max(0.0) as usize).min(last)];
        let half = count / 2.0;
        Ratio { median: at(half), low: at((half - aside).floor()), high: at((half + aside).ceil()) }
    }
}

impl Report {
    pub fn cost(&self, group: &str, name: &str) -> Option<&Cost> {
        self.costs.iter().find(|cost| cost.group == group && cost.name == name)
    }

    /// Instructions per request of the whole server.
    pub fn server(&self, name: &str) -> Option<f64> {
        self.instructions.iter().find(|counted| counted.name == name).map(|counted| counted.server)
    }

    pub fn calls(&self, name: &str) -> Option<f64> {
        self.calls.iter().find(|calls| calls.name == name).map(|calls| calls.total)
    }

    /// The costs of a group, or the part of it that ONLY selects.
    pub fn group_table(&self, group: &str) -> String {
        let mut text = format!(
            "\n{group:<30} CPU us: min  median  requests/s   bytes  ratio, median of pairs\n"
        );
        for cost in self.costs.iter().filter(|cost| cost.group == group) {
            let ratio = self.cost(group, &cost.baseline).map(|baseline| cost.ratio(baseline));
            let ratio = ratio.map_or("-".to_owned(), |Ratio { median, low, high }| {
                format!("{median:.3} ({low:.3} to {high:.3}) of \"{}\"", cost.baseline)
            });
            let _ = writeln!(
                text,
                "  {:<28} {:>11.1} {:>7.1} {:>11.0} {:>7}  {ratio}",
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

    pub fn aims_table(&self) -> String {
        let mut text = String::from("\naims\n");
        for aim in &self.aims {
            let (wanted, verdict) = (aim.wanted(), aim.verdict());
            let _ =
                writeln!(text, "  {:<66} {:>7.3}  {wanted:<15} {verdict}", aim.text, aim.figure);
        }
        text
    }

    /// All tables.
    pub fn text(&self) -> String {
        let mut text =
            format!("{}\n{}, {} rounds\n", self.machine, self.servers.join(", "), self.rounds);
        let mut groups: Vec<_> = self.costs.iter().map(|cost| cost.group.as_str()).collect();
        groups.dedup();
        groups.into_iter().for_each(|group| text.push_str(&self.group_table(group)));
        text + &self.instructions_table()
            + &self.calls_table()
            + &self.growth_table()
            + &self.aims_table()
    }
}
