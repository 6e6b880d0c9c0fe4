//! The status report of a server, read through a virtual host whose own requests are not counted.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Client, Httpd};

/// The virtual host.
const DIRECTIVES: &str = "Listen ${ADDRESS}:9082
<VirtualHost ${ADDRESS}:9082>
    ServerName report.test
    MaintenanceEngine Off
    SetHandler maintenance-status
    <IfModule proxy_module>
        ProxyPassInherit Off
    </IfModule>
</VirtualHost>";

/// Requests reports.
pub struct Reports(Client);

/// The members that the tests use.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    pub in_flight: InFlight,
    pub scopes: Vec<Scope>,
    pub refused: Refused,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Scope {
    pub server: String,
    pub location: Option<String>,
    pub state: String,
    pub in_flight: InFlight,
    pub totals: Totals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct InFlight {
    pub requests: u64,
    pub from_before_closing: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Totals {
    pub open: u64,
    pub allowed: u64,
    pub refused: u64,
    pub allowed_by: BTreeMap<String, u64>,
    pub refused_with: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Refused {
    pub since: Option<String>,
    pub clients: Vec<RefusedClient>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RefusedClient {
    pub address: String,
    pub count: u64,
    pub error: u64,
    pub path: String,
    pub user_agent: String,
    pub time: Option<String>,
}

impl Reports {
    /// The directives that the server needs.
    pub fn directives() -> &'static str {
        DIRECTIVES
    }

    pub fn of(httpd: &Httpd) -> Self {
        Self(Client::new(&format!("http://{}:9082", httpd.address().ip())))
    }

    /// The whole report.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let answer = self.0.get("/?format=json");
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).expect("a report")
    }

    /// The report as a page.
    #[track_caller]
    pub fn html(&self) -> String {
        let answer = self.0.get("/?format=html");
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    #[track_caller]
    pub fn read(&self) -> Report {
        let report: Report = serde_json::from_value(self.json()).expect("a report");
        report.assert_sums();
        report
    }
}

impl Report {
    /// The scopes by name: the server's, followed by the section for a location.
    pub fn by_name<T>(&self, part: impl Fn(&Scope) -> T) -> BTreeMap<String, T> {
        self.scopes.iter().map(|scope| (scope.name(), part(scope))).collect()
    }

    #[track_caller]
    fn assert_sums(&self) {
        for Scope { totals, .. } in &self.scopes {
            assert_eq!(totals.allowed, totals.allowed_by.values().sum::<u64>(), "{self:#?}");
            assert_eq!(totals.refused, totals.refused_with.values().sum::<u64>(), "{self:#?}");
        }
    }
}

impl Scope {
    fn name(&self) -> String {
        let server = self.server.split(':').next().unwrap_or_default();
        match &self.location {
            Some(location) => format!("{server} {location}"),
            None => server.to_owned(),
        }
    }
}
