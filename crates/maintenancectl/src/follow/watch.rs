//! Reads the flag from the store whenever it changes, and applies it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use etcd_client::WatchOptions;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maintenance_core::flag::spec::{FlagSpec, MAX_SIZE};
use tokio::sync::Notify;
use tokio::sync::watch::Sender;
use tokio::time::{self, MissedTickBehavior};

use super::flag_file::{Done, FlagFile, Mark};
use super::journal::{Journal, notify};
use super::memory::{self, Memory};
use super::patience::Patience;
use super::progress::Progress;
use crate::store::client::{Client, Connection};
use crate::store::fault::{StoreFault, cause};
use crate::store::flag_key;
use crate::store::snapshot::Snapshot;

/// How often the member is asked for a sign of life, and the file is looked at.
const TICK: Duration = Duration::from_secs(1);

/// A member that has been silent for so long is given up.
const SILENCE: Duration = Duration::from_secs(2);

/// Why a store that is not the one that was followed does not open.
const ANOTHER: &str = "the store is not the one that this server has followed, or it was restored \
     from a backup, and it would open; to open, run maintenancectl close, and then open";

/// Follows the flag.
pub(super) struct Watch {
    client: Client,
    file: FlagFile,
    zone: TimeZone,
    journal: Journal,
    progress: Sender<Progress>,
    /// The reporter asks for another connection.
    renew: Arc<Notify>,
    /// What the store said last.
    wanted: Option<Snapshot>,
    /// The file as it was left.
    mark: Mark,
    memory: Memory,
    patience: Patience,
    /// What is said already, so that it is said once.
    is_lost: bool,
    is_refused: bool,
    said: Option<String>,
}

impl Watch {
    pub(super) fn new(
        mut client: Client,
        file: FlagFile,
        zone: TimeZone,
        journal: Journal,
        progress: Sender<Progress>,
        renew: Arc<Notify>,
    ) -> Self {
        let (wanted, mark, is_lost, said) = (None, None, false, None);
        let memory = Memory::of(&file.0, client.keys.flag());
        let patience = Patience::new(&mut client);
        Self {
            client,
            file,
            zone,
            journal,
            progress,
            renew,
            wanted,
            mark,
            memory,
            patience,
            is_lost,
            is_refused: false,
            said,
        }
    }

    /// Follows until the process ends.
    pub(super) async fn run(mut self) {
        loop {
            self.client.renew();
            let keys = self.client.keys.clone();
            let read = self.client.first(move |etcd| flag_key::read(etcd, keys.clone()));
            let begin = Instant::now();
            match read.await {
                Err(fault) => {
                    let pause = self.patience.failed(&mut self.client, begin.elapsed());
                    self.lost(&fault);
                    self.keep().await;
                    time::sleep(pause).await;
                }
                Ok((connection, snapshot)) => {
                    self.patience.answered(&mut self.client);
                    if std::mem::take(&mut self.is_lost) {
                        self.journal.info(&format!("the store answers again: {}", connection.url));
                    }
                    let read_at = snapshot.read_at;
                    self.progress.send_modify(|it| it.connection = Some(connection.clone()));
                    self.take(snapshot, false).await;
                    let cause = self.watch(&connection, read_at).await;
                    self.progress.send_modify(|it| it.connection = None);
                    // Another member is asked at once, and nothing is lost if it answers.
                    let url = &connection.url;
                    self.journal.info(&format!("{url} {cause}; asking all end points"));
                }
            }
        }
    }

    /// The store cannot be reached: the file stays.
    fn lost(&mut self, fault: &StoreFault) {
        let cause = fault.to_string();
        notify(&format!("READY=1\nWATCHDOG=1\nSTATUS={cause}; the flag stays as it is"));
        // The causes of several members come in turns, but a refusal is something else.
        let is_refusal = matches!(fault, StoreFault::Denied(_));
        let was_refusal = std::mem::replace(&mut self.is_refused, is_refusal);
        if !std::mem::replace(&mut self.is_lost, true) || is_refusal != was_refusal {
            let path = self.file.0.display();
            self.journal.warning(&format!("{cause}; {path} stays as it is"));
        }
    }

    /// Watches until the connection is lost. Returns why.
    async fn watch(&mut self, connection: &Connection, read_at: i64) -> String {
        let host = &connection.url;
        let mut etcd = connection.etcd.clone();
        let options = WatchOptions::new().with_start_revision(read_at + 1).with_progress_notify();
        let watch = etcd.watch(self.client.keys.flag(), Some(options));
        let mut stream = match time::timeout(self.client.limit, watch).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return cause(&error, host),
            Err(_) => return "does not begin to watch".into(),
        };
        let mut ticks = time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            // What has come is looked at before the clock: writing a file can take long.
            tokio::select! {
                biased;
                message = stream.message() => {
                    let answer = match message {
                        Ok(Some(answer)) => answer,
                        Ok(None) => return "has ended the watch".into(),
                        Err(error) => return cause(&error, host),
                    };
                    heard = Instant::now();
                    if let Some(header) = answer.header() {
                        self.memory.see(header.cluster_id(), header.revision());
                    }
                    if answer.canceled() {
                        return match answer.compact_revision() {
                            0 => format!("has ended the watch: {}", answer.cancel_reason()),
                            at => format!("has compacted what happened before revision {at}"),
                        };
                    }
                    if !answer.events().is_empty() {
                        let keys = self.client.keys.clone();
                        let read = flag_key::read(connection.etcd.clone(), keys);
                        match time::timeout(self.client.limit, read).await {
                            Ok(Ok(snapshot)) => self.take(snapshot, true).await,
                            Ok(Err(error)) => return cause(&error, host),
                            Err(_) => return "does not answer a read".into(),
                        }
                    }
                }
                () = self.renew.notified() => return "takes no reports".into(),
                _ = ticks.tick() => {
                    notify("WATCHDOG=1");
                    if heard.elapsed() > SILENCE {
                        return "gives no sign of life".into();
                    }
                    match time::timeout(TICK, stream.request_progress()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return cause(&error, host),
                        Err(_) => return "takes no request".into(),
                    }
                    self.keep().await;
                }
            }
        }
    }

    /// Applies what the store says. `is_live`: it was changed just now.
    async fn take(&mut self, snapshot: Snapshot, is_live: bool) {
        let now = Timestamp::now();
        let made = snapshot.author().and_then(crate::store::change::Change::at);
        let clock = made.filter(|_| is_live).map(|at| now.as_second() - at.as_second());
        if let Some(clock) = clock {
            self.progress.send_modify(|it| it.clock = Some(clock));
        }
        self.wanted = Some(snapshot);
        self.apply().await;
        notify("READY=1");
    }

    /// Looks whether the file is still as it was left, and whether it can be written by now.
    async fn keep(&mut self) {
        let applied = self.progress.borrow().applied;
        let Some(wanted) = &self.wanted else { return };
        let (has_flag, mark) = (wanted.flag.is_some(), self.file.mark());
        if applied != Some(wanted.revisions) {
            self.apply().await;
        } else if !self.is_lost && (self.mark != mark || mark.is_some() != has_flag) {
            // While the store cannot be reached, the file is the administrator's.
            let path = self.file.0.display();
            self.journal.warning(&format!("somebody else has changed {path}"));
            self.apply().await;
        }
    }

    async fn apply(&mut self) {
        let Some(wanted) = self.wanted.clone() else { return };
        let (file, content) = (self.file.clone(), wanted.flag.clone());
        let (is_trusted, zone) = (self.memory.trusts(&wanted), self.zone.clone());
        let applied = tokio::task::spawn_blocking(move || {
            let content = content.as_deref();
            if !is_trusted && memory::opens(file.content().as_deref(), content, &zone) {
                return (Err(ANOTHER.to_owned()), None);
            }
            let done = file.apply(content);
            (done, file.mark())
        });
        let (done, mark) = match applied.await {
            Ok(applied) => applied,
            Err(error) => (Err(error.to_string()), None),
        };
        let (path, latest) = (self.file.0.display().to_string(), wanted.revisions.latest());
        let wrong = wanted.flag.as_deref().and_then(|content| wrong(content, &self.zone));
        let problem = match &done {
            Err(obstacle) => Some(format!("cannot apply revision {latest}: {obstacle}")),
            Ok(_) => wrong.map(|wrong| format!("{path} closes, but cannot be used: {wrong}")),
        };
        if let Some(problem) = problem.as_ref().filter(|_| problem != self.said) {
            self.journal.error(problem);
        }
        self.said.clone_from(&problem);
        let Ok(done) = done else {
            self.progress.send_modify(|it| {
                // Another store can have the same revisions.
                it.applied = it.applied.filter(|_| is_trusted);
                it.problem = problem;
            });
            return;
        };
        self.mark = mark;
        self.memory.apply(&wanted);
        self.progress.send_modify(|it| {
            it.changes += u64::from(done != Done::Nothing);
            it.applied = Some(wanted.revisions);
            it.problem = problem;
        });
        let what = match done {
            Done::Nothing => format!("{path} is up to date"),
            Done::Written => format!("{path} is written"),
            Done::Removed => format!("{path} is removed"),
        };
        let who = wanted.author().map(|change| format!(" ({} by {})", change.verb, change.by));
        let line = format!("{what}, revision {latest}{}", who.unwrap_or_default());
        notify(&format!("STATUS={line}"));
        self.journal.info(&line);
    }
}

/// Why the module cannot use a content.
fn wrong(content: &[u8], zone: &TimeZone) -> Option<String> {
    if content.len() as u64 > MAX_SIZE {
        return Some(format!("it has more than {MAX_SIZE} bytes"));
    }
    let is_silent = content.is_empty();
    FlagSpec::parse(content, zone).err().filter(|_| !is_silent).map(|error| error.to_string())
}
