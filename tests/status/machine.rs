//! The name of the machine.

use super::{STATUS, report};
use maintenance_harness::Httpd;

/// The name that `hostname` shows.
pub fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    name.trim().to_owned()
}

#[test]
fn in_each_format() {
    let httpd = Httpd::start(STATUS);
    let (client, name) = (httpd.client(), machine());
    assert_eq!(report(&client)["machine"], name);
    let page = client.get("/status?format=html").body;
    assert!(page.contains(&format!("Maintenance status</strong> of {name} ")), "{page}");
    assert!(page.contains(&format!("Maintenance status of {name}</title>")), "{page}");
    httpd.restart();
    assert_eq!(report(&client)["machine"], name);
}
