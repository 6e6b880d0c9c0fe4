//! `follow`: keeps the flag of this server in step with the one in the store.

use std::path::PathBuf;

use clap::Args;

use crate::exit::{Failure, Outcome};
use crate::settings::Settings;

/// Keep the flag of this server in step with the store of a fleet
///
/// Runs as a service. Writes and removes the flag file as the store says, and reports to the store what the server does.
/// If the store cannot be reached, the file stays as it is.
#[derive(Debug, Args)]
pub(crate) struct Follow {
    /// The flag file to keep; otherwise that of the settings
    #[arg(long, value_name = "FILE")]
    flag: Option<PathBuf>,
    /// What this server is called; otherwise node in the settings, or the host name
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// The server to report about: its name in the settings, or the URL of its status page
    #[arg(long, value_name = "NAME|URL")]
    server: Option<String>,
}

impl Follow {
    /// # Errors
    /// The settings cannot be used.
    #[cfg(not(feature = "etcd"))]
    pub(crate) fn run(&self, _: &Settings) -> Outcome {
        let _ = (&self.flag, &self.node, &self.server);
        Err(Failure::unusable(crate::store::access::NO_STORES))
    }

    /// # Errors
    /// The settings cannot be used.
    #[cfg(feature = "etcd")]
    pub(crate) fn run(&self, settings: &Settings) -> Outcome {
        use crate::follow::{Service, run};
        use crate::store::client::Client;
        use crate::store::keys::node_name;

        let store = super::log::store(settings)?;
        let flag = self.flag.as_ref().or(settings.flag.as_ref()).ok_or_else(|| {
            Failure::unusable(
                "no flag is named; write flag = \"/etc/apache2/fleet/maintenance.flag\" into \
                 /etc/maintenancectl.toml, or add --flag FILE",
            )
        })?;
        let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        let node = self.node.clone().or_else(|| store.node.clone()).unwrap_or_else(host);
        node_name(&node).map_err(Failure::unusable)?;
        run(Service {
            client: Client::new(store).map_err(Failure::unusable)?,
            flag: std::path::absolute(flag).unwrap_or_else(|_| flag.clone()),
            server: self.server(settings, &node)?,
            node,
        })
    }

    /// The server that is named, or that has the node's name, or the only one.
    #[cfg(feature = "etcd")]
    fn server(
        &self,
        settings: &Settings,
        node: &str,
    ) -> Result<Option<crate::servers::fleet::Fleet>, Failure> {
        use std::time::Duration;

        use crate::servers::fleet::Fleet;

        /// The lease of the report has to be kept alive meanwhile.
        const LIMIT: Duration = Duration::from_secs(3);

        let limit = settings.timeout.unwrap_or(LIMIT).min(LIMIT);
        let has_name =
            |name: &str| settings.servers.iter().any(|server| server.name.as_deref() == Some(name));
        let named = match &self.server {
            Some(server) => vec![server.clone()],
            None if has_name(node) => vec![node.to_owned()],
            None if settings.servers.len() == 1 => vec![],
            None => return Ok(None),
        };
        Fleet::within(settings, &named, limit).map(Some).map_err(Failure::unusable)
    }
}
