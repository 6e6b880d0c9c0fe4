//! Instructions per request, which hardly depend on the load of the machine, measured with httpd's
//! single process under callgrind. The module's cost is that of its functions that are called from
//! outside, including everything that they call, except sending: `ap_pass_brigade` is httpd's own
//! work.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::client::{Client, Way};
use crate::report::Instructions;
use crate::sites::Site;
use maintenance_harness::set_mode;

const WARM_UP: usize = 200;
const REQUESTS: usize = 1000;

/// Counts for a site that answers with this status.
pub fn count(name: &str, site: Site, status: u16) -> Instructions {
    count_of(name, site, status, REQUESTS)
}

/// The same for this number of requests.
pub fn count_of(name: &str, site: Site, status: u16, requests: usize) -> Instructions {
    // Start and end are contained in both counts.
    let few = profile(site.clone(), WARM_UP, status);
    let many = profile(site, WARM_UP + requests, status);
    let per_request = |few: u64, many: u64| (many as f64 - few as f64) / requests as f64;
    let functions = many.entered.iter().map(|(name, count)| {
        let before = few.entered.get(name).copied().unwrap_or_default();
        (name.clone(), per_request(before, *count))
    });
    Instructions {
        name: name.to_owned(),
        server: per_request(few.total, many.total),
        module: per_request(few.own(), many.own()),
        functions: functions.filter(|(_, count)| *count >= 0.5).collect(),
    }
}

fn profile(site: Site, requests: usize, status: u16) -> Profile {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("callgrind");
    let file = format!("--callgrind-out-file={}", output.display());
    let tool = [
        "valgrind",
        "--tool=callgrind",
        "--vgdb=no",
        "--compress-strings=no",
        "--compress-pos=no",
        &file,
    ];
    let module = site.build();
    let httpd = site.prefork().under(&tool).start();
    // Created by root, and written at the end by httpd's user.
    set_mode(folder.path(), 0o755);
    set_mode(&output, 0o666);
    Client::new(Way::New, httpd.address(), None).ask(requests, status);
    drop(httpd);
    Profile::read(&output, module.as_deref())
}

/// The calls between the module and the rest, as seen by callgrind.
#[derive(Default)]
struct Profile {
    total: u64,
    /// The cost of each function of the module that is called from outside.
    entered: BTreeMap<String, u64>,
    /// The cost of sending for the module.
    sent: u64,
}

impl Profile {
    fn own(&self) -> u64 {
        self.entered.values().sum::<u64>() - self.sent
    }

    /// <https://valgrind.org/docs/manual/cl-format.html>, without compression.
    fn read(path: &Path, module: Option<&Path>) -> Self {
        let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = String::from_utf8_lossy(&text);
        let is_ours = |object: &str| module == Some(Path::new(object));
        let mut profile = Self::default();
        let (mut object, mut called_object, mut called) = ("", None, "");
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            match line.split_once(['=', ':']) {
                Some(("ob", name)) => object = name,
                Some(("cob", name)) => called_object = Some(name),
                Some(("cfn", name)) => called = name,
                Some(("totals", count)) => profile.total = last_number(count),
                Some(("calls", _)) => {
                    let count = last_number(lines.next().unwrap_or_default());
                    let callee = called_object.take().unwrap_or(object);
                    match (is_ours(object), is_ours(callee)) {
                        (false, true) => {
                            *profile.entered.entry(short(called)).or_default() += count;
                        }
                        (true, false) if called == "ap_pass_brigade" => profile.sent += count,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        assert!(profile.total > 0, "an empty profile");
        assert_eq!(profile.entered.is_empty(), module.is_none(), "the module's part");
        profile
    }
}

fn last_number(line: &str) -> u64 {
    line.split_whitespace().last().and_then(|word| word.parse().ok()).expect("a number")
}

/// The name without its crate, its hash and the recursion mark.
fn short(name: &str) -> String {
    let name = name.split('\'').next().unwrap_or(name);
    let name = name.strip_prefix("mod_maintenance::").unwrap_or(name);
    name.rsplit_once("::h").filter(|(_, hash)| hash.len() == 16).map_or(name, |it| it.0).to_owned()
}
