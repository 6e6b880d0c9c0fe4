//! Tests of the command as it is run, without httpd.

mod check;
mod docs;
mod flag;
#[cfg(feature = "etcd")]
mod fleet;
mod ground;
mod hooks;
mod install;
mod lists;
mod manual;
mod notice;
mod obstacles;
mod preview;
mod recipes;
mod servers;
