//! Runs work that needs a deep stack.
//!
//! `ThreadStackSize` may leave httpd's threads with as little as some ten KiB. That is enough for
//! the work at each request. Work that is done once for each change (reading a flag, a list or a
//! template, rendering, compressing), or only for an administrator, needs more.

use once_cell::sync::OnceCell;

/// Runs a function on a deep stack. Returns false if it could not be run or panicked.
pub type Deep = fn(&mut (dyn FnMut() + Send)) -> bool;

static DEEP: OnceCell<Deep> = OnceCell::new();

/// Makes [`deep`] use this function from now on. Without it, [`deep`] assumes that every stack is
/// deep.
pub fn provide(deep: Deep) {
    let _ = DEEP.set(deep); // once for each loading of the module
}

/// Runs `work` on a deep stack and returns its result. None if no deep stack is available.
pub fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    let Some(run) = DEEP.get() else { return Some(work()) };
    let (mut work, mut result) = (Some(work), None);
    let is_done = run(&mut || result = work.take().map(|work| work()));
    result.filter(|_| is_done)
}
