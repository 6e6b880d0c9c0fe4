//! The clients that are refused most often, in a table of a fixed size.
//!
//! The table is a Space-Saving sketch (Metwally, Agrawal, El Abbadi: Efficient Computation of
//! Frequent and Top-k Elements in Data Streams, 2005), divided into buckets: a secret number and
//! the address determine the bucket of an address. An address without an entry takes the entry with
//! the lowest count in its bucket, and continues from that count, which is the error of the new
//! entry: its count is too high by at most the error. With `n` refusals in a bucket of 16 entries,
//! the error is at most `n / 16`, and an address with more than `n / 16` refusals is always in the
//! table, however many other addresses there are. On average a bucket gets one of 256 refusals if
//! they come from many addresses.
//!
//! Counting takes no lock. Each thread that counts in an entry while the entry changes hands may be
//! off by one.

use std::array::from_fn;
use std::cmp::Reverse;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::shared::atomics::{self, AtomicU64, fence};
use crate::shared::hash;

/// The number of buckets.
pub const BUCKETS: usize = atomics::size(256, 1);
/// The number of entries in a bucket.
pub const ENTRIES: usize = atomics::size(16, 2);
/// How many bytes of a request's path and of its User-Agent are kept.
pub const TEXT: usize = atomics::size(128, 8);

/// The words of a text.
const WORDS: usize = TEXT / 8;
/// How often to search for an entry if other threads are faster.
const TRIES: usize = 8;
/// How often to reread an entry that another thread is writing.
const LOOKS: usize = atomics::size(50, 1);
/// How long to wait for writers, for all entries together.
const PATIENCE: Duration = atomics::patience(Duration::from_millis(100));

/// The table. All zero is an empty table.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[repr(C)]
pub struct TopClients {
    /// A secret number, so that clients cannot choose addresses that share a bucket.
    secret: AtomicU64,
    /// When counting began, in milliseconds since 1970.
    since: AtomicU64,
    buckets: [Bucket; BUCKETS],
}

#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Default)]
#[repr(C, align(128))]
struct Bucket {
    /// Hashes of addresses; 0 if the entry is free.
    tags: [AtomicU64; ENTRIES],
    counts: [AtomicU64; ENTRIES],
    errors: [AtomicU64; ENTRIES],
    details: [Details; ENTRIES],
}

/// The details of the last request. One thread at a time writes them, and other threads can detect
/// that.
#[cfg_attr(all(test, not(loom)), derive(bytemuck::Zeroable))]
#[derive(Default)]
#[repr(C, align(64))]
struct Details {
    /// The upper half is the number of writes, the lower half is the process that is writing.
    lock: AtomicU64,
    /// The tag of the address. The other fields may still belong to another address.
    tag: AtomicU64,
    address: [AtomicU64; 2],
    time: AtomicU64,
    /// The lengths of path (lower half) and User-Agent (upper half).
    lengths: AtomicU64,
    path: [AtomicU64; WORDS],
    agent: [AtomicU64; WORDS],
}

impl Default for TopClients {
    fn default() -> Self {
        let (secret, since) = Default::default();
        Self { secret, since, buckets: from_fn(|_| Bucket::default()) }
    }
}

/// A refused request.
#[derive(Clone, Copy, Debug)]
pub struct RefusedRequest<'a> {
    /// The client's address.
    pub address: IpAddr,
    /// The path as it was sent.
    pub path: &'a [u8],
    /// The User-Agent; empty if there is none.
    pub agent: &'a [u8],
    /// When the request arrived.
    pub time: Timestamp,
}

/// A refused client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The client's address.
    pub address: IpAddr,
    /// How often the client was refused, at most.
    pub count: u64,
    /// How much too high `count` may be.
    pub error: u64,
    /// The path of the client's last request, as it was sent.
    pub path: Text,
    /// The client's last User-Agent; empty if there was none.
    pub agent: Text,
    /// When the client was last refused.
    pub time: Option<Timestamp>,
}

/// The beginning of a text sent by a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// At most [`TEXT`] bytes of the text.
    pub start: Vec<u8>,
    /// Whether the text is longer.
    pub is_cut: bool,
}

impl TopClients {
    /// Initialises the table. The parent calls this once before it forks.
    pub fn begin(&self) {
        let random = RandomState::new().hash_one(0).max(1);
        let _ = self.secret.compare_exchange(0, random, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Removes all clients, when the first flag closes a scope after all scopes were open.
    pub fn clear(&self, now: Timestamp) {
        for bucket in &self.buckets {
            for word in bucket.tags.iter().chain(&bucket.counts).chain(&bucket.errors) {
                word.store(0, Ordering::Release);
            }
        }
        self.since.store(millis(now), Ordering::Release);
    }

    /// When counting began; None before the first flag closes a scope.
    pub fn since(&self) -> Option<Timestamp> {
        timestamp(self.since.load(Ordering::Acquire))
    }

    /// Counts a refusal by the process with this number.
    pub fn count(&self, refusal: RefusedRequest<'_>, process: i32) {
        let tag = self.tag(refusal.address);
        let [bucket, ..] = &self.buckets;
        let bucket = self.buckets.get(tag as usize % BUCKETS).unwrap_or(bucket);
        if let Some(details) = bucket.count(tag) {
            details.write(tag, refusal, process);
        }
    }

    /// The tag of an address in the table; never 0. It determines the bucket.
    fn tag(&self, address: IpAddr) -> u64 {
        hash::of_address(bits(address), self.secret.load(Ordering::Relaxed)).max(1)
    }

    /// The clients, sorted by the number of times they were certainly refused, highest first.
    pub fn clients(&self) -> Vec<Client> {
        let deadline = Instant::now() + PATIENCE;
        let mut clients: Vec<_> =
            self.buckets.iter().flat_map(|bucket| bucket.clients(deadline)).collect();
        // Two threads that both find an address missing may add two entries for it.
        clients.sort_by_key(|client| client.address);
        clients.dedup_by(|other, client| {
            let is_same = other.address == client.address;
            if is_same {
                client.count = client.count.saturating_add(other.count);
                client.error = client.error.saturating_add(other.error);
            }
            is_same
        });
        let certain = |client: &Client| client.count.saturating_sub(client.error);
        clients.sort_by_key(|client| {
            (Reverse(certain(client)), Reverse(client.count), client.address)
        });
        clients
    }

    /// Frees the entries that were being written by processes for which `is_gone` returns true.
    pub(super) fn release_where(&self, mut is_gone: impl FnMut(i32) -> bool) {
        for details in self.buckets.iter().flat_map(|bucket| &bucket.details) {
            let lock = Lock(details.lock.load(Ordering::Acquire));
            if let Some(writer) = lock.writer()
                && is_gone(writer)
            {
                // The entry is half written and belongs to no address. Lock it first, because other
                // threads may free it too.
                let mine = lock.free().taken_by(i32::MAX);
                let order = (Ordering::AcqRel, Ordering::Relaxed);
                if details.lock.compare_exchange(lock.0, mine.0, order.0, order.1).is_ok() {
                    details.tag.store(0, Ordering::Relaxed);
                    details.lock.store(mine.free().0, Ordering::Release);
                }
            }
        }
    }
}

impl Bucket {
    /// Counts a refusal, and returns the details of the entry. None if other threads were faster
    /// each time.
    fn count(&self, tag: u64) -> Option<&Details> {
        for _ in 0..TRIES {
            let mine = |has: &AtomicU64| has.load(Ordering::Relaxed) == tag;
            let (entry, before) = match self.tags.iter().position(mine) {
                Some(entry) => (entry, tag),
                None => self.lowest(),
            };
            let (has, count, error) =
                (self.tags.get(entry)?, self.counts.get(entry)?, self.errors.get(entry)?);
            // Take the entry only if it is unchanged; otherwise it no longer has the lowest count.
            if before != tag {
                let low = if before == 0 { 0 } else { count.load(Ordering::Relaxed) };
                let order = (Ordering::AcqRel, Ordering::Relaxed);
                if has.compare_exchange(before, tag, order.0, order.1).is_err() {
                    continue;
                }
                error.store(low, Ordering::Relaxed);
            }
            count.fetch_add(1, Ordering::Relaxed);
            return self.details.get(entry);
        }
        None
    }

    /// A free entry, or otherwise the one with the lowest count, and its tag.
    fn lowest(&self) -> (usize, u64) {
        let tags = self.tags.iter().map(|tag| tag.load(Ordering::Relaxed));
        let count = |(_, (tag, count)): &(usize, (u64, &AtomicU64))| match tag {
            0 => 0,
            _ => count.load(Ordering::Relaxed).max(1),
        };
        let lowest = tags.zip(&self.counts).enumerate().min_by_key(count);
        lowest.map_or((0, 0), |(entry, (tag, _))| (entry, tag))
    }

    fn clients(&self, deadline: Instant) -> impl Iterator<Item = Client> {
        let entries = self.tags.iter().zip(&self.counts).zip(&self.errors).zip(&self.details);
        entries.filter_map(move |(((tag, count), error), details)| {
            let tag = tag.load(Ordering::Acquire);
            let (count, error) = (count.load(Ordering::Relaxed), error.load(Ordering::Relaxed));
            let client = (tag != 0).then(|| details.read(tag, deadline)).flatten()?;
            Some(Client { count, error, ..client })
        })
    }
}

/// The content of [`Details::lock`].
#[derive(Clone, Copy)]
struct Lock(u64);

impl Lock {
    fn writer(self) -> Option<i32> {
        i32::try_from(self.0 & u64::from(u32::MAX)).ok().filter(|writer| *writer != 0)
    }

    fn taken_by(self, process: i32) -> Self {
        Self(self.0 | u64::try_from(process).unwrap_or(1))
    }

    fn free(self) -> Self {
        Self((self.0 >> 32).wrapping_add(1) << 32)
    }
}

impl Details {
    /// Writes the details, unless another thread is writing details that are as recent.
    fn write(&self, tag: u64, refusal: RefusedRequest<'_>, process: i32) {
        let lock = Lock(self.lock.load(Ordering::Relaxed));
        let taken = lock.taken_by(process);
        let order = (Ordering::Acquire, Ordering::Relaxed);
        if lock.writer().is_some()
            || self.lock.compare_exchange(lock.0, taken.0, order.0, order.1).is_err()
        {
            return;
        }
        fence(Ordering::Release); // a reader of the words below also sees the lock
        self.tag.store(tag, Ordering::Relaxed);
        let (address, [high, low]) = (bits(refusal.address), &self.address);
        high.store((address >> 64) as u64, Ordering::Relaxed);
        low.store(address as u64, Ordering::Relaxed);
        self.time.store(millis(refusal.time), Ordering::Relaxed);
        let length = |text: &[u8]| u64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
        let lengths = length(refusal.agent) << 32 | length(refusal.path);
        self.lengths.store(lengths, Ordering::Relaxed);
        store(&self.path, refusal.path);
        store(&self.agent, refusal.agent);
        self.lock.store(taken.free().0, Ordering::Release);
    }

    /// Reads the details. None if they belong to another client or are being written.
    fn read(&self, tag: u64, deadline: Instant) -> Option<Client> {
        for _ in 0..LOOKS {
            let before = Lock(self.lock.load(Ordering::Acquire));
            if before.writer().is_some() {
                if Instant::now() >= deadline {
                    return None;
                }
                atomics::sleep(Duration::from_micros(100));
                continue;
            }
            let is_mine = self.tag.load(Ordering::Relaxed) == tag;
            let [high, low] = self.address.each_ref().map(|word| word.load(Ordering::Relaxed));
            let lengths = self.lengths.load(Ordering::Relaxed);
            let client = Client {
                address: Ipv6Addr::from(u128::from(high) << 64 | u128::from(low)).to_canonical(),
                count: 0,
                error: 0,
                path: load(&self.path, lengths & u64::from(u32::MAX)),
                agent: load(&self.agent, lengths >> 32),
                time: timestamp(self.time.load(Ordering::Relaxed)),
            };
            fence(Ordering::Acquire);
            if self.lock.load(Ordering::Relaxed) == before.0 {
                return is_mine.then_some(client);
            }
        }
        None
    }
}

/// The address as IPv6 (RFC 4291, section 2.5.5.2).
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) | 0xffff << 32,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn store(words: &[AtomicU64; WORDS], text: &[u8]) {
    let (whole, rest) = text.get(..TEXT).unwrap_or(text).as_chunks();
    let rest = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let texts = whole.iter().map(|bytes| u64::from_le_bytes(*bytes)).chain([rest]);
    for (word, text) in words.iter().zip(texts) {
        word.store(text, Ordering::Relaxed);
    }
}

fn load(words: &[AtomicU64; WORDS], length: u64) -> Text {
    let bytes = words.iter().flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes());
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Text { start: bytes.take(length).collect(), is_cut: length > TEXT }
}

fn millis(time: Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap_or(0)
}

fn timestamp(millis: u64) -> Option<Timestamp> {
    let millis = i64::try_from(millis).ok().filter(|millis| *millis > 0)?;
    Timestamp::from_millisecond(millis).ok()
}

#[cfg(test)]
crate::shared::words::words!(Details { lock, tag, address, time, lengths, path, agent });

#[cfg(test)]
crate::shared::words::words!(Bucket { tags, counts, errors, details });

#[cfg(test)]
crate::shared::words::words!(TopClients { secret, since, buckets });

#[cfg(test)]
mod tests;

#[cfg(all(test, loom))]
mod models;
