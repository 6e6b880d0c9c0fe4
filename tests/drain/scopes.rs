//! Requests in scopes that the report does not list, or that share a number, are still counted.

use std::time::Duration;

use super::{DIRECTIVES, Gauges, OTHER, Site, room};
use crate::status::ONE_CHILD;
use maintenance_harness::report::InFlight;
use maintenance_harness::{Client, Mpm, Reports, Setup, wait_for};

impl Site {
    /// Waits until the gauge of all scopes together shows this number.
    #[track_caller]
    fn shows_in_all(&self, requests: u64, from_before_closing: u64) {
        let expected = InFlight { requests, from_before_closing };
        let mut shown = None;
        let limit = Duration::from_secs(5);
        wait_for(&format!("{expected:?}"), limit, || {
            shown = Some(self.reports.read().in_flight);
            shown == Some(expected)
        });
    }
}

/// A restart removes a virtual host while the application behind it is still in use.
#[test]
fn of_a_virtual_host_that_is_no_more() {
    for mpm in Mpm::ALL {
        let mut site = Site::of(mpm);
        let running = ["a", "b"].map(|name| {
            let client = Client::new(&site.other());
            (name, site.hold(client, &format!("/hold/{name}")))
        });
        site.shows(&Gauges::of(&[(OTHER, 2, 0)]));
        let host = DIRECTIVES.find("Listen").expect("the virtual host");
        let end = DIRECTIVES.find("ProxyPass").expect("behind it");
        let others = [&DIRECTIVES[..host], &DIRECTIVES[end..]].concat();
        let without = format!("{}\n{others}\n{}", room(mpm), Reports::directives());
        let backend = format!("Define BACKEND {}", site.backend.address);
        site.httpd.reconfigure(&backend, &without);
        wait_for("the new children", Duration::from_secs(5), || {
            !site.reports.read().by_name(|_| ()).contains_key(OTHER)
        });
        site.shows_in_all(2, 0);
        site.httpd.close();
        site.shows_in_all(2, 2);
        for ((name, running), left) in running.into_iter().zip([1, 0]) {
            site.backend.release(name);
            assert_eq!(running.join().expect("an answer").status, 200);
            site.shows_in_all(left, left);
        }
    }
}

/// Scopes beyond the last number of their own share a number, and count once.
#[test]
fn more_than_there_is_room_for() {
    let section =
        |number| format!("<Location /{number}/>\nMaintenanceRetryAfter 300\n</Location>\n");
    let sections: String = (0..2060).map(section).collect();
    let pass = "ProxyPass /2059/hold/ http://${BACKEND}/hold/\n\
        ProxyPass /2058/hold/ http://${BACKEND}/hold/\nProxyPass /0/hold/ http://${BACKEND}/hold/";
    let site = Site::start(Setup::new(&sections).directives(pass));
    let running =
        ["/0", "/2058", "/2059", "/2059"].into_iter().enumerate().map(|(name, folder)| {
            let path = format!("{folder}/hold/{name}");
            (name, site.hold(Client::new(&site.other()), &path))
        });
    let running: Vec<_> = running.collect();
    site.shows_in_all(4, 0);
    site.httpd.close();
    site.shows_in_all(4, 4);
    for ((name, running), left) in running.into_iter().zip([3, 2, 1, 0]) {
        site.backend.release(&name.to_string());
        assert_eq!(running.join().expect("an answer").status, 200);
        site.shows_in_all(left, left);
    }
}

/// A location inside another one is closed by the other one's flag as well.
#[test]
fn locations_in_each_other() {
    let sections = "<Location /site>\nMaintenanceFlag area.flag\n</Location>
        <Location /site/inner>\nMaintenanceAllow 127.0.0.3\n</Location>
        <Location /site/quiet>\nMaintenanceRetryAfter 300\n</Location>
        <LocationMatch \"/odd$\">\nMaintenanceRetryAfter 300\n</LocationMatch>
        <Location /elsewhere>\nMaintenanceFlag elsewhere.flag\n</Location>";
    let pass = ["/site/inner/hold", "/elsewhere/hold"]
        .map(|path| format!("ProxyPass {path} http://${{BACKEND}}/hold\n"));
    // One child, so that the child that reports has seen the request.
    let site = Site::start(Setup::new(ONE_CHILD).directives(sections).directives(&pass.concat()));
    let hold = |path: &str| site.hold(Client::new(&site.httpd.url()), path);
    let running = ["/site/inner/hold/a", "/elsewhere/hold/b"].map(hold);
    site.shows_in_all(2, 0);
    assert_eq!(site.httpd.client().get("/site/odd").status, 404);
    std::fs::write(site.httpd.path("area.flag"), "").expect("a flag");
    site.shows_in_all(2, 1);
    let states = site.reports.read().by_name(|scope| scope.state.clone());
    for (scope, state) in [
        ("maintenance.test", "open"),
        ("maintenance.test <Location /site>", "closed"),
        ("maintenance.test <Location /site/inner>", "closed"),
        ("maintenance.test <Location /site/quiet>", "closed"),
        ("maintenance.test <Location /elsewhere>", "open"),
        ("maintenance.test <LocationMatch \"/odd$\">", "closed"),
    ] {
        assert_eq!(states.get(scope).map(String::as_str), Some(state), "{scope}: {states:#?}");
    }
    ["a", "b"].iter().for_each(|name| site.backend.release(name));
    running.into_iter().for_each(|running| drop(running.join().expect("an answer")));
    site.shows_in_all(0, 0);
}
