//! A thread that leaves nothing behind.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

use nix::sys::signal::{SigSet, SigmaskHow};

use super::guard::guard;

type Work<'a> = &'a mut (dyn FnMut() + Send);

/// Runs `work` in a thread of its own and waits for its end. What the work keeps for its thread
/// goes with that; in the parent's own thread it would hold the module in memory when httpd
/// unloads it, and a restart would not load a new version.
///
/// Not std's threads: to start one leaves something behind in the thread that does.
pub(super) fn apart(mut work: Work<'_>) {
    extern "C" fn run(work: *mut c_void) -> *mut c_void {
        guard(
            // SAFETY: `apart` passes its own variable, and waits until this function is done.
            || unsafe { (*work.cast::<Work<'_>>())() },
            (),
        );
        ptr::null_mut()
    }
    // The process's signals are for httpd's own threads.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let mut thread = MaybeUninit::uninit();
    // SAFETY: `work` outlives the thread, which is waited for, and nobody else touches it
    // meanwhile. Waiting cannot fail: the thread is there, and nobody else waits for it.
    let is_done = unsafe {
        let data = (&raw mut work).cast();
        let is_started = libc::pthread_create(thread.as_mut_ptr(), ptr::null(), run, data) == 0;
        if is_started {
            libc::pthread_join(thread.assume_init(), ptr::null_mut());
        }
        is_started
    };
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    if !is_done {
        work();
    }
}
