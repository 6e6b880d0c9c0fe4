//! The module that httpd loads: a thin layer around `maintenance_core`, and the only part of the
//! product with `unsafe` code.
//!
//! General assumptions: httpd calls the functions of `module` and `hooks` with pointers to its own
//! live structures, each valid until the function returns unless stated otherwise. One thread reads
//! and changes the configuration before there are requests. From then on the configuration is
//! read-only until its pool is cleared.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod answer_marks;
mod config_tree;
mod directives;
mod dry_run;
mod error_log;
mod events;
mod hooks;
mod invitations;
mod location;
mod location_walk;
mod module;
mod overlay;
#[cfg(feature = "provoke-defect")]
mod provoke;
mod request;
mod response;
mod scopes;
mod scoreboard;
mod server;
mod startup;
mod status_handler;
mod status_location;
mod sys;
mod tracking;
mod virtual_hosts;
