//! Reads httpd's scoreboard, in which each worker has the line of the request that it serves.

use std::ffi::CStr;
use std::mem::MaybeUninit;

use jiff::Timestamp;

use crate::sys::bindings::{maintenance_busy_worker, maintenance_scoreboard_size};
use maintenance_core::report::BusyWorker;
use maintenance_core::stats::Worker;

/// The workers that serve requests.
pub(crate) fn busy_workers() -> Vec<BusyWorker> {
    let (mut processes, mut threads) = (0, 0);
    // SAFETY: only reads httpd's shared memory, which it maps before it forks.
    unsafe { maintenance_scoreboard_size(&mut processes, &mut threads) };
    let all = (0..processes).flat_map(|process| (0..threads).map(move |thread| (process, thread)));
    all.filter_map(|(process, thread)| busy_worker(process, thread)).collect()
}

fn busy_worker(process: i32, thread: i32) -> Option<BusyWorker> {
    let mut worker = MaybeUninit::uninit();
    // SAFETY: the numbers are below those of the scoreboard. `worker` is initialised if the function
    // succeeds.
    let worker = unsafe {
        let is_busy = maintenance_busy_worker(process, thread, worker.as_mut_ptr()) != 0;
        is_busy.then(|| worker.assume_init())?
    };
    // SAFETY: the function has ended the text.
    let request = unsafe { CStr::from_ptr(worker.request.as_ptr()) };
    Some(BusyWorker {
        worker: Worker { process: worker.process, connection: worker.connection, generation: 0 },
        began: Timestamp::from_microsecond(worker.began).unwrap_or_default(),
        request: request.to_bytes().to_vec(),
    })
}
