//! Tests with a real httpd, one server per test and one file per topic. The benchmark uses the same
//! harness, `support`.

#![allow(unreachable_pub)] // a test is one crate: everything in it is unreachable

mod allow;
mod allow_sources;
mod balancer;
mod browser;
mod build_script;
mod clock;
mod cors;
mod ctl;
mod defects;
mod denied;
mod directives;
mod docs;
mod drain;
mod flag_keys;
mod flags;
mod fleet;
mod health_check;
mod install;
mod interval;
mod invisible;
mod invite;
mod kept;
mod late;
mod locations;
mod log;
mod many;
mod mounted;
mod negotiation;
mod neighbours;
mod notice;
mod pages;
mod panics;
mod plugin_cfg;
mod preflight;
mod private;
mod read_only;
mod refusal;
mod refused;
mod rendered;
mod restarts;
mod retry_after;
mod round_trip;
mod server_order;
mod share;
mod stack;
mod status;
mod totals;
mod valgrind;
mod window;
