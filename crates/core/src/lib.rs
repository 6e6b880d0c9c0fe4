//! A maintenance gate for Apache httpd and IBM HTTP Server. While a flag file exists, every
//! request of a client that is not on the allowlist is refused with the maintenance page.
//!
//! # The way of a request
//!
//! 1. httpd calls `ffi::hooks` first of all quick handlers. A guard around every function that
//!    httpd calls keeps a panic from taking the child down.
//! 2. The hook finds the [`gates::Gates`] of the virtual host, made when the configuration was
//!    read, in them the [`gate::Gate`] of the location, and asks it to decide. It does so again
//!    where the request comes into another location on its way.
//! 3. [`gate`] looks at the flags ([`flag`]), whose content may say that it closes later or no
//!    more ([`window`]); if one closes it asks the allowlist ([`allow`]), whose files are read
//!    again when they have changed ([`watched`]). The verdict is open, allowed or blocked.
//! 4. The hook keeps the verdict with the request, for the log and for internal redirects, and
//!    declines the request or has it refused.
//! 5. [`refusal`] puts the whole answer together: status ([`status`]), the page in the type,
//!    language and coding that suit ([`page`], [`negotiate`]) and when to come back
//!    ([`retry_after`]). The hook sends it through httpd's output filters.
//! 6. Beside that, [`stats`] counts the request, follows it to its end if it was let in, and
//!    takes note of who was refused. [`report`] tells the administrator.
//!
//! The directives ([`config`]) are checked word by word when the configuration is read; nothing
//! that can fail is left for the request.
//!
//! Everything but `ffi` is safe Rust that knows nothing of httpd and is tested without it.

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
