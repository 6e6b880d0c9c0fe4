//! What needs a deep stack is done where there is one.
//!
//! `ThreadStackSize` may leave httpd's threads with as little as some ten KiB. What each request does
//! is content with that. What is done once for each change (reading a flag, a list or a template,
//! rendering, compressing), or for an administrator alone, takes more.

use once_cell::sync::OnceCell;

/// Runs something with a deep stack under it. False where it could not be run, or panicked.
pub type Deep = fn(&mut (dyn FnMut() + Send)) -> bool;

static DEEP: OnceCell<Deep> = OnceCell::new();

/// Has [`deep`] use this from now on. Without it, every stack is taken to be deep.
pub fn provide(deep: Deep) {
    let _ = DEEP.set(deep); // once for each loading of the module
}

/// What `work` gives, run with a deep stack under it. None where there is none to be had.
pub fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    let Some(run) = DEEP.get() else { return Some(work()) };
    let (mut work, mut result) = (Some(work), None);
    let is_done = run(&mut || result = work.take().map(|work| work()));
    result.filter(|_| is_done)
}
