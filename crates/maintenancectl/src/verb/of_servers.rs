//! The arguments of the verbs that ask servers.

use std::path::PathBuf;

use clap::Args;

use crate::exit::Failure;
use crate::servers::fleet::Fleet;
use crate::servers::source::Source;
use crate::settings::Settings;
use crate::store::access::Access;

/// Which servers to ask.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Servers {
    /// Ask this server alone: its name in the settings, or the URL of its status page
    #[arg(long = "server", value_name = "NAME|URL")]
    servers: Vec<String>,
}

/// Which servers to ask, about which flag.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OfServers {
    #[command(flatten)]
    pub(crate) servers: Servers,
    /// Look at the scopes of this flag alone, instead of those of the flag in the settings
    #[arg(long, value_name = "FILE")]
    flag: Option<PathBuf>,
}

impl Servers {
    /// The servers. There may be none.
    ///
    /// # Errors
    /// The settings of a server cannot be used.
    pub(crate) fn any(&self, settings: &Settings) -> Result<Fleet, Failure> {
        Fleet::new(settings, &self.servers).map_err(Failure::unusable)
    }

    /// The servers, of which there is at least one.
    ///
    /// # Errors
    /// There is none, or its settings cannot be used.
    pub(crate) fn some(&self, settings: &Settings) -> Result<Fleet, Failure> {
        let fleet = self.any(settings)?;
        match fleet.is_empty() {
            true => Err(Failure::unusable(
                "no server to ask; write [[server]] with status = \"URL\" into \
                 /etc/maintenancectl.toml, or add --server http://localhost/maintenance-status",
            )),
            false => Ok(fleet),
        }
    }

    /// Where the reports come from: the store, unless servers are named.
    ///
    /// # Errors
    /// There is none, or its settings cannot be used.
    pub(crate) fn source(&self, settings: &Settings) -> Result<Source, Failure> {
        match &settings.store {
            Some(store) if self.servers.is_empty() => Ok(Source::Store(Access::open(store)?)),
            _ => Ok(Source::Servers(self.some(settings)?)),
        }
    }
}

impl OfServers {
    /// The flag in question.
    pub(crate) fn flag(&self, settings: &Settings) -> Option<PathBuf> {
        let flag = self.flag.as_ref().or(settings.flag.as_ref())?;
        Some(std::path::absolute(flag).unwrap_or_else(|_| flag.clone()))
    }
}
