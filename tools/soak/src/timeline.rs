//! The history of states. A change begins before the file is touched and ends when it is certainly
//! in force; in between both states are correct.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the history is kept: longer than any request, and than the site is ever open.
const KEPT: Duration = Duration::from_secs(300);

/// A state, and the times between which it may be in force.
#[derive(Clone, Debug)]
pub struct Span<T> {
    pub from: Instant,
    /// None: still in force.
    pub until: Option<Instant>,
    pub state: T,
}

impl<T> Span<T> {
    pub fn overlaps(&self, from: Instant, until: Instant) -> bool {
        self.from <= until && self.until.is_none_or(|end| end >= from)
    }
}

/// The states of one thing.
pub struct Timeline<T>(Mutex<VecDeque<Span<T>>>);

impl<T: Clone + PartialEq> Timeline<T> {
    pub fn new(state: T) -> Self {
        Self(Mutex::new([Span { from: Instant::now(), until: None, state }].into()))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Span<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the action that leads to `next`. That state is in force after `grace`; until then
    /// `meanwhile` and the previous states are possible as well.
    pub fn change<R>(
        &self,
        next: T,
        meanwhile: &[T],
        grace: Duration,
        operation: impl FnOnce() -> R,
    ) -> R {
        let from = Instant::now();
        {
            let mut spans = self.lock();
            let span = |state: &T| Span { from, until: None, state: state.clone() };
            spans.extend(meanwhile.iter().chain([&next]).map(span));
        }
        let result = operation();
        let until = Instant::now() + grace;
        let mut spans = self.lock();
        let last = spans.len() - 1;
        for span in spans.iter_mut().take(last) {
            // A change with immediate effect ends all other possible states.
            span.until = match span.until {
                Some(end) if !grace.is_zero() => Some(end),
                Some(end) => Some(end.min(until)),
                None => Some(until),
            };
        }
        while spans.front().and_then(|span| span.until).is_some_and(|end| end.elapsed() > KEPT) {
            spans.pop_front();
        }
        result
    }

    /// The state that should be in force from now on.
    pub fn last(&self) -> T {
        self.lock().back().expect("never empty").state.clone()
    }

    /// The states that were possible at some time between these times.
    pub fn between(&self, from: Instant, until: Instant) -> Vec<Span<T>> {
        let spans = self.lock();
        spans.iter().filter(|span| span.overlaps(from, until)).cloned().collect()
    }

    /// How many changes began between these times.
    pub fn changes(&self, from: Instant, until: Instant) -> usize {
        let spans = self.between(from, until);
        spans.iter().filter(|span| span.from >= from).count()
    }

    /// Since when every state has satisfied this, without a gap, as of `at`; None if it does not.
    pub fn since(&self, at: Instant, holds: impl Fn(&T) -> bool) -> Option<Instant> {
        let spans = self.lock();
        let others = spans.iter().filter(|span| span.from <= at && !holds(&span.state));
        let mut since = spans.front().map(|span| span.from);
        for span in others {
            match span.until {
                Some(end) if end < at => since = since.max(Some(end)),
                _ => return None,
            }
        }
        since
    }

    /// The last time until `at` at which this had been true for `time`, or the beginning.
    pub fn last_long(&self, at: Instant, time: Duration, holds: impl Fn(&T) -> bool) -> Instant {
        let mut moments: Vec<_> = {
            let spans = self.lock();
            spans.iter().map(|span| span.from).filter(|from| *from <= at).collect()
        };
        let first = moments.first().copied().unwrap_or(at);
        moments.push(at);
        moments.sort();
        let long = moments.iter().rev().find(|moment| {
            self.since(**moment, &holds).is_some_and(|since| **moment - since >= time)
                // Just before a change begins, when the previous state was oldest.
                || moment.checked_sub(Duration::from_micros(1)).is_some_and(|before| {
                    self.since(before, &holds).is_some_and(|since| before - since >= time)
                })
        });
        long.copied().unwrap_or(first)
    }
}

impl<T: Clone + PartialEq + Debug> Timeline<T> {
    /// The states around a request, in seconds since it was sent.
    pub fn tell(&self, sent: Instant, received: Instant) -> String {
        let margin = Duration::from_secs(5);
        let offset = |moment: Instant| match moment.checked_duration_since(sent) {
            Some(later) => format!("+{:.4}", later.as_secs_f64()),
            None => format!("-{:.4}", (sent - moment).as_secs_f64()),
        };
        let spans = self.between(sent.checked_sub(margin).unwrap_or(sent), received + margin);
        let lines = spans.iter().map(|Span { from, until, state }| {
            let until = until.map_or_else(|| "...".into(), offset);
            format!("    {} to {until}: {state:?}", offset(*from))
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
