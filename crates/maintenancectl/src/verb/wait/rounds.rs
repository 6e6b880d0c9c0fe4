//! Asks the servers again and again.

use std::thread;
use std::time::{Duration, Instant};

use super::output::Output;
use super::plan::Plan;
use super::progress::Progress;
use crate::exit::{Exit, Outcome};
use crate::interrupt::Interrupt;

use crate::servers::site::Site;
use crate::servers::source::Source;

/// How often an interruption is looked for.
const GLANCE: Duration = Duration::from_millis(50);

/// Waits.
///
/// # Errors
/// The time is over, or it was interrupted.
pub(super) fn wait(
    source: &Source,
    plan: Plan<'_>,
    timeout: Duration,
    mut output: Output,
) -> Outcome {
    let interrupt = Interrupt::watch();
    let is_interrupted = || interrupt.is_there();
    let end = Instant::now() + timeout;
    loop {
        let start = Instant::now();
        let Some(readings) = source.ask(&is_interrupted) else {
            return Err(output.interrupted(&plan));
        };
        let pause = source.pause(start.elapsed());
        let site = Site::new(readings, plan.flag);
        let progress = Progress::of(&site, &plan);
        output.show(&progress);
        if progress.is_done() {
            output.done(&progress);
            return Ok(Exit::Done);
        }
        if Instant::now() >= end {
            return Err(output.time_over(&site, &progress, &plan, timeout));
        }
        let next = end.min(start + pause);
        while Instant::now() < next {
            if is_interrupted() {
                return Err(output.interrupted(&plan));
            }
            thread::sleep(GLANCE.min(next.saturating_duration_since(Instant::now())));
        }
    }
}
