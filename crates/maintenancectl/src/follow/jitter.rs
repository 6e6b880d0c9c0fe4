//! Times that differ from server to server, so that the servers of a fleet, which all hear of a change
//! at the same moment, do not write to the store in step ever after.

use std::time::Duration;

/// About this time: between three and five quarters of it.
pub(super) fn about(time: Duration) -> Duration {
    between(time * 3 / 4, time * 5 / 4)
}

/// A random time between two times.
pub(super) fn between(shortest: Duration, longest: Duration) -> Duration {
    // Without random numbers, in the middle.
    let share = getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX));
    shortest + longest.saturating_sub(shortest).mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_differ() {
        let second = Duration::from_secs(1);
        let times: Vec<_> = (0..1000).map(|_| about(second)).collect();
        let (least, most) = (times.iter().min().expect("one"), times.iter().max().expect("one"));
        assert!(*least >= second * 3 / 4 && *most <= second * 5 / 4, "{least:?} to {most:?}");
        assert!(*least < second * 4 / 5 && *most > second * 6 / 5, "{least:?} to {most:?}");
        assert_eq!(between(second, second), second);
    }
}
