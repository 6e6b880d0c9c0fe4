//! The requests that were let in and have not ended.
//!
//! Each has an entry, which names the process that serves it: an entry of a process that is dead
//! does not count. A request takes its entry before the flags are looked at for it. So whoever has
//! seen a flag close, and then looks here, finds every request for which the flag was looked at
//! earlier. Entries are looked for where few others look, by the number of the connection, which in
//! httpd is that of a thread.

use std::array::from_fn;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::scope::ScopeId;
use super::visit::Worker;
use crate::process::Living;
use crate::sync::{self, AtomicU64, fence};

const LINES: usize = sync::size(4096, 2);
/// As many as two cache lines hold.
const PER_LINE: usize = sync::size(4, 1);
/// In so many lines an entry is looked for.
const TRIES: usize = 64;
/// For so long those are waited for that are being judged.
const PATIENCE: Duration = sync::patience(Duration::from_millis(100));

/// The table. All zero is an empty one.
#[repr(C, align(128))]
pub struct InFlight {
    lines: [[Entry; PER_LINE]; LINES],
    untracked: AtomicU64,
}

impl Default for InFlight {
    fn default() -> Self {
        let lines = from_fn(|_| from_fn(|_| Entry::default()));
        Self { lines, untracked: AtomicU64::default() }
    }
}

/// One request. The word says whose the rest is.
#[derive(Debug, Default)]
#[repr(C, align(32))]
struct Entry {
    word: AtomicU64,
    /// See [`Running::flags`].
    flags: AtomicU64,
    /// In milliseconds since 1970.
    began: AtomicU64,
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
    /// When it came.
    pub began: Timestamp,
    /// The flags that close where it is, a bit for each ([`Flag::bit`](crate::flag::Flag::bit)).
    pub flags: u64,
    /// Which reading of the configuration it was judged by.
    pub generation: u8,
}

impl Running {
    /// Was it let in before one of the flags `closing` closed where it is? By an earlier
    /// configuration it may have been somewhere else, so any flag counts.
    pub fn is_from_before(&self, closing: u64, generation: u8) -> bool {
        let flags = if self.generation == generation { self.flags } else { u64::MAX };
        self.was_open && flags & closing != 0
    }
}

/// The parts of [`Entry::word`]; 0 where the entry is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    process: i32,
    scope: ScopeId,
    stage: Stage,
    generation: u8,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Judged,
    WasOpen,
    WasClosed,
}

const FREE: u64 = 0;
/// As many bits as Linux needs for a process number (PID_MAX_LIMIT).
const PROCESS_BITS: u32 = 22;
const SCOPE_BITS: u32 = 12;
const STAGE_BITS: u32 = 2;

impl Word {
    fn pack(self) -> u64 {
        let process = u64::try_from(self.process).unwrap_or(0);
        let rest = u64::from(self.generation) << STAGE_BITS | self.stage as u64;
        (rest << SCOPE_BITS | self.scope.index() as u64) << PROCESS_BITS | process
    }

    fn unpack(word: u64) -> Option<Self> {
        let mut rest = word;
        let mut take = |bits: u32| {
            let part = rest & ((1 << bits) - 1);
            rest >>= bits;
            part
        };
        let process = i32::try_from(take(PROCESS_BITS)).ok()?;
        let scope = ScopeId::new(usize::try_from(take(SCOPE_BITS)).ok()?);
        let stage = match take(STAGE_BITS) {
            0 => Stage::Judged,
            1 => Stage::WasOpen,
            _ => Stage::WasClosed,
        };
        let generation = take(u8::BITS) as u8;
        (word != FREE).then_some(Self { process, scope, stage, generation })
    }
}

/// The entry that a request has.
#[derive(Debug)]
pub(super) struct Held<'r> {
    entry: &'r Entry,
    word: Word,
}

impl InFlight {
    /// For a request that is about to be judged. None where there is no room.
    pub(super) fn enter(
        &self,
        worker: Worker,
        scope: ScopeId,
        flags: u64,
        now: Timestamp,
    ) -> Option<Held<'_>> {
        let Worker { process, generation, .. } = worker;
        let word = Word { process, scope, stage: Stage::Judged, generation };
        let start = worker.spread(LINES);
        let lines = (start..start + TRIES).filter_map(|line| self.lines.get(line % LINES));
        let entry = lines.flatten().find(|entry| {
            entry.word.load(Ordering::Relaxed) == FREE && entry.replace(FREE, word.pack())
        })?;
        fence(Ordering::Release); // whoever sees a word of what follows sees the change, too
        entry.flags.store(flags, Ordering::Relaxed);
        entry.began.store(u64::try_from(now.as_millisecond()).unwrap_or(0), Ordering::Relaxed);
        // Before the flags are looked at.
        fence(Ordering::SeqCst);
        Some(Held { entry, word })
    }

    /// Those of processes that live.
    pub(super) fn running(&self, living: &mut Living) -> Vec<Running> {
        // After the flags were looked at.
        fence(Ordering::SeqCst);
        let deadline = Instant::now() + PATIENCE;
        let entries = self.lines.iter().flatten();
        let running = entries.filter_map(|entry| entry.running(deadline));
        running.filter(|running| living.has(running.process)).collect()
    }

    /// Frees the entries of processes of which this is true.
    pub(super) fn free_where(&self, mut is_gone: impl FnMut(i32) -> bool) {
        for entry in self.lines.iter().flatten() {
            let word = entry.word.load(Ordering::Acquire);
            if Word::unpack(word).is_some_and(|word| is_gone(word.process)) {
                entry.replace(word, FREE);
            }
        }
    }

    /// How many run that have no entry. A child that is killed leaves its own behind here.
    pub(super) fn untracked(&self) -> &AtomicU64 {
        &self.untracked
    }
}

impl Entry {
    /// False where somebody else was faster.
    fn replace(&self, before: u64, after: u64) -> bool {
        let (success, failure) = (Ordering::SeqCst, Ordering::Relaxed);
        self.word.compare_exchange(before, after, success, failure).is_ok()
    }

    /// None where there is no request, or one that is refused meanwhile. One that is judged until
    /// the deadline passes counts as let in.
    fn running(&self, deadline: Instant) -> Option<Running> {
        loop {
            let packed = self.word.load(Ordering::Acquire);
            let Word { process, scope, stage, generation } = Word::unpack(packed)?;
            if stage == Stage::Judged && Instant::now() < deadline {
                sync::sleep(Duration::from_micros(100));
                continue;
            }
            let began = i64::try_from(self.began.load(Ordering::Relaxed)).ok()?;
            let flags = self.flags.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if self.word.load(Ordering::Relaxed) != packed {
                continue; // what was read may be of another request
            }
            return Some(Running {
                process,
                scope,
                was_open: stage != Stage::WasClosed,
                began: Timestamp::from_millisecond(began).ok()?,
                flags,
                generation,
            });
        }
    }
}

impl Held<'_> {
    /// The request is let in, or has come into another scope and is let in there.
    pub(super) fn let_in(&mut self, scope: ScopeId, flags: u64, was_open: bool) {
        if self.word.stage != Stage::Judged {
            self.change(Word { stage: Stage::Judged, ..self.word }); // for those who read meanwhile
            fence(Ordering::Release); // as above
        }
        self.entry.flags.store(flags, Ordering::Relaxed);
        let stage = if was_open { Stage::WasOpen } else { Stage::WasClosed };
        self.change(Word { scope, stage, ..self.word });
    }

    fn change(&mut self, word: Word) {
        if self.entry.replace(self.word.pack(), word.pack()) {
            self.word = word;
        }
    }

    /// The request has ended, or was refused.
    pub(super) fn leave(self) {
        self.entry.replace(self.word.pack(), FREE); // unless somebody else has freed it
    }
}
