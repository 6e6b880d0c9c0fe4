//! Requests in flight: the number of requests from before a closing goes down to zero.

mod ends;
pub(crate) mod lasting;
mod many;
mod scopes;
mod versions;
mod ways;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use maintenance_harness::client::{Answer, Protocol};
use maintenance_harness::report::InFlight;
use maintenance_harness::{Backend, Client, Httpd, Mpm, Reports, Setup, wait_for};

/// The main server, a location in it, and a virtual host, with room for all held requests.
const DIRECTIVES: &str = "Timeout 60
KeepAliveTimeout 60
MaintenanceAllow 127.0.0.2
<Location /area>
    MaintenanceStatus 503
</Location>
Listen ${ADDRESS}:9081
<VirtualHost ${ADDRESS}:9081>
    ServerName other.test
    MaintenanceStatus 404
</VirtualHost>
ProxyPass /hold/ http://${BACKEND}/hold/
ProxyPass /area/hold/ http://${BACKEND}/area/hold/";

/// Old children that are still serving requests take up the places of new ones.
fn room(mpm: Mpm) -> &'static str {
    match mpm {
        Mpm::Prefork => {
            "StartServers 30\nMinSpareServers 5\nMaxSpareServers 60\nServerLimit 80\n\
             MaxRequestWorkers 80"
        }
        Mpm::Event | Mpm::Worker => {
            "StartServers 2\nServerLimit 6\nThreadsPerChild 40\nMaxRequestWorkers 240\n\
             MinSpareThreads 2\nMaxSpareThreads 240"
        }
    }
}

/// A server in front of a backend that holds requests. The backend is dropped first, so that no
/// request waits for it when the server stops.
struct Site {
    backend: Backend,
    httpd: Httpd,
    reports: Reports,
}

impl Site {
    fn start(setup: Setup) -> Self {
        let backend = Backend::start();
        let setup = setup.before(&format!("Define BACKEND {}", backend.address));
        let setup = setup.modules(&["proxy", "proxy_http"]);
        let httpd = setup.directives(DIRECTIVES).directives(Reports::directives()).start();
        let reports = Reports::of(&httpd);
        Self { backend, httpd, reports }
    }

    fn of(mpm: Mpm) -> Self {
        Self::start(Setup::new(room(mpm)).mpm(mpm))
    }

    /// The address of the virtual host.
    fn other(&self) -> String {
        format!("http://{}:9081", self.httpd.address().ip())
    }

    /// Sends a request that ends only later, and waits until it has reached the backend.
    #[track_caller]
    fn hold(&self, client: impl Into<Arc<Client>>, path: &str) -> JoinHandle<Answer> {
        let running = self.try_hold(client, path, Duration::from_secs(60));
        thread::spawn(|| running.join().expect("no panic").expect("a whole answer"))
    }

    /// Like the above, with a client that may get no answer or stop waiting for it.
    #[track_caller]
    fn try_hold(
        &self,
        client: impl Into<Arc<Client>>,
        path: &str,
        patience: Duration,
    ) -> JoinHandle<reqwest::Result<Answer>> {
        let held = self.backend.held();
        let (client, asked) = (client.into(), path.to_owned());
        let running = thread::spawn(move || client.try_get_within(&asked, patience));
        wait_for(&format!("{path} is held"), Duration::from_secs(15), || {
            self.backend.held() > held
        });
        running
    }

    /// mod_http2 allows twenty concurrent streams only after a connection has proved itself.
    #[track_caller]
    fn prove(&self, client: &Arc<Client>) {
        for _ in 0..30 {
            (0..10).for_each(|_| assert_eq!(client.get("/index.html").status, 200));
            let before = self.backend.received();
            let name = |number| format!("{before}-{number}"); // a new one each time
            let ask = |number: u32| {
                let (client, path) = (Arc::clone(client), format!("/hold/{}", name(number)));
                thread::spawn(move || assert_eq!(client.get(&path).status, 200))
            };
            let running: Vec<_> = (0..20).map(ask).collect();
            let start = Instant::now();
            while self.backend.held() < 20 && start.elapsed() < Duration::from_secs(1) {
                thread::sleep(Duration::from_millis(5));
            }
            let is_proved = self.backend.held() == 20;
            (0..20).for_each(|number| self.backend.release(&name(number)));
            running.into_iter().for_each(|running| running.join().expect("an answer"));
            if is_proved {
                return;
            }
        }
        panic!("never twenty streams at a time");
    }

    /// Waits until the gauges show these numbers, for all scopes together and for each scope.
    /// Before that they may be too high, because requests end a little after their answers, but
    /// never too low.
    #[track_caller]
    fn shows(&self, expected: &Gauges) {
        let start = Instant::now();
        loop {
            let report = self.reports.read();
            let mut shown = report.by_name(|scope| scope.in_flight);
            let sum = |part: fn(&InFlight) -> u64| shown.values().map(part).sum::<u64>();
            let requests = sum(|in_flight| in_flight.requests);
            let from_before_closing = sum(|in_flight| in_flight.from_before_closing);
            assert_eq!(report.in_flight, InFlight { requests, from_before_closing }, "{shown:?}");
            shown.retain(|_, in_flight| in_flight.requests > 0);
            for (name, least) in &expected.0 {
                let scope = shown.get(name).copied().unwrap_or_default();
                let is_enough = scope.requests >= least.requests
                    && scope.from_before_closing >= least.from_before_closing;
                assert!(is_enough, "too little: {shown:?}, not {expected:?}");
            }
            if shown == expected.0 {
                return;
            }
            let is_patient = start.elapsed() < Duration::from_secs(10);
            assert!(is_patient, "it stays at {shown:?}, not {expected:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The expected gauges of the scopes that are not 0.
#[derive(Clone, Debug, Default)]
struct Gauges(BTreeMap<String, InFlight>);

impl Gauges {
    fn of(scopes: &[(&str, u64, u64)]) -> Self {
        let gauge = |(name, requests, from_before_closing): &(&str, u64, u64)| {
            let gauge = InFlight { requests: *requests, from_before_closing: *from_before_closing };
            (name.to_string(), gauge)
        };
        Self(scopes.iter().filter(|(_, requests, _)| *requests > 0).map(gauge).collect())
    }
}

const MAIN: &str = "maintenance.test";
const AREA: &str = "maintenance.test <Location /area>";
const OTHER: &str = "other.test";

/// How the twenty requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Via {
    Http1,
    /// All requests for one address on one connection.
    Http2,
    /// Each request on its own connection.
    Http2Connections,
}

impl Via {
    fn client(self, site: &Site, base: &str) -> Arc<Client> {
        let protocol = if self == Self::Http1 { Protocol::Http1 } else { Protocol::Http2 };
        let client = Arc::new(Client::build(base, protocol, None, self != Self::Http1));
        if self == Self::Http2 {
            site.prove(&client);
        }
        client
    }

    fn site(self, mpm: Mpm) -> Site {
        let setup = Setup::new(room(mpm)).mpm(mpm);
        match self {
            Self::Http1 => Site::start(setup),
            Self::Http2 | Self::Http2Connections => {
                let lines = "Protocols h2c http/1.1\nH2MinWorkers 30\nH2MaxWorkers 60";
                Site::start(setup.modules(&["http2"]).directives(lines))
            }
        }
    }
}

/// Twenty requests in three scopes are counted down one by one as they end, whatever else happens.
fn counts_down(mpm: Mpm, via: Via) {
    let site = via.site(mpm);
    let (main, other) = (site.httpd.url(), site.other());
    let shared = [&main, &other].map(|base| via.client(&site, base));
    let mut running = vec![];
    for number in 0..20 {
        let (which, base, path) = match number % 5 {
            0 | 1 => (0, &main, format!("/hold/{number}")),
            2 | 3 => (0, &main, format!("/area/hold/{number}")),
            _ => (1, &other, format!("/hold/{number}")),
        };
        let client = match via {
            Via::Http2 => Arc::clone(&shared[which]),
            _ => via.client(&site, base),
        };
        running.push((number, path.clone(), site.hold(client, &path)));
    }
    site.shows(&Gauges::of(&[(MAIN, 8, 0), (AREA, 8, 0), (OTHER, 4, 0)]));
    site.httpd.close();
    site.shows(&Gauges::of(&[(MAIN, 8, 8), (AREA, 8, 8), (OTHER, 4, 4)]));
    let allowed = site.hold(site.httpd.client_from("127.0.0.2"), "/hold/allowed");
    let mut left = [8, 8, 4];
    let shows = |left: [u64; 3]| {
        let [main, area, other] = left;
        site.shows(&Gauges::of(&[
            (MAIN, main + 1, main),
            (AREA, area, area),
            (OTHER, other, other),
        ]));
    };
    shows(left);
    for (number, path, running) in running {
        site.backend.release(&number.to_string());
        let answer = running.join().expect("an answer");
        assert_eq!((answer.status, answer.body), (200, Backend::page_of(&path)));
        left[[0, 0, 1, 1, 2][number % 5]] -= 1;
        shows(left);
        for (client, statuses) in
            [(site.httpd.client(), [500, 503]), (site.httpd.client_from("127.0.0.2"), [200, 404])]
        {
            assert_eq!(["/", "/area/x"].map(|path| client.get(path).status), statuses);
        }
        assert_eq!(shared[1].get("/").status, 404);
        shows(left);
    }
    site.backend.release("allowed");
    assert_eq!(allowed.join().expect("an answer").status, 200);
    site.shows(&Gauges::default());
}

#[test]
fn event() {
    counts_down(Mpm::Event, Via::Http1);
}

#[test]
fn worker() {
    counts_down(Mpm::Worker, Via::Http1);
}

#[test]
fn prefork() {
    counts_down(Mpm::Prefork, Via::Http1);
}

#[test]
fn http2_event() {
    counts_down(Mpm::Event, Via::Http2);
}

#[test]
fn http2_worker() {
    counts_down(Mpm::Worker, Via::Http2);
}

#[test]
fn http2_connections_event() {
    counts_down(Mpm::Event, Via::Http2Connections);
}

#[test]
fn http2_connections_worker() {
    counts_down(Mpm::Worker, Via::Http2Connections);
}

/// Streams end with their answers even if the connection is idle afterwards. mod_http2 keeps their
/// requests until something else happens on it.
fn streams_end(mpm: Mpm) {
    let site = Via::Http2.site(mpm);
    let client = Via::Http2.client(&site, &site.httpd.url());
    let open = || site.reports.read().by_name(|scope| scope.totals.open)[MAIN];
    let before = open();
    for number in 0..60 {
        let running = site.hold(Arc::clone(&client), &format!("/hold/{number}"));
        site.backend.release(&number.to_string());
        assert_eq!(running.join().expect("an answer").status, 200);
        let limit = Duration::from_secs(2); // and not KeepAliveTimeout
        wait_for("the end of a stream", limit, || open() == before + 1 + number);
        site.shows(&Gauges::default());
    }
}

#[test]
fn http2_streams_event() {
    streams_end(Mpm::Event);
}

#[test]
fn http2_streams_worker() {
    streams_end(Mpm::Worker);
}
