//! Threads that leave nothing behind, and deep stacks for httpd's threads.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

use nix::sys::signal::{SigSet, SigmaskHow};

use crate::sys::guard::guard;

/// The stack of a thread of the module's own: as much as Linux gives by default, of which only what
/// is used takes memory.
const STACK: usize = 8 * 1024 * 1024;

/// So much is deep: several times what anything that the module does takes.
const DEEP: usize = 1024 * 1024;

type Work<'a> = &'a mut (dyn FnMut() + Send);

/// Runs `work` in a thread of its own and waits for its end. What the work keeps for its thread
/// goes with that; in the parent's own thread it would hold the module in memory when httpd
/// unloads it, and a restart would not load a new version.
pub(crate) fn scratch(work: Work<'_>) {
    if started(work).is_none() {
        work();
    }
}

/// Runs `work` with a deep stack under it: in this thread, or in one of its own where this one's
/// stack is small. False where there is no such thread to be had, or the work has panicked.
pub(crate) fn deep(work: Work<'_>) -> bool {
    if is_deep() {
        work();
        return true;
    }
    started(work).unwrap_or(false)
}

/// Runs `work` in a thread of its own; None where there is none, else whether it did not panic.
///
/// Not std's threads: to start one leaves something behind in the thread that does.
fn started(work: Work<'_>) -> Option<bool> {
    struct Job<'a> {
        work: Work<'a>,
        is_done: bool,
    }
    extern "C" fn run(job: *mut c_void) -> *mut c_void {
        guard(
            || {
                // SAFETY: `started` passes its own variable, and waits until this function is done.
                let job = unsafe { &mut *job.cast::<Job<'_>>() };
                (job.work)();
                job.is_done = true;
            },
            (),
        );
        ptr::null_mut()
    }
    let mut job = Job { work, is_done: false };
    // The process's signals are for httpd's own threads.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let mut thread = MaybeUninit::uninit();
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: the attributes are initialised before they are used and destroyed after that. `job`
    // outlives the thread, which is waited for, and nobody else touches it meanwhile. Waiting cannot
    // fail: the thread is there, and nobody else waits for it.
    let is_started = unsafe {
        libc::pthread_attr_init(attributes.as_mut_ptr());
        libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK);
        let data = (&raw mut job).cast();
        let status = libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), run, data);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        if status == 0 {
            libc::pthread_join(thread.assume_init(), ptr::null_mut());
        }
        status == 0
    };
    if let Ok(before) = before {
        let _ = before.thread_set_mask();
    }
    is_started.then_some(job.is_done)
}

/// Is there much of this thread's stack left?
fn is_deep() -> bool {
    // SAFETY: system calls that cannot fail and touch no memory. (glibc has gettid from 2.30 on.)
    let is_first = unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) };
    let mut attributes = MaybeUninit::uninit();
    let (mut lowest, mut size) = (ptr::null_mut(), 0);
    // SAFETY: each call writes to variables of this function alone; the attributes are destroyed
    // once they have been initialised.
    unsafe {
        if is_first {
            // The kernel grows it up to the limit. (glibc would read /proc/self/maps.)
            let mut limit = MaybeUninit::<libc::rlimit>::zeroed();
            libc::getrlimit(libc::RLIMIT_STACK, limit.as_mut_ptr());
            return limit.assume_init().rlim_cur >= 2 * DEEP as libc::rlim_t;
        }
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return false;
        }
        libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut lowest, &raw mut size);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    let here = (&raw const size).addr();
    here.saturating_sub(lowest.addr()) >= DEEP
}
