//! Sixteen children of prefork, each occupied by a client of its own.

use std::thread;

use super::client::{Client, Protocol};
use super::{Httpd, Mpm, Setup};

/// A 404 keeps the connection open, and therefore the child occupied.
const DIRECTIVES: &str = "StartServers 16\nMinSpareServers 16\nMaxSpareServers 17\n\
    MaxRequestWorkers 40\nServerLimit 40\nKeepAliveTimeout 60\nMaxKeepAliveRequests 0\n\
    MaintenanceStatus 404";

/// A client for each child.
pub struct Children(Vec<Client>);

impl Children {
    /// The directives that the server needs.
    pub fn setup(directives: &str) -> Setup {
        Setup::new(DIRECTIVES).mpm(Mpm::Prefork).directives(directives)
    }

    pub fn of(httpd: &Httpd) -> Self {
        let client = |_| Client::build(&httpd.url(), Protocol::Http1, None, true);
        Self((0..16).map(client).collect())
    }

    /// Asks all children concurrently.
    pub fn ask<T: Send>(&self, ask: impl Fn(&Client) -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let ask = &ask;
            let asked: Vec<_> =
                self.0.iter().map(|client| scope.spawn(move || ask(client))).collect();
            asked.into_iter().map(|answer| answer.join().expect("an answer")).collect()
        })
    }
}
