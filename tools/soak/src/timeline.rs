//! What held when. A change begins before the file is touched and has ended when it is certainly in
//! force; in between both states are right.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long the past is kept: longer than any request takes, and than the site is ever open.
const KEPT: Duration = Duration::from_secs(300);

/// A state, and between which moments it may be in force.
#[derive(Clone, Debug)]
pub struct Span<T> {
    pub from: Instant,
    /// None: until further notice.
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

    /// Runs what brings `next` about. It is in force `grace` after that; until then `meanwhile` may
    /// be, too, and what was before.
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
            // What takes effect at once ends everything that was still possible.
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

    /// What is to be in force from now on.
    pub fn last(&self) -> T {
        self.lock().back().expect("never empty").state.clone()
    }

    /// What may have been in force at some time between these moments.
    pub fn between(&self, from: Instant, until: Instant) -> Vec<Span<T>> {
        let spans = self.lock();
        spans.iter().filter(|span| span.overlaps(from, until)).cloned().collect()
    }

    /// How often it began to change between these moments.
    pub fn changes(&self, from: Instant, until: Instant) -> usize {
        let spans = self.between(from, until);
        spans.iter().filter(|span| span.from >= from).count()
    }

    /// Since when has every state satisfied this, without a gap? As of `at`; None if not.
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

    /// The last moment until `at` at which that had been so for `time`, or the beginning.
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
                // Just before a change begins, which is when the state before it was oldest.
                || moment.checked_sub(Duration::from_micros(1)).is_some_and(|before| {
                    self.since(before, &holds).is_some_and(|since| before - since >= time)
                })
        });
        long.copied().unwrap_or(first)
    }
}

impl<T: Clone + PartialEq + Debug> Timeline<T> {
    /// The states around a request, in seconds from its sending on.
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
