//! Connects to the members of the store.
//!
//! Every end point is tried, one shortly after the other, and the first one that answers a read is
//! taken. A read needs a majority of the members, so a member that hangs, that is cut off or that lags
//! is never taken.

use std::fs;
use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use etcd_client::{Channel, ConnectOptions};
use tokio::task::JoinSet;
use tokio::time;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::fault::{StoreFault, cause, denied, is_passing};
use super::keys::Keys;
use crate::settings::Store;

/// How long to wait for the store, if the settings do not say it.
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// The usual time after which the next member is asked as well.
pub(crate) const HEDGE: Duration = Duration::from_millis(200);

/// Before a member without a leader is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// What an error says if the other side has closed the connection.
const CLOSED: [&str; 4] = ["connection closed", "broken pipe", "reset by peer", "fatal alert"];

/// The store of the settings.
#[derive(Clone)]
pub(crate) struct Client {
    store: Box<Store>,
    endpoints: Vec<Endpoint>,
    user: Option<(String, String)>,
    pub(crate) keys: Keys,
    /// How long one member may take.
    pub(crate) limit: Duration,
    /// After this time without an answer, the next member is asked as well.
    pub(crate) hedge: Duration,
}

/// A connection to one member.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) etcd: etcd_client::Client,
    /// The URL of the member.
    pub(crate) url: String,
    /// When it was made, which distinguishes connections to the same member.
    pub(crate) since: Instant,
}

impl Client {
    /// # Errors
    /// What to write into the settings.
    pub(crate) fn new(store: &Store) -> Result<Self, String> {
        let wrong = |text: String| format!("[store]: {text}");
        let limit = store.timeout.unwrap_or(DEFAULT_LIMIT);
        let tls = tls(store).map_err(wrong)?;
        let endpoints: Result<Vec<_>, _> =
            store.endpoints.iter().map(|url| endpoint(url, &tls, limit)).collect();
        let endpoints = endpoints.map_err(wrong)?;
        if endpoints.is_empty() {
            return Err(wrong("endpoints is empty; write the URLs of the members of etcd".into()));
        }
        let keys = Keys::new(&store.key).map_err(wrong)?;
        let user = user(store).map_err(wrong)?;
        Ok(Self { store: Box::new(store.clone()), endpoints, user, keys, limit, hedge: HEDGE })
    }

    /// Reads the certificates and the password again, which may have been renewed. While their files
    /// cannot be used, the old ones stay.
    pub(crate) fn renew(&mut self) {
        if let Ok(new) = Self::new(&self.store) {
            (self.endpoints, self.user) = (new.endpoints, new.user);
        }
    }

    /// The user's name.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_ref().map(|(name, _)| name.as_str())
    }

    /// Connects to the member that is the first to do this.
    ///
    /// # Errors
    /// No member does it.
    pub(crate) async fn first<T, F>(
        &self,
        work: impl Fn(etcd_client::Client) -> F + Clone + Send + Sync + 'static,
    ) -> Result<(Connection, T), StoreFault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, etcd_client::Error>> + Send,
    {
        let mut tries = JoinSet::new();
        let count = self.endpoints.len();
        // Not all servers of a fleet begin with the same member.
        let begin = getrandom::u32().map_or(0, |number| number as usize % count);
        let order = self.endpoints.iter().cycle().skip(begin).take(count);
        for (endpoint, wait) in order.zip(0..) {
            let (endpoint, work, user) = (endpoint.clone(), work.clone(), self.user.clone());
            let (limit, hedge) = (self.limit, self.hedge);
            tries.spawn(async move {
                time::sleep(hedge * wait).await;
                let end = Instant::now() + limit;
                let url = endpoint.uri().to_string();
                let url = url.trim_end_matches('/').to_owned();
                match time::timeout_at(end.into(), attempt(&endpoint, user, work, end)).await {
                    Ok(Ok((etcd, done))) => {
                        Ok((Connection { etcd, url, since: Instant::now() }, done))
                    }
                    Ok(Err(fault)) => Err((url, fault)),
                    Err(_) => {
                        let seconds = limit.as_secs_f32();
                        Err((url, Failed::Lost(format!("gives no answer within {seconds} s"))))
                    }
                }
            });
        }
        let mut faults = vec![];
        while let Some(tried) = tries.join_next().await {
            match tried {
                Ok(Ok(done)) => return Ok(done),
                Ok(Err((_, Failed::Denied(cause)))) => return Err(StoreFault::Denied(cause)),
                Ok(Err((url, Failed::Lost(cause)))) => faults.push(format!("{url} {cause}")),
                Err(error) => faults.push(error.to_string()),
            }
        }
        faults.sort_unstable();
        Err(StoreFault::Unreachable(faults))
    }
}

/// Why one end point does not do.
enum Failed {
    Denied(String),
    Lost(String),
}

async fn attempt<T, F>(
    endpoint: &Endpoint,
    user: Option<(String, String)>,
    work: impl Fn(etcd_client::Client) -> F,
    end: Instant,
) -> Result<(etcd_client::Client, T), Failed>
where
    F: Future<Output = Result<T, etcd_client::Error>>,
{
    let host = endpoint.uri().host().unwrap_or_default().to_owned();
    let is_secure = endpoint.uri().scheme_str() == Some("https");
    let lost = |error: &(dyn std::error::Error + 'static)| match cause(error, &host) {
        // In TLS 1.3 a server looks at the certificate of its client when that thinks that all is
        // well, and the alert can get lost.
        text if is_secure && is_closed(&text) => Failed::Lost(format!(
            "ends the connection; if it wants a certificate of this client, write cert and cert_key \
             below [store] ({text})"
        )),
        text => Failed::Lost(text),
    };
    let name = user.as_ref().map(|(name, _)| name.clone());
    let failed = |error: etcd_client::Error| match denied(&error, name.as_deref()) {
        Some(text) => Failed::Denied(text),
        None => lost(&error),
    };
    let channel = endpoint.connect().await.map_err(|error| lost(&error))?;
    let mut options = ConnectOptions::new().with_require_leader(true);
    if let Some((name, password)) = user {
        options = options.with_user(name, password).with_auto_token_refresh(true);
    }
    loop {
        let channel = Channel::Tonic(channel.clone());
        let work = async {
            let etcd = etcd_client::Client::from_channel(channel, Some(options.clone())).await?;
            let done = work(etcd.clone()).await?;
            Ok((etcd, done))
        };
        match work.await {
            Ok(done) => return Ok(done),
            Err(error) if is_passing(&error) && Instant::now() + PAUSE < end => {
                time::sleep(PAUSE).await;
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

fn is_closed(text: &str) -> bool {
    CLOSED.iter().any(|known| text.to_lowercase().contains(known))
}

fn endpoint(url: &str, tls: &ClientTlsConfig, limit: Duration) -> Result<Endpoint, String> {
    let is_secure = url.starts_with("https://");
    if !is_secure && !url.starts_with("http://") {
        return Err(format!(
            "the end point {url:?} has no https:// or http://; write https://{url}"
        ));
    }
    let wrong = |error| format!("the end point {url:?} is not a URL: {error}");
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(wrong)?;
    // etcd accepts a ping every 5 s, and none while nothing is asked for.
    let endpoint = endpoint
        .connect_timeout(limit)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(5));
    match is_secure {
        true => endpoint.tls_config(tls.clone()).map_err(|error| {
            format!("the certificates cannot be used: {}", crate::store::fault::cause(&error, url))
        }),
        false => Ok(endpoint),
    }
}

fn tls(store: &Store) -> Result<ClientTlsConfig, String> {
    let read = |key: &str, path: &Path, what: &str| {
        let shown = path.display();
        let pem = fs::read_to_string(path)
            .map_err(|error| format!("cannot read {key} = \"{shown}\": {error}"))?;
        let has_it = |line: &str| line.starts_with("-----BEGIN ") && line.contains(what);
        match pem.lines().any(has_it) {
            true => Ok(pem),
            false => Err(format!("{key} = \"{shown}\" has no {what} in PEM")),
        }
    };
    let config = match &store.ca {
        Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(
            "ca",
            ca,
            "CERTIFICATE",
        )?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    match (&store.cert, &store.cert_key) {
        (None, None) => Ok(config),
        (Some(cert), Some(key)) => {
            let identity = Identity::from_pem(
                read("cert", cert, "CERTIFICATE")?,
                read("cert_key", key, "PRIVATE KEY")?,
            );
            Ok(config.identity(identity))
        }
        (Some(_), None) => Err("cert needs cert_key = \"FILE\"".into()),
        (None, Some(_)) => Err("cert_key needs cert = \"FILE\"".into()),
    }
}

fn user(store: &Store) -> Result<Option<(String, String)>, String> {
    let (user, file) = match (&store.user, &store.password_file) {
        (None, None) => return Ok(None),
        (Some(user), Some(file)) => (user, file),
        (Some(_), None) => return Err("user needs password_file = \"FILE\"".into()),
        (None, Some(_)) => return Err("password_file needs user = \"NAME\"".into()),
    };
    Ok(Some((user.clone(), crate::settings::password(file)?)))
}
