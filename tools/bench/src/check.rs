//! Whether a request costs more instructions than it did when the figures in cost.json were written.
//! They are ratios to a server without the module and to the bare handler, measured in the same run,
//! so that they hardly depend on httpd's version and the C library.

use std::collections::BTreeMap;
use std::process::ExitCode;

use crate::callgrind;
use crate::recipes::MODULE_WITH_PAGE;
use crate::sites::Site;

/// A change of the compiler may cost this much, and no change of the module may.
const TOLERANCE: f64 = 0.01;

const REQUESTS: usize = 200;

pub fn run() -> ExitCode {
    let known: BTreeMap<String, f64> =
        serde_json::from_str(include_str!("../cost.json")).expect("cost.json");
    let none = Site::without_module("");
    let interval = Site::with_module("MaintenanceCheckInterval 1s");
    let sites = [
        ("open", Site::with_module(""), &none, 200),
        ("interval", interval, &none, 200),
        ("closed", Site::with_module(MODULE_WITH_PAGE).closed(), &Site::bare().closed(), 500),
    ];
    let mut is_dearer = false;
    for (name, site, yardstick, status) in sites {
        let [own, other] = [site, yardstick.clone()]
            .map(|site| callgrind::count_of(name, site, status, REQUESTS).server);
        let (ratio, before) = (own / other, known[name]);
        let verdict = match ratio / before - 1.0 {
            change if change > TOLERANCE => {
                is_dearer = true;
                "dearer than before"
            }
            change if change < -TOLERANCE => {
                "cheaper than before: write it to tools/bench/cost.json"
            }
            _ => "as before",
        };
        println!("{name:<9} {own:>8.0} / {other:>8.0} = {ratio:.4}, was {before:.4}: {verdict}");
    }
    if is_dearer { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
