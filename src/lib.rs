//! The module as httpd loads it: a thin skin around `maintenance_core`, and the only part with `unsafe`.
//!
//! What holds for all of it: httpd calls the functions of `module` and `hooks` with pointers
//! to live structures of its own, each valid until the function returns unless said otherwise.
//! Configuration is read and changed by one thread, before there are requests; from then on it
//! is only read, until its pool is cleared.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod config_tree;
mod directives;
mod dry_run;
mod error_log;
mod events;
mod hooks;
mod location;
mod location_walk;
mod module;
mod overlay;
mod private_answer;
#[cfg(feature = "provoke-defect")]
mod provoke;
mod request;
mod response;
mod scopes;
mod server;
mod startup;
mod status_handler;
mod sys;
mod tracking;
mod virtual_hosts;
