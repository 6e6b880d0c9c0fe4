//! What mod_maintenance decides, in safe Rust and without httpd. While a flag file exists, every
//! request of a client that is not on the allowlist is refused with the maintenance page.
//!
//! # The way of a request
//!
//! 1. A hook of the module asks [`engine::handle`], which sees httpd's request through the trait
//!    [`engine::request::Request`].
//! 2. The engine finds the [`engine::gate::Gate`] of the request's location among those of its virtual
//!    host ([`engine::gates`]), which were made when the configuration was read.
//! 3. The gate looks at the flags ([`flag`]), whose content may say that they close later or no more
//!    ([`flag::spec`]). If one closes, the gate asks the allowlist ([`allow`]), whose files are read
//!    again when they have changed ([`file::watched`]). The verdict is open, allowed or blocked.
//! 4. The engine keeps the decision with the request, for later hooks, internal redirects and the log,
//!    counts it, and follows a request that was let in to its end ([`stats`]).
//! 5. If the request is blocked, [`refusal`] makes the whole answer: status, header fields, and the page
//!    in the type, language and coding that suit ([`page`], [`negotiate`]). The module sends it.
//!
//! The directives ([`directive`]) are checked word by word when the configuration is read, so that
//! nothing that can fail is left for the request. [`report`] is what the status page shows.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod allow;
pub mod context;
pub mod directive;
pub mod engine;
pub mod events;
pub mod file;
pub mod flag;
pub mod negotiate;
pub mod net;
pub mod page;
pub mod refusal;
pub mod report;
pub mod shared;
pub mod stack;
pub mod stats;
pub mod text;
