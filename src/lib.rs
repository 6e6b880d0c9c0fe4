//! The boundary to httpd: the only part with `unsafe`.
//!
//! What holds for all of it: httpd calls the functions of [`module`] and [`hooks`] with pointers
//! to live structures of its own, each valid until the function returns unless said otherwise.
//! Configuration is read and changed by one thread, before there are requests; from then on it
//! is only read, until its pool is cleared.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod answer;
mod bindings;
mod conftree;
mod directives;
mod found;
mod guard;
mod hooks;
mod hosts;
mod keep;
mod kept;
mod log;
mod module;
mod pool;
mod process;
#[cfg(feature = "provoke-defect")]
mod provoke;
mod request;
mod resolver;
mod role;
mod scopes;
mod section;
mod server;
mod shared;
mod start;
mod status;
mod suppose;
mod table;
mod thread;
mod visit;
