//! Asks the server what it does, and reports it to the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::sync::watch::Receiver;
use tokio::time;

use super::flag_file::FlagFile;
use super::jitter::{about, between};
use super::journal::Journal;
use super::lease::{Lease, Put};
use super::progress::Progress;
use crate::servers::fault::Fault;
use crate::servers::fleet::Fleet;
use crate::servers::report::{InFlight, Report};
use crate::store::client::Connection;
use crate::store::fault::{cause, denied, is_lasting, is_passing};
use crate::store::report::NodeReport;
use crate::store::revisions::Revisions;

/// After a change, the server is asked often until it has seen it.
const SOON: Duration = Duration::from_millis(200);
const SOON_FOR: Duration = Duration::from_secs(2);

/// How often a server is asked that is closed, or that is open.
const CLOSED: Duration = Duration::from_secs(1);
const OPEN: Duration = Duration::from_secs(3);

/// How often the figures are renewed: of a server on which something from before the
/// closing still runs, of one that is closed, and of one that is open. Each time, the history of etcd
/// grows until it is compacted.
const RENEW_DRAINING: Duration = Duration::from_secs(5);
const RENEW_CLOSED: Duration = Duration::from_secs(10);
const RENEW_OPEN: Duration = Duration::from_secs(5 * 60);

/// How long the store may take.
const LIMIT: Duration = Duration::from_secs(2);

/// How often a report is put at once: the lease can have ended, and then the known report is gone, too.
const TRIES: u32 = 3;

/// Between two reports that the store refuses.
const REFUSED: Duration = Duration::from_secs(30);

/// Between two requests for another connection.
const RENEW_CONNECTION: Duration = Duration::from_secs(10);

/// What became of the lease.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Alive,
    /// The store has ended it, and removed the report.
    Lost,
    /// The store does not answer. What became of the lease is known when it does.
    Unknown,
}

/// Asks the server and reports.
pub(super) struct Reporter {
    pub(super) lease: Lease,
    pub(super) server: Option<Arc<Fleet>>,
    pub(super) file: FlagFile,
    pub(super) machine: String,
    /// Distinguishes this process from one before it, and from one on a copy of the machine.
    pub(super) process: String,
    pub(super) user: Option<String>,
    pub(super) journal: Journal,
    pub(super) progress: Receiver<Progress>,
    /// Asks the watch for another connection, and when that was.
    pub(super) renew: Arc<Notify>,
    pub(super) renewed: Option<Instant>,
    /// The last report in the store, and when its figures are to be renewed.
    pub(super) last: Option<(NodeReport, Instant)>,
    /// What is said already, since the store took a report.
    pub(super) said: BTreeSet<String>,
    /// Until when the store is not asked again.
    pub(super) pause: Option<Instant>,
}

impl Reporter {
    /// Reports until `stop` says that the follower ends.
    pub(super) async fn run(mut self, mut stop: Receiver<bool>) {
        let mut changed = Instant::now();
        let mut changes = None;
        let mut connection = None;
        loop {
            let now = self.progress.borrow_and_update().clone();
            let since = now.connection.as_ref().map(|it| it.since);
            if std::mem::replace(&mut connection, since) != since {
                self.pause = None; // another member may take the report
            }
            if changes != Some((now.changes, now.applied)) {
                changes = Some((now.changes, now.applied));
                changed = Instant::now();
            }
            let mut is_closed = true;
            // A server that can apply nothing says so.
            let nothing = now.problem.as_ref().map(|_| Revisions::NONE);
            if let Some(applied) = now.applied.or(nothing) {
                let server = self.ask();
                let server = self.keeping(server).await;
                let then = self.progress.borrow().clone();
                if then.applied != now.applied || then.changes != now.changes {
                    continue; // the server may have answered for the one or the other
                }
                let report = self.report(applied, &then, server);
                is_closed = report.server.as_ref().is_none_or(|it| !is_open(it));
                if let Some(connection) = &then.connection {
                    self.tell(connection, report).await;
                }
            }
            let pause = match () {
                () if changed.elapsed() < SOON_FOR => SOON,
                () if is_closed => CLOSED,
                () => OPEN,
            };
            let pause = time::sleep(pause);
            tokio::pin!(pause);
            let goes_on = loop {
                tokio::select! {
                    _ = self.progress.changed() => break true,
                    () = &mut pause => break true,
                    _ = stop.changed() => break false,
                    () = self.lease.due() => if self.keep().await == Kept::Lost {
                        break true;
                    }
                }
            };
            if !goes_on {
                break;
            }
        }
        let connection = self.progress.borrow().connection.clone();
        if let Some(connection) = connection {
            let _ = time::timeout(LIMIT, self.lease.end(&connection)).await;
        }
    }

    fn ask(&self) -> impl Future<Output = Option<Result<Report, Fault>>> + use<> {
        let server = self.server.clone();
        async move {
            let server = server?;
            let ask = move || server.ask(&[], &|| false).unwrap_or_default();
            let readings = tokio::task::spawn_blocking(ask).await.unwrap_or_default();
            readings.into_iter().next().map(|reading| reading.report)
        }
    }

    /// Keeps the lease alive while something else is being done, which may take as long as the lease.
    async fn keeping<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.lease.due() => { self.keep().await; }
            }
        }
    }

    async fn keep(&mut self) -> Kept {
        let connection = self.progress.borrow().connection.clone();
        let Some(connection) = connection else {
            self.lease.later();
            return Kept::Unknown;
        };
        match time::timeout(LIMIT, self.lease.keep(&connection)).await {
            Ok(Ok(true)) => {
                if self.last.is_some() {
                    self.said_no_more();
                }
                return Kept::Alive;
            }
            Ok(Ok(false)) => {
                self.last = None;
                return Kept::Lost;
            }
            Ok(Err(error)) => {
                self.say(format!("{} {}", connection.url, cause(&error, &connection.url)));
            }
            Err(_) => self.say("the lease of the report gets no answer".into()),
        }
        Kept::Unknown
    }

    fn report(
        &self,
        applied: Revisions,
        now: &Progress,
        server: Option<Result<Report, Fault>>,
    ) -> NodeReport {
        let (server, fault) = match server {
            None => (None, None),
            Some(Ok(report)) => (Some(report.digest(&self.file.0)), None),
            Some(Err(fault)) => (None, Some(fault.to_string())),
        };
        NodeReport {
            flag_revision: applied.flag,
            change_revision: applied.change,
            flag: self.file.0.display().to_string(),
            problem: now.problem.clone(),
            command: env!("CARGO_PKG_VERSION").to_owned(),
            machine: self.machine.clone(),
            process: self.process.clone(),
            time: Timestamp::now().to_string(),
            clock: now.clock,
            server,
            fault,
        }
    }

    /// Puts the report into the store if it says something new.
    async fn tell(&mut self, connection: &Connection, report: NodeReport) {
        if self.pause.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.pause = None;
        let is_same = |(last, renew): &(NodeReport, Instant)| {
            Instant::now() < *renew && essence(last) == essence(&report)
        };
        if self.last.as_ref().is_some_and(is_same) {
            return;
        }
        let mut tries = 0;
        let put = loop {
            let put = time::timeout(LIMIT, self.lease.put(connection, &report)).await;
            tries += 1;
            // At once, with what is known now: nobody waits for the next answer of the server.
            if !matches!(put, Ok(Ok(Put::Again))) || tries == TRIES {
                break put;
            }
        };
        match put {
            Ok(Ok(Put::Done)) => {
                let renew = Instant::now() + about(renewal(&report));
                self.last = Some((report, renew));
                self.said_no_more();
            }
            Ok(Ok(Put::Again)) => self.last = None,
            Ok(Ok(Put::Stranger(machine))) => {
                self.say(format!(
                    "another machine ({machine}) reports with the same name; write another node = \
                     \"NAME\" below [store]"
                ));
                self.lease.forget();
                self.pause = Some(Instant::now() + CLOSED);
            }
            Ok(Err(error)) => self.failed(connection, &error),
            Err(_) => {
                self.last = None;
                self.pause = Some(Instant::now() + between(SOON, 2 * LIMIT));
                self.say("the report gets no answer".into());
            }
        }
    }

    fn failed(&mut self, connection: &Connection, error: &etcd_client::Error) {
        self.last = None;
        if is_lasting(error) {
            self.lease.forget();
            self.pause = Some(Instant::now() + REFUSED);
        } else if is_passing(error) {
            self.pause = Some(Instant::now() + between(SOON, LIMIT));
        } else if self.renewed.is_none_or(|at| at.elapsed() > RENEW_CONNECTION) {
            // Such as after a change of users, which ends all tokens.
            self.renewed = Some(Instant::now());
            self.renew.notify_one();
        }
        match denied(error, self.user.as_deref()) {
            Some(text) => {
                self.say(format!("the store refuses the report: {text}; the flag is followed"));
            }
            None => self.say(format!("{} {}", connection.url, cause(error, &connection.url))),
        }
    }

    fn said_no_more(&mut self) {
        if !std::mem::take(&mut self.said).is_empty() {
            self.journal.info("the store takes reports again");
        }
    }

    fn say(&mut self, text: String) {
        if self.said.insert(text.clone()) {
            self.journal.warning(&format!("cannot report: {text}"));
        }
    }
}

fn is_open(report: &Report) -> bool {
    report.scopes.iter().all(|scope| scope.state.is_open())
}

/// After which time the figures of a report are renewed.
fn renewal(report: &NodeReport) -> Duration {
    match &report.server {
        Some(server) if server.in_flight.tracked.from_before_closing > 0 => RENEW_DRAINING,
        Some(server) if is_open(server) => RENEW_OPEN,
        _ => RENEW_CLOSED,
    }
}

/// A report without what changes all the time.
fn essence(report: &NodeReport) -> String {
    let mut report = report.clone();
    report.time.clear();
    if let Some(server) = &mut report.server {
        let quiet = |flight: &mut InFlight| {
            (flight.requests, flight.oldest_from_before_closing) = (0, None);
        };
        server.time = None;
        server.running.clear();
        server.refused = Default::default();
        quiet(&mut server.in_flight.tracked);
        for scope in &mut server.scopes {
            scope.totals = Default::default();
            quiet(&mut scope.in_flight);
        }
        server.flags.iter_mut().for_each(|flag| flag.share = None);
    }
    serde_json::to_string(&report).unwrap_or_default()
}
