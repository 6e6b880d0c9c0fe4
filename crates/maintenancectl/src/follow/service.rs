//! The follower as a service: it runs until it is stopped.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use maintenance_core::text::zone;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time;

use super::flag_file::FlagFile;
use super::journal::{Journal, notify};
use super::lease::Lease;
use super::patience::LIMIT;
use super::progress::Progress;
use super::reporter::Reporter;
use super::watch::Watch;
use crate::exit::{Exit, Failure, Outcome};
use crate::servers::fleet::Fleet;
use crate::store::client::Client;

/// What to follow, and for which server.
pub(crate) struct Service {
    pub(crate) client: Client,
    pub(crate) flag: PathBuf,
    pub(crate) node: String,
    /// The server to ask. None: it is not known.
    pub(crate) server: Option<Fleet>,
}

/// Follows until SIGTERM or SIGINT.
///
/// # Errors
/// The process cannot do what it needs for it.
pub(crate) fn run(service: Service) -> Outcome {
    let failed = |error: std::io::Error| Failure::unusable(format!("cannot follow: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let done = runtime.block_on(follow(service)).map_err(failed);
    // A status page that is still being asked is not waited for.
    runtime.shutdown_background();
    done.map(|()| Exit::Done)
}

async fn follow(service: Service) -> std::io::Result<()> {
    let Service { client, flag, node, server } = service;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let journal = Journal::new();
    let (progress, reported) = watch::channel(Progress::default());
    let (stop, stopped) = watch::channel(false);
    let renew = Arc::new(Notify::new());
    let file = FlagFile(flag);
    let place = file.0.display().to_string();
    journal.info(&format!("{node} follows {} and keeps {place}", client.keys.flag()));
    if server.is_none() {
        journal.warning(
            "no status page is known, so maintenancectl wait cannot know what this server does; \
             write [[server]] with status = \"URL\" into the settings",
        );
    }
    let reporter = Reporter {
        lease: Lease::new(client.keys.clone(), node),
        server: server.map(Arc::new),
        machine: format!("{} {place}", machine()),
        process: format!("{:016x}", getrandom::u64().unwrap_or_else(|_| std::process::id().into())),
        file: file.clone(),
        user: client.user().map(str::to_owned),
        journal: journal.clone(),
        progress: reported,
        renew: Arc::clone(&renew),
        renewed: None,
        last: None,
        said: BTreeSet::new(),
        pause: None,
    };
    let reporter = tokio::spawn(reporter.run(stopped));
    let watch = Watch::new(client, file, zone::of_server(), journal.clone(), progress, renew);
    let watch = watch.run();
    tokio::pin!(watch);
    let name = tokio::select! {
        () = &mut watch => "the end",
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    notify("STOPPING=1");
    journal.info(&format!("ends after {name}; {place} stays as it is"));
    let _ = stop.send(true);
    let _ = time::timeout(LIMIT * 2, reporter).await;
    Ok(())
}

/// What tells machines apart, also if two of them have the same name.
fn machine() -> String {
    let id = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    match id.trim() {
        "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        id => id.chars().take(8).collect(),
    }
}
