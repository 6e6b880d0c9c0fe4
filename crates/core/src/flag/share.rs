//! The share of the clients that a flag admits: which clients these are, and when it is the turn of
//! the others.
//!
//! A client has a position among all clients, by a keyed hash of what identifies it. The position
//! is the same on each server that has the same key, and after each restart. A flag admits the
//! clients whose positions are below its share, so a client that passes at 10 per cent passes at 20.

use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::ticket::Ticket;
use crate::text::time::Moment;

/// The number of positions.
const ALL: u64 = 1 << u32::BITS;

/// How often a ticket is drawn that does not pass at once.
const DRAWS: usize = 64;

/// The share of the clients that a flag admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Per cent, 0 to 100.
    pub(super) percent: u8,
    /// How the share rises from there to 100 per cent; None if it stays.
    pub(super) rise: Option<Rise>,
}

/// A rise of the share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    /// The beginning.
    pub(super) from: Moment,
    /// The duration, more than zero.
    pub(super) over: Duration,
}

impl Rise {
    /// The end of the rise.
    pub(super) fn end(&self) -> Timestamp {
        self.from.at().checked_add(self.over).unwrap_or(Timestamp::MAX)
    }
}

/// When a client is admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// As long as the flag is there.
    Now,
    /// From this time on.
    At(Timestamp),
    /// Not by this share.
    Unknown,
}

impl Turn {
    /// Whether the client is admitted at this time.
    pub fn has_come(self, now: Timestamp) -> bool {
        match self {
            Self::Now => true,
            Self::At(at) => at <= now,
            Self::Unknown => false,
        }
    }
}

impl Share {
    fn floor(self) -> u64 {
        ALL * u64::from(self.percent.min(100)) / 100
    }

    /// The turn of the client at this position.
    pub fn turn(self, Position(position): Position) -> Turn {
        let (position, floor) = (u64::from(position), self.floor());
        match (position.checked_sub(floor), self.rise) {
            (None, _) => Turn::Now,
            (Some(_), None) => Turn::Unknown,
            (Some(behind), Some(Rise { from, over })) => {
                let part = u128::from(behind) * over.as_micros();
                let micros = part.div_ceil(u128::from((ALL - floor).max(1)));
                let wait = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
                Turn::At(from.at().checked_add(wait).unwrap_or(Timestamp::MAX))
            }
        }
    }

    /// The share at this time, in per cent.
    pub fn percent_at(self, now: Timestamp) -> f64 {
        let percent = f64::from(self.percent);
        let Some(Rise { from, over }) = self.rise else { return percent };
        let passed = now.duration_since(from.at()).as_secs_f64() / over.as_secs_f64();
        percent + (100.0 - percent) * passed.clamp(0.0, 1.0)
    }
}

/// A client's position among all clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position(u32);

impl Position {
    /// In hundredths of a per cent, 0 to 9999.
    pub fn hundredths(self) -> u16 {
        u16::try_from(u64::from(self.0) * 10_000 / ALL).unwrap_or(u16::MAX)
    }
}

/// What identifies a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// The ticket that it sent.
    Ticket(Ticket),
    /// Its address, without a ticket. None for a local socket.
    Address(Option<IpAddr>),
}

/// The key of a flag's positions.
#[derive(Clone)]
pub struct ShareKey([u8; 32]);

impl ShareKey {
    /// The key for a flag at this path on servers that share this secret.
    pub fn new(path: &Path, secret: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"mod_maintenance share\0");
        hash.update((secret.len() as u64).to_be_bytes());
        hash.update(secret);
        hash.update(path.as_os_str().as_bytes());
        Self(hash.finalize().into())
    }

    /// The position of a client. All addresses of a /64 have the same one, since a client of IPv6
    /// has many.
    pub fn position(&self, client: Client) -> Position {
        let mut hash = Sha256::new();
        hash.update(self.0);
        match client {
            Client::Ticket(ticket) => {
                hash.update(b"t");
                hash.update(ticket.bytes());
            }
            Client::Address(None) => hash.update(b"-"),
            Client::Address(Some(address)) => match address.to_canonical() {
                IpAddr::V4(address) => {
                    hash.update(b"4");
                    hash.update(address.octets());
                }
                IpAddr::V6(address) => {
                    hash.update(b"6");
                    let [a, b, c, d, e, f, g, h, ..] = address.octets();
                    hash.update([a, b, c, d, e, f, g, h]);
                }
            },
        }
        let digest: [u8; 32] = hash.finalize().into();
        let [a, b, c, d, ..] = digest;
        Position(u32::from_be_bytes([a, b, c, d]))
    }
}

/// What a refused client is told while a share is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// When it will be admitted, in whole seconds; None if that is not known.
    pub turn: Option<Moment>,
    /// A ticket for a client that has none.
    pub ticket: Option<Ticket>,
}

impl Waiting {
    /// What a client is told that these flags refuse. `is_all` tells whether no other flag refuses
    /// it as well. A client that `keeps_cookies` comes back with its new ticket, so it is told the
    /// turn of that; others are told the turn of their address.
    ///
    /// A new ticket is drawn such that it does not pass yet. Otherwise a client would have two
    /// chances, one by its address and one by its ticket, and more than the share would pass.
    pub fn new(
        flags: &[(&ShareKey, Share)],
        is_all: bool,
        client: Client,
        keeps_cookies: bool,
        now: Timestamp,
    ) -> Self {
        let turn = |client: Client| {
            let turns = flags.iter().map(|(key, share)| share.turn(key.position(client)));
            turns.max().unwrap_or(Turn::Unknown)
        };
        let waits = |ticket: &Ticket| !turn(Client::Ticket(*ticket)).has_come(now);
        let ticket = match client {
            Client::Ticket(_) => None,
            Client::Address(_) => {
                let mut draws = (0..DRAWS).map_while(|_| Ticket::random());
                draws.find(waits).or_else(Ticket::random)
            }
        };
        let teller = ticket.filter(|_| keeps_cookies).map_or(client, Client::Ticket);
        let rise = flags.iter().find_map(|(_, share)| share.rise).filter(|_| is_all);
        let turn = rise.and_then(|rise| match turn(teller) {
            Turn::Unknown => None,
            Turn::Now => Some(rise.from.moved_to(whole(now))),
            Turn::At(at) => Some(rise.from.moved_to(whole(at.max(now)))),
        });
        Self { turn, ticket }
    }
}

/// This time, or the next whole second.
fn whole(time: Timestamp) -> Timestamp {
    let up = i64::from(time.subsec_nanosecond() > 0);
    Timestamp::from_second(time.as_second().saturating_add(up)).unwrap_or(time)
}

#[cfg(test)]
mod tests;
