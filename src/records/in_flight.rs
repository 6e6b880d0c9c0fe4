//! The requests that were let in and have not ended.
//!
//! Each has an entry of one word, which names the process that serves it: an entry of a process
//! that is dead does not count. Entries are looked for where few others look, by the number of
//! the connection, which in httpd is that of a thread.

use std::array::from_fn;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use super::scope::ScopeId;
use super::visit::Place;
use crate::process::Living;

const LINES: usize = 4096;
/// The words of a cache line.
const PER_LINE: usize = 8;
/// In so many lines an entry is looked for.
const TRIES: usize = 64;

/// The table. All zero is an empty one.
#[repr(C, align(128))]
pub struct InFlight {
    lines: [[AtomicU64; PER_LINE]; LINES],
    untracked: AtomicU64,
}

impl Default for InFlight {
    fn default() -> Self {
        let lines = from_fn(|_| from_fn(|_| AtomicU64::new(Word::FREE)));
        Self { lines, untracked: AtomicU64::new(0) }
    }
}

/// A request that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// The process that serves it.
    pub process: i32,
    /// The innermost scope that it is in.
    pub scope: ScopeId,
    /// It was let in while the scope was open.
    pub was_open: bool,
    /// When it came, to the second.
    pub began: Timestamp,
}

/// An entry: process, scope, whether the scope was open, and the moment; 0 where it is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word(u64);

impl Word {
    const FREE: u64 = 0;
    /// As many as Linux needs for a process number (PID_MAX_LIMIT).
    const PROCESS_BITS: u32 = 22;
    const SCOPE_BITS: u32 = 10;
    /// Begins the seconds, which have room until 2094: 2026-01-01.
    const EPOCH: i64 = 1_767_225_600;

    fn of(running: Running) -> Self {
        let process = u64::try_from(running.process).unwrap_or(0);
        let seconds = u64::try_from(running.began.as_second() - Self::EPOCH).unwrap_or(0);
        let scope = running.scope.index() as u64;
        let rest = seconds << 1 | u64::from(running.was_open);
        Self((rest << Self::SCOPE_BITS | scope) << Self::PROCESS_BITS | process)
    }

    fn read(self) -> Option<Running> {
        let mut rest = self.0;
        let mut take = |bits: u32| {
            let part = rest & ((1 << bits) - 1);
            rest >>= bits;
            part
        };
        let process = i32::try_from(take(Self::PROCESS_BITS)).ok()?;
        let scope = ScopeId::new(usize::try_from(take(Self::SCOPE_BITS)).ok()?);
        let was_open = take(1) != 0;
        let seconds = i64::try_from(take(31)).ok()? + Self::EPOCH;
        let began = Timestamp::from_second(seconds).ok()?;
        (self.0 != Self::FREE).then_some(Running { process, scope, was_open, began })
    }
}

/// The entry of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'r> {
    at: &'r AtomicU64,
    word: Word,
}

impl InFlight {
    /// None where there is no room, which is counted.
    pub(super) fn enter(&self, place: Place, running: Running) -> Option<Entry<'_>> {
        let start = place.spread(LINES);
        let word = Word::of(running);
        let lines = (start..start + TRIES).filter_map(|line| self.lines.get(line % LINES));
        let take = |at: &&AtomicU64| {
            at.load(Ordering::Relaxed) == Word::FREE
                && at
                    .compare_exchange(Word::FREE, word.0, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
        };
        let at = lines.flatten().find(take);
        if at.is_none() {
            self.untracked.fetch_add(1, Ordering::Relaxed);
        }
        at.map(|at| Entry { at, word })
    }

    /// Those of processes that live. Frees the entries of the others.
    pub(super) fn running(&self, living: &mut Living) -> Vec<Running> {
        let mut found = vec![];
        for at in self.lines.iter().flatten() {
            let word = Word(at.load(Ordering::Acquire));
            match word.read() {
                Some(running) if living.has(running.process) => found.push(running),
                Some(_) => free(at, word),
                None => {}
            }
        }
        found
    }

    pub(super) fn forget(&self, process: i32) {
        for at in self.lines.iter().flatten() {
            let word = Word(at.load(Ordering::Acquire));
            if word.read().is_some_and(|running| running.process == process) {
                free(at, word);
            }
        }
    }

    pub(super) fn untracked(&self) -> u64 {
        self.untracked.load(Ordering::Relaxed)
    }
}

impl Entry<'_> {
    /// The request has come into another scope.
    pub(super) fn move_to(&mut self, scope: ScopeId, was_open: bool) {
        let Some(running) = self.word.read() else { return };
        let word = Word::of(Running { scope, was_open, ..running });
        let (before, after) = (self.word.0, word.0);
        if self.at.compare_exchange(before, after, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.word = word;
        }
    }

    /// The request has ended.
    pub(super) fn leave(self) {
        free(self.at, self.word);
    }
}

/// Unless somebody else was faster.
fn free(at: &AtomicU64, word: Word) {
    let _ = at.compare_exchange(word.0, Word::FREE, Ordering::AcqRel, Ordering::Relaxed);
}
