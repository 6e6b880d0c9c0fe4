//! Performance targets, and whether the figures meet them.

use serde::Serialize;

use crate::report::Report;

#[derive(Serialize)]
pub struct Aim {
    pub text: String,
    pub figure: f64,
    pub limit: f64,
    /// The limit is a target value and not a maximum.
    pub is_exact: bool,
    pub is_reached: bool,
}

impl Aim {
    fn at_most(text: &str, figure: f64, limit: f64) -> Self {
        Self { text: text.to_owned(), figure, limit, is_exact: false, is_reached: figure <= limit }
    }

    /// Except calls that happen once a second.
    fn exactly(text: &str, figure: f64, limit: f64) -> Self {
        let is_reached = (figure - limit).abs() < 0.05;
        Self { text: text.to_owned(), figure, limit, is_exact: true, is_reached }
    }

    pub fn wanted(&self) -> String {
        match self.is_exact {
            true => format!("{}", self.limit),
            false => format!("at most {:.3}", self.limit),
        }
    }

    pub fn verdict(&self) -> &'static str {
        if self.is_reached { "reached" } else { "not reached" }
    }
}

/// The targets for which there are figures.
pub fn of(report: &Report) -> Vec<Aim> {
    let ratio = |group: &str, name: &str, baseline: &str| {
        Some(report.cost(group, name)?.ratio(report.cost(group, baseline)?).median)
    };
    let more_calls = |name: &str| Some(report.calls(name)? - report.calls("open: no module")?);
    let counted = |name: &str| report.server(name);
    let growth = |of: &str, count: usize| {
        report.growth.iter().find(|growth| growth.of == of && growth.count == count)
    };
    let hosts = growth("virtual hosts", 10_000);
    let (one, many) = (growth("virtual hosts", 1), hosts);
    [
        counted("open: module").zip(counted("open: no module")).map(|(module, none)| {
            Aim::at_most("Open: instructions that the module adds", module - none, 500.0)
        }),
        counted("closed: module, page of 2 KB").zip(counted("closed: bare handler")).map(
            |(module, bare)| {
                Aim::at_most("Closed: instructions / of the bare handler", module / bare, 1.085)
            },
        ),
        ratio("open", "module", "no module")
            .map(|it| Aim::at_most("Open: CPU with the module / without it", it, 1.015)),
        ratio("open", "module", "rewrite recipe with -f").map(|it| {
            Aim::at_most(
                "Open: CPU with the module / with rewrite rules that look for a flag",
                it,
                1.0,
            )
        }),
        ratio("closed", "module, page of 2 KB", "bare handler")
            .map(|it| Aim::at_most("Closed: CPU with the module / of the bare handler", it, 1.06)),
        ratio("addresses", "module, 10,000", "module, no address").map(|it| {
            Aim::at_most("Closed: CPU with 10,000 addresses on the allowlist / with none", it, 1.03)
        }),
        more_calls("open: module")
            .map(|it| Aim::exactly("Open: system calls that the module adds", it, 1.0)),
        more_calls("open: module, interval of 1 s")
            .map(|it| Aim::exactly("Open: the same with MaintenanceCheckInterval 1s", it, 0.0)),
        hosts.map(|it| {
            let ratio = it.with.check / it.without.check;
            Aim::at_most("10,000 hosts: CPU of httpd -t with the module / without it", ratio, 3.0)
        }),
        hosts.map(|it| {
            let ratio = it.with.restart / it.without.restart;
            Aim::at_most("10,000 hosts: CPU of a restart with the module / without it", ratio, 3.0)
        }),
        hosts.map(|it| {
            let each = it.memory / it.count as f64;
            Aim::at_most("10,000 hosts: memory for each, in KiB", each, 3.0)
        }),
        one.and_then(|it| it.instructions).zip(many.and_then(|it| it.instructions)).map(
            |(one, many)| {
                Aim::at_most(
                    "10,000 hosts: instructions of the module / with one",
                    many / one,
                    1.02,
                )
            },
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
