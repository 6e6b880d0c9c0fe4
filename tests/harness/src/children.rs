//! Sixteen children of prefork, each held by a client of its own.

use std::thread;

use super::client::{Client, Protocol};
use super::{Httpd, Mpm, Setup};

/// 404 keeps the connection open, and so the child.
const DIRECTIVES: &str = "StartServers 16\nMinSpareServers 16\nMaxSpareServers 17\n\
    MaxRequestWorkers 40\nServerLimit 40\nKeepAliveTimeout 60\nMaxKeepAliveRequests 0\n\
    MaintenanceStatus 404";

/// A client for each child.
pub struct Children(Vec<Client>);

impl Children {
    /// What the server has to be set up with.
    pub fn setup(directives: &str) -> Setup {
        Setup::new(DIRECTIVES).mpm(Mpm::Prefork).directives(directives)
    }

    pub fn of(httpd: &Httpd) -> Self {
        let client = |_| Client::build(&httpd.url(), Protocol::Http1, None, true);
        Self((0..16).map(client).collect())
    }

    /// Each child answers for itself, all at a time.
    pub fn ask<T: Send>(&self, ask: impl Fn(&Client) -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let ask = &ask;
            let asked: Vec<_> =
                self.0.iter().map(|client| scope.spawn(move || ask(client))).collect();
            asked.into_iter().map(|answer| answer.join().expect("an answer")).collect()
        })
    }
}
