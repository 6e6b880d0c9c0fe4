//! What is measured, how, and in comparison with what.

use std::path::PathBuf;

use crate::client::Way;
use crate::recipes::{self, MODULE_WITH_PAGE};
use crate::sites::{OPEN, Site, TlsKey};

/// The candidates that are measured alternately.
pub struct Group {
    pub name: &'static str,
    pub plans: Vec<Plan>,
}

pub struct Plan {
    pub name: String,
    /// The candidate of the group to compare with.
    pub baseline: String,
    pub server: Server,
    pub way: Way,
    pub coding: Option<&'static str>,
    /// The number of requests in each run.
    pub requests: usize,
    pub status: u16,
    pub body: Body,
    /// Whether a flag would close the site.
    pub has_flag: bool,
}

pub enum Server {
    Httpd(Site),
    Nginx,
    Haproxy,
}

/// The expected answer.
#[derive(Clone, Copy)]
pub enum Body {
    /// The site's own page.
    Site,
    /// The page of 2 KB.
    Page,
    /// The module's page.
    BuiltIn,
}

/// Without the module, with it, with the rules that it replaces, and other servers.
pub fn of_all() -> Vec<Group> {
    let prefork = || {
        vec![
            open("open: no module", "open: no module", Site::without_module("").prefork()),
            open("open: module", "open: no module", Site::with_module("").prefork()),
            recipe("closed: rewrite recipe", Site::without_module(&recipes::rewrite()).prefork()),
            page("closed: bare handler", Site::bare().prefork()),
            page("closed: module, page of 2 KB", Site::with_module(MODULE_WITH_PAGE).prefork()),
            built_in("closed: module, built-in page", Site::with_module("").prefork()),
        ]
    };
    let groups = [
        ("open", openings(Way::New)),
        ("open, kept", openings(Way::Kept)),
        ("closed", closings()),
        ("addresses", addresses()),
        ("TLS", tls()),
        ("HTTP/2", http2()),
        ("prefork", prefork()),
    ];
    groups.map(|(name, plans)| Group { name, plans }).into()
}

/// This build of the module and another one.
pub fn of_builds(other: &PathBuf) -> Vec<Group> {
    let both = |name: &str, plan: fn(&str, Site) -> Plan, site: Site| {
        let baseline = format!("{name}: the other build");
        [Some(other), None].map(|build| {
            let which = if build.is_some() { "the other build" } else { "this build" };
            let plan = plan(&format!("{name}: {which}"), site.clone().with_build(build));
            Plan { baseline: baseline.clone(), ..plan }
        })
    };
    let opened: fn(&str, Site) -> Plan = |name, site| open(name, "", site);
    let kept = |name: &str, site| Plan { way: Way::Kept, ..open(name, "", site) };
    let admitted = Site::with_module("MaintenanceAllow 127.0.0.1").closed();
    let plans = [
        both("open", opened, Site::with_module("")),
        both("open, kept", kept, Site::with_module("")),
        both("closed", built_in, Site::with_module("")),
        both("closed, page of 2 KB", page, Site::with_module(MODULE_WITH_PAGE)),
        both("allowed", opened, admitted),
    ];
    vec![Group { name: "builds", plans: plans.into_iter().flatten().collect() }]
}

fn openings(way: Way) -> Vec<Plan> {
    let interval = "MaintenanceCheckInterval 1s";
    [
        ("no module", Site::without_module("")),
        ("bare handler", Site::bare()),
        ("module", Site::with_module("")),
        ("module, interval of 1 s", Site::with_module(interval)),
        ("rewrite recipe with -f", Site::without_module(&recipes::rewrite_with_flag())),
    ]
    .map(|(name, site)| {
        let has_flag = name != "no module";
        Plan { way, has_flag, ..open(name, "no module", site) }
    })
    .into()
}

fn closings() -> Vec<Plan> {
    let zipped = built_in("module, built-in page, gzip", Site::with_module(""));
    let other = |name, server| Plan { server, ..page(name, Site::without_module("")) };
    [
        recipe("rewrite recipe", Site::without_module(&recipes::rewrite())),
        page("bare handler", Site::bare()),
        page("module, page of 2 KB", Site::with_module(MODULE_WITH_PAGE)),
        built_in("module, built-in page", Site::with_module("")),
        Plan { coding: Some("gzip"), ..zipped },
        forbidden("Require ip", Site::without_module(&recipes::require())),
        other("nginx", Server::Nginx),
        other("HAProxy", Server::Haproxy),
    ]
    .map(|plan| Plan { baseline: "bare handler".to_owned(), ..plan })
    .into()
}

/// The cost by the number of admitted addresses.
fn addresses() -> Vec<Plan> {
    let mut plans = vec![page("module, no address", Site::with_module(&recipes::module_for(0)))];
    let rules = [("100", 100, 600), ("1000", 1000, 300), ("10,000", 10_000, 40)];
    for (name, count, requests) in rules {
        let name = |who: &str| format!("{who}, {name}");
        let module = Site::with_module(&recipes::module_for(count));
        let rewrite = Site::without_module(&recipes::rewrite_for(count));
        let require = Site::without_module(&recipes::require_for(count));
        plans.push(page(&name("module"), module));
        plans.push(Plan { requests, ..recipe(&name("rewrite recipe"), rewrite) });
        plans.push(Plan { requests, ..forbidden(&name("Require ip"), require) });
    }
    plans.into_iter().map(|plan| Plan { baseline: "module, no address".into(), ..plan }).collect()
}

/// Handshakes take longer than everything else. httpd ends the connection after a 500, so that each
/// refusal of a client with HTTP/1.1 costs one.
fn tls() -> Vec<Plan> {
    let handshake = |way, plan| Plan { way, requests: 100, ..plan };
    let kept = |plan| Plan { way: Way::KeptTls, ..plan };
    let open = |name: &str, site: Site| open(name, "open, kept: no module", site);
    let closed = |name: &str, key| {
        let site = Site::with_module(MODULE_WITH_PAGE).tls(key);
        Plan { baseline: "closed, new: ECDSA".to_owned(), ..page(name, site) }
    };
    let (none, module) = (Site::without_module(""), Site::with_module(""));
    vec![
        kept(open("open, kept: no module", none.tls(TlsKey::Ecdsa))),
        kept(open("open, kept: module", module.tls(TlsKey::Ecdsa))),
        handshake(Way::NewTls, closed("closed, new: ECDSA", TlsKey::Ecdsa)),
        handshake(Way::NewTls, closed("closed, new: RSA", TlsKey::Rsa)),
        handshake(Way::ResumedTls, closed("closed, resumed: ECDSA", TlsKey::Ecdsa)),
        handshake(Way::ResumedTls, closed("closed, resumed: RSA", TlsKey::Rsa)),
    ]
}

fn http2() -> Vec<Plan> {
    let rewrite = Site::without_module(&recipes::rewrite());
    [
        open("open: no module", "open: no module", Site::without_module("")),
        open("open: module", "open: no module", Site::with_module("")),
        recipe("closed: rewrite recipe", rewrite),
        page("closed: module, page of 2 KB", Site::with_module(MODULE_WITH_PAGE)),
    ]
    .map(|plan| Plan { way: Way::Http2, server: plan.server.http2(), ..plan })
    .into()
}

impl Server {
    fn http2(self) -> Self {
        match self {
            Self::Httpd(site) => Self::Httpd(site.http2()),
            other => other,
        }
    }
}

fn open(name: &str, baseline: &str, site: Site) -> Plan {
    Plan {
        name: name.to_owned(),
        baseline: baseline.to_owned(),
        server: Server::Httpd(site),
        way: Way::New,
        coding: None,
        requests: 600,
        status: 200,
        body: Body::Site,
        has_flag: false,
    }
}

/// Closed by rules, without a flag.
fn recipe(name: &str, site: Site) -> Plan {
    let baseline = "closed: rewrite recipe";
    Plan { status: 500, body: Body::Page, ..open(name, baseline, site) }
}

fn forbidden(name: &str, site: Site) -> Plan {
    Plan { status: 403, ..recipe(name, site) }
}

fn page(name: &str, site: Site) -> Plan {
    recipe(name, site.closed())
}

fn built_in(name: &str, site: Site) -> Plan {
    Plan { body: Body::BuiltIn, ..page(name, site) }
}

impl Body {
    /// Whether this is the expected answer.
    pub fn is(self, body: &[u8]) -> bool {
        let text = String::from_utf8_lossy(body);
        match self {
            Self::Site => text == OPEN,
            Self::Page => text == recipes::page(),
            Self::BuiltIn => text.contains("data-status=\"500\"") && text.contains("lang=\"de\""),
        }
    }
}
