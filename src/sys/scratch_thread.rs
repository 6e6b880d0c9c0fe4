//! Runs work in threads that leave no thread-local data behind, and on deep stacks.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;

use nix::sys::signal::{SigSet, SigmaskHow};

use crate::sys::guard::guard;

/// The stack size of the module's own threads, the default of Linux. Only the used part takes
/// memory.
const STACK: usize = 8 * 1024 * 1024;

/// How much free stack counts as deep: several times what the module needs.
const DEEP: usize = 1024 * 1024;

type Work<'a> = &'a mut (dyn FnMut() + Send);

/// Runs `work` in its own thread and waits for it. The thread takes its thread-local data with it.
/// In the parent's own thread that data would keep the module in memory when httpd unloads it, and
/// a restart would not load a new version.
pub(crate) fn scratch(work: Work<'_>) {
    if started(work).is_none() {
        work();
    }
}

/// Runs `work` on a deep stack: in this thread, or in a new one if this thread's stack is small.
/// Returns false if no thread can be started or the work has panicked.
pub(crate) fn deep(work: Work<'_>) -> bool {
    if is_deep() {
        work();
        return true;
    }
    started(work).unwrap_or(false)
}

/// Runs `work` in its own thread. Returns None if no thread can be started, otherwise whether the
/// work finished without a panic.
///
/// std's threads are not suitable, because starting one leaves thread-local data behind in the
/// current thread.
fn started(work: Work<'_>) -> Option<bool> {
    struct Job<'a> {
        work: Work<'a>,
        is_done: bool,
    }
    extern "C" fn run(job: *mut c_void) -> *mut c_void {
        guard(
            || {
                // SAFETY: `started` passes its own variable, and waits until this function has
                // finished.
                let job = unsafe { &mut *job.cast::<Job<'_>>() };
                (job.work)();
                job.is_done = true;
            },
            (),
        );
        ptr::null_mut()
    }
    let mut job = Job { work, is_done: false };
    // Only httpd's own threads should handle signals.
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let mut thread = MaybeUninit::uninit();
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: the attributes are initialised before use and destroyed afterwards. `job` outlives
    // the thread, which is joined, and nothing else uses it in the meantime. Joining cannot fail:
    // the thread exists, and nothing else joins it.
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

/// Whether this thread has enough free stack.
fn is_deep() -> bool {
    // SAFETY: system calls that cannot fail and do not access memory. (glibc has gettid only since
    // 2.30.)
    let is_first = unsafe { libc::syscall(libc::SYS_gettid) == libc::c_long::from(libc::getpid()) };
    let mut attributes = MaybeUninit::uninit();
    let (mut lowest, mut size) = (ptr::null_mut(), 0);
    // SAFETY: each call writes to variables of this function alone; the attributes are destroyed
    // once they have been initialised.
    unsafe {
        if is_first {
            // The kernel grows this stack up to the limit. (glibc would read /proc/self/maps.)
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
