//! The admitted requests that have not ended.
//!
//! Each request has an entry that names its process; an entry of a dead process does not count. A
//! request takes its entry before the flags are checked for it. Therefore a process that first sees
//! an active flag and then reads the entries finds every request for which the flag was checked
//! earlier. Entries are searched by the number of the connection, which in httpd is that of a
//! thread, so that threads seldom compete for a cache line.

mod packed_entry;

use std::array::from_fn;
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::lasting::Lasting;
use super::scope::ScopeId;
use super::worker::Worker;
use crate::flag::FlagReport;
use crate::shared::atomics::{self, AtomicU64, fence};
use crate::shared::process::Living;
pub use packed_entry::{Admitted, Among};
use packed_entry::{PackedEntry, Stage};

const LINES: usize = atomics::size(4096, 2);
/// As many entries as fit in two cache lines.
const PER_LINE: usize = atomics::size(4, 1);
/// In how many lines a free entry is searched.
const TRIES: usize = 64;
/// How long to wait for requests that are being decided.
const PATIENCE: Duration = atomics::patience(Duration::from_millis(100));

/// The table. All zero is an empty table.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
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

/// One request. The word tells whether the other fields belong to it.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Debug, Default)]
#[repr(C, align(32))]
struct Entry {
    word: AtomicU64,
    /// See [`Running::flags`].
    flags: AtomicU64,
    /// In microseconds since 1970.
    request_time: AtomicU64,
}

/// The arrival of a request.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Who serves the request.
    pub worker: Worker,
    /// In microseconds since 1970.
    pub time: i64,
    /// Whether the method of the request only reads.
    pub is_safe: bool,
}

/// The flags that close scopes now, one bit each ([`Flag::bit`](crate::flag::Flag::bit)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClosingFlags {
    /// Those that refuse all methods.
    pub all: u64,
    /// Those that refuse writes alone.
    pub writes: u64,
    /// Those of `all` that admit no share of the clients now.
    pub all_unshared: u64,
    /// Those of `writes` that admit no share of the clients now.
    pub writes_unshared: u64,
}

impl ClosingFlags {
    /// These flags and one more, if it closes.
    pub fn with(self, bit: u64, flag: &FlagReport, now: Timestamp) -> Self {
        let unshared = if flag.admits_share(now) { 0 } else { bit };
        match (flag.closes, flag.is_read_only()) {
            (false, _) => self,
            (true, false) => {
                Self { all: self.all | bit, all_unshared: self.all_unshared | unshared, ..self }
            }
            (true, true) => Self {
                writes: self.writes | bit,
                writes_unshared: self.writes_unshared | unshared,
                ..self
            },
        }
    }
}

/// A running request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    /// The process that serves it.
    pub process: i32,
    /// The innermost scope of the request.
    pub scope: ScopeId,
    /// How the request was admitted.
    pub admitted: Admitted,
    /// When the request arrived.
    pub began: Timestamp,
    /// The flags of the request's gate, one bit each ([`Flag::bit`](crate::flag::Flag::bit)).
    pub flags: u64,
    /// The generation of the configuration by which the request was decided.
    pub generation: u8,
    /// What its answer is, if it may never end by itself.
    pub lasting: Option<Lasting>,
}

impl Running {
    /// Whether the request was admitted before one of the flags `closing` closed its scope, and
    /// would be refused now. With an earlier configuration it may have been in another scope, so
    /// any flag counts.
    pub fn is_from_before(&self, closing: ClosingFlags, generation: u8) -> bool {
        let flags = if self.generation == generation { self.flags } else { u64::MAX };
        let Admitted { among, is_safe } = self.admitted;
        let ClosingFlags { all, writes, all_unshared, writes_unshared } = closing;
        let (all, writes) = match among {
            Among::All => (all, writes),
            // As long as a share is in force, it may be in the share.
            Among::Some => (all_unshared, writes_unshared),
            Among::Chosen => (0, 0),
        };
        flags & (if is_safe { all } else { all | writes }) != 0
    }
}

/// The place where a request is counted as in flight, until it leaves.
#[derive(Debug)]
pub(super) struct Held<'r> {
    place: EntryPlace<'r>,
    /// The word stored in the entry, unless another process has freed it. Free after the request
    /// has left.
    word: Cell<PackedEntry>,
}

#[derive(Clone, Copy, Debug)]
enum EntryPlace<'r> {
    Entry(&'r Entry),
    /// The counter used if there was no room for an entry.
    Untracked(&'r AtomicU64),
}

impl InFlight {
    /// Takes an entry for a request that is about to be decided.
    #[inline(always)]
    pub(super) fn enter(&self, scope: ScopeId, flags: u64, arrival: Arrival) -> Held<'_> {
        let worker = arrival.worker;
        let word = PackedEntry::undecided(worker, scope, arrival.is_safe);
        let start = Self::line_of(worker);
        // Usually the first one is free.
        let first = self.lines.get(start).and_then(|line| line.first());
        let free = first.filter(|entry| entry.take(word));
        let place = match free.or_else(|| self.take_one(start, word)) {
            Some(entry) => {
                fence(Ordering::Release); // a reader of the words below also sees the change
                entry.flags.store(flags, Ordering::Relaxed);
                let request_time = u64::try_from(arrival.time).unwrap_or(0);
                entry.request_time.store(request_time, Ordering::Relaxed);
                EntryPlace::Entry(entry)
            }
            None => {
                self.untracked.fetch_add(1, Ordering::Relaxed);
                EntryPlace::Untracked(&self.untracked)
            }
        };
        // Orders the entry before the check of the flags.
        fence(Ordering::SeqCst);
        Held { place, word: word.into() }
    }

    /// Takes a free entry in one of the lines from this one on.
    #[inline(never)]
    fn take_one(&self, start: usize, word: PackedEntry) -> Option<&Entry> {
        let lines = (start..start + TRIES).filter_map(|line| self.lines.get(line % LINES));
        lines.flatten().find(|entry| entry.take(word))
    }

    /// The requests of processes that are alive, each with the number of its line.
    pub(super) fn running(&self, living: &mut Living) -> Vec<(usize, Running)> {
        // Orders the check of the flags before reading the entries.
        fence(Ordering::SeqCst);
        let deadline = Instant::now() + PATIENCE;
        let lines = self.lines.iter().enumerate();
        let entries =
            lines.flat_map(|(number, line)| line.iter().map(move |entry| (number, entry)));
        let running = entries.filter_map(|(line, entry)| Some((line, entry.running(deadline)?)));
        running.filter(|(_, running)| living.has(running.process)).collect()
    }

    /// The number of the line in which a worker's requests are, unless that is full.
    pub(super) fn line_of(worker: Worker) -> usize {
        worker.spread(LINES)
    }

    /// Frees the entries of processes for which `is_gone` returns true.
    pub(super) fn free_where(&self, mut is_gone: impl FnMut(i32) -> bool) {
        for entry in self.lines.iter().flatten() {
            let word = PackedEntry(entry.word.load(Ordering::Acquire));
            if word.process().is_some_and(&mut is_gone) {
                entry.replace(word, PackedEntry::FREE);
            }
        }
    }

    /// The number of running requests without an entry. Those of a killed child remain counted.
    pub(super) fn untracked(&self) -> u64 {
        self.untracked.load(Ordering::Relaxed)
    }
}

impl Entry {
    /// Takes the entry, if it is free and no other thread is faster.
    fn take(&self, word: PackedEntry) -> bool {
        self.word.load(Ordering::Relaxed) == PackedEntry::FREE.0
            && self.replace(PackedEntry::FREE, word)
    }

    /// Returns false if another thread was faster.
    fn replace(&self, before: PackedEntry, after: PackedEntry) -> bool {
        let (success, failure) = (Ordering::SeqCst, Ordering::Relaxed);
        self.word.compare_exchange(before.0, after.0, success, failure).is_ok()
    }

    /// The request in this entry; None if there is none, or if it is refused in the meantime. A
    /// request that is still being decided at the deadline counts as admitted.
    fn running(&self, deadline: Instant) -> Option<Running> {
        loop {
            let word = PackedEntry(self.word.load(Ordering::Acquire));
            let process = word.process()?;
            if word.stage() == Stage::Undecided && Instant::now() < deadline {
                atomics::sleep(Duration::from_micros(100));
                continue;
            }
            let request_time = i64::try_from(self.request_time.load(Ordering::Relaxed)).ok()?;
            let flags = self.flags.load(Ordering::Relaxed);
            fence(Ordering::Acquire);
            if self.word.load(Ordering::Relaxed) != word.0 {
                continue; // the fields may belong to another request
            }
            return Some(Running {
                process,
                scope: word.scope(),
                admitted: word.admitted(),
                began: Timestamp::from_microsecond(request_time).ok()?,
                flags,
                generation: word.generation(),
                lasting: word.lasting(),
            });
        }
    }
}

impl Held<'_> {
    /// Marks the request as admitted, or as admitted in another scope that it has entered.
    pub(super) fn let_in(&self, scope: ScopeId, flags: u64, among: Among) {
        let word = self.word.get();
        let EntryPlace::Entry(entry) = self.place else { return };
        if word == PackedEntry::FREE {
            return;
        }
        if word.stage() != Stage::Undecided {
            self.change(entry, word.at(word.scope(), Stage::Undecided)); // for concurrent readers
            fence(Ordering::Release); // as above
        }
        entry.flags.store(flags, Ordering::Relaxed);
        self.change(entry, word.at(scope, among.into()));
    }

    /// Marks the request as one that may never end by itself.
    pub(super) fn mark(&self, lasting: Lasting) {
        let word = self.word.get();
        if let EntryPlace::Entry(entry) = self.place
            && word != PackedEntry::FREE
        {
            self.change(entry, word.marked(lasting));
        }
    }

    fn change(&self, entry: &Entry, word: PackedEntry) {
        if entry.replace(self.word.get(), word) {
            self.word.set(word);
        }
    }

    /// The request has ended, or was refused.
    pub(super) fn leave(&self) {
        let before = self.word.replace(PackedEntry::FREE);
        if before == PackedEntry::FREE {
            return;
        }
        match self.place {
            EntryPlace::Entry(entry) => {
                entry.replace(before, PackedEntry::FREE); // unless another process has freed it
            }
            EntryPlace::Untracked(count) => {
                count.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
crate::shared::words::words!(Entry { word, flags, request_time });

#[cfg(test)]
crate::shared::words::words!(InFlight { lines, untracked });
