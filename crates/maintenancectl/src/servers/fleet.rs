//! All servers, asked at the same time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{Password, Target, agent};
use super::fault::Fault;
use super::report::Report;
use super::tls;
use super::told::Told;
use super::url::StatusUrl;
use crate::settings::{self, Server, Settings};

/// How long a server may take, if the settings do not say it.
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// After its time limit an answer does not count. A system call, such as a look-up of a name, can
/// take longer than it should.
const GRACE: Duration = Duration::from_millis(200);

/// How often an interruption is looked for.
const GLANCE: Duration = Duration::from_millis(50);

/// The stack of a thread that asks a server.
const STACK: usize = 1024 * 1024;

/// The servers of the settings, or of the command line.
pub(crate) struct Fleet {
    targets: Vec<Arc<Target>>,
    limit: Duration,
}

/// What a server says.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What the server is called.
    pub(crate) name: String,
    /// The URL of its status page.
    pub(crate) url: String,
    pub(crate) report: Result<Report, Fault>,
    /// If the report comes from the store of a fleet.
    pub(crate) told: Option<Told>,
}

impl Fleet {
    /// The servers of the settings, or those of them that are named, or those with these URLs.
    ///
    /// # Errors
    /// The URL of a server, its certificates or its password cannot be used.
    pub(crate) fn new(settings: &Settings, named: &[String]) -> Result<Self, String> {
        Self::within(settings, named, settings.timeout.unwrap_or(DEFAULT_LIMIT))
    }

    /// The same with a time limit for each server.
    ///
    /// # Errors
    /// As above.
    pub(crate) fn within(
        settings: &Settings,
        named: &[String],
        limit: Duration,
    ) -> Result<Self, String> {
        let mut agents = HashMap::new();
        let mut targets: Vec<Arc<Target>> = vec![];
        for server in selected(settings, named)? {
            let target = target(&server, limit, &mut agents)?;
            if targets.iter().any(|other| other.name == target.name) {
                return Err(format!(
                    "two servers are called \"{}\"; write different names",
                    target.name
                ));
            }
            targets.push(Arc::new(target));
        }
        Ok(Self { targets, limit })
    }

    /// Whether there is no server.
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The names of the servers.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| target.name.as_str())
    }

    /// Asks all servers, and returns what they say in the order of the settings. It takes no longer
    /// than the time limit of one server. None if `is_interrupted` says so meanwhile.
    pub(crate) fn ask(
        &self,
        query: &[(&str, &str)],
        is_interrupted: &dyn Fn() -> bool,
    ) -> Option<Vec<Reading>> {
        let end = Instant::now() + self.limit + GRACE;
        let (sender, answers) = mpsc::channel();
        let query: Vec<_> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let query = Arc::new(query);
        let mut reports: Vec<Option<Result<Report, Fault>>> = vec![];
        for (number, target) in self.targets.iter().enumerate() {
            let (sender, target, query) = (sender.clone(), Arc::clone(target), Arc::clone(&query));
            let ask = move || {
                let query = query.iter().map(|(key, value)| (key.as_str(), value.as_str()));
                let report = target.ask(&query.collect::<Vec<_>>());
                let _ = sender.send((number, report)); // nobody waits any more
            };
            let started = thread::Builder::new().stack_size(STACK).spawn(ask);
            let failed = started.err().map(|error| Err(Fault::Unreachable(error.to_string())));
            reports.push(failed);
        }
        drop(sender);
        while reports.iter().any(Option::is_none) {
            if is_interrupted() {
                return None;
            }
            let rest = end.saturating_duration_since(Instant::now());
            match answers.recv_timeout(rest.min(GLANCE)) {
                Ok((number, report)) => {
                    if let Some(place) = reports.get_mut(number) {
                        *place = Some(report);
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) if !rest.is_zero() => {}
                Err(_) => break,
            }
        }
        let late = || Err(Fault::Timeout(self.limit));
        let readings = self.targets.iter().zip(reports);
        let reading = |(target, report): (&Arc<Target>, Option<_>)| Reading {
            name: target.name.clone(),
            url: target.url.to_string(),
            report: report.unwrap_or_else(late),
            told: None,
        };
        Some(readings.map(reading).collect())
    }
}

/// The servers to ask. A word with `://` is a URL, and any other one the name of a server.
fn selected(settings: &Settings, named: &[String]) -> Result<Vec<Server>, String> {
    if named.is_empty() {
        return Ok(settings.servers.clone());
    }
    let find = |word: &String| -> Result<Server, String> {
        if word.contains("://") {
            let status = word.clone();
            return Ok(Server { name: None, status, ca: None, user: None, password_file: None });
        }
        let mut known = settings.servers.iter();
        known.find(|server| name_of(server).as_ref() == Ok(word)).cloned().ok_or_else(|| {
            let names = settings.servers.iter().filter_map(|server| name_of(server).ok());
            let names = names.collect::<Vec<_>>().join(", ");
            match names.is_empty() {
                true => format!(
                    "no server is called \"{word}\", and the settings name none; write the URL of \
                     its status page, such as http://localhost/maintenance-status"
                ),
                false => format!(
                    "no server is called \"{word}\" (the settings name {names}); write one of \
                     these, or a URL"
                ),
            }
        })
    };
    named.iter().map(find).collect()
}

fn name_of(server: &Server) -> Result<String, String> {
    match &server.name {
        Some(name) => Ok(name.clone()),
        None => StatusUrl::parse(&server.status).map(|url| url.place().to_owned()),
    }
}

fn target(
    server: &Server,
    limit: Duration,
    agents: &mut HashMap<(bool, Option<PathBuf>), ureq::Agent>,
) -> Result<Target, String> {
    let url = StatusUrl::parse(&server.status)?;
    let name = name_of(server)?;
    let password = password(server).map_err(|wrong| format!("server {name}: {wrong}"))?;
    let key = (url.is_secure(), server.ca.clone());
    let agent = match agents.get(&key) {
        Some(agent) => agent.clone(),
        None => {
            let tls = key.0.then(|| tls::config(server.ca.as_deref())).transpose();
            let tls = tls.map_err(|wrong| format!("server {name}: {wrong}"))?;
            let agent = agent(limit, tls);
            agents.insert(key, agent.clone());
            agent
        }
    };
    Ok(Target { name, url, agent, password, limit })
}

fn password(server: &Server) -> Result<Option<Password>, String> {
    let (user, file) = match (&server.user, &server.password_file) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err("user needs password_file = \"FILE\"".into()),
        (None, Some(_)) => return Err("password_file needs user = \"NAME\"".into()),
        (Some(user), Some(file)) => (user, file),
    };
    let password = settings::password(file)?;
    if user.contains(':') {
        return Err("user has a colon, which basic authentication does not allow".into());
    }
    Ok(Some(Password::new(file.clone(), user, &password)))
}
