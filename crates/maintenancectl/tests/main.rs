//! Tests of the command as it is run, without httpd.

mod check;
mod docs;
mod flag;
#[cfg(feature = "etcd")]
mod fleet;
mod ground;
mod install;
mod lists;
mod manual;
mod obstacles;
mod preview;
mod servers;
