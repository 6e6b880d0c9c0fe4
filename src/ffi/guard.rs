//! The panic boundary: every function that httpd calls runs inside it, for a panic that leaves
//! an `extern "C"` function would abort the child and cut off its other requests.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bindings::APLOG_ERR;
use super::log;

/// Runs `body`. If it panics, says so in the error log and gives what `fallback` gives.
///
/// Unwind safety: what the bodies share are atomics, which are whole at every moment, and the
/// request, of which the fallback uses only what httpd itself set.
pub(super) fn guard<T>(body: impl FnOnce() -> T, fallback: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        let said = message(&*payload);
        log::write(None, APLOG_ERR, &format!("internal error, please report it: {said}"));
        fallback()
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without a message",
    }
}
