//! `forget`: a server that is gone for good.

use clap::Args;

use super::log::store;
use crate::exit::{Exit, Failure, Outcome};
use crate::settings::Settings;
use crate::store::access::Access;
use crate::store::snapshot::Forgotten;

/// Expect no more reports from a server that is gone for good
///
/// A server that maintenancectl follow has once reported about is waited for, until it is forgotten.
/// A server that still reports cannot be forgotten.
#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// The server, as status calls it
    #[arg(value_name = "NODE")]
    node: String,
}

impl Forget {
    /// # Errors
    /// The server reports, there is no such server, or the store gives no answer.
    pub(crate) fn run(&self, settings: &Settings) -> Outcome {
        let node = &self.node;
        let no = |message| Err(Failure { exit: Exit::No, message });
        match Access::open(store(settings)?)?.forget(node)? {
            Forgotten::Done => {
                say!("forgotten: {node}");
                Ok(Exit::Done)
            }
            Forgotten::Reports => no(format!(
                "{node} still reports; stop maintenancectl follow there first, and wait for 10 s"
            )),
            Forgotten::Unknown => {
                no(format!("the fleet has no server {node}; maintenancectl status lists them"))
            }
        }
    }
}
