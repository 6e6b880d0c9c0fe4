//! Keeps a flag file in step with the flag in the store, and reports what the server does.
//!
//! [`watch`] reads the store and applies what it says; [`reporter`] asks the server and reports. They
//! share [`progress`], and neither waits for the other. The watch of etcd only says that there is
//! something to read: what is applied is always the answer of a read, which needs a majority of the
//! members. So an event of a member that lags opens nothing.

mod flag_file;
mod jitter;
mod journal;
mod lease;
mod memory;
mod patience;
mod progress;
mod reporter;
mod service;
mod watch;

pub(crate) use service::{Service, run};
