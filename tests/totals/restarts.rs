//! The effect of restarts on the totals.

use std::time::Duration;

use rustix::process::Signal;

use super::{DIRECTIVES, MAIN, OWN, SHOP, Tally, add, assert_counted, join, one, setup};
use maintenance_harness::httpd::MISSED_SIGNAL;
use maintenance_harness::{Client, Httpd, Mpm, Reports, Setup, wait_for};

const LIMIT: Duration = Duration::from_secs(10);

fn ask(httpd: &Httpd, seen: &mut Tally) {
    for (path, status, scope) in [("/", 200, MAIN), ("/shop/x", 404, SHOP)] {
        assert_eq!(httpd.client().get(path).status, status);
        join(seen, &one(scope, "open"));
    }
}

fn joined(one: &Tally, other: &Tally) -> Tally {
    let mut both = one.clone();
    join(&mut both, other);
    both
}

/// The other scopes keep their counts, and a scope that was removed gets its own counts back.
#[test]
fn a_virtual_host_that_goes_and_comes() {
    let own_host = DIRECTIVES.find("Listen ${ADDRESS}:9083").expect("the virtual host");
    let with = format!("{DIRECTIVES}\n{}", Reports::directives());
    let without = format!("{}\n{}", &DIRECTIVES[..own_host], Reports::directives());
    for mpm in Mpm::ALL {
        let mut httpd = setup(mpm).start();
        httpd.allow_log("AH00546"); // restarts that follow each other fast
        let reports = Reports::of(&httpd);
        let own = Client::new(&format!("http://{}:9083", httpd.address().ip()));
        let (mut of_own, mut of_others) = (Tally::new(), Tally::new());
        // A child from before the restart may still answer, or no child yet.
        let wait_until = |is_there: bool, of_own: &mut Tally| {
            wait_for("the other children", LIMIT, || {
                let answer = own.try_get("/");
                if answer.is_ok() {
                    join(of_own, &one(OWN, "open"));
                }
                answer.is_ok() == is_there
            });
        };
        for _ in 0..2 {
            wait_until(true, &mut of_own);
            ask(&httpd, &mut of_others);
            assert_counted(&reports, &joined(&of_others, &of_own));
            httpd.reconfigure("", &without);
            wait_until(false, &mut of_own);
            ask(&httpd, &mut of_others);
            assert_counted(&reports, &of_others);
            httpd.reconfigure("", &with);
        }
        wait_until(true, &mut of_own);
        assert_counted(&reports, &joined(&of_others, &of_own));
    }
}

/// Each status has its own count, up to six in a scope, and a hard restart keeps all counts.
#[test]
fn statuses() {
    const STATUSES: [u16; 10] = [400, 403, 404, 500, 503, 599, 451, 410, 404, 599];
    let lines = |status: u16| format!("MaintenanceStatus {status}\n{}", Reports::directives());
    let name = |status: u16| match STATUSES[..6].contains(&status) {
        true => status.to_string(),
        false => "other".to_owned(),
    };
    let mut httpd = Setup::new(&lines(400)).mpm(Mpm::Prefork).start();
    httpd.allow_log("AH00546");
    httpd.allow_log(MISSED_SIGNAL);
    let reports = Reports::of(&httpd);
    httpd.close();
    let mut seen = Tally::new();
    for (number, status) in STATUSES.into_iter().enumerate() {
        httpd.reconfigure("", &lines(status));
        wait_for("the new status", LIMIT, || {
            let refused = httpd.client().get("/").status;
            add(&mut seen, MAIN, &name(refused), 1);
            refused == status
        });
        if number == 5 {
            let restarts = || httpd.count_log("resuming normal operations");
            let before = restarts();
            httpd.signal(Signal::HUP);
            wait_for("the restart", LIMIT, || restarts() > before);
        }
        assert_counted(&reports, &seen);
    }
}
