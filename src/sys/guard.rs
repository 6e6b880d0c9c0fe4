//! The panic boundary. Every function that httpd calls runs inside it, because a panic that leaves
//! an `extern "C"` function would abort the child and cut off its other requests.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error_log;
use crate::sys::bindings::APLOG_ERR;

/// Runs `body`. If it panics, logs an error and returns `fallback`.
///
/// Unwind safety: the bodies share atomics, which are consistent at any time, and the request, of
/// which the fallback uses only fields that httpd itself has set.
#[inline(always)]
pub(crate) fn guard<T>(body: impl FnOnce() -> T, fallback: T) -> T {
    match caught(body) {
        Some(value) => value,
        None => fallback,
    }
}

/// Like [`guard`], with a fallback that is computed, and the value `last` if the fallback panics as
/// well.
#[inline(always)]
pub(crate) fn guard_or<T>(body: impl FnOnce() -> T, fallback: impl FnOnce() -> T, last: T) -> T {
    match caught(body) {
        Some(value) => value,
        None => caught(fallback).unwrap_or(last),
    }
}

#[inline(always)]
fn caught<T>(body: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(body)).map_err(report).ok()
}

/// Not inlined, so that the functions that httpd calls for each request stay short.
#[cold]
#[inline(never)]
fn report(payload: Box<dyn Any + Send>) {
    let tell = || {
        let said = message(&*payload);
        error_log::write(None, APLOG_ERR, &format!("internal error, please report it: {said}"));
        drop(payload); // may panic, because a payload can be any type
    };
    if let Err(other) = catch_unwind(AssertUnwindSafe(tell)) {
        mem::forget(other);
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "a panic without a message",
    }
}
