//! The logic of mod_maintenance, in safe Rust and independent of httpd. While a flag file exists,
//! every request of a client that is not on the allowlist is refused with the maintenance page.
//!
//! # The way of a request
//!
//! 1. A hook of the module calls [`engine::handle`], which accesses httpd's request through the
//!    trait [`engine::request::Request`].
//! 2. The engine finds the [`engine::gate::Gate`] of the request's location among those of its
//!    virtual host ([`engine::gates`]), which are made when the configuration is read.
//! 3. For most requests the gate only confirms that no flag has appeared
//!    ([`engine::gate::Gate::count_absent`]): one `stat` for each flag, or none between two looks of
//!    `MaintenanceCheckInterval`.
//! 4. Otherwise the gate looks at the flags ([`flag::Flag::look`]), whose content can define a time
//!    window ([`flag::spec`]). If a flag is active, the gate consults the allowlist ([`allow`]),
//!    whose files are reread when they change ([`file::watched`]). The verdict is open, allowed or
//!    blocked.
//! 5. The engine keeps the decision with the request for later hooks, internal redirects and the
//!    log, counts it, and tracks an admitted request to its end ([`stats`]).
//! 6. If the request is blocked, [`refusal`] makes the whole answer: status, header fields, and the
//!    page in the best type, language and coding ([`page`], [`negotiate`]). The module sends it.
//!
//! The directives ([`directive`]) are checked when the configuration is read, so that they cannot
//! cause errors while a request is handled. [`report`] makes the status page.

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
pub mod health_check;
pub mod negotiate;
pub mod net;
pub mod notice;
pub mod page;
pub mod refusal;
pub mod report;
pub mod shared;
pub mod stack;
pub mod stats;
pub mod text;
